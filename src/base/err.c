#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
{
    va_list ap;

    if (!e)
        return -(int)kind;
    e->kind = kind;
    e->retry_after_ms = 0;
    va_start(ap, fmt);
    vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
    va_end(ap);
    return -(int)kind;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
    char inner[sizeof(e->msg)];
    va_list ap;
    int n;

    if (!e)
        return -(int)ERR_BUG;
    memcpy(inner, e->msg, sizeof(inner));
    va_start(ap, fmt);
    n = vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof(e->msg))
        snprintf(e->msg + n, sizeof(e->msg) - (size_t)n, ": %.*s", (int)(sizeof(e->msg) - (size_t)n), inner);
    return -(int)e->kind;
}

const char *err_kind_name(enum err_kind kind)
{
    static const char *const names[N_ERR_KINDS] = {
        [ERR_NONE] = "none",     [ERR_RETRY] = "retry",     [ERR_CONFLICT] = "conflict",
        [ERR_ABSENT] = "absent", [ERR_DENIED] = "denied",   [ERR_INVALID] = "invalid",
        [ERR_BUG] = "bug",
    };

    return kind < N_ERR_KINDS ? names[kind] : "bug";
}
