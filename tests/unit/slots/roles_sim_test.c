/*
 * Healing and roles together against the model, for many seeds: zones anywhere, nodes that are cordoned, pods
 * that end announced or not, an operator that dies after any command. No copy may be lost, whoever ends announced
 * from a healthy cluster ends as no master, and in the end nobody moves any more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "slots/roles.h"
#include "world.h"

enum { SEEDS = 20, ZONES_MAX = 4 };

struct sim {
    struct world w;
    struct heal_memory heal;
    struct roles_memory roles;
    struct settle settle;
    bool healthy, calm; /* as last seen; calm: nothing was to be done */
    unsigned written;
    int n_roles;        /* steps */
    char zones[W_PODS][16], nodes[W_PODS][16], doing[300];
};

static struct sim sim;

static void send(struct sim *s, const struct commands *c, bool reliable)
{
    size_t until = !reliable && w_rand(&s->w, 5) == 0 ? w_rand(&s->w, (uint32_t)c->n + 1) : c->n;

    for (size_t i = 0; i < until; i++)
        if (w_do(&s->w, &c->items[i])[0]) /* as the wire does it: what follows is not sent */
            break;
    if (until < c->n) { /* the operator died */
        s->heal = (struct heal_memory){ 0 };
        s->roles = (struct roles_memory){ 0 };
        s->settle = (struct settle){ 0, 0 };
    }
}

static bool step_heal(struct sim *s, const struct node_view *views, const struct verdict *v, bool reliable)
{
    struct heal_step step;
    bool acted;

    heal_step_init(&step);
    heal_step(&(struct heal_input){ .x = &s->w.x, .views = views, .v = v, .now_ms = s->w.now_ms }, &s->heal, &step);
    snprintf(s->doing, sizeof(s->doing), "heal %s %s: %s", redis_state_name(v->state), heal_action_name(step.action), step.reason);
    acted = step.commands.n > 0;
    send(s, &step.commands, reliable);
    heal_step_done(&step);
    return acted;
}

static bool step_roles(struct sim *s, const struct node_view *views, const struct verdict *v, bool quiet, bool reliable)
{
    struct roles_step step;
    bool acted;

    roles_step_init(&step);
    roles_step(&(struct roles_input){ .x = &s->w.x, .views = views, .v = v, .quiet = quiet, .now_ms = s->w.now_ms }, &s->roles,
               &step);
    acted = step.action != ROLES_NONE;
    s->n_roles += step.commands.n > 0;
    if (acted)
        snprintf(s->doing, sizeof(s->doing), "roles %s: %s", roles_action_name(step.action), step.reason);
    send(s, &step.commands, reliable);
    roles_step_done(&step);
    return acted;
}

static void pass(struct sim *s, bool reliable)
{
    struct node_view *views = w_look(&s->w);
    struct verdict v;
    bool acted;

    verdict_judge(&s->w.x, views, (size_t)s->w.n_pods, &v);
    verdict_settle(&s->settle, &v, W_NT_MS, s->w.now_ms);
    s->healthy = v.state == REDIS_HEALTHY;
    acted = step_heal(s, views, &v, reliable) ||
            step_roles(s, views, &v, s->healthy && v.holds[P_SETTLED], reliable);
    s->calm = s->healthy && !acted && v.holds[P_SETTLED];
    views_free(views, (size_t)s->w.n_pods);
}

static void check_data(struct sim *s)
{
    unsigned kept = 0;

    for (int i = 0; i < s->w.n_ids; i++) {
        kept |= s->w.node[i].data;
        if (s->w.node[i].owns)
            s->written |= s->w.node[i].data;
    }
    if (s->written & ~kept)
        fail_msg("lost shards %x while %s", s->written & ~kept, s->doing);
}

static void run(struct sim *s, int ms, bool reliable)
{
    for (int64_t until = s->w.now_ms + ms; s->w.now_ms < until;) {
        w_tick(&s->w);
        check_data(s);
        if (w_rand(&s->w, s->calm ? 10 : 2) == 0)
            pass(s, reliable);
    }
}

static void place(struct sim *s, int pod, int zone, int node)
{
    snprintf(s->zones[pod], sizeof(s->zones[pod]), "z%d", zone);
    snprintf(s->nodes[pod], sizeof(s->nodes[pod]), "n%d", node);
    s->w.members[pod].zone = s->zones[pod];
    s->w.members[pod].node = s->nodes[pod];
}

static void start(uint64_t seed)
{
    static const int shapes[][2] = { { 3, 1 }, { 3, 2 }, { 4, 1 } };
    const int *shape = shapes[seed % COUNT(shapes)];
    int zones;

    memset(&sim, 0, sizeof(sim));
    w_init(&sim.w, shape[0], shape[1], seed * 104729 + 3);
    zones = 1 + (int)w_rand(&sim.w, ZONES_MAX);
    for (int i = 0; i < sim.w.n_pods; i++) {
        int node = (int)w_rand(&sim.w, (uint32_t)sim.w.n_pods);

        place(&sim, i, node % zones, node);
    }
    w_form(&sim.w);
}

static void await_calm(struct sim *s, uint64_t seed)
{
    for (int i = 0; i < 1200; i++) {
        run(s, 500, true);
        if (s->calm)
            return;
    }
    fail_msg("seed %llu ends with %s", (unsigned long long)seed, s->doing);
}

/* Its successor runs somewhere, with its data. */
static void end_pod(struct sim *s, int pod, bool announced)
{
    struct world *w = &s->w;

    if (announced) {
        w->members[pod].ending = w->members[pod].draining = true;
        w->members[pod].ready = false;
        run(s, 3000, true);
    }
    w_kill(w, pod);
    run(s, 500 + (int)w_rand(w, 3000), false);
    w->members[pod].ending = w->members[pod].draining = false;
    w->members[pod].ready = true;
    w_start(w, pod, true);
}

static void cordon(struct sim *s, const char *node, bool on)
{
    for (int i = 0; i < s->w.n_pods; i++)
        if (strcmp(s->nodes[i], node) == 0)
            s->w.members[i].draining = on;
}

static void who_ends_announced_is_no_master(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        start(seed);
        for (int i = 0; i < 4; i++) {
            int pod = (int)w_rand(&sim.w, (uint32_t)sim.w.n_pods);
            struct w_node *n = &sim.w.node[sim.w.id_of[pod]];

            await_calm(&sim, seed);
            sim.w.members[pod].ending = sim.w.members[pod].draining = true;
            sim.w.members[pod].ready = false;
            sim.calm = false; /* the watch brings a pass */
            run(&sim, 2000, true);
            if (n->owns)
                fail_msg("seed %llu: %d is still a master; %s", (unsigned long long)seed, pod, sim.doing);
            end_pod(&sim, pod, false);
        }
        await_calm(&sim, seed);
    }
}

static void roles_come_to_rest(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        int steps;

        start(seed);
        for (int i = 0; i < 6; i++) {
            int pod = (int)w_rand(&sim.w, (uint32_t)sim.w.n_pods);
            char node[16];

            memcpy(node, sim.nodes[pod], sizeof(node));
            cordon(&sim, node, true);
            run(&sim, (int)w_rand(&sim.w, 20000), false);
            if (w_rand(&sim.w, 2))
                end_pod(&sim, pod, w_rand(&sim.w, 2));
            cordon(&sim, node, false);
            run(&sim, (int)w_rand(&sim.w, 20000), false);
        }
        await_calm(&sim, seed);
        run(&sim, 100000, true);
        steps = sim.n_roles;
        run(&sim, 200000, true);
        if (sim.n_roles != steps || !sim.calm)
            fail_msg("seed %llu: %d steps after rest; %s", (unsigned long long)seed, sim.n_roles - steps, sim.doing);
        assert_int_equal(sim.written, (1u << sim.w.shards) - 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_ends_announced_is_no_master),
        cmocka_unit_test(roles_come_to_rest),
    };

    return cmocka_run_group_tests_name("roles in the model", tests, NULL, NULL);
}
