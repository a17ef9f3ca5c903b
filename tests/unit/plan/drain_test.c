/* Nodes that are about to go: how many pods start first, row by row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "json/json.h"
#include "plan/rules.h"

#define T0 1700000000000LL
#define BEFORE "{\"scaling\":{\"drain\":{\"wanted\":%d,\"extra\":1,\"sinceMs\":%lld%s}}}"
enum { PODS_MAX = 8 };

/* pods: a word each, "a" on node a, "a-" on its way out, "a!" not ready, "?400" without a node for 400 s, "r" of Redis.
 * Nodes in capital letters below are cordoned. */
static const struct row {
    const char *name;
    const char *pods, *cordoned;
    int32_t wanted;
    int32_t since_s; /* the drain that the status knows of began so long ago; 0: of none */
    bool gave_up;    /* it says */
    int32_t extra, budget;
    bool gives_up, status_first;
} rows[] = {
    { "nothing is cordoned", "a b", "", 2, 0, false, 0, 0, false, false },
    { "one of two has to go: one more starts first", "a b", "a", 2, 0, false, 1, 2, false, true },
    { "both have to go", "a b", "ab", 2, 0, false, 2, 2, false, true },
    { "two on the same node", "a a b", "a", 3, 0, false, 2, 3, false, true },
    { "the only replica is succeeded as well", "a", "a", 1, 0, false, 1, 1, false, true },
    { "who is leaving already is not counted", "a- b", "a", 2, 100, false, 0, 0, false, false },
    { "a pod of Redis is not one of ours", "r b", "a", 2, 0, false, 0, 0, false, false },
    { "at most once the size", "a a a b", "a", 2, 0, false, 2, 2, false, true },
    { "a drain goes on as it was", "a b c!", "a", 2, 100, false, 1, 2, false, false },
    { "no node for the new pod: waited for", "a b ?299", "a", 2, 400, false, 1, 2, false, false },
    { "no node for the new pod: given up", "a b ?301", "a", 2, 400, false, 0, 0, true, true },
    { "a pod that found no node before the drain says nothing about it", "a b ?301", "a", 2, 200, false, 1, 2, false, false },
    { "a new pod that is slow to start: waited for", "a b c!599", "a", 2, 700, false, 1, 2, false, false },
    { "a new pod that never starts: given up", "a b c!601", "a", 2, 700, false, 0, 0, true, true },
    { "given up stays given up", "a b", "a", 2, 700, true, 0, 0, true, false },
    { "given up is forgotten with the drain", "a b", "", 2, 700, true, 0, 0, false, false },
    { "wanted none: none is added", "a", "a", 0, 0, false, 0, 0, false, false },
};

struct bench {
    struct isvc svc;
    struct observed o;
    struct plan plan;
    struct record dep;
    struct walk w;
    struct pod pods[PODS_MAX];
    struct host hosts[3];
    char names[PODS_MAX][8];
};

static void place(struct bench *b, const char *word)
{
    struct pod *p = &b->pods[b->o.n_pods];
    int64_t age_ms = 1000LL * strtol(word + strspn(word, "abcr?-!"), NULL, 10);

    snprintf(b->names[b->o.n_pods], sizeof(b->names[0]), "p%zu", b->o.n_pods);
    *p = (struct pod){ .name = b->names[b->o.n_pods++], .serves = word[0] != 'r', .of_redis = word[0] == 'r',
                       .deleting = strchr(word, '-') != NULL, .created_ms = T0 - age_ms };
    p->ready = !strpbrk(word, "!?");
    if (word[0] == '?')
        p->unschedulable_ms = p->created_ms;
    else
        snprintf(p->node, sizeof(p->node), "%c", word[0] == 'r' ? 'a' : word[0]);
    b->dep.ready += p->serves && p->ready && !p->deleting;
}

static void prepare(struct bench *b, const struct row *r)
{
    char words[64], *save = NULL;

    *b = (struct bench){ .svc = { .uid = "u", .predictor = { r->wanted, r->wanted, .progress_deadline_s = 600 } },
                         .o = { .uid = "u", .wall_ms = T0 } };
    b->o.svc = &b->svc;
    b->o.pods = b->pods;
    b->o.hosts = b->hosts;
    b->o.n_hosts = 3;
    b->plan.look_again_ms = -1;
    b->dep = (struct record){ .spec_replicas = r->wanted, .owner_uid = "u" };
    b->o.child[CHILD_DEPLOYMENT] = &b->dep;
    b->w = (struct walk){ .o = &b->o, .p = &b->plan };
    for (int i = 0; i < 3; i++)
        b->hosts[i] = (struct host){ .name = { (char)('a' + i) }, .cordoned = strchr(r->cordoned, 'a' + i) != NULL };
    snprintf(words, sizeof(words), "%s", r->pods);
    for (char *word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save))
        place(b, word);
}

static cJSON *status_of(const struct row *r)
{
    char text[200];

    if (!r->since_s)
        return NULL;
    snprintf(text, sizeof(text), BEFORE, r->wanted, T0 - r->since_s * 1000LL, r->gave_up ? ",\"gaveUp\":true" : "");
    return cJSON_Parse(text);
}

static void check(void **state)
{
    const struct row *r = *state;
    struct bench b;
    int32_t extra;

    prepare(&b, r);
    cJSON *status = status_of(r);
    b.o.status = status;
    extra = drain_surge(&b.w, r->wanted);
    cJSON_Delete(status);
    assert_int_equal(extra, r->extra);
    assert_int_equal(b.w.surge, r->extra);
    assert_int_equal(b.w.in.budget_min, r->budget);
    assert_int_equal(b.plan.drain.gave_up, r->gives_up);
    assert_int_equal(b.plan.status_first, r->status_first);
}

static void the_number_passes_the_gate(void **state)
{
    static const struct row cordoned = { .pods = "a b", .cordoned = "a", .wanted = 2 };
    struct bench b;
    (void)state;

    prepare(&b, &cordoned);
    assert_int_equal(rule_gate(&b.w), RULE_PASS);
    assert_int_equal(b.w.in.replicas, 3);
    assert_int_equal(b.plan.replicas_wanted, 2);
    b.plan.redis.wanted = true;
    b.plan.redis.state = REDIS_DOWN;
    b.svc.gate = (struct isvc_gate){ .hold_up = true, .max_hold_s = 60 };
    assert_int_equal(rule_gate(&b.w), RULE_PASS);
    assert_int_equal(b.w.in.replicas, 2);
    assert_true(b.plan.gate.held_up);
}

static const struct scaled {
    const char *name;
    int32_t live, wanted_before; /* the Deployment's number; what the status says was wanted; 0: nothing */
    int32_t min, max, budget, wanted;
} scaled[] = {
    { "its minimum is raised to what runs, and one more", 4, 0, 5, 6, 4, 4 },
    { "our own number is not taken for its wish", 5, 4, 5, 6, 4, 4 },
    { "it asks for more on its own: one may be missing", 6, 4, 5, 6, 5, 6 },
    { "its maximum makes room", 6, 0, 7, 7, 6, 6 },
    { "what is left of the drain before does not add up", 7, 0, 7, 7, 6, 6 },
};

static void check_scaled(void **state)
{
    static const struct row cordoned = { .pods = "a b b b", .cordoned = "a", .wanted = 4 };
    const struct scaled *r = *state;
    struct row before = { .wanted = r->wanted_before, .since_s = r->wanted_before ? 60 : 0 };
    struct bench b;

    prepare(&b, &cordoned);
    b.svc.predictor = (struct isvc_predictor){ 2, 6, true, .progress_deadline_s = 600 };
    b.dep.spec_replicas = r->live;
    b.dep.ready = 4;
    cJSON *status = status_of(&before);
    b.o.status = status;
    assert_int_equal(rule_gate(&b.w), RULE_PASS);
    cJSON_Delete(status);
    assert_int_equal(b.w.in.replicas, -1); /* never ours */
    assert_int_equal(b.w.in.hpa_min, r->min);
    assert_int_equal(b.w.in.hpa_max, r->max);
    assert_int_equal(b.w.in.budget_min, r->budget);
    assert_int_equal(b.plan.replicas_wanted, r->wanted);
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows) + COUNT(scaled) + 1];
    size_t n = 0;

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[n++] = (struct CMUnitTest){ rows[i].name, check, NULL, NULL, (void *)(uintptr_t)&rows[i] };
    for (size_t i = 0; i < COUNT(scaled); i++)
        tests[n++] = (struct CMUnitTest){ scaled[i].name, check_scaled, NULL, NULL, (void *)(uintptr_t)&scaled[i] };
    tests[n] = (struct CMUnitTest)cmocka_unit_test(the_number_passes_the_gate);
    return cmocka_run_group_tests_name("drain", tests, NULL, NULL);
}
