/*
 * One child made as the plan wants it, or gone: looked at before it is written, never taken from others.
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "json/owned.h"
#include "kube/path.h"
#include "shell.h"

enum { LASTING_FAILURES = 5 /* in a row, doubling from 5 ms */ };

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

/* Trouble that may pass backs off, unless something was achieved before it came. */
static void end_early(struct pass *p)
{
    if (p->acted)
        pass_end(p, NULL, p->failed.retry_after_ms);
    else
        pass_end(p, &p->failed, -1);
}

static void remember_failure(struct pass *p, const struct err *e)
{
    if (act_is_passing(e) || p->failed.kind == ERR_NONE)
        p->failed = *e;
}

/* Trouble that may pass ends the pass: the next one tells, when it is still there. A child that is refused, or
 * has been in trouble for long, is said at the end, and does not keep the others from being mended. */
static void fail_child(struct pass *p, const struct err *from)
{
    struct action *a = current(p);
    struct err e = *from;

    err_wrap(&e, "%s", child_types[a->child].label);
    if (a->child == CHILD_REDIS_SECRET)
        p->track->password_is_doubted = true; /* it may have been written all the same */
    log_warn("action failed", F("service", p->key), F("error", (const char *)e.msg), F("then", err_kind_name(e.kind)));
    remember_failure(p, &e);
    if (act_is_passing(&e) && queue_failures(p->c->queue, p->key) < LASTING_FAILURES) {
        end_early(p);
        return;
    }
    if (a->kind == ACT_APPLY)
        track_set_refused(p->track, a->child, owned_hash(a->body), &e, loop_now_ms());
    act_next(p);
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
        secret_applied(p);
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
    act_wrote(p);
    remember_match(p, reply->body);
    act_next(p);
}

static void patch_child(struct pass *p, bool force)
{
    struct action *a = current(p);
    AUTO_FREE char *path = child_path(p, a->child);
    AUTO_FREE char *query = kube_path_apply(path, API_MANAGER, force);

    pass_write(p, &(struct kube_request){ .method = "PATCH", .path = query, .content_type = KUBE_APPLY_TYPE, .body = a->body },
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
    pass_write(p, &(struct kube_request){ .method = "PATCH", .path = query, .content_type = KUBE_APPLY_TYPE, .body = body },
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
        act_next(p);
        return;
    }
    if (owner)
        snprintf(whose, sizeof(whose), "is controlled by %.30s %.40s", json_get_str(owner, "kind"), json_get_str(owner, "name"));
    else
        snprintf(whose, sizeof(whose), "was not made by everserve");
    track_set_foreign(p->track, c, whose, loop_now_ms());
    p->acted = true; /* the next pass says so */
    act_next(p);
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
        act_next(p);
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
        act_next(p);
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

void child_apply(struct pass *p)
{
    const struct action *a = current(p);
    const struct err *refused = track_refusal(p->track, a->child, owned_hash(a->body), loop_now_ms());
    AUTO_FREE char *path = child_path(p, a->child);

    if (refused) {
        remember_failure(p, refused);
        act_next(p);
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
    act_wrote(p);
    if (current(p)->child == CHILD_REDIS_SECRET)
        p->track->secret = SECRET_ABSENT;
    else if (reply->err.kind == ERR_ABSENT)
        cache_child_absent(p->c->cache, p->key, current(p)->child);
    act_next(p);
}

/* The Secret is not watched: what was read of it is kept elsewhere. */
static const struct record *known(struct pass *p, enum child c)
{
    const struct entry *entry = cache_get(p->c->cache, p->key);

    if (c == CHILD_REDIS_SECRET)
        return p->track->secret == SECRET_HELD ? p->track->secret_record : NULL;
    return entry ? entry->child[c] : NULL;
}

void child_delete(struct pass *p)
{
    enum child c = current(p)->child;
    const struct record *r = known(p, c);
    AUTO_FREE char *path = child_path(p, c);
    AUTO_JSON cJSON *body = json_new_obj();

    if (!r) {
        act_next(p);
        return;
    }
    json_str(body, "apiVersion", "v1");
    json_str(body, "kind", "DeleteOptions");
    json_str(body, "propagationPolicy", current(p)->kind == ACT_ORPHAN ? "Orphan" : "Background");
    json_str(json_obj(body, "preconditions"), "uid", r->uid);
    pass_write(p, &(struct kube_request){ .method = "DELETE", .path = path, .body = body }, on_deleted);
}
