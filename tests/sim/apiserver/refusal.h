/*
 * sim/apiserver/refusal.h - why a request is refused: an HTTP status, a reason of
 * the API's vocabulary, a message, and causes by field.
 *
 * Pure. The caller owns the storage and calls refusal_done.
 */
#ifndef SIM_APISERVER_REFUSAL_H
#define SIM_APISERVER_REFUSAL_H

#include "json/json.h"

struct refusal {
    int code; /* 0: none */
    const char *reason;
    char *message;
    cJSON *causes;  /* array, or NULL */
    int retry_after_s;
    char *group, *kind, *name; /* details; NULL: left out */
};

#define AUTO_REFUSAL CLEANUP(refusal_done)

void refusal_done(struct refusal *r);
/* Sets everything but causes; returns -1. */
int refuse(struct refusal *r, int code, const char *reason, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void refusal_about(struct refusal *r, const char *group, const char *kind, const char *name);
void refusal_cause(struct refusal *r, const char *reason, const char *field, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Turns collected causes into 422 Invalid about kind.group "name"; 0 when there are none. */
int refusal_invalid(struct refusal *r, const char *group, const char *kind, const char *name);
/* The v1 Status. Caller owns it. */
cJSON *refusal_status(const struct refusal *r);
/* "NotFound" for 404 ... */
const char *refusal_reason(int code);

#endif
