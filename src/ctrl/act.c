/*
 * Carries out a plan, one action after another: the status first when it is a promise to ourselves,
 * last when it is a report.
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "json/owned.h"
#include "kube/path.h"
#include "shell.h"

enum {
    APPLY_DEADLINE_MS = 2000,
    LASTING_FAILURES = 5, /* in a row, doubling from 5 ms */
};

static void next(struct pass *p);
static void write_status(struct pass *p, void (*then)(struct pass *p));

static void write_out(struct pass *p, const struct kube_request *req, pass_reply_fn *on_reply)
{
    struct err e;

    if (!ctrl_may_write(p->c)) {
        err_set(&e, ERR_RETRY, "not the leader any more: nothing is written");
        pass_end(p, &e, -1);
        return;
    }
    p->n_writes++;
    metric_inc(p->c->m.writes);
    pass_send(p, req, on_reply);
}

/* --- the end of a pass --- */

static void end_ok(struct pass *p)
{
    pass_end(p, NULL, p->acted ? 0 : p->plan.look_again_ms);
}

static bool is_passing(const struct err *e)
{
    return e->kind == ERR_CONFLICT || e->kind == ERR_RETRY;
}

/* Trouble that may pass backs off, unless something was achieved before it came. */
static void end_early(struct pass *p)
{
    if (p->acted)
        pass_end(p, NULL, p->failed.retry_after_ms);
    else
        pass_end(p, &p->failed, -1);
}

/* The key goes on as planned: Redis has to be looked at whatever becomes of the Deployment. */
static void end_failed(struct pass *p)
{
    int64_t again_ms = p->plan.look_again_ms;

    pass_end(p, NULL, again_ms >= 0 && again_ms < REFUSED_AGAIN_MS ? again_ms : REFUSED_AGAIN_MS);
}

static const char *failure_reason(enum err_kind kind)
{
    static const char *const reasons[N_ERR_KINDS] = {
        [ERR_NONE] = "Failed",       [ERR_RETRY] = "ApiServerTrouble", [ERR_CONFLICT] = "Conflict", [ERR_ABSENT] = "Gone",
        [ERR_DENIED] = "Forbidden", [ERR_INVALID] = "Rejected",       [ERR_BUG] = "Bug",
    };

    return reasons[kind];
}

static void say_failure(struct pass *p)
{
    p->plan.rule = "act";
    p->plan.reason = failure_reason(p->failed.kind);
    p->plan.stalled = !is_passing(&p->failed);
    memcpy(p->plan.message, p->failed.msg, sizeof(p->plan.message));
}

/* --- status --- */

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

static void write_status(struct pass *p, void (*then)(struct pass *p))
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
    write_out(p, &(struct kube_request){ .method = "PATCH", .path = query, .content_type = KUBE_APPLY_TYPE, .body = body },
              on_status);
}

/* --- children --- */

static struct action *current(struct pass *p)
{
    return &p->plan.actions[p->next_action];
}

static char *child_path(struct pass *p, enum child c)
{
    char name[512];

    if (!child_name(c, p->o.name, name, sizeof(name)))
        name[0] = '\0';
    return kube_path(child_types[c].api_path, p->o.ns, child_types[c].plural, name, NULL);
}

static void done_with_action(struct pass *p)
{
    p->next_action++;
    next(p);
}

static void remember_failure(struct pass *p, const struct err *e)
{
    if (is_passing(e) || p->failed.kind == ERR_NONE)
        p->failed = *e;
}

/* Trouble that may pass ends the pass: the next one tells, when it is still there. A child that is refused, or
 * has been in trouble for long, is said at the end, and does not keep the others from being mended. */
static void fail_child(struct pass *p, const struct err *from)
{
    struct action *a = current(p);
    struct err e = *from;

    err_wrap(&e, "%s", child_types[a->child].label);
    log_warn("action failed", F("service", p->key), F("error", (const char *)e.msg), F("then", err_kind_name(e.kind)));
    remember_failure(p, &e);
    if (is_passing(&e) && queue_failures(p->c->queue, p->key) < LASTING_FAILURES) {
        end_early(p);
        return;
    }
    if (a->kind == ACT_APPLY)
        track_set_refused(p->track, a->child, owned_hash(a->body), &e, loop_now_ms());
    done_with_action(p);
}

/* What the server holds now is what we wanted: remembered, so that it is not compared again. */
static void remember_match(struct pass *p, const cJSON *live)
{
    const struct action *a = current(p);
    struct entry *entry;
    struct record *r, now; /* what is cached may be newer already, and drifted */

    track_set_foreign(p->track, a->child, NULL, 0);
    track_set_refused(p->track, a->child, 0, NULL, 0);
    if (a->child == CHILD_REDIS_SECRET) {
        p->track->secret_read_ms = 0;
        p->track->password_is_known = true;
        if (record_from(a->child, live, track_secret_record(p->track)))
            p->track->secret = SECRET_HELD;
        r = p->track->secret_record;
    } else {
        cache_put_child(p->c->cache, child_types[a->child].kind, live);
        entry = cache_get(p->c->cache, p->key);
        r = entry ? entry->child[a->child] : NULL;
    }
    if (!r || !record_from(a->child, live, &now))
        return;
    r->matched_hash = owned_hash(a->body);
    r->matched_owned = now.owned_hash;
}

static void on_applied(struct pass *p, const struct kube_reply *reply)
{

    if (reply->err.kind != ERR_NONE) {
        fail_child(p, &reply->err);
        return;
    }
    p->acted = true;
    remember_match(p, reply->body);
    done_with_action(p);
}

static void patch_child(struct pass *p, bool force)
{
    struct action *a = current(p);
    AUTO_FREE char *path = child_path(p, a->child);
    AUTO_FREE char *query = kube_path_apply(path, API_MANAGER, force);

    write_out(p, &(struct kube_request){ .method = "PATCH", .path = query, .content_type = KUBE_APPLY_TYPE, .body = a->body },
              on_applied);
}

static void on_handed_over(struct pass *p, const struct kube_reply *reply)
{

    if (reply->err.kind != ERR_NONE)
        fail_child(p, &reply->err);
    else
        patch_child(p, true);
}

/* spec.replicas gets a second owner before we drop it: dropped by its only owner it would fall to 1.
 * The resourceVersion makes a number that moved meanwhile a conflict instead of a loss. */
static void hand_over(struct pass *p, const cJSON *live)
{
    struct action *a = current(p);
    AUTO_FREE char *path = child_path(p, a->child);
    AUTO_FREE char *query = kube_path_apply(path, API_MANAGER_INIT, true);
    AUTO_JSON cJSON *body = json_new_obj();

    json_str(body, "apiVersion", child_types[a->child].api_version);
    json_str(body, "kind", child_types[a->child].kind);
    json_put_dup(json_obj(body, "metadata"), "name", json_at(live, "metadata.name"));
    json_put_dup(json_obj(body, "metadata"), "namespace", json_at(live, "metadata.namespace"));
    json_put_dup(json_obj(body, "metadata"), "resourceVersion", json_at(live, "metadata.resourceVersion"));
    json_put_dup(json_obj(body, "spec"), "replicas", json_at(live, "spec.replicas"));
    write_out(p, &(struct kube_request){ .method = "PATCH", .path = query, .content_type = KUBE_APPLY_TYPE, .body = body },
              on_handed_over);
}

static const cJSON *controller_of(const cJSON *live)
{
    const cJSON *ref;

    cJSON_ArrayForEach(ref, json_at(live, "metadata.ownerReferences"))
        if (json_get_bool(ref, "controller", false))
            return ref;
    return NULL;
}

static void leave_foreign(struct pass *p, const cJSON *live, const struct record *r)
{
    enum child c = current(p)->child;
    const cJSON *owner = controller_of(live);
    char whose[96];

    /* a deleted predecessor's: the garbage collector is on its way. Of another InferenceService, whose name is
     * ours without "-redis", it is the child, and stays. */
    if (r->is_ours && str_eq(json_get_str(owner, "name"), p->o.name)) {
        cache_put_child(p->c->cache, child_types[c].kind, live);
        done_with_action(p);
        return;
    }
    if (owner)
        snprintf(whose, sizeof(whose), "is controlled by %.30s %.40s", json_get_str(owner, "kind"), json_get_str(owner, "name"));
    else
        snprintf(whose, sizeof(whose), "was not made by everserve");
    track_set_foreign(p->track, c, whose, loop_now_ms());
    p->acted = true; /* the next pass says so */
    done_with_action(p);
}

/* A number may only be written by who saw the one that it takes the place of. */
static bool is_stale(const struct action *a, const struct record *r)
{
    return a->child == CHILD_DEPLOYMENT && json_has(a->body, "spec.replicas") && r->spec_replicas != a->replicas_seen;
}

static bool takes_replicas_back(const struct action *a, const struct record *r)
{
    return a->child == CHILD_DEPLOYMENT && json_has(a->body, "spec.replicas") && !r->owns_replicas && r->spec_replicas > 0;
}

static void on_autoscaler(struct pass *p, const struct kube_reply *reply)
{
    struct record r;
    struct err e;

    if (reply->err.kind != ERR_NONE && reply->err.kind != ERR_ABSENT) {
        fail_child(p, &reply->err);
    } else if (reply->err.kind == ERR_NONE && record_from(CHILD_HPA, reply->body, &r) && record_is_ours(&r, p->o.uid)) {
        cache_put_child(p->c->cache, child_types[CHILD_HPA].kind, reply->body);
        err_set(&e, ERR_CONFLICT, "its autoscaler is still there");
        fail_child(p, &e);
    } else {
        patch_child(p, true);
    }
}

/* We may not have heard of an autoscaler of ours yet; its number is not ours to overwrite. (At 0 it does nothing.) */
static void look_for_autoscaler(struct pass *p)
{
    AUTO_FREE char *path = child_path(p, CHILD_HPA);

    pass_send(p, &(struct kube_request){ .method = "GET", .path = path }, on_autoscaler);
}

static void compare(struct pass *p, const cJSON *live, const struct record *r)
{
    struct action *a = current(p);
    const cJSON *fields = owned_fields(live, API_MANAGER);
    struct err why = { 0 };

    if (r->deleting) {
        done_with_action(p);
    } else if (is_stale(a, r)) {
        cache_put_child(p->c->cache, child_types[a->child].kind, live);
        (void)err_set(&why, ERR_CONFLICT, "its replicas moved meanwhile");
        fail_child(p, &why);
    } else if (a->hand_over_replicas && r->owns_replicas && !r->init_owns_replicas) {
        hand_over(p, live);
    } else if (takes_replicas_back(a, r)) {
        look_for_autoscaler(p);
    } else if (fields && owned_matches(live, fields, a->body, &why)) {
        metric_inc(p->c->m.skipped_writes);
        remember_match(p, live);
        done_with_action(p);
    } else {
        log_debug("child differs", F("service", p->key), F("child", child_types[a->child].label),
                  F("why", (const char *)why.msg));
        patch_child(p, true);
    }
}

static void on_live(struct pass *p, const struct kube_reply *reply)
{
    struct action *a = current(p);
    struct record r;
    struct err e;

    if (reply->err.kind == ERR_ABSENT) {
        cache_child_absent(p->c->cache, p->key, a->child);
        patch_child(p, false); /* no force: should somebody be faster, it is theirs */
        return;
    }
    if (reply->err.kind != ERR_NONE) {
        fail_child(p, &reply->err);
        return;
    }
    if (!record_from(a->child, reply->body, &r)) {
        err_set(&e, ERR_RETRY, "the server sent an object without uid");
        fail_child(p, &e);
    } else if (!record_is_ours(&r, p->o.uid)) {
        leave_foreign(p, reply->body, &r);
    } else if (a->create_only) {
        p->track->secret_read_ms = 0;
        err_set(&e, ERR_CONFLICT, "is there after all");
        fail_child(p, &e);
    } else {
        compare(p, reply->body, &r);
    }
}

static void apply_child(struct pass *p)
{
    const struct action *a = current(p);
    const struct err *refused = track_refusal(p->track, a->child, owned_hash(a->body), loop_now_ms());
    AUTO_FREE char *path = child_path(p, a->child);

    if (refused) {
        remember_failure(p, refused);
        done_with_action(p);
        return;
    }
    pass_send(p, &(struct kube_request){ .method = "GET", .path = path }, on_live);
}

static void on_deleted(struct pass *p, const struct kube_reply *reply)
{

    if (reply->err.kind != ERR_NONE && reply->err.kind != ERR_ABSENT) {
        fail_child(p, &reply->err);
        return;
    }
    p->acted = true;
    if (current(p)->child == CHILD_REDIS_SECRET)
        p->track->secret = SECRET_ABSENT;
    else if (reply->err.kind == ERR_ABSENT)
        cache_child_absent(p->c->cache, p->key, current(p)->child);
    done_with_action(p);
}

/* The Secret is not watched: what was read of it is kept elsewhere. */
static const struct record *known(struct pass *p, enum child c)
{
    const struct entry *entry = cache_get(p->c->cache, p->key);

    if (c == CHILD_REDIS_SECRET)
        return p->track->secret == SECRET_HELD ? p->track->secret_record : NULL;
    return entry ? entry->child[c] : NULL;
}

static void delete_child(struct pass *p)
{
    enum child c = current(p)->child;
    const struct record *r = known(p, c);
    AUTO_FREE char *path = child_path(p, c);
    AUTO_JSON cJSON *body = json_new_obj();

    if (!r) {
        done_with_action(p);
        return;
    }
    json_str(body, "apiVersion", "v1");
    json_str(body, "kind", "DeleteOptions");
    json_str(body, "propagationPolicy", "Background");
    json_str(json_obj(body, "preconditions"), "uid", r->uid);
    write_out(p, &(struct kube_request){ .method = "DELETE", .path = path, .body = body }, on_deleted);
}

/* --- Redis --- */

static void on_redis(void *arg, const struct redis_result *results, size_t n, enum reply_class worst)
{
    struct pass *p = arg;

    for (size_t i = 0; i < n; i++)
        if (results[i].what > REPLY_ALREADY)
            log_warn("Redis refused a step", F("service", p->key), F("step", p->plan.redis.step),
                     F("pod", p->members[p->plan.redis.commands.items[i].member].pod),
                     F("error", (const char *)results[i].error), F("meaning", reply_class_name(results[i].what)));
    p->apply = NULL;
    (void)worst; /* whatever came of it, the next snapshot tells */
    done_with_action(p);
}

static void step_redis(struct pass *p)
{
    const struct commands *cmds = &p->plan.redis.commands;
    size_t n = p->o.redis.expected.n_members;
    AUTO_FREE struct redis_target *targets = xcalloc(n, sizeof(*targets));
    struct redis_auth auth = { .password = p->track->password };
    struct err e;

    if (!ctrl_may_write(p->c)) {
        err_set(&e, ERR_RETRY, "not the leader any more: nothing is sent to Redis");
        pass_end(p, &e, -1);
        return;
    }
    for (size_t i = 0; i < n; i++)
        targets[i] = (struct redis_target){ p->members[i].ip, p->members[i].port };
    for (size_t i = 0; i < cmds->n; i++)
        metric_inc(p->c->m.redis_commands);
    p->apply = redis_apply_start(p->c->loop, targets, n, cmds->items, cmds->n, &auth, APPLY_DEADLINE_MS, on_redis, p);
}

/* --- the list --- */

/* Somebody undoes our writes as fast as we make them: said, while the queue slows us down. */
static void say_fight(struct pass *p)
{
    const char *child = "a child", *other = "another manager";

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
}

static void next(struct pass *p)
{
    static void (*const run[])(struct pass *p) = {
        [ACT_APPLY] = apply_child,
        [ACT_DELETE] = delete_child,
        [ACT_REDIS] = step_redis,
    };

    if (p->next_action < p->plan.n_actions) {
        run[current(p)->kind](p);
        return;
    }
    if (p->failed.kind != ERR_NONE) {
        pass_refresh(p);
        say_failure(p);
        write_status(p, end_failed);
        return;
    }
    if (p->acted && !p->plan.gate.opened && !queue_is_tripped(p->c->queue, p->key, loop_now_ms())) {
        end_ok(p); /* what was done shows at the next pass, which reports it: one status, not two */
        return;
    }
    if (p->acted && !p->plan.gate.opened) {
        pass_refresh(p);
        say_fight(p);
    }
    write_status(p, end_ok);
}

void act_run(struct pass *p)
{
    if (p->plan.status_first)
        write_status(p, next);
    else
        next(p);
}
