/*
 * Forming and mending against the model, for many seeds: pods that die, move, lose their volume; an
 * operator that dies after any command. It must converge, and no shard's last copy may go.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "world.h"

#define SEEDS 60

static uint64_t number_from(const char *name, uint64_t fallback)
{
    const char *env = getenv(name);

    return env ? strtoull(env, NULL, 10) : fallback;
}

/* In the environment: SEEDS=5000 for a long look, FROM=1243 SEEDS=1244 for one of them. */
static uint64_t first_seed(void)
{
    return number_from("FROM", 0);
}

static uint64_t n_seeds(void)
{
    return number_from("SEEDS", SEEDS);
}

struct sim {
    struct world w;
    struct form_plan plan;
    bool bootstrapped;
    bool calm; /* healthy, nothing to do, everything armed */
    bool replacing; /* a copy is lost: no second fault until it is made good */
    char doing[300];
    unsigned written; /* shards that ever held data */
    int n_refused;
    struct heal_memory memory;
};

static struct sim sim;
static int n_forced; /* over all seeds */

static int teardown(void **state)
{
    (void)state;
    form_plan_done(&sim.plan);
    return 0;
}

/* The operator dies after some of the commands now and then; some get lost on the way. */
static void send(struct sim *s, const struct commands *c, bool reliable)
{
    size_t until = !reliable && w_rand(&s->w, 4) == 0 ? w_rand(&s->w, (uint32_t)c->n + 1) : c->n;

    if (until < c->n)
        s->memory = (struct heal_memory){ 0 };
    for (size_t i = 0; i < until; i++) {
        const char *reply;

        if (!reliable && w_rand(&s->w, 20) == 0)
            continue;
        reply = w_do(&s->w, &c->items[i]);
        if (command_classify(c->items[i].kind, reply) == REPLY_STOP && strcmp(reply, "ERR down") != 0)
            fail_msg("%s: %s", s->doing, reply);
    }
}

static void pass_form(struct sim *s, const struct node_view *views, bool reliable)
{
    struct form_step step;
    struct err e = { 0 };

    if (!s->plan.seats && form_plan_make(&s->w.x, views, &s->plan, &e) < 0) {
        snprintf(s->doing, sizeof(s->doing), "plan: %s", e.msg);
        return;
    }
    form_step_init(&step);
    form_step(&s->w.x, views, &s->plan, &step);
    snprintf(s->doing, sizeof(s->doing), "form %s: %s", form_action_name(step.action), step.reason);
    if (step.action == FORM_RECORD)
        form_plan_record(&s->plan, &s->w.x, views);
    s->bootstrapped = step.action == FORM_DONE;
    s->n_refused += step.action == FORM_REFUSE;
    send(s, &step.commands, reliable);
    form_step_done(&step);
}

static void pass_heal(struct sim *s, const struct node_view *views, bool reliable)
{
    struct heal_step step;
    struct verdict v;

    verdict_judge(&s->w.x, views, (size_t)s->w.n_pods, &v);
    heal_step_init(&step);
    heal_step(&(struct heal_input){ .x = &s->w.x, .views = views, .v = &v, .now_ms = s->w.now_ms }, &s->memory, &step);
    snprintf(s->doing, sizeof(s->doing), "heal %s %s: %s", redis_state_name(v.state), heal_action_name(step.action),
             step.reason);
    s->calm = step.action == HEAL_NONE && v.state == REDIS_HEALTHY;
    s->n_refused += step.action == HEAL_REFUSE;
    n_forced += step.action == HEAL_FORCE || step.action == HEAL_TAKEOVER;
    if (v.state == REDIS_UNKNOWN)
        assert_int_equal(step.commands.n, 0);
    for (size_t i = 0; i < step.commands.n; i++)
        assert_int_not_equal(step.commands.items[i].kind, CMD_ADD_SLOTS);
    send(s, &step.commands, reliable);
    heal_step_done(&step);
}

static void pass(struct sim *s, bool reliable)
{
    struct node_view *views = w_look(&s->w);

    if (s->bootstrapped)
        pass_heal(s, views, reliable);
    else
        pass_form(s, views, reliable);
    views_free(views, (size_t)s->w.n_pods);
}

static void check_data(struct sim *s)
{
    unsigned kept = 0;

    for (int i = 0; i < s->w.n_ids; i++) {
        if (s->w.gone[i])
            continue;
        kept |= s->w.node[i].data;
        if (s->w.node[i].owns)
            s->written |= s->w.node[i].data;
    }
    if (s->written & ~kept)
        fail_msg("seed lost shards %x while %s", s->written & ~kept, s->doing);
}

static void run(struct sim *s, int ms, bool reliable)
{
    for (int64_t until = s->w.now_ms + ms; s->w.now_ms < until;) {
        w_tick(&s->w);
        check_data(s);
        if (w_rand(&s->w, 2) == 0)
            pass(s, reliable);
        if (reliable && s->bootstrapped && s->calm)
            return;
    }
}

static void hurt(struct sim *s)
{
    struct world *w = &s->w;
    int pod = (int)w_rand(w, (uint32_t)w->n_pods);
    bool up = w->node[w->id_of[pod]].up;

    s->replacing = s->replacing && !s->calm;
    if (s->replacing)
        return;
    switch (w_rand(w, 7)) {
    case 0:
    case 1:
        w_kill(w, pod);
        break;
    case 2: /* all pods, new addresses */
        for (int i = 0; i < w->n_pods && w_rand(w, 3) == 0; i++)
            w_start(w, i, true);
        break;
    case 3: /* its volume too, when no other copy is in danger and the others can elect */
        if (s->calm && w->replicas > 0 && w->shards > 1 && w->n_ids < W_IDS - 1) {
            w_wipe(w, pod);
            w_start(w, pod, true);
            s->calm = false;
            s->replacing = true;
        }
        break;
    case 4:
        w->hidden[pod] = !w->hidden[pod];
        break;
    default:
        if (!up)
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

static void expect_calm(struct sim *s, uint64_t seed)
{
    s->calm = false;
    run(s, 180000, true);
    if (!s->bootstrapped || !s->calm)
        fail_msg("seed %llu ends with %s", (unsigned long long)seed, s->doing);
    for (int i = 0; i < s->w.n_pods; i++)
        assert_true(s->w.node[s->w.id_of[i]].armed);
    assert_int_equal(s->written, (1u << s->w.shards) - 1);
}

static void sim_start(uint64_t seed)
{
    static const int shapes[][2] = { { 3, 1 }, { 3, 2 }, { 4, 1 }, { 3, 0 }, { 1, 0 }, { 1, 1 } };
    const int *shape = shapes[seed % COUNT(shapes)];

    form_plan_done(&sim.plan);
    memset(&sim, 0, sizeof(sim));
    w_init(&sim.w, shape[0], shape[1], seed * 7919 + 1);
}

static void forming_survives_crashes(void **state)
{
    (void)state;

    for (uint64_t seed = first_seed(); seed < n_seeds(); seed++) {
        sim_start(seed);
        for (int i = 0; i < 20 && !sim.bootstrapped; i++) {
            run(&sim, 500, false);
            if (w_rand(&sim.w, 4) == 0)
                w_start(&sim.w, (int)w_rand(&sim.w, (uint32_t)sim.w.n_pods), w_rand(&sim.w, 2));
        }
        expect_calm(&sim, seed);
    }
}

static void mending_converges(void **state)
{
    (void)state;

    for (uint64_t seed = first_seed(); seed < n_seeds(); seed++) {
        sim_start(seed);
        expect_calm(&sim, seed);
        for (int i = 0; i < 30; i++) {
            hurt(&sim);
            run(&sim, 500 * (1 + (int)w_rand(&sim.w, 12)), false);
        }
        all_back(&sim.w);
        expect_calm(&sim, seed);
    }
}

/* Every pod moves at once, before any of them is armed again: no role may change. */
static void a_move_of_all_changes_no_role(void **state)
{
    (void)state;

    for (uint64_t seed = first_seed(); seed < n_seeds(); seed++) {
        int masters[W_PODS];

        sim_start(seed);
        expect_calm(&sim, seed);
        for (int i = 0; i < sim.w.n_pods; i++)
            masters[i] = sim.w.node[sim.w.id_of[i]].master;
        for (int i = 0; i < sim.w.n_pods; i++) {
            w_start(&sim.w, i, true);
            sim.w.node[sim.w.id_of[i]].armed = seed % 2; /* a configuration that does not suspend */
        }
        sim.calm = false;
        expect_calm(&sim, seed);
        for (int i = 0; i < sim.w.n_pods; i++)
            assert_int_equal(sim.w.node[sim.w.id_of[i]].master, masters[i]);
    }
}

/* Kills or cuts off masters until there is no majority, but not so many that nothing is known. */
static void take_majority(struct sim *s, bool volumes_too)
{
    struct world *w = &s->w;
    int least = w->shards - w->shards / 2, most = w->n_pods / 2, n = 0;

    for (int i = 0, pod = (int)w_rand(w, (uint32_t)w->n_pods); i < w->n_pods && n < least && n < most; i++, pod++) {
        int at = pod % w->n_pods;

        if (!w->node[w->id_of[at]].owns)
            continue;
        n++;
        if (volumes_too && w->n_ids < W_IDS - 1 && w_rand(w, 3) == 0) {
            w_wipe(w, at);
            w_start(w, at, true);
        } else {
            w_kill(w, at);
            w->members[at].fenced = w_rand(w, 2); /* unreachable, as far as anybody knows */
        }
    }
}

/* All replicas miss what is written for a while, and start again as their masters die. */
static void lag(struct sim *s)
{
    struct world *w = &s->w;
    bool lags[W_PODS] = { false };

    for (int i = 0; i < w->n_pods; i++)
        if (w->node[w->id_of[i]].master != NOBODY && w_rand(w, 3)) {
            lags[i] = true;
            w_kill(w, i);
        }
    run(s, 10000, false);
    take_majority(s, false);
    for (int i = 0; i < w->n_pods; i++)
        if (lags[i])
            w_start(w, i, w_rand(w, 2));
}

/* Some that were not known to be dead are, after a while; some return, in any order. */
static void later(struct sim *s)
{
    struct world *w = &s->w;
    int pod = (int)w_rand(w, (uint32_t)w->n_pods);

    if (w->node[w->id_of[pod]].up)
        return;
    if (w_rand(w, 3))
        w->members[pod].fenced = true;
    else
        w_start(w, pod, w_rand(w, 2));
}

/* Whatever is forced is as new as what was lost, but for what was on the way: the link breaks when its
 * master dies, seconds are counted whole, and the deadline adds one node timeout of doubt. */
static void lost_majorities_are_mended(void **state)
{
    (void)state;

    n_forced = 0;
    for (uint64_t seed = first_seed(); seed < n_seeds(); seed++) {
        sim_start(seed);
        if (sim.w.replicas == 0)
            continue;
        sim.w.aof = seed % 2;
        sim.w.no_elections = seed % 5 == 0;
        expect_calm(&sim, seed);
        for (int round = 0; round < 3; round++) {
            if (w_rand(&sim.w, 2))
                lag(&sim);
            else
                take_majority(&sim, true);
            for (int i = 0; i < 12; i++) {
                run(&sim, 500 * (1 + (int)w_rand(&sim.w, 20)), false);
                later(&sim);
            }
            all_back(&sim.w);
            expect_calm(&sim, seed);
            if (sim.w.forced_loss_ms > W_NT_MS + 2000 + 1000 + 2 * W_TICK_MS)
                fail_msg("seed %llu: %lld ms of writes given up", (unsigned long long)seed, (long long)sim.w.forced_loss_ms);
        }
    }
    assert_true(n_forced > 10 || first_seed());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(forming_survives_crashes, teardown),
        cmocka_unit_test_teardown(mending_converges, teardown),
        cmocka_unit_test_teardown(a_move_of_all_changes_no_role, teardown),
        cmocka_unit_test_teardown(lost_majorities_are_mended, teardown),
    };

    return cmocka_run_group_tests_name("simulation", tests, NULL, NULL);
}
