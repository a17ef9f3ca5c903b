/*
 * everserve-sim - a local cluster for development and tests, in parts.
 */
#include <stdio.h>

#include "base/mem.h"
#include "base/str.h"
#include "sim/apiserver/apiserver.h"
#include "sim/controllers/controllers.h"
#include "sim/node/model.h"
#include "sim/node/node_main.h"
#include "sim/up/up.h"

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv); /* argv[0] is the name */
    const char *help; /* NULL: not for people */
} commands[] = {
    { "apiserver", apiserver_main, "a Kubernetes API server in memory, with faults on request" },
    { "controllers", controllers_main, "Deployments, StatefulSets, scheduler, garbage collection ... for any API server" },
    { "up", up_main, "the whole local cluster; -- COMMAND runs in it" },
    { "exec", exec_main, "one more command in a running local cluster" },
    { "node", node_main, "simulated machines: pods as real processes, for any control plane" },
    { "model-server", model_main, NULL },
};

static void usage(FILE *to)
{
    fputs("usage: everserve-sim COMMAND [--help] ...\n", to);
    for (size_t i = 0; i < COUNT(commands); i++)
        if (commands[i].help)
            fprintf(to, "  %-14s %s\n", commands[i].name, commands[i].help);
}

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < COUNT(commands); i++)
        if (str_eq(argv[1], commands[i].name))
            return commands[i].run(argc - 1, argv + 1);
    bool asked = argc > 1 && (str_eq(argv[1], "--help") || str_eq(argv[1], "help"));
    usage(asked ? stdout : stderr);
    return asked ? 0 : 2;
}
