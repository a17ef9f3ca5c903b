/*
 * Tests that mostly wait for servers: each runs in a process of its own, a few at a time.
 */
#ifndef TESTS_LAB_GROUP_H
#define TESTS_LAB_GROUP_H

#include "lab.h"

#define LAB_AT_ONCE 4

struct lab_run {
    pid_t pid;
    FILE *output;
};

static inline void lab_start_test(struct lab_run *r, const struct CMUnitTest *test)
{
    struct CMUnitTest one[] = { *test };

    r->output = tmpfile();
    fflush(NULL);
    r->pid = fork();
    if (r->pid != 0)
        return;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    dup2(fileno(r->output), STDOUT_FILENO);
    dup2(fileno(r->output), STDERR_FILENO);
    exit(cmocka_run_group_tests_name(test->name, one, NULL, NULL));
}

static inline int lab_end_test(struct lab_run *r)
{
    char line[512];
    int status = 0;

    waitpid(r->pid, &status, 0);
    rewind(r->output);
    while (fgets(line, sizeof(line), r->output))
        fputs(line, stdout);
    fclose(r->output);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* The number of failures. */
static inline int lab_run_tests(const struct CMUnitTest *tests, size_t n)
{
    struct lab_run runs[LAB_AT_ONCE];
    int failed = 0;

    if (!lab_has_redis()) {
        puts("SKIP tests with real servers: redis-server or redis-cli is not on PATH");
        return 0;
    }
    for (size_t i = 0; i < n + LAB_AT_ONCE; i++) {
        if (i >= LAB_AT_ONCE && i - LAB_AT_ONCE < n)
            failed += lab_end_test(&runs[i % LAB_AT_ONCE]);
        if (i < n)
            lab_start_test(&runs[i % LAB_AT_ONCE], &tests[i]);
    }
    return failed;
}

#endif
