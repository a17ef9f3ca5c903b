/*
 * Torture of the decisions: a small server that takes what the plans say, with failures before and after
 * each call, crashes, late news and changes of the spec; an autoscaler that scales as it likes; a Redis
 * whose health comes and goes. Whatever happened, in the end all is as if it had been created so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "keys.h"
#include "base/str.h"
#include "json/owned.h"
#include "json/yaml.h"
#include "plan/rules.h"
#include "status/status.h"

enum { SEEDS = 600, ROUNDS = 60, SETTLE_ROUNDS = 40, N_FAMILY = 5 };

struct spec {
    int32_t min, max;
};

static const struct spec specs[N_FAMILY] = { { 2, 2 }, { 2, 9 }, { 4, 4 }, { 3, 5 }, { 3, 3 } };

struct object {
    bool exists;
    struct record r;
    cJSON *body; /* as applied last */
};

struct world {
    uint64_t seed;
    bool redis;
    struct spec want;
    struct isvc svc;
    struct object truth[N_CHILDREN];
    struct record cached[N_CHILDREN]; /* what the operator knows */
    bool known[N_CHILDREN];
    cJSON *status;
    int64_t generation, wall_ms;
    enum redis_state health;
    bool lasts; /* the health */
    uint64_t uids;
    int fail_in;        /* the call that fails; -1: none */
    bool fail_after;    /* after it took effect */
    bool is_off;        /* an autoscaler was switched off ... */
    int32_t kept;       /* ... when this was the number */
    bool min_changed;   /* since then */
    struct rollout_seen seen; /* what the operator remembers of kept templates ... */
    cJSON *template;          /* ... and the one that is kept */
    struct observed o;
    struct plan plan;
};

static uint32_t roll(struct world *w, uint32_t n)
{
    w->seed = w->seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)(w->seed >> 33) % n;
}

static void use_spec(struct world *w, struct spec s)
{
    AUTO_FREE char *yaml = xasprintf("apiVersion: serving.everserve.dev/v1alpha1\nkind: InferenceService\n"
                                     "metadata: {name: fraud, namespace: ns, uid: u-1, generation: %d}\n"
                                     "spec:\n  predictor:\n    minReplicas: %d\n    maxReplicas: %d\n"
                                     "    containers: [{image: 'r/fraud:v1'}]\n%s",
                                     (int)++w->generation, s.min, s.max, w->redis ? "  redis: {}\n" : "");
    cJSON *docs = NULL;
    struct err e;

    isvc_done(&w->svc);
    w->svc = (struct isvc){ 0 };
    if (yaml_parse(yaml, strlen(yaml), &docs, &e) < 0 || isvc_decode(cJSON_GetArrayItem(docs, 0), &w->svc, &e) < 0)
        fail_msg("%s", e.msg);
    cJSON_Delete(docs);
    w->min_changed |= w->want.min != s.min;
    w->want = s;
}

/* --- the server --- */

/* What is ours of it: a field that somebody else changed is not. */
static void rehash(enum child c, struct object *ob)
{
    cJSON *copy = json_dup(ob->body);

    if (c == CHILD_DEPLOYMENT && !ob->r.owns_replicas)
        json_del(json_member(copy, "spec"), "replicas");
    ob->r.owned_hash = owned_hash(copy);
    cJSON_Delete(copy);
}

static bool call_fails(struct world *w, bool after)
{
    if (w->fail_in < 0 || w->fail_after != after)
        return false;
    return w->fail_in-- == 0;
}

static void check_lowering(struct world *w, int32_t from, int32_t to)
{
    if (to < from && w->redis)
        assert_int_equal(w->health, REDIS_HEALTHY);
    if (to >= from || (w->min_changed && to == w->want.min))
        return;
    fail_msg("replicas fell from %d to %d (min %d, kept %d)", from, to, w->want.min, w->kept);
}

static void server_deletes(struct world *w, enum child c)
{
    if (c == CHILD_HPA) {
        w->is_off = true;
        w->min_changed = false;
        w->kept = w->truth[CHILD_DEPLOYMENT].r.spec_replicas;
    }
    cJSON_Delete(w->truth[c].body);
    w->truth[c] = (struct object){ 0 };
}

static void take_replicas(struct world *w, struct object *ob, const cJSON *body)
{
    struct record *r = &ob->r;
    bool writes = json_has(body, "spec.replicas");
    int32_t n = (int32_t)json_get_int(body, "spec.replicas", 1);

    if (!writes && r->owns_replicas && !r->init_owns_replicas)
        n = 1; /* the server's default, once nobody owns it */
    else if (!writes)
        n = r->spec_replicas >= 0 ? r->spec_replicas : 1;
    if (writes && r->spec_replicas > 0 && w->truth[CHILD_HPA].exists)
        fail_msg("replicas written while there is an autoscaler");
    if (r->spec_replicas > 0)
        check_lowering(w, r->spec_replicas, n);
    assert_true(n >= 2);
    r->owns_replicas = writes;
    r->spec_replicas = n;
    r->replicas = r->ready = r->updated = r->available = n;
}

static void server_applies(struct world *w, const struct action *a)
{
    struct object *ob = &w->truth[a->child];
    struct record *r = &ob->r;

    if (!ob->exists) {
        *r = (struct record){ .is_ours = true, .min_replicas = -1, .max_replicas = -1, .spec_replicas = -1 };
        snprintf(r->uid, sizeof(r->uid), "c-%llu", (unsigned long long)++w->uids);
        snprintf(r->owner_uid, sizeof(r->owner_uid), "u-1");
        ob->exists = true;
        w->is_off &= a->child != CHILD_HPA;
    }
    r->generation = ++r->observed_generation;
    if (a->child == CHILD_DEPLOYMENT)
        take_replicas(w, ob, a->body);
    cJSON_Delete(ob->body);
    ob->body = json_dup(a->body);
    if (a->child == CHILD_HPA) {
        r->min_replicas = (int32_t)json_get_int(a->body, "spec.minReplicas", -1);
        r->max_replicas = (int32_t)json_get_int(a->body, "spec.maxReplicas", -1);
        r->scale_down_disabled = json_has(a->body, "spec.behavior.scaleDown.selectPolicy");
    }
    rehash(a->child, ob);
}

static void autoscaler_runs(struct world *w)
{
    const struct record *h = &w->truth[CHILD_HPA].r;
    struct object *d = &w->truth[CHILD_DEPLOYMENT];
    int32_t n;

    if (!w->truth[CHILD_HPA].exists || !d->exists || !d->r.spec_replicas)
        return;
    n = h->min_replicas + (int32_t)roll(w, (uint32_t)(h->max_replicas - h->min_replicas + 1));
    if (n < d->r.spec_replicas && h->scale_down_disabled)
        return;
    if (n == d->r.spec_replicas)
        return;
    d->r.spec_replicas = d->r.replicas = d->r.ready = d->r.updated = d->r.available = n;
    d->r.generation = ++d->r.observed_generation;
    d->r.owns_replicas = d->r.init_owns_replicas = false;
    rehash(CHILD_DEPLOYMENT, d);
}

/* --- the operator --- */

static void news(struct world *w, int c)
{
    w->known[c] = w->truth[c].exists;
    w->cached[c] = w->truth[c].r;
}

static void all_news(struct world *w)
{
    for (int c = 0; c < N_CHILDREN; c++)
        news(w, c);
}

static void observe(struct world *w)
{
    w->o = (struct observed){ .ns = "ns", .name = "fraud", .uid = "u-1", .generation = w->generation, .svc = &w->svc,
                              .status = w->status, .now_ms = w->wall_ms, .wall_ms = w->wall_ms };
    w->o.rollout = w->seen;
    for (int c = 0; c < N_CHILDREN; c++)
        w->o.child[c] = w->known[c] ? &w->cached[c] : NULL;
    if (!w->redis)
        return;
    w->o.redis.expected.n_members = 6;
    w->o.redis.secret = w->known[CHILD_REDIS_SECRET] ? SECRET_HELD : SECRET_ABSENT;
    w->o.redis.password_is_known = true;
    w->o.redis.keys = &test_keys;
}

/* As plan_step, but what Redis is like is given. */
static void decide(struct world *w)
{
    static enum verdict_of_rule (*const rules[])(struct walk *w) = { rule_redis_secret, rule_gate, rule_children,
                                                                     rule_predictor, rule_redis_ready };
    struct walk k = { .o = &w->o, .p = &w->plan };

    if (!w->redis) {
        plan_step(&w->o, &w->plan);
        return;
    }
    w->plan = (struct plan){ .look_again_ms = -1, .reason = "Ready", .replicas_wanted = -1 };
    w->plan.redis.wanted = true;
    w->plan.redis.state = w->health;
    w->plan.redis.verdict.holds[P_SETTLED] = w->health == REDIS_HEALTHY && w->lasts;
    for (size_t i = 0; i < COUNT(rules); i++)
        (void)rules[i](&k);
}

static bool write_status(struct world *w)
{
    cJSON *next = status_build(&w->o, &w->plan);

    if (json_equal(next, w->status)) {
        cJSON_Delete(next);
        return true;
    }
    if (call_fails(w, false)) {
        cJSON_Delete(next);
        return false;
    }
    cJSON_Delete(w->status);
    w->o.status = w->status = next;
    return !call_fails(w, true);
}

/* Looks first, as the shell does. False: the pass ends. */
static bool apply(struct world *w, const struct action *a)
{
    struct object *ob = &w->truth[a->child];
    bool counts = a->child == CHILD_DEPLOYMENT && json_has(a->body, "spec.replicas");

    if (call_fails(w, false))
        return false;
    if (ob->exists && counts && a->replicas_seen != ob->r.spec_replicas) {
        news(w, a->child);
        return false;
    }
    if (ob->exists && counts && !ob->r.owns_replicas && ob->r.spec_replicas && w->truth[CHILD_HPA].exists) {
        news(w, CHILD_HPA);
        return false;
    }
    if (ob->exists && a->create_only) {
        news(w, a->child);
        return false;
    }
    if (ob->exists && a->hand_over_replicas && ob->r.owns_replicas && !ob->r.init_owns_replicas) {
        ob->r.init_owns_replicas = true;
        if (call_fails(w, false))
            return false;
    }
    server_applies(w, a);
    if (call_fails(w, true))
        return false;
    news(w, a->child);
    return true;
}

/* Templates are kept, read and pruned; here they are all the same one. */
static bool revisions(struct world *w, const struct action *a)
{
    if (call_fails(w, false))
        return false;
    memcpy(w->seen.kept, a->pod, sizeof(w->seen.kept) - 1);
    w->seen.has_older = a->kind == ACT_REVISION_KEEP;
    if (a->kind == ACT_REVISION_KEEP && !w->template)
        w->template = json_dup(json_at(a->body, "data.spec.template"));
    w->seen.state = !w->template ? KEPT_ABSENT : a->kind == ACT_REVISION_READ ? KEPT_HELD : KEPT_THERE;
    w->seen.template = w->template;
    return !call_fails(w, true);
}

static bool carry_out(struct world *w, const struct action *a)
{
    if (a->kind == ACT_APPLY)
        return apply(w, a);
    if (a->kind >= ACT_REVISION_FIND && a->kind <= ACT_REVISION_PRUNE)
        return revisions(w, a);
    assert_int_equal(a->kind, ACT_DELETE);
    if (call_fails(w, false))
        return false;
    server_deletes(w, a->child);
    return !call_fails(w, true);
}

/* True when there was nothing to do. */
static bool pass(struct world *w)
{
    bool acted, ok;

    observe(w);
    decide(w);
    ok = !w->plan.status_first || write_status(w);
    for (size_t i = 0; ok && i < w->plan.n_actions; i++)
        ok = carry_out(w, &w->plan.actions[i]);
    acted = w->plan.n_actions > 0;
    if (ok && !acted) {
        observe(w);
        ok = write_status(w);
    }
    plan_done(&w->plan);
    return ok && !acted;
}

/* --- trouble --- */

static void something_happens(struct world *w)
{
    static const enum redis_state states[] = { REDIS_HEALTHY, REDIS_HEALTHY, REDIS_DEGRADED, REDIS_UNKNOWN, REDIS_DOWN };

    w->wall_ms += roll(w, 20000);
    w->fail_in = roll(w, 3) ? -1 : (int)roll(w, 12);
    w->fail_after = roll(w, 2);
    w->lasts = roll(w, 2);
    switch (roll(w, 8)) {
    case 0:
        use_spec(w, specs[roll(w, N_FAMILY)]);
        break;
    case 1:
        w->health = states[roll(w, COUNT(states))];
        break;
    case 2:
        all_news(w); /* the operator was killed, and looks at everything */
        w->seen = (struct rollout_seen){ 0 };
        break;
    case 3:
    case 4:
        autoscaler_runs(w);
        break;
    default:
        break;
    }
    for (int c = 0; c < N_CHILDREN; c++)
        if (roll(w, 2))
            news(w, c);
}

static void calm_down(struct world *w)
{
    w->health = REDIS_HEALTHY;
    w->lasts = true;
    w->fail_in = -1;
    for (int i = 0; i < SETTLE_ROUNDS; i++) {
        w->wall_ms += 1000;
        all_news(w);
        if (pass(w))
            return;
    }
    fail_msg("does not settle");
}

static int setup(void **state)
{
    *state = xcalloc(2, sizeof(struct world));
    return 0;
}

static void world_done(struct world *w)
{
    plan_done(&w->plan);
    isvc_done(&w->svc);
    cJSON_Delete(w->status);
    cJSON_Delete(w->template);
    for (int c = 0; c < N_CHILDREN; c++)
        cJSON_Delete(w->truth[c].body);
    *w = (struct world){ 0 };
}

static int teardown(void **state)
{
    struct world *w = *state;

    world_done(&w[0]);
    world_done(&w[1]);
    free(w);
    return 0;
}

static void begin(struct world *w, uint64_t seed, bool redis, struct spec s)
{
    world_done(w);
    *w = (struct world){ .seed = seed, .redis = redis, .want = s, .wall_ms = 1700000000000, .health = REDIS_HEALTHY, .fail_in = -1 };
    use_spec(w, s);
}

static void check_number(const struct world *w)
{
    int32_t n = w->truth[CHILD_DEPLOYMENT].r.spec_replicas;
    bool is_auto = w->want.max > w->want.min;

    if (is_auto && n < w->want.min)
        return; /* the autoscaler's own affair: it has not run yet */
    if (is_auto || n == w->want.min)
        assert_true(is_auto || !w->is_off || w->min_changed || w->kept <= w->want.min);
    else
        assert_true(w->is_off && n == w->kept);
}

/* As if it had been created so, but for the number. */
static void compare(struct world *is, struct world *fresh)
{
    for (int c = 0; c < N_CHILDREN; c++) {
        assert_int_equal(is->truth[c].exists, fresh->truth[c].exists);
        assert_int_equal(is->truth[c].r.owns_replicas, fresh->truth[c].r.owns_replicas);
        for (int i = 0; i < 2; i++)
            json_del(json_member((i ? fresh : is)->truth[c].body, "spec"), "replicas");
        assert_true(json_equal(is->truth[c].body, fresh->truth[c].body) || !is->truth[c].exists);
    }
    check_number(is);
}

static void torture(struct world *w, uint64_t seed, bool redis)
{
    begin(&w[0], seed, redis, specs[seed % N_FAMILY]);
    for (int i = 0; i < ROUNDS; i++) {
        something_happens(&w[0]);
        (void)pass(&w[0]);
    }
    calm_down(&w[0]);
    begin(&w[1], seed, redis, w[0].want);
    calm_down(&w[1]);
    compare(&w[0], &w[1]);
}

static void whatever_happens_it_converges(void **state)
{
    for (uint64_t seed = 0; seed < SEEDS; seed++)
        torture(*state, seed, seed % 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(whatever_happens_it_converges, setup, teardown),
    };

    return cmocka_run_group_tests_name("converge", tests, NULL, NULL);
}
