#include "sim/apiserver/refusal.h"

#include <string.h>

#include "base/str.h"

void refusal_done(struct refusal *r)
{
    free(r->message);
    free(r->group);
    free(r->kind);
    free(r->name);
    cJSON_Delete(r->causes);
    *r = (struct refusal){ 0 };
}

int refuse(struct refusal *r, int code, const char *reason, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    free(r->message);
    r->message = xvasprintf(fmt, ap);
    va_end(ap);
    r->code = code;
    r->reason = reason;
    return -1;
}

void refusal_about(struct refusal *r, const char *group, const char *kind, const char *name)
{
    free(r->group);
    free(r->kind);
    free(r->name);
    r->group = str_empty(group) ? NULL : xstrdup(group);
    r->kind = kind ? xstrdup(kind) : NULL;
    r->name = name ? xstrdup(name) : NULL;
}

void refusal_cause(struct refusal *r, const char *reason, const char *field, const char *fmt, ...)
{
    AUTO_FREE char *message = NULL;
    cJSON *c;
    va_list ap;

    va_start(ap, fmt);
    message = xvasprintf(fmt, ap);
    va_end(ap);
    if (!r->causes)
        r->causes = json_new_arr();
    c = json_push_obj(r->causes);
    json_str(c, "reason", reason);
    json_str(c, "message", message);
    json_str(c, "field", field);
}

int refusal_invalid(struct refusal *r, const char *group, const char *kind, const char *name)
{
    struct buf b CLEANUP(buf_done) = { 0 };
    const cJSON *c;
    int n = json_count(r->causes);

    if (n == 0)
        return 0;
    buf_init(&b, 64 << 10);
    cJSON_ArrayForEach(c, r->causes)
        buf_fmt(&b, "%s%s: %s", b.len ? ", " : "", json_get_str(c, "field"), json_get_str(c, "message"));
    refuse(r, 422, "Invalid", "%s%s%s \"%s\" is invalid: %s%s%s", kind, str_empty(group) ? "" : ".",
           group ? group : "", name ? name : "", n > 1 ? "[" : "", buf_text(&b), n > 1 ? "]" : "");
    refusal_about(r, group, kind, str_empty(name) ? NULL : name);
    return -1;
}

cJSON *refusal_status(const struct refusal *r)
{
    cJSON *s = json_new_obj();

    json_str(s, "kind", "Status");
    json_str(s, "apiVersion", "v1");
    json_obj(s, "metadata");
    json_str(s, "status", r->code < 400 ? "Success" : "Failure");
    json_str(s, "message", r->message);
    if (!str_empty(r->reason))
        json_str(s, "reason", r->reason);
    if (r->kind || r->causes || r->retry_after_s) {
        cJSON *d = json_obj(s, "details");

        json_str(d, "name", r->name);
        json_str(d, "group", r->group);
        json_str(d, "kind", r->kind);
        json_put_dup(d, "causes", r->causes);
        if (r->retry_after_s)
            json_int(d, "retryAfterSeconds", r->retry_after_s);
    }
    json_int(s, "code", r->code);
    return s;
}

const char *refusal_reason(int code)
{
    static const struct { int code; const char *reason; } rows[] = {
        { 400, "BadRequest" }, { 401, "Unauthorized" }, { 403, "Forbidden" }, { 404, "NotFound" },
        { 405, "MethodNotAllowed" }, { 406, "NotAcceptable" }, { 409, "Conflict" }, { 410, "Expired" },
        { 413, "RequestEntityTooLarge" }, { 415, "UnsupportedMediaType" }, { 422, "Invalid" },
        { 429, "TooManyRequests" }, { 500, "InternalError" }, { 503, "ServiceUnavailable" }, { 504, "Timeout" },
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        if (rows[i].code == code)
            return rows[i].reason;
    return "";
}
