#include "sim/apiserver/subresource.h"

#include <string.h>

#include "base/str.h"
#include "sim/apiserver/auth.h"
#include "sim/apiserver/crud.h"

void reply_done(struct request *q, const struct refusal *r)
{
    cJSON *s;

    if (r->code) {
        reply_refusal(q, r);
        return;
    }
    s = json_new_obj();
    json_str(s, "kind", "Status");
    json_str(s, "apiVersion", "v1");
    json_obj(s, "metadata");
    json_str(s, "status", "Success");
    json_int(s, "code", 201);
    reply_json(q, 201, s);
}

/* ---- pods/binding ---- */

static void set_scheduled(cJSON *pod)
{
    cJSON *list = json_arr(json_obj(pod, "status"), "conditions"), *c;
    char now[32];

    for (c = list->child; c; c = c->next)
        if (str_eq(json_get_str(c, "type"), "PodScheduled"))
            break;
    if (!c)
        c = json_push_obj(list);
    str_rfc3339(loop_wall_ms(), false, now);
    json_str(c, "type", "PodScheduled");
    json_str(c, "status", "True");
    json_put(c, "lastProbeTime", cJSON_CreateNull());
    json_str(c, "lastTransitionTime", now);
    json_del(c, "reason");
    json_del(c, "message");
}

static int bind_pod(struct request *q, struct refusal *r)
{
    AUTO_JSON cJSON *body = NULL;
    struct object *pod = crud_find(q, r);
    const char *node, *has;
    cJSON *next;

    if (!pod || request_body(q, &body, r) < 0)
        return -1;
    node = json_get_str(body, "target.name");
    has = json_get_str(pod->tree, "spec.nodeName");
    if (!str_eq(json_get_str(body, "metadata.name"), q->name))
        return refuse(r, 400, "BadRequest", "name in URL does not match name in Binding object");
    if (str_empty(node))
        return refuse(r, 422, "Invalid", "Binding \"%s\" is invalid: target.name: Required value", q->name);
    refusal_about(r, "", "pods/binding", q->name);
    if (!str_empty(has))
        return refuse(r, 409, "Conflict", "Operation cannot be fulfilled on pods/binding \"%s\": pod %s is already "
                      "assigned to node \"%s\"", q->name, q->name, has);
    if (json_has(pod->tree, "metadata.deletionTimestamp"))
        return refuse(r, 409, "Conflict", "Operation cannot be fulfilled on pods/binding \"%s\": pod %s is being "
                      "deleted, cannot be assigned to a host", q->name, q->name);
    next = json_dup(pod->tree);
    json_str(json_obj(next, "spec"), "nodeName", node);
    set_scheduled(next);
    commit_system(q->s, q->res, next);
    return 0;
}

static void binding_serve(struct request *q)
{
    struct refusal r AUTO_REFUSAL = { 0 };

    bind_pod(q, &r);
    reply_done(q, &r);
}

/* ---- namespaces/finalize, serviceaccounts/token ---- */

static void finalize_serve(struct request *q)
{
    struct refusal r AUTO_REFUSAL = { 0 };
    AUTO_JSON cJSON *body = NULL;
    struct object *ns = crud_find(q, &r);
    cJSON *next;

    if (!ns || request_body(q, &body, &r) < 0) {
        reply_refusal(q, &r);
        return;
    }
    next = json_dup(ns->tree);
    json_del(json_obj(next, "spec"), "finalizers");
    json_put_dup(json_obj(next, "spec"), "finalizers", json_at(body, "spec.finalizers"));
    ns = commit_system(q->s, q->res, next);
    reply_object(q, 200, ns->tree);
}

static void token_serve(struct request *q)
{
    struct refusal r AUTO_REFUSAL = { 0 };
    AUTO_JSON cJSON *body = NULL;
    cJSON *status;
    int64_t seconds;
    char when[32];

    if (!crud_find(q, &r) || request_body(q, &body, &r) < 0) {
        reply_refusal(q, &r);
        return;
    }
    seconds = json_get_int(body, "spec.expirationSeconds", 3600);
    str_rfc3339(loop_wall_ms() + seconds * 1000, false, when);
    json_str(body, "kind", "TokenRequest");
    json_str(body, "apiVersion", "authentication.k8s.io/v1");
    status = json_obj(body, "status");
    json_str(status, "token", users_add_account(q->s->users, q->ns, q->name));
    json_str(status, "expirationTimestamp", when);
    reply_json(q, 201, TAKE(body));
}

void subresource_serve(struct request *q)
{
    static const struct {
        const char *plural, *sub, *methods;
        void (*fn)(struct request *);
    } rows[] = {
        { "pods", "binding", "POST", binding_serve },
        { "pods", "eviction", "POST", eviction_serve },
        { "namespaces", "finalize", "PUT", finalize_serve },
        { "serviceaccounts", "token", "POST", token_serve },
    };
    struct refusal r AUTO_REFUSAL = { 0 };

    if (strcmp(q->sub, "scale") == 0 && (q->res->flags & KIND_SCALE)) {
        scale_serve(q);
        return;
    }
    for (size_t i = 0; i < COUNT(rows); i++)
        if (q->res->ops && !strcmp(q->res->plural, rows[i].plural) && !strcmp(q->sub, rows[i].sub) &&
            strstr(rows[i].methods, q->method)) {
            rows[i].fn(q);
            return;
        }
    refuse(&r, 404, "NotFound", "the server could not find the requested resource");
    reply_refusal(q, &r);
}
