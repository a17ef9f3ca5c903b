#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "sim/up/space.h"
#include "sim/up/up.h"

static const char usage[] = "usage: everserve-sim exec --dir DIR -- COMMAND ARGS...\n"
                            "Runs COMMAND inside the local cluster that `everserve-sim up --dir DIR` keeps running.\n";

static pid_t pid_of(const char *dir)
{
    AUTO_FREE char *path = xasprintf("%s/up.pid", dir);
    char text[32] = "";
    int64_t pid = 0;
    FILE *f = fopen(path, "re");

    if (!f)
        return 0;
    if (!fgets(text, sizeof(text), f))
        text[0] = 0;
    fclose(f);
    text[strcspn(text, "\n")] = 0;
    return str_to_int(text, 1, INT32_MAX, &pid) ? (pid_t)pid : 0;
}

static int run_inside(const char *dir, char **command)
{
    struct err e = { 0 };
    pid_t pid = pid_of(dir);

    if (!pid) {
        fprintf(stderr, "everserve-sim exec: no cluster in %s\n", dir);
        return 1;
    }
    if (space_join(pid, &e) < 0) {
        fprintf(stderr, "everserve-sim exec: %s\n", e.msg);
        return 1;
    }
    AUTO_FREE char *kubeconfig = xasprintf("%s/kubeconfig", dir);
    setenv("KUBECONFIG", kubeconfig, 1);
    execvp(command[0], command);
    fprintf(stderr, "everserve-sim exec: %s: %s\n", command[0], strerror(errno));
    return errno == ENOENT ? 127 : 126;
}

int exec_main(int argc, char **argv)
{
    static const struct option table[] = { { "dir", 1, NULL, 'd' }, { "help", 0, NULL, 'h' }, { 0 } };
    const char *dir = getenv("EVERSERVE_SIM_DIR");
    int opt;

    optind = 1;
    while ((opt = getopt_long(argc, argv, "+", table, NULL)) != -1) {
        if (opt == 'd')
            dir = optarg;
        else {
            fputs(usage, opt == 'h' ? stdout : stderr);
            return opt == 'h' ? 0 : 2;
        }
    }
    if (dir && optind < argc)
        return run_inside(dir, argv + optind);
    fputs(usage, stderr);
    return 2;
}
