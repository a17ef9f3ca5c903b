/*
 * check_run.h - everserve check, called as a person does, in a process of its own so that what it prints can be read.
 */
#ifndef TESTS_CHECK_RUN_H
#define TESTS_CHECK_RUN_H

#include "../redis/lab.h"
#include "app/check.h"

static char said[65536]; /* what it printed last */

/* Its standard output, and with errors its other one too, goes to out; the caller waits for it. */
static inline pid_t check_start(const char *const *args, FILE *out, bool errors)
{
    char *argv[16] = { (char[]){ "check" } };
    int argc = 1;
    pid_t pid;

    for (; args[argc - 1]; argc++)
        argv[argc] = (char *)(uintptr_t)args[argc - 1];
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        dup2(fileno(out), STDOUT_FILENO);
        if (errors)
            dup2(fileno(out), STDERR_FILENO);
        exit(app_check(argc, argv));
    }
    return pid;
}

/* Returns its exit code. */
static inline int check(const char *const *args)
{
    FILE *out = tmpfile();
    int status = 0;

    waitpid(check_start(args, out, true), &status, 0);
    rewind(out);
    said[fread(said, 1, sizeof(said) - 1, out)] = '\0';
    fclose(out);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#endif
