/* From a path and a method to what serves it. */
#include <string.h>

#include "base/str.h"
#include "sim/apiserver/auth.h"
#include "sim/apiserver/crud.h"
#include "sim/apiserver/delete.h"
#include "sim/apiserver/discovery.h"
#include "sim/apiserver/faults.h"
#include "sim/apiserver/list.h"
#include "sim/apiserver/review.h"
#include "sim/apiserver/server.h"
#include "sim/apiserver/subresource.h"
#include "sim/apiserver/watch.h"

enum { PARTS_MAX = 10 };

struct parts {
    char *text;
    char *at[PARTS_MAX];
    size_t n;
};

static void split(const char *path, struct parts *p)
{
    char *save = NULL;

    p->text = xstrdup(path);
    for (char *t = strtok_r(p->text, "/", &save); t && p->n < PARTS_MAX; t = strtok_r(NULL, "/", &save))
        p->at[p->n++] = t;
}

static char *part_dup(const struct parts *p, size_t i)
{
    return i < p->n ? xstrdup(p->at[i]) : NULL;
}

static bool is_namespace_itself(const struct parts *p, size_t i)
{
    return p->n == i + 2 || (p->n == i + 3 && (!strcmp(p->at[i + 2], "status") || !strcmp(p->at[i + 2], "finalize")));
}

/* /api/v1/... and /apis/GROUP/VERSION/...; false when the path names no resource. */
static bool find_resource(struct request *q)
{
    struct parts p = { 0 };
    const char *group, *version;
    size_t i;

    split(q->path, &p);
    if (p.n < 3 || (strcmp(p.at[0], "api") && (strcmp(p.at[0], "apis") || p.n < 4))) {
        free(p.text);
        return false;
    }
    group = strcmp(p.at[0], "api") == 0 ? "" : p.at[1];
    version = *group ? p.at[2] : p.at[1];
    i = *group ? 3 : 2;
    if (p.n > i + 1 && strcmp(p.at[i], "namespaces") == 0 && !is_namespace_itself(&p, i)) {
        q->ns = xstrdup(p.at[i + 1]);
        i += 2;
    }
    q->res = registry_find(q->s->registry, group, version, p.at[i]);
    q->name = part_dup(&p, i + 1);
    q->sub = part_dup(&p, i + 2);
    if (q->res && q->ns && !resource_is_namespaced(q->res))
        q->res = NULL;
    free(p.text);
    return true;
}

static const char *verb_of(const struct request *q)
{
    const char *w = request_query(q, "watch");
    bool watch = str_eq(w, "true") || str_eq(w, "1");

    if (!strcmp(q->method, "GET") || !strcmp(q->method, "HEAD"))
        return watch ? "watch" : q->name ? "get" : "list";
    if (!strcmp(q->method, "POST"))
        return "create";
    if (!strcmp(q->method, "PUT"))
        return "update";
    if (!strcmp(q->method, "PATCH"))
        return "patch";
    return q->name ? "delete" : "deletecollection";
}

static void refuse_now(struct request *q, int code, const char *message)
{
    struct refusal r AUTO_REFUSAL = { 0 };

    refuse(&r, code, refusal_reason(code), "%s", message);
    reply_refusal(q, &r);
}

/* False: answered. One object needs a name, a collection must not have one. */
static bool allows_path(struct request *q)
{
    bool named = !strcmp(q->verb, "update") || !strcmp(q->verb, "patch");
    bool nowhere = resource_is_namespaced(q->res) && !q->ns && q->name;

    if (nowhere)
        refuse_now(q, 404, "the server could not find the requested resource");
    else if ((named && !q->name) || (!strcmp(q->verb, "create") && q->name && !q->sub))
        refuse_now(q, 405, "the server does not allow this method on the requested resource");
    else
        return true;
    return false;
}

static void serve_resource(struct request *q)
{
    static const struct { const char *verb; void (*fn)(struct request *); } verbs[] = {
        { "get", crud_get },       { "list", list_serve },    { "watch", watch_start },   { "create", crud_create },
        { "update", crud_update }, { "patch", crud_patch },   { "delete", delete_one },   { "deletecollection", delete_many },
    };

    if (!allows_path(q))
        return;
    if (q->sub && strcmp(q->sub, "status") != 0) {
        subresource_serve(q);
        return;
    }
    if (q->sub && !(q->res->flags & KIND_STATUS)) {
        refuse_now(q, 404, "the server could not find the requested resource");
        return;
    }
    for (size_t i = 0; i < COUNT(verbs); i++)
        if (strcmp(verbs[i].verb, q->verb) == 0) {
            verbs[i].fn(q);
            return;
        }
}

static bool serve_health(struct request *q)
{
    if (strcmp(q->path, "/readyz") && strcmp(q->path, "/livez") && strcmp(q->path, "/healthz"))
        return false;
    reply_text(q, 200, "text/plain", "ok", 2);
    return true;
}

void route(struct request *q)
{
    struct refusal r AUTO_REFUSAL = { 0 };
    bool resource_path;

    if (faults_serve(q))
        return;
    resource_path = find_resource(q);
    q->verb = verb_of(q);
    if (faults_before(q) || serve_health(q))
        return;
    q->user = auth_user(q, &r);
    if (!q->user) {
        reply_refusal(q, &r);
        return;
    }
    if (review_serve(q))
        return;
    if (auth_check(q, &r) < 0) {
        reply_refusal(q, &r);
        return;
    }
    if (q->res)
        serve_resource(q);
    else if (resource_path || !discovery_serve(q))
        refuse_now(q, 404, "the server could not find the requested resource");
}
