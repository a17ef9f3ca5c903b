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

static void on_status(struct pass *p, const struct kube_reply *reply)
{

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
    p->track->status_sent = owned_hash(p->status_next);
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

void report(struct pass *p, void (*then)(struct pass *p))
{
    AUTO_FREE char *path = kube_path("/apis/" API_VERSION, p->o.ns, API_PLURAL, p->o.name, "status");
    AUTO_FREE char *query = kube_path_apply(path, API_MANAGER, true);
    AUTO_JSON cJSON *body = json_new_obj();

    pass_refresh(p);
    cJSON_Delete(p->status_next);
    p->status_next = status_build(&p->o, &p->plan);
    if (is_said(p)) {
        then(p);
        return;
    }
    p->then = then;
    json_str(body, "apiVersion", API_VERSION);
    json_str(body, "kind", API_KIND);
    json_str(json_obj(body, "metadata"), "name", p->o.name);
    json_str(json_obj(body, "metadata"), "namespace", p->o.ns);
    /* a resource re-created under this name must not inherit what was observed of the old one */
    json_str(json_obj(body, "metadata"), "uid", p->o.uid);
    json_put_dup(body, "status", p->status_next);
    pass_write(p, &(struct kube_request){ .method = "PATCH", .path = query, .content_type = KUBE_APPLY_TYPE, .body = body },
              on_status);
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
