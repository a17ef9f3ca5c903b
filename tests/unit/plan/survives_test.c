/* What the worst loss leaves, row by row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "json/json.h"
#include "plan/rules.h"

enum { PODS_MAX = 12, HOSTS = 6 };

/* serving, redis: a letter per pod, the node it is on; capital: not ready. Zones: one digit per node a to f, "-": unknown.
 * shards: who holds which, as the status says it. */
static const struct row {
    const char *name;
    const char *serving, *zones, *redis, *shards;
    int32_t wanted;
    const char *budget;         /* podDisruptionBudget; NULL: none */
    int32_t node_left, zone_left; /* -1: no such thing */
    int lost_by_node, lost_by_zone; /* shards */
    bool quorum_by_node;
    const char *reason; /* NULL: it survives */
} rows[] = {
    { "two on two nodes", "ab", "------", "", NULL, 2, NULL, 1, -1, 0, 0, true, NULL },
    { "four on three nodes of two zones", "abcc", "112---", "", NULL, 4, NULL, 2, 2, 0, 0, true, NULL },
    { "three quarters remain", "abcd", "1122--", "", NULL, 4, NULL, 3, 2, 0, 0, true, NULL },
    { "all on one node", "aa", "12----", "", NULL, 2, NULL, 0, 0, 0, 0, true, "AllOnOneNode" },
    { "one replica", "a", "12----", "", NULL, 1, NULL, 0, 0, 0, 0, true, "OneReplica" },
    { "all in one zone, where there are two", "ab", "112---", "", NULL, 2, NULL, 1, 0, 0, 0, true, "AllInOneZone" },
    { "all in one zone, where there is one", "ab", "1111--", "", NULL, 2, NULL, 1, 0, 0, 0, true, NULL },
    { "the user's budget is broken by a node", "aab", "------", "", NULL, 3, "{\"maxUnavailable\":1}", 1, -1, 0, 0, true,
      "NodeLossBreaksBudget" },
    { "the user's budget is broken by a zone", "abc", "112---", "", NULL, 3, "{\"minAvailable\":2}", 2, 1, 0, 0, true,
      "ZoneLossBreaksBudget" },
    { "the default budget is for evictions, not for losses", "aab", "------", "", NULL, 3, NULL, 1, -1, 0, 0, true, NULL },
    { "while the second starts nothing is said", "aB", "------", "", NULL, 2, NULL, 0, -1, 0, 0, true, NULL },
    { "both copies of a shard are in one zone", "ab", "123123", "abcdef", "0,3 1,4 2,5", 2, NULL, 1, 1, 0, 1, true, "RedisShardInOneZone" },
    { "copies and masters are spread", "ab", "123123", "abcdef", "0,4 1,5 2,3", 2, NULL, 1, 1, 0, 0, true, NULL },
    { "a shard is on one node", "ab", "123123", "abcaef", "0,3 1,4 2,5", 2, NULL, 1, 1, 1, 1, true, "RedisShardOnOneNode" },
    { "two of three masters on one node elect nobody", "ab", "------", "aabcde", "0,3 1,4 2,5", 2, NULL, 1, -1, 0, 0, false, NULL },
    { "no replicas", "ab", "------", "abc", "0 1 2", 2, NULL, 1, -1, 1, 0, true, "RedisShardOnOneNode" },
};

struct bench {
    struct pod pods[PODS_MAX];
    struct host hosts[HOSTS];
    char names[PODS_MAX][16];
    size_t n;
};

static void place(struct bench *b, const char *letters, bool of_redis)
{
    for (size_t i = 0; letters[i]; i++) {
        struct pod *p = &b->pods[b->n];

        snprintf(b->names[b->n], sizeof(b->names[0]), "f-redis-%zu", i);
        *p = (struct pod){ .name = b->names[b->n], .serves = !of_redis, .of_redis = of_redis, .ready = letters[i] >= 'a' };
        snprintf(p->node, sizeof(p->node), "%c", letters[i] | 0x20);
        b->n++;
    }
}

static void check(void **state)
{
    const struct row *r = *state;
    struct bench b = { .n = 0 };
    AUTO_JSON cJSON *predictor = json_new_obj(), *status = json_new_obj();
    struct isvc svc = { .predictor = { r->wanted, r->wanted, .spec = predictor }, .redis = { .present = true, .replicas_per_shard = 1 } };
    struct observed o = { .name = "f", .svc = &svc, .pods = b.pods, .hosts = b.hosts, .n_hosts = HOSTS, .status = status };
    struct plan plan = { .replicas_wanted = r->wanted, .redis = { .wanted = r->shards, .bootstrapped = r->shards } };
    struct walk w = { .o = &o, .p = &plan };
    char seen[16] = "";

    json_put(predictor, "podDisruptionBudget", r->budget ? cJSON_Parse(r->budget) : NULL);
    if (r->shards)
        json_str(json_obj(status, "redis"), "copies", r->shards);
    for (int i = 0; i < HOSTS; i++) {
        b.hosts[i] = (struct host){ .name = { (char)('a' + i) }, .zone = { r->zones[i] == '-' ? '\0' : r->zones[i] } };
        if (r->zones[i] != '-' && !strchr(seen, r->zones[i]))
            seen[o.n_zones++] = r->zones[i];
    }
    place(&b, r->serving, false);
    place(&b, r->redis, true);
    o.n_pods = b.n;
    assert_int_equal(rule_survives(&w), RULE_PASS);
    const struct survives *s = &plan.survives;
    assert_int_equal(s->node.serving.ready_left, r->node_left);
    assert_int_equal(s->zone.serving.what[0] ? s->zone.serving.ready_left : -1, r->zone_left);
    assert_int_equal(s->node.redis.redis.lost, r->lost_by_node);
    assert_int_equal(s->zone.redis.redis.lost, r->lost_by_zone);
    assert_int_equal(s->node.redis.redis.quorum, r->quorum_by_node);
    if (!r->reason)
        assert_null(s->reason);
    else
        assert_string_equal(s->reason, r->reason);
}

static void nothing_is_known_without_nodes(void **state)
{
    struct isvc svc = { .predictor = { 2, 2, .spec = NULL } };
    struct observed o = { .name = "f", .svc = &svc };
    struct plan plan = { .replicas_wanted = 2 };
    struct walk w = { .o = &o, .p = &plan };
    (void)state;

    assert_int_equal(rule_survives(&w), RULE_PASS);
    assert_false(plan.survives.known);
    assert_null(plan.survives.reason);
}

static const struct words {
    const char *name, *text;
    bool ok;
} words[] = {
    { "shards with copies are read as they were written", "0,3 1,4,6 2,5", true },
    { "a pod may hold one shard only", "0,3 1,3", false },
    { "no numbers", "a,b", false },
    { "a number is missing", "0,,3", false },
    { "too large a number", "0,99999", false },
    { "nothing", "", false },
};

static void check_words(void **state)
{
    const struct words *r = *state;
    struct copies c;
    AUTO_BUF struct buf b = { 0 };

    buf_init(&b, 1024);
    assert_int_equal(copies_parse(r->text, &c), r->ok);
    copies_print(&c, &b);
    assert_string_equal(buf_text(&b), r->ok ? r->text : "");
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows) + COUNT(words) + 1];
    size_t n = 0;

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[n++] = (struct CMUnitTest){ rows[i].name, check, NULL, NULL, (void *)(uintptr_t)&rows[i] };
    for (size_t i = 0; i < COUNT(words); i++)
        tests[n++] = (struct CMUnitTest){ words[i].name, check_words, NULL, NULL, (void *)(uintptr_t)&words[i] };
    tests[n] = (struct CMUnitTest)cmocka_unit_test(nothing_is_known_without_nodes);
    return cmocka_run_group_tests_name("survives", tests, NULL, NULL);
}
