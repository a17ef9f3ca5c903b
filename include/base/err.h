/*
 * base/err.h - the one error value of the house.
 *
 * Pure. An error travels by value, last in the argument list; the kind tells
 * the caller what to do next, the message tells a person what happened.
 * Fallible functions return 0 or -kind. Callers add context with err_wrap and
 * pass the error up; it is logged once, at the top.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdint.h>

enum err_kind {
    ERR_NONE = 0,
    ERR_RETRY,    /* network, 5xx, 429: back off, then again */
    ERR_CONFLICT, /* 409: look again now */
    ERR_ABSENT,   /* 404: a state, not a failure */
    ERR_DENIED,   /* 401, 403, NOAUTH, NOPERM: slowly, and say so in a condition */
    ERR_INVALID,  /* the input is wrong: wait until somebody changes it */
    ERR_BUG,      /* ours: say so loudly */
    N_ERR_KINDS,
};

struct err {
    enum err_kind kind;
    int32_t retry_after_ms; /* what the other side asked for; 0: nothing */
    char msg[256];
};

#define MUST_USE __attribute__((warn_unused_result))

/* Sets kind and message (cut at the buffer's end); returns -kind. NULL is fine. */
int err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "context: " before the message; returns -e->kind. */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "retry", "conflict" ...: a metric label and a log field. */
const char *err_kind_name(enum err_kind kind);

#endif
