/* What a loss or a drain would do, row by row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "app/simulate_say.h"
#include "base/str.h"

enum { HOSTS = 4, PODS_MAX = 12 };

/* A letter per pod: its node, a and b in zone 1, c and d in zone 2. */
static const struct row {
    const char *name;
    enum what_if how;
    const char *what, *serving, *redis, *copies, *budget;
    enum simulated verdict;
    int32_t left, surge;
    const char *says; /* in the JSON; NULL: anything */
} rows[] = {
    { "a node without pods", IF_NODE_LOST, "d", "ab", "", NULL, NULL, SIM_NOTHING, 2, 0, "NotConcerned" },
    { "one of two remains", IF_NODE_LOST, "a", "ab", "", NULL, NULL, SIM_SURVIVES, 1, 0, "\"pods\":[\"f-x-0\"]" },
    { "both are in the zone", IF_ZONE_LOST, "1", "ab", "", NULL, NULL, SIM_OUTAGE, 0, 0, "Outage" },
    { "a drain starts one more first", IF_DRAIN, "a", "ab", "", NULL, NULL, SIM_SURVIVES, 1, 1, "\"startedFirst\":1" },
    { "a drain of the only replica", IF_DRAIN, "a", "a", "", NULL, NULL, SIM_SURVIVES, 0, 1, NULL },
    { "a budget of none at all blocks a drain", IF_DRAIN, "a", "ab", "", NULL, "{\"maxUnavailable\":0}", SIM_BLOCKED, 1, 1, "Blocked" },
    { "of all that there will be, too", IF_DRAIN, "a", "ab", "", NULL, "{\"minAvailable\":\"100%\"}", SIM_BLOCKED, 1, 1, NULL },
    { "of all that are wanted does not: more start first", IF_DRAIN, "a", "ab", "", NULL, "{\"minAvailable\":2}", SIM_SURVIVES, 1, 1, NULL },
    { "but it does not help against a loss", IF_NODE_LOST, "a", "ab", "", NULL, "{\"minAvailable\":2}", SIM_SURVIVES, 1, 0, NULL },
    { "a master fails over", IF_NODE_LOST, "a", "bc", "abcbcd", "0,4 1,5 2,3", NULL, SIM_SURVIVES, 2, 0,
      "\"failovers\":[{\"from\":\"f-redis-0\",\"to\":\"f-redis-4\"}]" },
    { "a shard is lost with its only place", IF_NODE_LOST, "a", "bc", "abcabd", "0,3 1,4 2,5", NULL, SIM_OUTAGE, 2, 0, "\"shardsLost\":1" },
    { "a majority goes with a zone", IF_ZONE_LOST, "1", "bc", "abccdd", "0,3 1,4 2,5", NULL, SIM_SURVIVES, 1, 0, "\"majority\":false" },
    { "a drain hands over what a loss would lose", IF_DRAIN, "a", "bc", "abcabd", "0,3 1,4 2,5", NULL, SIM_SURVIVES, 2, 0,
      "one of them moves first" },
    { "a drain of an only copy", IF_DRAIN, "a", "bc", "abc", "0 1 2", NULL, SIM_OUTAGE, 2, 0, "not served until it is back" },
    { "in words", IF_ZONE_LOST, "1", "abc", "", NULL, NULL, SIM_SURVIVES, 1, 0, "f-x-0, f-x-1: gone; 1 of 3 replicas remain ready" },
};

struct bench {
    struct isvc svc;
    cJSON *predictor;
    struct pod pods[PODS_MAX];
    char names[PODS_MAX][16];
    struct host hosts[HOSTS];
    struct copies copies;
    struct simulation s;
};

static void place(struct bench *b, const char *nodes, const char *what)
{
    for (size_t i = 0; nodes[i]; i++) {
        size_t n = b->s.at.n_pods++;
        bool redis = strcmp(what, "redis") == 0;

        snprintf(b->names[n], sizeof(b->names[n]), "f-%s-%zu", what, i);
        b->pods[n] = (struct pod){ .name = b->names[n], .serves = !redis, .of_redis = redis, .ready = true, .node = { nodes[i] } };
    }
}

static void check(void **state)
{
    const struct row *r = *state;
    struct bench b = { .predictor = json_new_obj(), .s = { .how = r->how, .what = r->what, .key = "ns/f" } };

    json_put(b.predictor, "podDisruptionBudget", r->budget ? cJSON_Parse(r->budget) : NULL);
    b.svc = (struct isvc){ .ns = "ns", .name = "f", .predictor = { .spec = b.predictor } };
    for (int i = 0; i < HOSTS; i++)
        b.hosts[i] = (struct host){ .name = { (char)('a' + i) }, .zone = { i < 2 ? '1' : '2' } };
    b.s.at = (struct placed){ .pods = b.pods, .hosts = b.hosts, .n_hosts = HOSTS };
    b.s.svc = &b.svc;
    b.s.wanted = (int32_t)strlen(r->serving);
    place(&b, r->serving, "x");
    place(&b, r->redis, "redis");
    if (r->copies) {
        assert_true(copies_parse(r->copies, &b.copies));
        b.s.at.copies = &b.copies;
    }
    simulation_judge(&b.s);
    AUTO_JSON cJSON *json = simulation_json(&b.s);
    AUTO_FREE char *text = json_print(json);
    char *words = NULL;
    size_t n_words;
    FILE *out = open_memstream(&words, &n_words);

    simulation_print(&b.s, out);
    fclose(out);
    AUTO_FREE char *said = words;
    cJSON_Delete(b.predictor);
    assert_int_equal(b.s.verdict, r->verdict);
    assert_int_equal(b.s.loss.ready_left, r->left);
    assert_int_equal(b.s.surge, r->surge);
    if (r->says && !strstr(text, r->says) && !strstr(said, r->says))
        fail_msg("%s and %s do not say %s", text, said, r->says);
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows)];

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){ rows[i].name, check, NULL, NULL, (void *)(uintptr_t)&rows[i] };
    return cmocka_run_group_tests_name("simulate", tests, NULL, NULL);
}
