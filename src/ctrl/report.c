/*
 * What a pass says: the status, and the events of its changes.
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "json/owned.h"
#include "kube/path.h"
#include "shell.h"

static void emit_events(struct pass *p)
{
    struct status_event ev[STATUS_EVENTS_MAX];
    size_t n = status_events(&p->o, p->status_next, &p->plan, ev);

    for (size_t i = 0; i < n; i++)
        events_emit(p->c->events, &p->o, &ev[i]);
}

static void on_status(struct pass *p, const struct kube_reply *reply);

/* What was, and should not be any more, as the nulls of a merge patch. */
static void put_nulls(cJSON *next, const cJSON *was)
{
    const cJSON *v;

    cJSON_ArrayForEach(v, was)
    {
        cJSON *now = json_member(next, v->string);

        if (!now)
            json_put(next, v->string, cJSON_CreateNull());
        else if (cJSON_IsObject(now) && cJSON_IsObject(v))
            put_nulls(now, v);
    }
}

static void send_status(struct pass *p)
{
    AUTO_FREE char *path = kube_path("/apis/" API_VERSION, p->o.ns, API_PLURAL, p->o.name, "status");
    AUTO_FREE char *query = p->status_merged ? kube_path_with(xstrdup(path), "fieldManager", API_MANAGER)
                                             : kube_path_apply(path, API_MANAGER, true);
    AUTO_JSON cJSON *body = json_new_obj();

    json_str(body, "apiVersion", API_VERSION);
    json_str(body, "kind", API_KIND);
    json_str(json_obj(body, "metadata"), "name", p->o.name);
    json_str(json_obj(body, "metadata"), "namespace", p->o.ns);
    /* a resource re-created under this name must not inherit what was observed of the old one */
    json_str(json_obj(body, "metadata"), "uid", p->o.uid);
    json_put_dup(body, "status", p->status_next);
    if (p->status_merged)
        put_nulls(json_member(body, "status"), p->o.status);
    pass_write(p, &(struct kube_request){ .method = "PATCH",
                                          .path = query,
                                          .content_type = p->status_merged ? KUBE_MERGE_TYPE : KUBE_APPLY_TYPE,
                                          .body = body },
               on_status);
}

/* A CRD older than this program does not declare all that we say, and then takes no apply at all; of a
 * merge patch it keeps what it knows. */
static bool is_unknown_to_crd(const struct kube_reply *reply)
{
    return reply->status == 500 && strstr(reply->err.msg, "typed patch object");
}

static void on_status(struct pass *p, const struct kube_reply *reply)
{
    if (is_unknown_to_crd(reply) && !p->status_merged) {
        log_warn("the CRD is older than this program: apply the newer one", F("service", p->key),
                 F("error", (const char *)reply->err.msg));
        p->status_merged = true;
        send_status(p);
        return;
    }
    if (reply->err.kind == ERR_ABSENT) {
        pass_end(p, NULL, -1); /* deleted meanwhile */
        return;
    }
    if (reply->err.kind != ERR_NONE) {
        struct err e = reply->err;

        log_warn("status not written", F("service", p->key), F("error", (const char *)e.msg));
        pass_end(p, &e, -1);
        return;
    }
    emit_events(p);
    p->track->status_sent = p->status_hash;
    cJSON_Delete(TAKE(p->track->decisions));
    p->track->status_kept = owned_hash(json_member(reply->body, "status"));
    cJSON_Delete(p->status_now);
    p->o.status = p->status_now = TAKE(p->status_next);
    cache_put_service(p->c->cache, reply->body);
    p->then(p);
}

/* A server with another schema keeps less than was sent, or keeps it differently: sent once is enough. */
static bool is_said(const struct pass *p)
{
    const struct track *t = p->track;

    return json_equal(p->status_next, p->o.status) ||
           (t->status_sent == owned_hash(p->status_next) && t->status_kept == owned_hash(p->o.status));
}

void report_remember(struct pass *p)
{
    struct track *t = p->track;
    AUTO_JSON cJSON *item = p->wrote ? status_decision(&p->o, &p->plan, p->wrote) : NULL;

    if (!item)
        return;
    if (!t->decisions)
        t->decisions = json_new_arr();
    status_decisions_add(t->decisions, item);
    p->wrote = 0;
}

static void add_decisions(struct pass *p)
{
    cJSON *list = json_arr(p->status_next, "decisions");
    AUTO_JSON cJSON *now = status_decision(&p->o, &p->plan, 0);
    const cJSON *item;

    cJSON_ArrayForEach(item, p->track->decisions)
        status_decisions_add(list, item);
    if (!status_decisions_end_with(list, &p->plan))
        status_decisions_add(list, now);
}

void report(struct pass *p, void (*then)(struct pass *p))
{
    pass_refresh(p);
    cJSON_Delete(p->status_next);
    p->status_next = status_build(&p->o, &p->plan);
    if (is_said(p)) {
        then(p);
        return;
    }
    p->then = then;
    p->status_hash = owned_hash(p->status_next);
    add_decisions(p);
    send_status(p);
}

static const char *failure_reason(enum err_kind kind)
{
    static const char *const reasons[N_ERR_KINDS] = {
        [ERR_NONE] = "Failed",       [ERR_RETRY] = "ApiServerTrouble", [ERR_CONFLICT] = "Conflict", [ERR_ABSENT] = "Gone",
        [ERR_DENIED] = "Forbidden", [ERR_INVALID] = "Rejected",       [ERR_BUG] = "Bug",
    };

    return reasons[kind];
}

void report_failure(struct pass *p, void (*then)(struct pass *p))
{
    pass_refresh(p);
    p->plan.rule = "act";
    p->plan.reason = failure_reason(p->failed.kind);
    p->plan.stalled = !act_is_passing(&p->failed);
    memcpy(p->plan.message, p->failed.msg, sizeof(p->plan.message));
    report(p, then);
}

/* Somebody undoes our writes as fast as we make them: said, while the queue slows us down. */
void report_fight(struct pass *p, void (*then)(struct pass *p))
{
    const char *child = "a child", *other = "another manager";

    pass_refresh(p);
    for (size_t i = 0; i < p->plan.n_actions; i++) {
        const struct record *r = p->plan.actions[i].kind == ACT_APPLY ? p->o.child[p->plan.actions[i].child] : NULL;

        if (!r)
            continue;
        child = child_types[p->plan.actions[i].child].label;
        other = r->other_manager[0] ? r->other_manager : other;
    }
    p->plan.rule = "act";
    p->plan.reason = "WriteFight";
    p->plan.stalled = true;
    snprintf(p->plan.message, sizeof(p->plan.message),
             "%s keeps being changed back, last by %s: let one of the two manage it", child, other);
    report(p, then);
}
