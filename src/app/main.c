#include <stdio.h>

#include "app/check.h"
#include "app/crd.h"
#include "app/diff.h"
#include "app/fetch.h"
#include "app/render.h"
#include "app/run.h"
#include "app/simulate.h"
#include "app/why.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/version.h"

static int app_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    puts("everserve " EVERSERVE_VERSION);
    return 0;
}

static const struct subcommand {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *says;
} subcommands[] = {
    { "run", app_run, "the operator: watch InferenceServices and make them so" },
    { "render", app_render, "print the manifests of an InferenceService, offline" },
    { "diff", app_diff, "what would the operator change now, per child and field" },
    { "why", app_why, "the last decisions on a resource, and the evidence as it is now" },
    { "simulate", app_simulate, "what the loss of a node or zone, or a drain, would do to services" },
    { "check", app_check, "judge the slot health of a live Redis Cluster" },
    { "fetch", app_fetch, "bring a model's file into a folder: what init containers of serving pods do" },
    { "crd", app_crd, "print the CustomResourceDefinition" },
    { "version", app_version, "print the version" },
};

/* Installed as kubectl-everserve, kubectl finds it as a plugin. */
static const char *called(const char *argv0)
{
    return str_has_suffix(argv0, "kubectl-everserve") ? "kubectl everserve" : "everserve";
}

static void print_help(FILE *to, const char *us)
{
    fprintf(to, "everserve keeps AI inference up: a Kubernetes operator for InferenceServices\n"
                "with a slot-checked Redis Cluster.\n\nUsage: %s COMMAND [OPTIONS]\n\nCommands:\n", us);
    for (size_t i = 0; i < COUNT(subcommands); i++)
        fprintf(to, "  %-9s %s\n", subcommands[i].name, subcommands[i].says);
    fprintf(to, "\n%s COMMAND --help says more about a command.\n", us);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : NULL;

    mem_setup();
    if (!name || str_eq(name, "--help") || str_eq(name, "-h") || str_eq(name, "help")) {
        print_help(name ? stdout : stderr, called(argc ? argv[0] : ""));
        return name ? 0 : 64;
    }
    if (str_eq(name, "--version"))
        name = "version";
    for (size_t i = 0; i < COUNT(subcommands); i++)
        if (str_eq(name, subcommands[i].name))
            return subcommands[i].run(argc - 1, argv + 1);
    fprintf(stderr, "everserve: there is no command \"%s\"; everserve --help lists them\n", name);
    return 64;
}
