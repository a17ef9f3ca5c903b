/*
 * Rolling: which images may follow, the durable plan as text, and whole rolls against the model, for many
 * seeds, with an operator that dies before and after every step.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "slots/roll.h"
#include "world.h"

/* --- images --- */

static const struct image_row {
    const char *name, *image;
    bool to_valkey;
    const char *version;
    bool is_valkey, allowed;
} images[] = {
    { "the same release", "redis:7.4", false, "7.4.2", false, true },
    { "Redis 7 to 8", "redis:8.0", false, "7.0.15", false, true },
    { "Redis 8 to 7", "redis:7.4", false, "8.0.2", false, false },
    { "a lower minor release", "redis:7.2", false, "7.4.2", false, false },
    { "a lower patch release", "redis:7.4.1", false, "7.4.2", false, true },
    { "a tag of the major release only", "redis:7", false, "7.4.2", false, true },
    { "Redis 7.0 to Valkey", "valkey/valkey:8.1", true, "7.0.15", false, true },
    { "Redis 7.2 to Valkey", "valkey/valkey:9", true, "7.2.4", false, true },
    { "Redis 7.4, whose files Valkey does not read", "valkey/valkey:8.1", true, "7.4.0", false, false },
    { "Redis 8 to Valkey", "valkey/valkey:9.1", true, "8.0.2", false, false },
    { "Valkey 8 to 9", "valkey/valkey:9.1-alpine", true, "8.1.4", true, true },
    { "Valkey 9 to 8", "valkey/valkey:8.1", true, "9.1.0", true, false },
    { "Valkey to Redis", "redis:8.0", false, "8.1.4", true, false },
    { "a tag that says nothing", "redis:latest", false, "8.0.2", false, true },
    { "no tag", "redis", false, "8.0.2", false, true },
    { "a digest alone", "redis@sha256:7000", false, "8.0.2", false, true },
    { "a tag and a digest", "host:5000/x/redis:7.0@sha256:ab", false, "8.0.2", false, false },
    { "a registry's port is no tag", "host:5000/x/redis", false, "8.0.2", false, true },
    { "a version not known yet", "redis:7.0", false, "", false, true },
    { "a tag with v", "redis:v7.0", false, "8.0.2", false, false },
    { "a tag with a huge number", "redis:99999999999999999999", false, "8.0.2", false, true },
};

static void check_image(void **state)
{
    const struct image_row *r = *state;
    struct err e = { 0 };
    int rc = roll_image_check(r->image, r->to_valkey, r->version, r->is_valkey, &e);

    assert_int_equal(rc == 0, r->allowed);
    assert_int_equal(e.kind, r->allowed ? ERR_NONE : ERR_INVALID);
}

/* --- the durable plan --- */

static const struct plan_row {
    const char *name, *json;
    bool ok;
    const char *pod;
} plans[] = {
    { "nobody", "null", true, "" },
    { "whose turn it is", "{\"pod\":\"a-redis-1\",\"uid\":\"u\"}", true, "a-redis-1" },
    { "a failover under way",
      "{\"pod\":\"a-redis-1\",\"uid\":\"u\",\"failoverTo\":\"a-redis-2\",\"failoverAtMs\":5,\"tries\":1}", true, "a-redis-1" },
    { "a number for a name", "{\"pod\":1,\"uid\":\"u\"}", false, "" },
    { "no uid", "{\"pod\":\"a-redis-1\"}", false, "" },
    { "an empty object", "{}", false, "" },
    { "a list", "[]", false, "" },
    { "a name without end",
      "{\"pod\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\"uid\":\"u\"}",
      false, "" },
};

static void check_plan(void **state)
{
    const struct plan_row *r = *state;
    struct roll_plan p = { .pod = "untouched" };
    cJSON *json = NULL, *again = NULL;
    struct err e = { 0 };

    assert_int_equal(json_parse(r->json, strlen(r->json), &json, &e), 0);
    assert_int_equal(roll_plan_parse(json, &p, &e) == 0, r->ok);
    assert_string_equal(p.pod, r->ok ? r->pod : "untouched");
    again = r->ok ? roll_plan_json(&p) : NULL;
    if (r->ok && r->pod[0])
        assert_true(json_equal(again, json));
    else
        assert_null(again);
    cJSON_Delete(again);
    cJSON_Delete(json);
}

/* --- whole rolls --- */

enum { SEEDS = 60, BACK_MS = 900, ROLL_MS = 400000 };

struct lab {
    struct world w;
    struct heal_memory memory;
    struct settle settle;
    struct roll_plan plan; /* in the status */
    struct roll_pod pods[W_PODS];
    char uids[W_PODS][16];
    int64_t back_ms[W_PODS]; /* when the deleted pod's successor starts; 0: it is there */
    int restarts[W_PODS];
    bool keeps_data, frail; /* frail: the operator dies often */
    bool broken;            /* pods that are made now do not start */
    bool unmended;          /* nothing is healed, and nothing said of it */
    unsigned written;
    enum roll_action last;
    char doing[300];
    int n_refused, n_failovers;
};

static struct lab lab;

static void name_pod(struct lab *l, int i)
{
    snprintf(l->uids[i], sizeof(l->uids[i]), "u-%d-%d", i, l->restarts[i]);
    l->pods[i] = (struct roll_pod){ .exists = true, .running = true, .ready = true, .uid = l->uids[i], .waiting = "" };
}

static void lab_start(struct lab *l, int shards, int replicas, uint64_t seed)
{
    memset(l, 0, sizeof(*l));
    l->keeps_data = true;
    w_init(&l->w, shards, replicas, seed * 7919 + 1);
    w_form(&l->w);
    for (int i = 0; i < l->w.n_pods; i++)
        name_pod(l, i);
}

static void outdate_all(struct lab *l, bool outdated)
{
    for (int i = 0; i < l->w.n_pods; i++)
        l->w.members[i].outdated = outdated;
}

static int n_down(const struct lab *l)
{
    int n = 0;

    for (int i = 0; i < l->w.n_pods; i++)
        n += !l->w.node[l->w.id_of[i]].up;
    return n;
}

/* What may be deleted when: nobody else is away, and who has replicas owns nothing. */
static void check_deletion(struct lab *l, int pod)
{
    const struct w_node *n = &l->w.node[l->w.id_of[pod]];

    if (n->up && n_down(l) > 0)
        fail_msg("%s while another is away", l->doing);
    if (n->up && n->owns && l->w.replicas)
        fail_msg("%s though it serves", l->doing);
    if (n->up && n->armed && l->w.replicas)
        fail_msg("%s though it may be elected", l->doing);
}

static void delete_pod(struct lab *l, int pod)
{
    check_deletion(l, pod);
    w_kill(&l->w, pod);
    l->restarts[pod]++;
    l->pods[pod].exists = l->pods[pod].ready = l->pods[pod].running = false;
    l->back_ms[pod] = l->w.now_ms + BACK_MS;
}

static void kubelet(struct lab *l)
{
    for (int i = 0; i < l->w.n_pods; i++) {
        if (!l->back_ms[i] || l->w.now_ms < l->back_ms[i])
            continue;
        l->back_ms[i] = 0;
        name_pod(l, i);
        l->w.members[i].outdated = false;
        if (l->broken) {
            l->pods[i].ready = l->pods[i].running = false;
            l->pods[i].waiting = "ImagePullBackOff";
        } else {
            w_start(&l->w, i, true);
        }
    }
}

static bool dies(struct lab *l)
{
    return l->frail && w_rand(&l->w, 4) == 0;
}

static void send_all(struct lab *l, const struct commands *c)
{
    for (size_t i = 0; i < c->n && !dies(l); i++) {
        const char *reply = w_do(&l->w, &c->items[i]);

        if (command_classify(c->items[i].kind, reply) == REPLY_STOP && strcmp(reply, "ERR down") != 0)
            fail_msg("%s: %s", l->doing, reply);
    }
}

static void carry_out(struct lab *l, const struct roll_step *s)
{
    l->last = s->action;
    if (dies(l))
        return;
    l->plan = s->plan;
    l->n_refused += s->action == ROLL_REFUSE;
    l->n_failovers += s->action == ROLL_FAILOVER;
    if (dies(l))
        return;
    send_all(l, &s->commands);
    if (s->action == ROLL_DELETE && l->pods[s->member].exists)
        delete_pod(l, (int)s->member);
}

static bool mend(struct lab *l, const struct node_view *views, const struct verdict *v)
{
    struct heal_step s;
    bool busy;

    heal_step_init(&s);
    heal_step(&(struct heal_input){ .x = &l->w.x, .views = views, .v = v, .now_ms = l->w.now_ms }, &l->memory, &s);
    snprintf(l->doing, sizeof(l->doing), "heal %s: %s", heal_action_name(s.action), s.reason);
    busy = s.action != HEAL_NONE && s.action != HEAL_REFUSE;
    send_all(l, &s.commands);
    heal_step_done(&s);
    return busy;
}

static void look(struct lab *l)
{
    struct node_view *views = w_look(&l->w);
    struct roll_input in = { .x = &l->w.x, .views = views, .pods = l->pods, .plan = &l->plan, .formed = true,
                             .keeps_data = l->keeps_data, .wall_ms = l->w.now_ms };
    struct roll_step s;
    struct verdict v;

    for (int i = 0; i < l->w.n_pods; i++) {
        l->w.members[i].ready = l->pods[i].ready;
        l->w.members[i].rolling = l->plan.uid[0] && strcmp(l->plan.uid, l->pods[i].uid) == 0;
    }
    verdict_judge(&l->w.x, views, (size_t)l->w.n_pods, &v);
    verdict_settle(&l->settle, &v, W_NT_MS, l->w.now_ms);
    in.v = &v;
    in.busy = !l->unmended && mend(l, views, &v);
    roll_step_init(&s);
    roll_step(&in, &s);
    snprintf(l->doing, sizeof(l->doing), "roll %s: %s", roll_action_name(s.action), s.reason);
    carry_out(l, &s);
    roll_step_done(&s);
    views_free(views, (size_t)l->w.n_pods);
}

static void check_data(struct lab *l)
{
    unsigned served = 0, kept = 0;

    for (int i = 0; i < l->w.n_ids; i++) {
        served |= l->w.node[i].up ? l->w.node[i].owns : 0;
        kept |= l->w.node[i].data;
        if (l->w.node[i].owns)
            l->written |= l->w.node[i].data;
    }
    if (l->written & ~kept)
        fail_msg("lost shards %x while %s", l->written & ~kept, l->doing);
    if (l->w.replicas && served != (1u << l->w.shards) - 1)
        fail_msg("shards %x are not served while %s", ~served & ((1u << l->w.shards) - 1), l->doing);
}

static bool is_over(const struct lab *l)
{
    bool outdated = false;

    for (int i = 0; i < l->w.n_pods; i++)
        outdated |= l->w.members[i].outdated;
    return !outdated && !l->plan.pod[0] && l->last == ROLL_NONE;
}

static void run(struct lab *l, int ms)
{
    l->last = ROLL_WAIT;
    for (int64_t until = l->w.now_ms + ms; l->w.now_ms < until && !is_over(l);) {
        w_tick(&l->w);
        kubelet(l);
        check_data(l);
        if (w_rand(&l->w, 2) == 0)
            look(l);
    }
}

static const int shapes[][2] = { { 3, 1 }, { 3, 2 }, { 4, 1 }, { 3, 0 }, { 1, 0 }, { 1, 1 } };

static void roll_all(bool frail)
{
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        const int *shape = shapes[seed % COUNT(shapes)];

        lab_start(&lab, shape[0], shape[1], seed);
        run(&lab, 20000);
        assert_int_equal(lab.last, ROLL_NONE);
        lab.frail = frail;
        outdate_all(&lab, true);
        run(&lab, ROLL_MS);
        if (!is_over(&lab))
            fail_msg("seed %llu ends with %s", (unsigned long long)seed, lab.doing);
        for (int i = 0; i < lab.w.n_pods; i++)
            assert_int_equal(lab.restarts[i], 1);
        if (!frail)
            assert_int_equal(lab.n_failovers, lab.w.replicas ? lab.w.shards : 0);
        assert_true(frail || lab.n_refused == 0);
    }
}

static void every_pod_once(void **state)
{
    (void)state;
    roll_all(false);
}

static void an_operator_that_dies(void **state)
{
    (void)state;
    roll_all(true);
}

static void a_pod_that_does_not_start_stops_it(void **state)
{
    (void)state;

    for (uint64_t seed = 0; seed < 12; seed++) {
        int restarts = 0;

        lab_start(&lab, shapes[seed % 3][0], shapes[seed % 3][1], seed);
        run(&lab, 20000);
        lab.broken = true;
        outdate_all(&lab, true);
        run(&lab, 60000);
        if (lab.last != ROLL_REFUSE)
            fail_msg("seed %llu: %s", (unsigned long long)seed, lab.doing);
        assert_non_null(strstr(lab.doing, "ImagePullBackOff"));
        assert_int_equal(n_down(&lab), 1);
        lab.broken = false; /* set back: the others are of the newest revision again, the broken one is not */
        for (int i = 0; i < lab.w.n_pods; i++)
            lab.w.members[i].outdated = !lab.pods[i].ready;
        run(&lab, 60000);
        if (!is_over(&lab))
            fail_msg("seed %llu ends with %s", (unsigned long long)seed, lab.doing);
        for (int i = 0; i < lab.w.n_pods; i++)
            restarts += lab.restarts[i];
        assert_int_equal(restarts, 2);
    }
}

static void set_back_before_its_turn_nothing_ends(void **state)
{
    (void)state;

    lab_start(&lab, 3, 1, 5);
    run(&lab, 20000);
    outdate_all(&lab, true);
    for (int i = 0; i < 200 && !lab.plan.pod[0]; i++) {
        w_tick(&lab.w);
        look(&lab);
    }
    assert_string_not_equal(lab.plan.pod, "");
    outdate_all(&lab, false);
    run(&lab, 20000);
    assert_true(is_over(&lab));
    for (int i = 0; i < lab.w.n_pods; i++) {
        assert_int_equal(lab.restarts[i], 0);
        assert_true(lab.w.node[lab.w.id_of[i]].armed);
    }
}

static void without_replicas_or_volumes_nothing_ends(void **state)
{
    (void)state;

    lab_start(&lab, 3, 0, 7);
    lab.keeps_data = false;
    run(&lab, 20000);
    outdate_all(&lab, true);
    run(&lab, 20000);
    assert_int_equal(lab.last, ROLL_REFUSE);
    for (int i = 0; i < lab.w.n_pods; i++)
        assert_int_equal(lab.restarts[i], 0);
}

static void while_somebody_is_away_nobody_ends(void **state)
{
    (void)state;

    lab_start(&lab, 3, 1, 9);
    run(&lab, 20000);
    for (int i = 0; i < lab.w.n_pods; i++)
        if (!lab.w.node[lab.w.id_of[i]].owns && n_down(&lab) == 0) {
            w_kill(&lab.w, i);
            lab.pods[i].ready = false;
        }
    outdate_all(&lab, true);
    run(&lab, 20000);
    assert_int_equal(lab.last, ROLL_WAIT);
    for (int i = 0; i < lab.w.n_pods; i++)
        assert_int_equal(lab.restarts[i], 0);
}

static int n_restarts(const struct lab *l)
{
    int n = 0;

    for (int i = 0; i < l->w.n_pods; i++)
        n += l->restarts[i];
    return n;
}

static void half_move(struct lab *l, bool open)
{
    struct w_node *from = &l->w.node[l->w.id_of[1]], *to = &l->w.node[l->w.id_of[2]];
    unsigned bit = from->owns & -from->owns;

    l->unmended = open;
    from->migrating = open ? bit : 0;
    to->importing = open ? bit : 0;
    for (int s = 0; s < W_PIECES; s++) {
        from->peer[s] = l->w.id_of[2];
        to->peer[s] = l->w.id_of[1];
    }
}

/* It is to hand over, and was not told to yet. */
static bool is_a_masters_turn(const struct lab *l)
{
    for (int i = 0; i < l->w.n_pods; i++)
        if (l->w.node[l->w.id_of[i]].owns && l->plan.uid[0] && strcmp(l->plan.uid, l->uids[i]) == 0)
            return l->n_failovers == 0;
    return false;
}

/* N14. Neither a roll begins, nor does one go on. */
static void while_a_slot_is_half_moved_nobody_ends(void **state)
{
    (void)state;

    lab_start(&lab, 3, 1, 5);
    run(&lab, 20000);
    half_move(&lab, true);
    outdate_all(&lab, true);
    run(&lab, 20000);
    assert_int_equal(n_restarts(&lab), 0);
    half_move(&lab, false);
    for (int i = 0; i < 400000 && !is_a_masters_turn(&lab); i++)
        run(&lab, 1);
    assert_true(is_a_masters_turn(&lab));
    int before = n_restarts(&lab);
    half_move(&lab, true);
    run(&lab, 40000);
    assert_int_equal(n_restarts(&lab), before);
    assert_int_equal(lab.n_failovers, 0);
    half_move(&lab, false);
    run(&lab, ROLL_MS);
    assert_int_equal(n_restarts(&lab), lab.w.n_pods);
}

static void before_forming_what_does_not_run_is_made_anew(void **state)
{
    struct roll_plan none = { 0 };
    struct roll_pod pods[1] = { { .exists = true, .uid = "u", .waiting = "ErrImagePull" } };
    struct member m = { .pod = "a-redis-0", .outdated = true };
    struct expected x = { .members = &m, .n_members = 1, .shards = 1 };
    struct verdict v = { 0 };
    struct roll_step s;
    (void)state;

    roll_step_init(&s);
    roll_step(&(struct roll_input){ .x = &x, .v = &v, .pods = pods, .plan = &none }, &s);
    assert_int_equal(s.action, ROLL_DELETE);
    assert_string_equal(s.plan.pod, "");
    m.outdated = false; /* as the spec wants it, and the spec is wrong: again and again would not help */
    roll_step_init(&s);
    roll_step(&(struct roll_input){ .x = &x, .v = &v, .pods = pods, .plan = &none }, &s);
    assert_int_equal(s.action, ROLL_NONE);
}

/* Between two crashes the kubelet says nothing. */
static void a_successor_that_crashes_is_said_all_the_time(void **state)
{
    struct roll_plan plan = { .pod = "a-redis-0", .uid = "before" };
    struct roll_pod pods[1] = { { .exists = true, .running = true, .uid = "after", .waiting = "", .restarts = 1 } };
    struct member m = { .pod = "a-redis-0" };
    struct expected x = { .members = &m, .n_members = 1, .shards = 1 };
    struct verdict v = { 0 };
    struct roll_input in = { .x = &x, .v = &v, .pods = pods, .plan = &plan, .formed = true };
    struct roll_step s;
    (void)state;

    roll_step_init(&s);
    roll_step(&in, &s);
    assert_int_equal(s.action, ROLL_WAIT);
    pods[0].restarts = 2;
    roll_step_init(&s);
    roll_step(&in, &s);
    assert_int_equal(s.action, ROLL_REFUSE);
    assert_non_null(strstr(s.reason, "it crashes"));
}

int main(void)
{
    const struct CMUnitTest whole[] = {
        cmocka_unit_test(a_successor_that_crashes_is_said_all_the_time),
        cmocka_unit_test(every_pod_once),
        cmocka_unit_test(an_operator_that_dies),
        cmocka_unit_test(a_pod_that_does_not_start_stops_it),
        cmocka_unit_test(set_back_before_its_turn_nothing_ends),
        cmocka_unit_test(without_replicas_or_volumes_nothing_ends),
        cmocka_unit_test(while_somebody_is_away_nobody_ends),
        cmocka_unit_test(while_a_slot_is_half_moved_nobody_ends),
        cmocka_unit_test(before_forming_what_does_not_run_is_made_anew),
    };
    struct CMUnitTest tests[COUNT(images) + COUNT(plans)];
    size_t n = 0;

    for (size_t i = 0; i < COUNT(images); i++)
        tests[n++] = (struct CMUnitTest){ images[i].name, check_image, NULL, NULL, (void *)(uintptr_t)&images[i] };
    for (size_t i = 0; i < COUNT(plans); i++)
        tests[n++] = (struct CMUnitTest){ plans[i].name, check_plan, NULL, NULL, (void *)(uintptr_t)&plans[i] };
    return cmocka_run_group_tests_name("roll", tests, NULL, NULL) + cmocka_run_group_tests_name("whole rolls", whole, NULL, NULL);
}
