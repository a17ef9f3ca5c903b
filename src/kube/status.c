#include "status.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"

enum { RETRY_AFTER_MAX_S = 3600 };

static const struct {
    int status;
    enum err_kind kind;
} kinds[] = {
    { 400, ERR_INVALID }, { 401, ERR_DENIED },   { 403, ERR_DENIED },  { 404, ERR_ABSENT },  { 405, ERR_INVALID },
    { 406, ERR_INVALID }, { 409, ERR_CONFLICT }, { 413, ERR_INVALID }, { 415, ERR_INVALID }, { 422, ERR_INVALID },
};

static enum err_kind kind_of(int status)
{
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (kinds[i].status == status)
            return kinds[i].kind;
    return ERR_RETRY;
}

static int32_t retry_after_of(const cJSON *body)
{
    int64_t s = json_get_int(body, "details.retryAfterSeconds", 0);

    if (s <= 0)
        return 0;
    return (int32_t)(s < RETRY_AFTER_MAX_S ? s : RETRY_AFTER_MAX_S) * 1000;
}

/* One line of printable text: the message goes into logs and conditions. */
static void flatten(char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            *s = ' ';
}

int kube_status_to_err(int status, int32_t retry_after_ms, const cJSON *body, struct err *e)
{
    const char *message = json_get_str(body, "message"), *reason = json_get_str(body, "reason");

    if (status >= 200 && status < 300) {
        *e = (struct err){ 0 };
        return 0;
    }
    if (str_empty(message))
        message = str_empty(reason) ? "no reason given" : reason;
    (void)err_set(e, kind_of(status), "HTTP %d: %s", status, message);
    flatten(e->msg);
    e->retry_after_ms = retry_after_ms ? retry_after_ms : retry_after_of(body);
    return -(int)e->kind;
}

bool kube_status_is_gone(int status, const cJSON *body)
{
    const char *reason = json_get_str(body, "reason");

    return status == 410 || str_eq(reason, "Expired") || str_eq(reason, "Gone");
}

bool kube_status_is_rv_too_large(int status, const cJSON *body)
{
    const cJSON *cause = json_at(body, "details.causes.0");
    const char *message = json_get_str(body, "message");

    if (status != 504)
        return false;
    return str_eq(json_get_str(cause, "reason"), "ResourceVersionTooLarge") ||
           (message && strstr(message, "Too large resource version"));
}
