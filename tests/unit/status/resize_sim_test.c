/*
 * A service whose Redis Cluster grows and shrinks, with the real plan and the real status: the operator dies after
 * each single command and each step of a moving slot, and its successor has to finish. Nothing may be lost, no
 * slot left half moved, and who serves at the end are the pods that stay.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "stage.h"

enum { PIECES = 24, DONE_MS = 300000 };

static struct stage *stage;
static char doing[400];
static bool filled; /* every piece was written to */

static int teardown(void **state)
{
    (void)state;
    if (stage)
        stage_done(stage);
    stage = NULL;
    return 0;
}

static void want(struct stage *s, int shards, int replicas)
{
    AUTO_FREE char *spec = xasprintf("  predictor:\n    minReplicas: 1\n    containers: [{image: 'registry.example.com/fraud:v1'}]\n"
                                     "  redis: {shards: %d, replicasPerShard: %d}\n", shards, replicas);

    set_spec(s, spec);
}

/* Every piece that was ever written is held by somebody; by its owner, unless it is on its way. */
static void check_data(const struct stage *s)
{
    unsigned held = 0, all = filled ? (1u << s->redis.pieces) - 1 : 0;

    for (int i = 0; i < s->redis.n_ids; i++)
        if (!s->redis.gone[i])
            held |= s->redis.node[i].data;
    if (all & ~held)
        fail_msg("lost pieces %x while %s", all & ~held, doing);
}

/* A master never gets data before its replicas are in sync and armed. */
static void check_targets(const struct stage *s)
{
    for (int p = 0; p < s->redis.n_pods; p++) {
        const struct w_node *n = &s->redis.node[s->redis.id_of[p]];
        int copies = 0;

        for (int i = 0; i < s->redis.n_ids; i++)
            copies += s->redis.node[i].up && s->redis.node[i].master == s->redis.id_of[p] && s->redis.node[i].link_up;
        if (n->importing && !copies && s->redis.replicas > 0)
            fail_msg("pod %d imports and has no replica while %s", p, doing);
    }
}

static void one_pass(struct stage *s)
{
    pass(s);
    AUTO_FREE char *text = plan_render(&s->plan);
    snprintf(doing, sizeof(doing), "%s", text);
    if (getenv("SIM_TALKS") && (!s->said || !str_eq(text, s->said))) {
        printf("%lld %s\n", (long long)s->now_ms, text);
        free(s->said);
        s->said = xstrdup(text);
    }
    check_targets(s);
    forget(s);
    if (s->died) { /* its successor knows what the status says */
        s->died = false;
        s->may_send = INT32_MAX;
        s->settle = (struct settle){ 0 };
        s->heal = (struct heal_memory){ 0 };
        s->progress = (struct redis_progress){ 0 };
    }
    let_pass_ms(s, W_TICK_MS);
}

static bool is_ready(const struct stage *s)
{
    return json_condition_is(s->status, "RedisReady", "True") && !json_has(s->status, "redis.resize") &&
           s->redis.n_pods == s->svc.redis.nodes && json_get_int(s->status, "redis.plan.shards", 0) == s->svc.redis.shards;
}

static void run_until_ready(struct stage *s, const char *name)
{
    int64_t end_ms = s->now_ms + DONE_MS;

    while (!is_ready(s)) {
        one_pass(s);
        check_data(s);
        if (s->now_ms > end_ms)
            fail_msg("%s ends with %s", name, doing);
    }
}

static void check_end(const struct stage *s, const char *name)
{
    unsigned owned = 0;
    int masters = 0;

    for (int p = 0; p < s->redis.n_pods; p++) {
        const struct w_node *n = &s->redis.node[s->redis.id_of[p]];

        if (n->importing || n->migrating || owned & n->owns)
            fail_msg("%s: pod %d has slots half moved, or another's", name, p);
        if (n->owns & ~n->data)
            fail_msg("%s: pod %d owns %x and holds %x", name, p, n->owns, n->data);
        owned |= n->owns;
        masters += n->owns != 0;
    }
    assert_int_equal(owned, (1u << s->redis.pieces) - 1);
    assert_int_equal(masters, s->svc.redis.shards);
    for (int p = 0; p < s->redis.n_pods; p++) {
        int pieces = __builtin_popcount(s->redis.node[s->redis.id_of[p]].owns), fair = PIECES / s->svc.redis.shards;

        if (pieces && (pieces < fair - 1 || pieces > fair + 2))
            fail_msg("%s: pod %d owns %d pieces of %d", name, p, pieces, PIECES);
    }
}

/* Formed, and every piece written to. */
static struct stage *begin(int shards, int replicas, uint64_t seed)
{
    if (stage)
        stage_done(stage);
    stage = stage_new();
    filled = false;
    stage->pieces = PIECES;
    want(stage, shards, replicas);
    for (int i = 0; i < 3; i++)
        one_pass(stage);
    stage->redis.seed = seed * 7919 + 1;
    run_until_ready(stage, "forming");
    for (int i = 0; i < 30; i++)
        one_pass(stage);
    filled = true;
    check_data(stage);
    return stage;
}

static const struct change {
    const char *name;
    int shards, replicas, to_shards, to_replicas;
} changes[] = {
    { "3 to 6 shards", 3, 1, 6, 1 },
    { "6 to 3 shards", 6, 1, 3, 1 },
    { "3 to 4 shards", 3, 1, 4, 1 },
    { "4 to 3 shards", 4, 1, 3, 1 },
    { "replicas 1 to 2", 3, 1, 3, 2 },
    { "replicas 2 to 1", 3, 2, 3, 1 },
    { "replicas 1 to 0", 3, 1, 3, 0 },
    { "replicas 0 to 1", 3, 0, 3, 1 },
    { "shards without replicas, up", 3, 0, 6, 0 },
    { "shards without replicas, down", 6, 0, 3, 0 },
    { "1 to 3 shards", 1, 1, 3, 1 },
    { "more shards and fewer replicas", 3, 2, 4, 1 },
    { "fewer shards and more replicas", 4, 1, 3, 2 },
};

static void change(struct stage *s, const struct change *c, const char *name)
{
    want(s, c->to_shards, c->to_replicas);
    s->redis.replicas = c->replicas < c->to_replicas ? c->replicas : c->to_replicas;
    run_until_ready(s, name);
    check_end(s, name);
}

static void undisturbed(void **state)
{
    const struct change *c = *state;

    for (uint64_t seed = 0; seed < 2; seed++) {
        begin(c->shards, c->replicas, seed);
        change(stage, c, c->name);
    }
}

/* From every prefix of what is sent. */
static void operator_dies_anywhere(void **state)
{
    const struct change *c = *state;
    bool died = true;

    for (int n = 1; died && n < 2000; n += n < 16 ? 1 : 23) {
        begin(c->shards, c->replicas, (uint64_t)n);
        stage->may_send = n;
        change(stage, c, c->name);
        died = stage->may_send > 2000; /* it was born again */
    }
    assert_false(died);
}

/* Pods die, come back elsewhere, are not seen for a while. */
static void hurt(struct stage *s)
{
    struct world *w = &s->redis;
    int pod = (int)w_rand(w, (uint32_t)w->n_pods);
    bool up = w->node[w->id_of[pod]].up;

    switch (w_rand(w, 4)) {
    case 0:
        w_kill(w, pod);
        break;
    case 1:
        w->hidden[pod] = !w->hidden[pod];
        break;
    default:
        if (!up || w_rand(w, 3) == 0)
            w_start(w, pod, w_rand(w, 2));
    }
}

static void all_back(struct world *w)
{
    for (int i = 0; i < w->n_pods; i++) {
        w->hidden[i] = false;
        if (!w->node[w->id_of[i]].up)
            w_start(w, i, w_rand(w, 2));
    }
}

static void pods_die_meanwhile(void **state)
{
    const struct change *c = *state;

    for (uint64_t seed = 0; seed < 3; seed++) {
        begin(c->shards, c->replicas, seed + 100);
        want(stage, c->to_shards, c->to_replicas);
        stage->redis.replicas = 0; /* a target may lose its replica now */
        for (int i = 0; i < 25 && !is_ready(stage); i++) {
            hurt(stage);
            for (int k = 5 * (int)w_rand(&stage->redis, 10); k > 0; k--) {
                if (w_rand(&stage->redis, 20) == 0)
                    stage->may_send = (int)w_rand(&stage->redis, 10) + 1;
                one_pass(stage);
                check_data(stage);
            }
        }
        all_back(&stage->redis);
        run_until_ready(stage, c->name);
        check_end(stage, c->name);
    }
}

/* Who comes again has its old volume: empty, and with old ideas of who is who. */
static void to_and_fro(void **state)
{
    static const struct change ways[] = {
        { "out", 3, 1, 6, 1 }, { "in", 6, 1, 3, 1 }, { "out again", 3, 1, 6, 1 }, { "half way back", 6, 1, 4, 1 },
        { "with more copies", 4, 1, 4, 2 }, { "and with fewer", 4, 2, 3, 1 }, { "and with more shards", 3, 1, 5, 1 },
    };
    (void)state;

    begin(3, 1, 7);
    for (size_t i = 0; i < COUNT(ways); i++)
        change(stage, &ways[i], ways[i].name);
}

static void make_room(struct stage *s, int pods)
{
    s->room = pods;
    w_scale(&s->redis, pods_with_room(s));
}

/* Another size is wanted at any moment, and at times there is no room for it. */
static void minds_are_changed(void **state)
{
    static const int sizes[][2] = { { 3, 1 }, { 6, 1 }, { 4, 1 }, { 3, 2 }, { 5, 1 }, { 3, 0 }, { 4, 2 } };
    (void)state;

    for (uint64_t seed = 0; seed < 10; seed++) {
        begin(3, 1, seed + 500);
        stage->redis.replicas = 0;
        for (int i = 0; i < 8; i++) {
            const int *size = sizes[w_rand(&stage->redis, COUNT(sizes))];

            want(stage, size[0], size[1]);
            make_room(stage, i % 2 ? stage->redis.n_pods + (int)w_rand(&stage->redis, 4) : 0);
            for (int k = (int)w_rand(&stage->redis, 120); k > 0; k--) {
                one_pass(stage);
                check_data(stage);
            }
        }
        make_room(stage, 0);
        run_until_ready(stage, "many minds");
        check_end(stage, "many minds");
    }
}

#define TEST(check, c) { (c)->name, check, NULL, teardown, (void *)(c) }

int main(int argc, char **argv)
{
    struct CMUnitTest tests[3 * COUNT(changes) + 2];
    size_t n = 0;

    tests[n++] = (struct CMUnitTest)cmocka_unit_test_teardown(to_and_fro, teardown);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test_teardown(minds_are_changed, teardown);
    for (size_t i = 0; i < COUNT(changes); i++) {
        tests[n++] = (struct CMUnitTest)TEST(undisturbed, &changes[i]);
        tests[n++] = (struct CMUnitTest)TEST(operator_dies_anywhere, &changes[i]);
        tests[n++] = (struct CMUnitTest)TEST(pods_die_meanwhile, &changes[i]);
    }
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return _cmocka_run_group_tests("resize in the model", tests, n, NULL, NULL);
}
