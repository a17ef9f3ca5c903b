/*
 * Who owns which slots after a resize: from what nodes say of themselves to a plan, and what may be read back of one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "slots/resize.h"

#define NODES_MAX 24
#define MIB (1LL << 20)

/* slots "": an empty master; NULL: no such node. "<0": a replica of node 0 */
struct node {
    const char *slots;
    int mib, max_mib; /* data, and the limit; 0: hardly any, none */
    bool leaving;
    const char *on; /* which machine */
    int keys;       /* of an empty master */
};

struct room {
    struct member members[NODES_MAX];
    char names[NODES_MAX][16], ips[NODES_MAX][16];
    struct node_view views[NODES_MAX];
    struct expected x;
};

static struct room room;
static struct resize_plan plan;

static int teardown(void **state)
{
    (void)state;
    resize_plan_done(&plan);
    for (size_t i = 0; i < NODES_MAX; i++)
        view_done(&room.views[i]);
    return 0;
}

static void add_node(struct room *r, const struct node *n)
{
    size_t i = r->x.n_members++;
    struct node_view *v = &r->views[i];
    bool replica = n->slots[0] == '<';
    char master[NODE_ID_LEN + 1] = "-";
    struct err e = { 0 };

    snprintf(r->names[i], sizeof(r->names[i]), "pod-%zu", i);
    snprintf(r->ips[i], sizeof(r->ips[i]), "10.0.0.%zu", i + 1);
    r->members[i] = (struct member){ .pod = r->names[i], .ip = r->ips[i], .port = 6379, .leaving = n->leaving, .node = n->on };
    if (replica)
        snprintf(master, sizeof(master), "%040x", (unsigned)atoi(n->slots + 1) + 1);
    AUTO_FREE char *row = xasprintf("%040zx 10.0.0.%zu:6379@16379 myself,%s %s 0 0 %zu connected %s\n", i + 1, i + 1,
                                    replica ? "slave" : "master", master, i + 1, replica ? "" : n->slots);
    view_init(v);
    if (view_parse_nodes(row, strlen(row), v, &e) < 0)
        fail_msg("%s", e.msg);
    snprintf(v->id, sizeof(v->id), "%040zx", i + 1);
    v->reach = REACH_OK;
    v->is_replica = replica;
    v->keys = n->slots[0] ? 1000 : n->keys;
    v->dataset_bytes = n->mib * MIB;
    v->used_memory = (n->mib + 2) * MIB;
    v->max_memory = n->max_mib * MIB;
}

static void set_up(const struct node *nodes, size_t n, int shards)
{
    for (size_t i = 0; i < NODES_MAX; i++)
        view_done(&room.views[i]);
    memset(&room, 0, sizeof(room));
    resize_plan_done(&plan);
    room.x.members = room.members;
    for (size_t i = 0; i < n && nodes[i].slots; i++)
        add_node(&room, &nodes[i]);
    plan = (struct resize_plan){ .shards = shards, .nodes = room.x.n_members };
}

static struct slot_set owned(size_t i)
{
    return view_row_slots(&room.views[i], view_myself(&room.views[i]));
}

static const struct resize_owner *owner(size_t i)
{
    for (size_t k = 0; k < plan.n_owners; k++)
        if (strcmp(plan.owners[k].id, room.views[i].id) == 0)
            return &plan.owners[k];
    return NULL;
}

static int moves(void)
{
    int n = 0;

    for (size_t i = 0; i < room.x.n_members; i++) {
        const struct resize_owner *o = owner(i);
        struct slot_set gone = owned(i);

        if (o)
            slot_set_minus(&gone, &o->slots);
        n += slot_set_count(&gone);
    }
    return n;
}

static int ranges(const struct slot_set *s)
{
    struct slot_range r = { 0, 0 };
    int n = 0;

    for (unsigned from = 0; slot_set_next(s, from, &r); from = r.last + 1u)
        n++;
    return n;
}

static void check_whole(void)
{
    struct slot_set all = { { 0 } };
    int total = 0;

    assert_int_equal(plan.n_owners, plan.shards);
    for (size_t i = 0; i < plan.n_owners; i++) {
        slot_set_union(&all, &plan.owners[i].slots);
        total += slot_set_count(&plan.owners[i].slots);
        assert_true(slot_set_count(&plan.owners[i].slots) > 0);
    }
    assert_int_equal(total, SLOT_COUNT);
    assert_int_equal(slot_set_count(&all), SLOT_COUNT);
}

static const struct row {
    const char *name;
    int shards;
    struct node nodes[13];
    int most_moves, most_ranges; /* of slots; of one owner */
    int least_slots, most_slots; /* of one owner */
    const char *owners;          /* "012": who owns something in the end */
    const char *error;           /* NULL: none */
} rows[] = {
    { "three become six: half of everyone's slots, one range each", 6,
      { { .slots = "0-5460" }, { .slots = "5461-10922" }, { .slots = "10923-16383" }, { .slots = "" }, { .slots = "" }, { .slots = "" } },
      8193, 1, 2700, 2760, "012345", NULL },
    { "six become three: neighbours grow together again", 3,
      { { .slots = "0-2730" }, { .slots = "5461-8191" }, { .slots = "10923-13652" },
        { .slots = "2731-5460", .leaving = true }, { .slots = "8192-10922", .leaving = true },
        { .slots = "13653-16383", .leaving = true } },
      8192, 1, 5400, 5520, "012", NULL },
    { "three become four: everyone gives a quarter", 4,
      { { .slots = "0-5460" }, { .slots = "5461-10922" }, { .slots = "10923-16383" }, { .slots = "" } },
      4200, 3, 4000, 4140, "0123", NULL },
    { "who leaves without a copy that stays is dropped, however much it holds", 3,
      { { .slots = "0-4095", .mib = 100 }, { .slots = "4096-8191", .mib = 100 }, { .slots = "8192-12287", .mib = 100 },
        { .slots = "12288-16383", .mib = 120, .leaving = true } },
      4600, 3, 4000, 7000, "012", NULL },
    { "who leaves and has a copy that stays may be kept: the smallest is dropped", 3,
      { { .slots = "0-4095", .mib = 10 }, { .slots = "4096-8191", .mib = 100 }, { .slots = "8192-12287", .mib = 100 },
        { .slots = "12288-16383", .mib = 100, .leaving = true }, { .slots = "<3" } },
      4200, 2, 4000, 8000, "123", NULL },
    { "bytes count as much as slots: the heavy shard gives more", 4,
      { { .slots = "0-5460", .mib = 400 }, { .slots = "5461-10922", .mib = 100 }, { .slots = "10923-16383", .mib = 100 }, { .slots = "" } },
      5000, 3, 2500, 5500, "0123", NULL },
    { "few bytes are noise", 4,
      { { .slots = "0-5460", .mib = 40 }, { .slots = "5461-10922" }, { .slots = "10923-16383" }, { .slots = "" } },
      4200, 3, 4000, 4140, "0123", NULL },
    { "as many shards as before: nothing moves, balanced or not", 3,
      { { .slots = "0-9000" }, { .slots = "9001-10922" }, { .slots = "10923-16383" }, { .slots = "" } }, 0, 1, 1, 9001, "012", NULL },
    { "new masters on other machines than the old ones", 4,
      { { .slots = "0-5460", .on = "a" }, { .slots = "5461-10922", .on = "b" }, { .slots = "10923-16383", .on = "c" },
        { .slots = "", .on = "a" }, { .slots = "", .on = "d" } },
      4200, 3, 4000, 4140, "0124", NULL },
    { "a node with keys of its own becomes no owner", 4,
      { { .slots = "0-5460" }, { .slots = "5461-10922" }, { .slots = "10923-16383" }, { .slots = "", .keys = 7 } },
      0, 0, 0, 0, "", "4 masters are wanted, and only 3 nodes can be" },
    { "a slot without an owner: not now", 3, { { .slots = "0-5460" }, { .slots = "5461-10922" }, { .slots = "10923-16382" } },
      0, 0, 0, 0, "", "slots without an owner" },
    { "too much for who stays", 3,
      { { .slots = "0-4095", .mib = 700, .max_mib = 1000 }, { .slots = "4096-8191", .mib = 700, .max_mib = 1000 },
        { .slots = "8192-12287", .mib = 700, .max_mib = 1000 }, { .slots = "12288-16383", .mib = 700, .max_mib = 1000, .leaving = true } },
      0, 0, 0, 0, "", "spec.redis.resources.limits.memory" },
    { "just enough for who stays", 3,
      { { .slots = "0-4095", .mib = 600, .max_mib = 1000 }, { .slots = "4096-8191", .mib = 600, .max_mib = 1000 },
        { .slots = "8192-12287", .mib = 600, .max_mib = 1000 }, { .slots = "12288-16383", .mib = 600, .max_mib = 1000, .leaving = true } },
      4096, 3, 5400, 5520, "012", NULL },
    { "scattered ranges are drained too", 1,
      { { .slots = "0-99 200-16383" }, { .slots = "100-149 151" }, { .slots = "150 152-199" } }, 100, 1, 16384, 16384, "0", NULL },
};

static void check(void **state)
{
    const struct row *r = *state;
    struct err e = { 0 };
    int rc;

    set_up(r->nodes, COUNT(r->nodes), r->shards);
    rc = resize_plan_make(&room.x, room.views, &plan, &e);
    if (r->error) {
        assert_true(rc < 0);
        if (!strstr(e.msg, r->error))
            fail_msg("%s", e.msg);
        assert_null(plan.owners);
        return;
    }
    if (rc < 0)
        fail_msg("%s", e.msg);
    check_whole();
    if (moves() > r->most_moves)
        fail_msg("%d slots move, %d would do", moves(), r->most_moves);
    for (size_t i = 0; i < room.x.n_members; i++) {
        const struct resize_owner *o = owner(i);
        int n = o ? slot_set_count(&o->slots) : 0;
        char text[80];

        if ((o != NULL) != (strchr(r->owners, '0' + (char)i) != NULL))
            fail_msg("node %zu owns %d slots", i, n);
        if (o && (n < r->least_slots || n > r->most_slots || ranges(&o->slots) > r->most_ranges))
            fail_msg("node %zu gets %d slots: %s", i, n, slot_set_render(&o->slots, text, sizeof(text)));
    }
}

/* Any sizes, any data: whole, nobody without slots, nobody with more than twice a fair share of slots or bytes; and
 * once there, nothing moves any more. */
static void any_start_ends_balanced(void **state)
{
    uint64_t seed = 12345;
    (void)state;

    for (int round = 0; round < 400; round++) {
        struct node nodes[NODES_MAX] = { 0 };
        char texts[NODES_MAX][40];
        struct err e = { 0 };
        int from = 1 + round % 8, to = 1 + round / 8 % 8, at = 0;
        int64_t bytes = 0;

        for (int i = 0; i < from; i++) {
            int last = i == from - 1 ? SLOT_COUNT - 1 : at + 500 + (int)((seed >> 40) % 1000);

            seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
            snprintf(texts[i], sizeof(texts[i]), "%d-%d", at, last);
            nodes[i] = (struct node){ .slots = texts[i], .mib = (int)((seed >> 33) % 500) + 30, .leaving = i >= to };
            bytes += nodes[i].mib * MIB;
            at = last + 1;
        }
        for (int i = from; i < 16; i++)
            nodes[i].slots = "";
        set_up(nodes, 16, to);
        plan.to_move = 1; /* also when only the balance changes */
        if (resize_plan_make(&room.x, room.views, &plan, &e) < 0)
            fail_msg("%d to %d: %s", from, to, e.msg);
        check_whole();
        for (size_t i = 0; i < 16; i++) {
            const struct resize_owner *o = owner(i);
            double held = 0;

            for (int k = 0; o && k < from; k++) {
                struct slot_set of_k = owned((size_t)k), kept = of_k;

                slot_set_minus(&of_k, &o->slots);
                held += (double)(slot_set_count(&kept) - slot_set_count(&of_k)) / slot_set_count(&kept) * nodes[k].mib * MIB;
            }
            if (o && (slot_set_count(&o->slots) > 2.1 * SLOT_COUNT / to || held > 2.1 * (double)bytes / to))
                fail_msg("%d to %d: node %zu gets %d slots, %.0f MiB of %.0f", from, to, i, slot_set_count(&o->slots), held / MIB,
                         (double)bytes / MIB);
        }
    }
}

static void a_plan_survives_the_status(void **state)
{
    struct resize_plan back = { 0 };
    struct err e = { 0 };
    (void)state;

    set_up(rows[0].nodes, COUNT(rows[0].nodes), 6);
    plan.replicas = 1;
    plan.from_shards = 3;
    plan.from_replicas = 1;
    plan.nodes = 12;
    plan.since_wall_ms = 1700000000000LL;
    assert_int_equal(resize_plan_make(&room.x, room.views, &plan, &e), 0);
    AUTO_JSON cJSON *json = resize_plan_json(&plan);
    assert_int_equal(resize_plan_parse(json, &back, &e), 0);
    AUTO_JSON cJSON *again = resize_plan_json(&back);
    resize_plan_done(&back);
    assert_true(json_equal(json, again));
    assert_int_equal(resize_plan_parse(NULL, &back, &e), 0);
    assert_int_equal(back.shards, 0);
    assert_null(resize_plan_json(&back));
}

#define ID "\"id\":\"0123456789012345678901234567890123456789\""
#define HEAD "{\"shards\":1,\"replicas\":0,\"fromShards\":3,\"fromReplicas\":1,\"nodes\":6,\"toMove\":0"

static const struct text_row {
    const char *name, *text, *error; /* error NULL: fine */
} texts[] = {
    { "a plan without owners yet", HEAD "}", NULL },
    { "one owner of all", HEAD ",\"owners\":[{" ID ",\"slots\":\"0-16383\"}]}", NULL },
    { "a word is no plan", "\"torn\"", "must be an object" },
    { "no shards", "{\"shards\":0,\"replicas\":0,\"fromShards\":3,\"fromReplicas\":1,\"nodes\":6,\"toMove\":0}", "shards or replicas" },
    { "a hundred replicas", "{\"shards\":3,\"replicas\":100,\"fromShards\":3,\"fromReplicas\":1,\"nodes\":6,\"toMove\":0}",
      "shards or replicas" },
    { "fewer nodes than wanted", "{\"shards\":3,\"replicas\":3,\"fromShards\":3,\"fromReplicas\":1,\"nodes\":6,\"toMove\":0}", "nodes" },
    { "a million nodes", "{\"shards\":3,\"replicas\":1,\"fromShards\":3,\"fromReplicas\":1,\"nodes\":1000000,\"toMove\":0}", "nodes" },
    { "slots are missing", HEAD ",\"owners\":[{" ID ",\"slots\":\"0-16382\"}]}", "slots are missing" },
    { "slots beyond the last", HEAD ",\"owners\":[{" ID ",\"slots\":\"0-16384\"}]}", "ranges of slots" },
    { "an owner of nothing", HEAD ",\"owners\":[{" ID ",\"slots\":\"\"}]}", "none" },
    { "two owners for one shard", HEAD ",\"owners\":[{" ID ",\"slots\":\"0-1\"},{" ID ",\"slots\":\"2-16383\"}]}", "2 for 1" },
    { "an id that is none", HEAD ",\"owners\":[{\"id\":\"x\",\"slots\":\"0-16383\"}]}", "node id" },
    { "forgetting before anybody owns", HEAD ",\"forgetting\":true}", "forgetting" },
};

static void read_back(void **state)
{
    const struct text_row *r = *state;
    struct resize_plan p = { 0 };
    AUTO_JSON cJSON *json = NULL;
    struct err e = { 0 };

    assert_int_equal(json_parse(r->text, strlen(r->text), &json, &e), 0);
    int rc = resize_plan_parse(json, &p, &e);
    resize_plan_done(&p);
    if (!r->error && rc < 0)
        fail_msg("%s", e.msg);
    if (r->error && (rc == 0 || !strstr(e.msg, r->error)))
        fail_msg("it says: %s", e.msg);
}

static void seats_grow_and_shrink(void **state)
{
    struct form_plan p = { 0 };
    (void)state;

    assert_true(resize_seats(&p, "a-redis", 4, 2));
    assert_string_equal(p.seats[3].pod, "a-redis-3");
    assert_string_equal(p.seats[3].id, "");
    assert_false(resize_seats(&p, "a-redis", 4, 2));
    assert_true(resize_seats(&p, "a-redis", 1, 1));
    assert_int_equal(p.n_seats, 1);
    assert_int_equal(p.seats[0].shard, 0);
    form_plan_done(&p);
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows) + COUNT(texts) + 3];
    size_t n = 0;

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[n++] = (struct CMUnitTest){ rows[i].name, check, NULL, teardown, (void *)(uintptr_t)&rows[i] };
    for (size_t i = 0; i < COUNT(texts); i++)
        tests[n++] = (struct CMUnitTest){ texts[i].name, read_back, NULL, NULL, (void *)(uintptr_t)&texts[i] };
    tests[n++] = (struct CMUnitTest)cmocka_unit_test_teardown(any_start_ends_balanced, teardown);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test_teardown(a_plan_survives_the_status, teardown);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(seats_grow_and_shrink);
    return _cmocka_run_group_tests("plan of a resize", tests, n, NULL, NULL);
}
