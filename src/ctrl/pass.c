/*
 * One pass over one key: look, decide, act, end. Every step that talks is asynchronous; the pass
 * is the state between them.
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "cache/pack.h"
#include "ctrl/look.h"
#include "shell.h"

enum { PROBE_DEADLINE_MS = 1000 };

static void free_pass(struct pass *p)
{
    LIST_REMOVE(p, link);
    plan_done(&p->plan);
    latch_done(&p->o.redis.latch);
    views_free(p->views, p->n_views);
    settings_drop(p);
    access_done(p);
    members_free(p->members, p->o.redis.expected.n_members);
    for (size_t i = 0; i < p->n_pods; i++)
        pod_done(&p->pods[i]);
    free(p->pods);
    for (size_t i = 0; i < p->n_claims; i++)
        claim_done(&p->claims[i]);
    free(p->claims);
    free(p->hosts);
    if (p->svc_ok)
        isvc_done(&p->svc);
    cJSON_Delete(p->status_next);
    cJSON_Delete(p->status_now);
    cJSON_Delete(p->doc);
    free(p->key);
    free(p);
}

bool pass_leads(struct pass *p)
{
    struct err e;

    if (ctrl_may_write(p->c))
        return true;
    err_set(&e, ERR_RETRY, "not the leader any more: nothing is changed");
    pass_end(p, &e, -1);
    return false;
}

void pass_write(struct pass *p, const struct kube_request *req, pass_reply_fn *on_reply)
{
    if (!pass_leads(p))
        return;
    p->n_writes++;
    metric_inc(p->c->m.writes);
    pass_send(p, req, on_reply);
}

static void leave_redis(struct pass *p)
{
    redis_apply_cancel(TAKE(p->apply));
    redis_move_cancel(TAKE(p->move));
    redis_functions_cancel(TAKE(p->functions));
}

void passes_leave_redis(struct ctrl *c)
{
    struct pass *p, *next;
    struct err e;

    (void)err_set(&e, ERR_RETRY, "not the leader any more: Redis is told nothing more");
    for (p = LIST_FIRST(&c->passes); p; p = next) {
        next = LIST_NEXT(p, link);
        if (!p->apply && !p->move && !p->functions)
            continue;
        leave_redis(p);
        pass_end(p, &e, -1);
    }
}

void passes_cancel(struct ctrl *c)
{
    struct pass *p;

    while ((p = LIST_FIRST(&c->passes)) != NULL) {
        kube_cancel(p->call);
        redis_probe_cancel(p->probe);
        redis_config_cancel(p->config);
        leave_redis(p);
        free_pass(p);
        c->n_passes--;
    }
}

static void on_reply(void *arg, const struct kube_reply *reply)
{
    struct pass *p = arg;

    p->call = NULL;
    p->on_reply(p, reply);
}

void pass_send(struct pass *p, const struct kube_request *req, pass_reply_fn *then)
{
    p->on_reply = then;
    p->call = kube_send(p->c->kube, req, on_reply, p);
}

static void count(struct ctrl *c, const struct err *e, int64_t again_ms, int64_t took_ms)
{
    enum counter what = e && e->kind != ERR_CONFLICT ? RECONCILE_ERROR
                        : e                          ? RECONCILE_REQUEUE
                        : again_ms >= 0              ? RECONCILE_REQUEUE_AFTER
                                                     : RECONCILE_SUCCESS;

    metric_inc(c->m.reconcile[what]);
    if (what == RECONCILE_ERROR)
        metric_inc(c->m.reconcile_errors);
    metric_observe_ms(c->m.reconcile_time, took_ms);
    metric_observe_ms(c->m.work_time, took_ms);
}

void pass_end(struct pass *p, const struct err *e, int64_t again_ms)
{
    struct ctrl *c = p->c;
    int64_t now_ms = loop_now_ms();

    if (p->wrote)
        report_remember(p);
    if (e && e->kind == ERR_NONE)
        e = NULL;
    count(c, p->failed.kind != ERR_NONE ? &p->failed : e, again_ms, now_ms - p->started_ms);
    queue_done(c->queue, p->key,
               &(struct queue_result){ e ? e->kind : ERR_NONE, e ? e->retry_after_ms : 0, again_ms, p->n_writes }, now_ms);
    free_pass(p);
    ctrl_pass_ended(c);
}

/* Said when it changed or when something is done; a line nobody could act on is debug. */
static void say(struct pass *p)
{
    AUTO_FREE char *text = plan_render(&p->plan);
    struct track *t = p->track;
    char *again = strstr(text, " again in ");
    uint64_t said;

    if (again)
        *again = '\0';
    said = str_hash(STR_HASH_INIT, text, strlen(text));
    if (said == t->said) {
        log_debug("plan", F("service", p->key), F("plan", text));
        return;
    }
    t->said = said;
    log_info("plan", F("service", p->key), F("plan", text));
}

void pass_refresh(struct pass *p)
{
    struct entry *entry = cache_get(p->c->cache, p->key);
    struct track *t = p->track;
    int64_t now_ms = loop_now_ms();

    for (int i = 0; i < N_CHILDREN; i++) {
        p->o.child[i] = entry ? entry->child[i] : NULL;
        p->o.foreign[i] = track_foreign(t, (enum child)i, now_ms);
    }
    if (t->secret == SECRET_HELD)
        p->o.child[CHILD_REDIS_SECRET] = t->secret_record;
    watches_capabilities(p->c, &p->o.caps);
    p->o.now_ms = now_ms;
    p->o.wall_ms = loop_wall_ms();
}

static void show(struct track *t, const struct plan *p)
{
    t->shown.ready = !p->rule;
    t->shown.has_redis = p->redis.wanted;
    t->shown.redis = p->redis.state;
    t->shown.percent = p->redis.progress.what ? p->redis.progress.percent : -1;
    t->shown.slots_ok = p->redis.judged ? p->redis.verdict.slots_ok : 0;
    t->shown.held_up = p->gate.held_up;
    t->shown.held_down = p->gate.held_down;
}

/* What a decision waits to be read is read by who only looks, too. */
static bool reads_first(struct pass *p)
{
    enum { LOOKUPS_MAX = 4 };

    for (p->next_action = 0; p->next_action < p->plan.n_actions; p->next_action++) {
        enum action_kind kind = p->plan.actions[p->next_action].kind;

        if ((kind != ACT_REVISION_READ && kind != ACT_REVISION_FIND) || p->n_lookups++ >= LOOKUPS_MAX)
            continue;
        (kind == ACT_REVISION_READ ? revision_read : revision_find)(p);
        return true;
    }
    return false;
}

static void end_look(struct pass *p)
{
    const struct ctrl_look *look = p->c->cfg.look;

    if (reads_first(p))
        return;
    look->on_decided(look->arg, &p->o, &p->plan);
    pass_end(p, NULL, -1);
}

static void show_revisions(const struct revision_track *t, struct rollout_seen *out)
{
    memcpy(out->newest, t->newest, sizeof(out->newest));
    memcpy(out->newest_uid, t->newest_uid, sizeof(out->newest_uid));
    memcpy(out->kept, t->kept, sizeof(out->kept));
    out->newest_of = t->newest_of;
    out->state = t->state;
    out->template = t->template;
    out->has_older = t->has_older;
    out->memory = t->memory;
}

/* Or had one, or may have: a spec that cannot be read says nothing. */
static bool has_redis(const struct pass *p)
{
    return p->track->redis || !p->svc_ok || p->svc.redis.present || p->o.child[CHILD_REDIS_STATEFULSET];
}

static void show_redis(struct redis_track *r, struct redis_seen *out)
{
    out->heal = r->heal;
    out->moving = r->moving;
    out->keys = r->keys.user[USER_APP][KEY_NOW].text ? &r->keys : NULL;
    out->given = r->given.known ? &r->given : NULL;
    if (!r->fresh[0].text)
        for (int u = 0; u < N_REDIS_USERS; u++)
            key_generate(&r->fresh[u]);
    out->fresh = r->fresh;
}

void pass_decide(struct pass *p)
{
    struct track *t = p->track;

    plan_done(&p->plan);
    pass_refresh(p);
    p->o.redis.settle = t->settle;
    if (has_redis(p))
        show_redis(track_redis(t), &p->o.redis);
    p->o.redis.progress = t->progress;
    p->o.redis.roles = t->roles;
    if (p->members)
        p->o.redis.settings = *track_settings(t);
    p->o.redis.shown = p->shown;
    p->o.volume_problem = t->volume_problem;
    p->o.volume_may_try = !t->volume_problem || p->o.now_ms - t->volume_problem_ms >= REFUSED_AGAIN_MS;
    p->o.redis.views = p->views;
    p->o.redis.secret = t->secret;
    p->o.redis.reloaded = t->reloaded;
    p->o.patience_ms = p->c->cfg.patience_ms;
    p->o.redis.file_delay_ms = p->c->cfg.file_delay_ms;
    p->o.redis.password_is_known = t->password_is_known;
    p->o.redis.problem = t->secret_problem;
    show_revisions(&t->revision, &p->o.rollout);
    plan_step(&p->o, &p->plan);
    t->revision.memory = p->plan.rollout.memory;
    if (!p->plan.rollout.needs_kept)
        revision_forget(&t->revision);
    t->settle = p->plan.redis.settle;
    if (t->redis) {
        t->redis->heal = p->plan.redis.heal;
        t->redis->moving = p->plan.redis.moving;
    }
    t->progress = p->plan.redis.progress;
    t->roles = p->plan.redis.roles;
    if (p->members)
        *track_settings(t) = p->plan.redis.settings;
    if (p->c->cfg.look) {
        end_look(p);
        return;
    }
    discovery_missing(p->c->discovery, p->o.ns, p->plan.missing);
    show(t, &p->plan);
    say(p);
    act_run(p);
}

static void on_views(void *arg, struct node_view *views, size_t n)
{
    struct pass *p = arg;

    p->probe = NULL;
    p->views = views;
    p->n_views = n;
    settings_look(p, pass_decide);
}

static bool anyone_has_an_address(const struct pass *p)
{
    for (size_t i = 0; i < p->o.redis.expected.n_members; i++)
        if (!str_empty(p->members[i].ip))
            return true;
    return false;
}

static void probe(struct pass *p)
{
    size_t n = p->o.redis.expected.n_members;
    struct access a;

    if (p->track->secret == SECRET_BAD) {
        p->o.redis.blocked = p->track->secret_problem;
        pass_decide(p);
        return;
    }
    if (!p->track->password_is_known || !anyone_has_an_address(p)) {
        pass_decide(p);
        return;
    }
    access_init(p, &a);
    a.auth.ask_users = true;
    metric_inc(p->c->m.probes);
    p->probe = redis_probe_start(p->c->loop, p->targets, n, &a.auth, PROBE_DEADLINE_MS, on_views, p);
}

static void observe_redis(struct pass *p)
{
    const struct track *t = p->track;
    bool fresh = t->secret_read_ms && loop_now_ms() - t->secret_read_ms < SECRET_AGAIN_MS;

    if (!p->members)
        pass_decide(p);
    else if (fresh)
        probe(p);
    else
        secret_read(p, probe);
}

static void observe_service(struct pass *p)
{
    const cJSON *doc = p->doc;
    p->o.ns = json_get_str(doc, "metadata.namespace");
    p->o.name = json_get_str(doc, "metadata.name");
    p->o.uid = json_get_str(doc, "metadata.uid");
    p->o.generation = json_get_int(doc, "metadata.generation", 0);
    p->o.deleting = json_has(doc, "metadata.deletionTimestamp");
    p->o.paused = str_eq(json_get_str(doc, "spec.managementPolicy"), "Paused");
    p->o.status = json_member(doc, "status");
    p->o.created_ms = str_rfc3339_ms(json_get_str(doc, "metadata.creationTimestamp"));
    p->o.image = p->c->cfg.image;
    p->svc_ok = isvc_decode(doc, &p->svc, &p->o.spec_err) == 0;
    /* a latch that cannot be read must never look like "never formed" */
    if (latch_from_status(p->o.status, &p->o.redis.latch, &p->o.latch_err) < 0) {
        if (p->svc_ok)
            isvc_done(&p->svc);
        p->svc_ok = false;
    }
    p->o.svc = p->svc_ok ? &p->svc : NULL;
}

static bool is_complete(const cJSON *doc)
{
    return json_get_str(doc, "metadata.namespace") && json_get_str(doc, "metadata.name") && json_get_str(doc, "metadata.uid");
}

/* Copied, because the cache may change while the pass waits for answers. */
static void observe_pods(struct pass *p, const struct entry *entry)
{
    p->pods = xcalloc(entry->n_pods, sizeof(*p->pods));
    p->n_pods = entry->n_pods;
    for (size_t i = 0; i < entry->n_pods; i++)
        pod_copy(&entry->pods[i], &p->pods[i]);
    p->o.pods = p->pods;
    p->o.n_pods = p->n_pods;
    p->members = members_expected(p->o.name, p->o.svc, &p->o.redis.latch, p->pods, p->n_pods, &p->o.redis.expected);
    p->claims = xcalloc(entry->n_claims + 1, sizeof(*p->claims));
    p->n_claims = entry->n_claims;
    for (size_t i = 0; i < entry->n_claims; i++) {
        p->claims[i] = entry->claims[i];
        p->claims[i].name = xstrdup(entry->claims[i].name);
    }
    p->o.claims = p->claims;
    p->o.n_claims = p->n_claims;
    members_mark_roll(p->members, p->o.redis.expected.n_members, p->pods, p->n_pods,
                      entry->child[CHILD_REDIS_STATEFULSET], &p->o.redis.latch.roll);
    members_mark_volumes(p->members, p->o.redis.expected.n_members, p->pods, p->n_pods, p->claims, p->n_claims,
                         loop_wall_ms());
    hosts_locate(p);
    access_targets(p);
}

void pass_start(struct ctrl *c, const char *key)
{
    struct entry *entry = cache_get(c->cache, key);
    AUTO_FREE char *text = entry && entry->packed ? unpack_text(entry->packed) : NULL;
    struct pass *p = xcalloc(1, sizeof(*p));
    struct err e = { 0 };

    *p = (struct pass){ .c = c, .key = xstrdup(key), .started_ms = loop_now_ms() };
    LIST_INSERT_HEAD(&c->passes, p, link);
    if (!text) {
        track_forget(c, key); /* children go by their owner references */
        queue_drop(c->queue, key);
        if (c->cfg.look)
            c->cfg.look->on_decided(c->cfg.look->arg, NULL, NULL);
        pass_end(p, NULL, -1);
        return;
    }
    if (json_parse(text, strlen(text), &p->doc, &e) < 0 || !is_complete(p->doc)) {
        log_error("unreadable resource", F("service", key), F("error", (const char *)e.msg));
        if (c->cfg.look)
            c->cfg.look->on_decided(c->cfg.look->arg, NULL, NULL);
        pass_end(p, NULL, -1);
        return;
    }
    observe_service(p);
    p->track = track_of(c, key, p->o.uid);
    observe_pods(p, entry);
    observe_redis(p);
}
