#include "entry.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/version.h"

/* A placeholder: takes room, and gives it back when it is told to. */
static int entry_pause(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    signal(SIGTERM, SIG_DFL);
    for (;;)
        (void)pause();
    return 0;
}

static const struct subcommand {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *says;
} subcommands[] = {
    { "install", entry_install, "DIR: copy this program to DIR/entry" },
    { "fence", entry_fence, "[OPTIONS] -- COMMAND: become COMMAND when that cannot cost a key" },
    { "backup", entry_backup, "[OPTIONS]: save every shard of a cluster into a folder" },
    { "pause", entry_pause, "take room, and do nothing" },
    { "restore", entry_restore, "[OPTIONS]: put one shard of a backup where a new server starts with it" },
};

static int print_help(FILE *to, int status)
{
    fputs("everserve-entry starts the Redis servers of everserve from inside their pods.\n\nCommands:\n", to);
    for (size_t i = 0; i < COUNT(subcommands); i++)
        fprintf(to, "  %-8s %s\n", subcommands[i].name, subcommands[i].says);
    return status;
}

int entry_main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";

    log_setup(LOG_INFO, LOG_LOGFMT);
    if (str_eq(name, "--help") || str_eq(name, "help"))
        return print_help(stdout, 0);
    if (str_eq(name, "--version") || str_eq(name, "version"))
        return puts("everserve-entry " EVERSERVE_VERSION) < 0;
    for (size_t i = 0; i < COUNT(subcommands); i++)
        if (str_eq(name, subcommands[i].name))
            return subcommands[i].run(argc - 1, argv + 1);
    return print_help(stderr, 64);
}
