/*
 * One service on a stage: the plan is real, and so is the status; server and controllers are perfect, Redis is
 * the model of tests/unit/slots/world.h.
 *
 * A pass is as the shell makes it: status first where the plan says so, actions, status when nothing
 * was written. `may_send` counts down with each command and each step of a moving slot: at 0 the operator
 * dies, in the middle of the pass.
 */
#ifndef TESTS_STAGE_H
#define TESTS_STAGE_H

#include "keys.h"
#include "serving.h"
#include "shapes.h"
#include "trial.h"
#include "../slots/world_move.h"
#include "base/str.h"
#include "json/owned.h"
#include "json/yaml.h"
#include "plan/plan.h"
#include "status/status.h"

enum { STAGE_TEXT_MAX = 1 << 20 };
#define START_WALL_MS 1700000000000LL

struct stage {
    struct world redis;
    bool pods_run;
    struct isvc svc;
    struct err spec_err;
    bool spec_ok, paused, deleting, knows_password;
    int64_t generation, now_ms;
    cJSON *status;
    struct record rec[N_CHILDREN];
    bool exists[N_CHILDREN];
    const char *foreign[N_CHILDREN];
    struct settle settle;
    struct heal_memory heal;
    struct roles_memory roles;
    struct redis_moving moving;
    struct redis_progress progress;
    struct pod pods[W_PODS + TRIAL_PODS_MAX]; /* the canary's last */
    struct trial_pods trial;
    char *image[N_CHILDREN]; /* of the first container */
    struct host hosts[W_PODS]; /* each pod has a node of its own */
    bool ends[W_PODS];         /* the pod is being deleted */
    struct {
        int born; /* how often it was made anew */
        int64_t back_ms; /* when its successor is made; 0: it is there */
        bool broken;     /* its image cannot be pulled */
        char revision[REVISION_SIZE];
    } made[W_PODS];
    bool image_is_missing;
    int room;                  /* so many Redis pods find a node; 0: all */
    struct member *members;
    struct node_view *views;
    struct observed o;
    struct plan plan;
    size_t n_views;
    int may_send, moves_at_once; /* steps of moving slots in a batch */
    int pieces;
    bool died;
    char kept[TEMPLATE_HASH_SIZE]; /* the template that is kept ... */
    cJSON *kept_template;
    struct rollout_memory trouble;
    bool kept_is_read; /* ... by whom the operator knows it */
    bool tells_revisions; /* else they are kept on the side */
    struct pod stuck;     /* of the version that is being rolled out; no name: there is none */
    struct serving serving;
    int devices;         /* that each node of these has; 0: what nodes offer is not known */
    struct cache *nodes; /* owned; of the pass that is running */
    struct pod all[W_PODS + TRIAL_PODS_MAX + 1 + SERVING_MAX]; /* lent from pods, and these */
    char blind[32]; /* why the autoscaler cannot read its metrics; "": nothing is said of it */
    char refused[32]; /* why the Gateway does not take the route; "": it does not say so */
    bool accepted;    /* it says that it does */
    bool sees;      /* it says that it can */
    struct capabilities caps;
    struct buf out;
    char *said; /* the last plan that `run` printed */
};

/* --- what the operator sees --- */

static inline void observe_children(struct stage *s)
{
    for (int c = 0; c < N_CHILDREN; c++) {
        s->o.child[c] = s->exists[c] ? &s->rec[c] : NULL;
        s->o.foreign[c] = s->foreign[c];
    }
    s->rec[CHILD_HPA].hpa_limited_by_failure = s->blind[0];
    s->rec[CHILD_ROUTE].route_parents = 1;
    s->rec[CHILD_ROUTE].route_accepted = s->accepted;
    s->rec[CHILD_ROUTE].route_refuser = s->refused[0] ? 1 : 0;
    memcpy(s->rec[CHILD_ROUTE].mark, s->refused, sizeof(s->refused));
    s->rec[CHILD_HPA].hpa_sees = s->sees;
    memcpy(s->rec[CHILD_HPA].mark, s->blind, sizeof(s->blind));
}

static inline void observe_revisions(struct stage *s)
{
    struct rollout_seen *r = &s->o.rollout;

    memcpy(r->kept, s->kept, sizeof(r->kept));
    r->state = !s->kept_template ? KEPT_ABSENT : s->kept_is_read ? KEPT_HELD : KEPT_THERE;
    r->template = s->kept_template;
    r->memory = s->trouble;
}

/* Pods behind those that run, which no node takes. */
static inline size_t observe_pending(struct stage *s)
{
    size_t n = 0;

    for (int i = s->redis.n_pods; s->room && i < s->rec[CHILD_REDIS_STATEFULSET].spec_replicas && i < W_PODS; i++, n++) {
        struct pod *p = &s->pods[i];

        free(p->name);
        *p = (struct pod){ .name = xasprintf("fraud-redis-%d", i), .of_redis = true, .created_ms = s->o.wall_ms - 1000 };
        snprintf(p->waiting, sizeof(p->waiting), "Unschedulable");
        snprintf(p->message, sizeof(p->message), "0/%d nodes are available: insufficient memory", s->room);
    }
    return n;
}

static inline int pods_with_room(const struct stage *s)
{
    int n = s->rec[CHILD_REDIS_STATEFULSET].spec_replicas;

    return s->room && n > s->room ? s->room : n;
}

static inline void observe_redis(struct stage *s)
{
    struct redis_seen *r = &s->o.redis;

    for (int i = 0; s->pods_run && i < s->redis.n_pods; i++) {
        struct pod *p = &s->pods[i];
        free(p->name);
        *p = (struct pod){ .name = xasprintf("fraud-redis-%d", i), .of_redis = !s->made[i].back_ms,
                           .deleting = s->ends[i], .ready = s->redis.node[s->redis.id_of[i]].up };
        p->running = p->ready;
        p->stopped = !p->running;
        snprintf(p->uid, sizeof(p->uid), "p-%d-%d", i, s->made[i].born);
        snprintf(p->waiting, sizeof(p->waiting), "%s", s->made[i].broken ? "ImagePullBackOff" : "");
        memcpy(p->revision, s->made[i].revision, sizeof(p->revision));
        memcpy(p->ip, s->redis.ips[i], sizeof(s->redis.ips[i]));
        snprintf(p->node, sizeof(p->node), "n%d", i);
        snprintf(s->hosts[i].name, sizeof(s->hosts[i].name), "n%d", i);
    }
    s->o.pods = s->pods;
    s->o.n_pods = s->pods_run ? (size_t)s->redis.n_pods + observe_pending(s) : 0;
    s->o.n_pods += (size_t)trial_put_pods(&s->trial, &s->pods[s->o.n_pods]);
    s->members = members_expected("fraud", s->o.svc, &r->latch, s->pods, s->o.n_pods, &r->expected);
    members_locate(s->members, r->expected.n_members, s->pods, s->o.n_pods, s->hosts, s->o.n_pods);
    members_mark_roll(s->members, r->expected.n_members, s->pods, s->o.n_pods, s->o.child[CHILD_REDIS_STATEFULSET],
                      &r->latch.roll);
    if (s->members && s->pods_run && s->knows_password)
        r->views = s->views = w_look(&s->redis);
    s->n_views = (size_t)s->redis.n_pods;
    r->settle = s->settle;
    r->heal = s->heal;
    r->roles = s->roles;
    r->moving = s->moving;
    r->progress = s->progress;
    r->secret = s->exists[CHILD_REDIS_SECRET] ? SECRET_HELD : SECRET_ABSENT;
    r->keys = &test_keys;
    r->password_is_known = s->knows_password;
}

static inline void observe_serving(struct stage *s)
{
    memcpy(s->all, s->pods, s->o.n_pods * sizeof(*s->all));
    s->o.pods = s->all;
    if (s->stuck.name)
        s->all[s->o.n_pods++] = s->stuck;
    for (size_t i = 0; i < s->serving.n; i++)
        s->all[s->o.n_pods++] = s->serving.pods[i];
    s->o.hosts = s->serving.n_hosts ? s->serving.hosts : NULL;
    s->o.n_hosts = s->o.n_places = s->serving.n_hosts;
    s->o.n_zones = s->serving.n_zones;
    s->o.nodes = s->nodes = s->devices ? shapes_cache(&s->serving, s->devices) : NULL;
}

static inline void observe(struct stage *s)
{
    s->o = (struct observed){ .ns = "ns", .name = "fraud", .uid = "u-1", .generation = s->generation,
                              .deleting = s->deleting, .paused = s->paused,
                              .svc = s->spec_ok ? &s->svc : NULL, .spec_err = s->spec_err,
                              .status = s->status, .caps = s->caps, .now_ms = s->now_ms, .wall_ms = START_WALL_MS + s->now_ms };
    assert_int_equal(latch_from_status(s->status, &s->o.redis.latch, &s->spec_err), 0);
    observe_children(s);
    observe_revisions(s);
    observe_redis(s);
    observe_serving(s);
}

static inline void forget(struct stage *s)
{
    views_free(s->views, s->n_views);
    members_free(s->members, s->o.redis.expected.n_members);
    cache_free(s->nodes);
    s->nodes = NULL;
    s->views = NULL;
    s->members = NULL;
    latch_done(&s->o.redis.latch);
    plan_done(&s->plan);
}

/* --- what becomes of it --- */

static inline void write_status(struct stage *s)
{
    observe_children(s);
    w_round(&s->redis, &s->plan.redis.resize);
    cJSON *next = status_build(&s->o, &s->plan);
    cJSON_Delete(s->status);
    s->o.status = s->status = next;
}

static inline void take_body(struct stage *s, enum child c, const cJSON *body)
{
    struct record *r = &s->rec[c];
    int32_t replicas = s->exists[c] ? r->spec_replicas : -1;

    *r = (struct record){ .owned_hash = owned_hash(body), .is_ours = true, .generation = 1, .observed_generation = 1 };
    snprintf(r->uid, sizeof(r->uid), "c-%d", c);
    snprintf(r->owner_uid, sizeof(r->owner_uid), "u-1");
    r->spec_replicas = (int32_t)json_get_int(body, "spec.replicas", replicas);
    r->owns_replicas = json_has(body, "spec.replicas");
    r->min_replicas = (int32_t)json_get_int(body, c == CHILD_SCALEDOBJECT ? "spec.minReplicaCount" : "spec.minReplicas", -1);
    r->max_replicas = (int32_t)json_get_int(body, c == CHILD_SCALEDOBJECT ? "spec.maxReplicaCount" : "spec.maxReplicas", -1);
    r->desired_replicas = c == CHILD_HPA && s->exists[CHILD_DEPLOYMENT] ? s->rec[CHILD_DEPLOYMENT].spec_replicas : -1;
    r->max_unavailable = (int32_t)json_get_int(body, "spec.maxUnavailable", -1);
    r->replicas = r->ready = r->updated = r->available = r->spec_replicas;
    s->exists[c] = true;
    free(s->image[c]);
    s->image[c] = json_has(body, "spec.template") ? xstrdup(json_get_str(body, "spec.template.spec.containers.0.image")) : NULL;
    if (c == CHILD_CANARY)
        trial_take(&s->trial, body);
    if (c == CHILD_DEPLOYMENT)
        s->stuck = (struct pod){ 0 };
}

static inline void end_child(struct stage *s, enum child c)
{
    s->exists[c] = false;
    if (c == CHILD_CANARY)
        trial_end(&s->trial);
}

/* What pods are made of from now on. */
static inline void take_template(struct stage *s, const cJSON *set)
{
    const cJSON *c = cJSON_GetArrayItem(json_at(set, "spec.template.spec.containers"), 0);
    const char *image = json_get_str(c, "image");
    struct record *r = &s->rec[CHILD_REDIS_STATEFULSET];

    snprintf(r->update_revision, sizeof(r->update_revision), "%08x",
             (unsigned)owned_hash(json_at(set, "spec.template")));
    s->image_is_missing = image && strstr(image, "missing");
    for (int i = 0; i < W_PODS; i++)
        if (!s->made[i].revision[0])
            memcpy(s->made[i].revision, r->update_revision, sizeof(s->made[i].revision));
}

static inline void delete_pod(struct stage *s, const struct action *a)
{
    for (int i = 0; i < s->redis.n_pods; i++)
        if (str_eq(s->pods[i].name, a->pod) && str_eq(s->pods[i].uid, a->pod_uid)) {
            w_kill(&s->redis, i);
            s->made[i].back_ms = s->now_ms + 1000;
        }
}

static inline void make_pods(struct stage *s)
{
    for (int i = 0; s->pods_run && i < s->redis.n_pods; i++) {
        if (!s->made[i].back_ms || s->now_ms < s->made[i].back_ms)
            continue;
        s->made[i].back_ms = 0;
        s->made[i].born++;
        s->made[i].broken = s->image_is_missing;
        memcpy(s->made[i].revision, s->rec[CHILD_REDIS_STATEFULSET].update_revision, sizeof(s->made[i].revision));
        if (!s->made[i].broken)
            w_start(&s->redis, i, true);
    }
}

static inline void apply(struct stage *s, const struct action *a)
{
    take_body(s, a->child, a->body);
    s->rec[a->child].init_owns_replicas = a->hand_over_replicas;
    if (a->child == CHILD_REDIS_SECRET)
        s->knows_password = true;
    if (a->child == CHILD_REDIS_STATEFULSET)
        take_template(s, a->body);
    if (a->child == CHILD_REDIS_STATEFULSET && !s->pods_run) {
        w_init(&s->redis, s->svc.redis.shards, s->svc.redis.nodes / s->svc.redis.shards - 1, 1);
        s->pods_run = true;
        s->redis.pieces = s->pieces ? s->pieces : s->redis.shards;
    } else if (a->child == CHILD_REDIS_STATEFULSET && s->rec[a->child].spec_replicas > 0) {
        w_scale(&s->redis, pods_with_room(s));
    }
}

static inline void send(struct stage *s)
{
    struct commands *c = &s->plan.redis.commands;

    for (size_t i = 0; i < c->n && s->may_send > 0; i++, s->may_send--)
        (void)w_do(&s->redis, &c->items[i]);
    s->died |= s->may_send == 0;
}

static inline void move(struct stage *s)
{
    int made = w_move_all(&s->redis, &s->o.redis.expected, s->plan.redis.moves, s->plan.redis.n_moves,
                          s->may_send < s->moves_at_once ? s->may_send : s->moves_at_once);

    s->may_send -= made;
    s->died |= s->may_send == 0;
}

static inline bool is_of_revisions(const struct action *a)
{
    return a->kind >= ACT_REVISION_FIND && a->kind <= ACT_REVISION_PRUNE;
}

static inline void do_revision(struct stage *s, const struct action *a)
{
    if (a->kind == ACT_REVISION_READ) {
        s->kept_is_read = true;
        memcpy(s->kept, a->pod, sizeof(s->kept) - 1);
    }
    if (a->kind != ACT_REVISION_KEEP)
        return;
    cJSON_Delete(s->kept_template);
    s->kept_template = json_dup(json_at(a->body, "data.spec.template"));
    s->kept_is_read = false;
    memcpy(s->kept, a->pod, sizeof(s->kept) - 1);
}

/* Out of the plan, before it is shown. */
static inline void keep_on_the_side(struct stage *s)
{
    struct plan *p = &s->plan;

    while (!s->tells_revisions && p->n_actions && p->actions[p->n_actions - 1].kind == ACT_REVISION_KEEP) {
        do_revision(s, &p->actions[--p->n_actions]);
        cJSON_Delete(p->actions[p->n_actions].body);
    }
}

static inline bool carry_out(struct stage *s)
{
    bool acted = false;

    for (size_t i = 0; i < s->plan.n_actions && !s->died; i++) {
        const struct action *a = &s->plan.actions[i];
        if (a->kind == ACT_APPLY)
            apply(s, a);
        else if (a->kind == ACT_DELETE)
            end_child(s, a->child);
        else if (a->kind == ACT_MOVE)
            move(s);
        else if (a->kind == ACT_POD_DELETE)
            delete_pod(s, a);
        else if (is_of_revisions(a))
            do_revision(s, a);
        else
            send(s);
        acted |= a->kind != ACT_REDIS && a->kind != ACT_MOVE;
    }
    return acted;
}

static inline void pass(struct stage *s)
{
    observe(s);
    plan_step(&s->o, &s->plan);
    keep_on_the_side(s);
    s->trouble = s->plan.rollout.memory;
    s->settle = s->plan.redis.settle;
    s->heal = s->plan.redis.heal;
    s->roles = s->plan.redis.roles;
    s->moving = s->plan.redis.moving;
    s->progress = s->plan.redis.progress;
    if (s->plan.status_first)
        write_status(s);
    if ((!carry_out(s) && !s->died) || s->plan.gate.opened)
        write_status(s);
}

static inline void let_pass_ms(struct stage *s, int64_t ms)
{
    s->now_ms += ms;
    make_pods(s);
    for (; s->pods_run && ms > 0; ms -= W_TICK_MS)
        w_tick(&s->redis);
}

static inline void set_spec(struct stage *s, const char *block)
{
    AUTO_FREE char *yaml = xasprintf("apiVersion: serving.everserve.dev/v1alpha1\nkind: InferenceService\n"
                                     "metadata: {name: fraud, namespace: ns, uid: u-1, generation: %d}\nspec:\n%s",
                                     (int)++s->generation, block);
    AUTO_JSON cJSON *docs = NULL;
    struct err e;

    if (yaml_parse(yaml, strlen(yaml), &docs, &e) < 0)
        fail_msg("%s", e.msg);
    if (s->spec_ok)
        isvc_done(&s->svc);
    s->paused = str_eq(json_get_str(docs->child, "spec.managementPolicy"), "Paused");
    s->spec_ok = isvc_decode(docs->child, &s->svc, &s->spec_err) == 0;
}

static inline struct stage *stage_new(void)
{
    struct stage *s = xcalloc(1, sizeof(*s));

    s->may_send = INT32_MAX;
    s->moves_at_once = 20;
    buf_init(&s->out, STAGE_TEXT_MAX);
    return s;
}

static inline void stage_done(struct stage *s)
{
    for (int i = 0; i < W_PODS + TRIAL_PODS_MAX; i++)
        free(s->pods[i].name);
    for (int c = 0; c < N_CHILDREN; c++)
        free(s->image[c]);
    if (s->spec_ok)
        isvc_done(&s->svc);
    cJSON_Delete(s->status);
    cJSON_Delete(s->kept_template);
    buf_done(&s->out);
    free(s->said);
    free(s);
}


#endif
