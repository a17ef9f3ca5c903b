#include <stdio.h>

#include "app/check.h"
#include "app/crd.h"
#include "app/render.h"
#include "app/run.h"
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
    { "check", app_check, "judge the slot health of a live Redis Cluster" },
    { "crd", app_crd, "print the CustomResourceDefinition" },
    { "version", app_version, "print the version" },
};

static void print_help(FILE *to)
{
    fputs("everserve keeps AI inference up: a Kubernetes operator for InferenceServices\n"
          "with a slot-checked Redis Cluster.\n\nUsage: everserve COMMAND [OPTIONS]\n\nCommands:\n",
          to);
    for (size_t i = 0; i < COUNT(subcommands); i++)
        fprintf(to, "  %-9s %s\n", subcommands[i].name, subcommands[i].says);
    fputs("\neverserve COMMAND --help says more about a command.\n", to);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : NULL;

    mem_setup();
    if (!name || str_eq(name, "--help") || str_eq(name, "-h") || str_eq(name, "help")) {
        print_help(name ? stdout : stderr);
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
