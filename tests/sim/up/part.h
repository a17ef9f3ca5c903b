/*
 * up/part.h - one process of the local cluster: started, watched, stopped.
 *
 * Not pure. Dies with us (parent death signal).
 */
#ifndef SIM_UP_PART_H
#define SIM_UP_PART_H

#include <stdbool.h>

#include "base/err.h"
#include "sim/node/reap.h"

struct part {
    const char *name;
    pid_t pid; /* 0: not running */
    int status; /* of its end, as waitpid has it */
    void (*on_end)(void *arg, struct part *p);
    void *arg;
};

/* log_path NULL: our own stdin, stdout and stderr, and our process group. argv and envp end with NULL; program
 * NULL: argv[0] by PATH. */
int part_start(struct part *p, struct reap *r, const char *program, char *const *argv, const char *log_path,
               struct err *e) MUST_USE;
void part_signal(const struct part *p, int signo);

/* The last lines of a log to stderr, indented. */
void part_log_tail(const char *log_path);

/* Ends every process that descends from us: the orphans of parts are ours too, once part_adopt was called. */
void part_adopt(void);
void part_end_rest(void);

#endif
