/* What six nodes say, parted by lines "---": the verdict and the next steps hold together. */
#include <assert.h>
#include <string.h>

#include "fuzz.h"
#include "slots/form.h"
#include "slots/heal.h"

#define NODES 6

static const char *const ips[NODES] = { "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6" };

/* A part holds CLUSTER NODES, then, behind an empty line, INFO and CLUSTER INFO mixed. */
static void hear(const char *text, size_t len, struct node_view *v)
{
    const char *gap = memmem(text, len, "\n\n", 2);
    size_t n = gap ? (size_t)(gap - text) + 1 : len;
    struct err e;

    if (view_parse_nodes(text, n, v, &e) < 0 || view_finish(v, &e) < 0)
        return;
    v->reach = REACH_OK;
    v->known_nodes = (int)v->n_rows;
    if (gap && view_parse_info(gap + 2, len - n - 1, v, &e) == 0)
        (void)!view_parse_cluster_info(gap + 2, len - n - 1, v, &e);
}

static void check_heal(const struct expected *x, const struct node_view *views)
{
    struct verdict v;
    struct heal_memory memory = { 0 };
    struct heal_step s;

    verdict_judge(x, views, NODES, &v);
    assert(v.slots_ok >= 0 && v.slots_ok <= SLOT_COUNT);
    assert(v.state != REDIS_HEALTHY || v.slots_ok == SLOT_COUNT);
    for (size_t p = 0; p < N_PREDICATES; p++)
        assert(v.holds[p] == (v.evidence[p][0] == '\0'));
    heal_step_init(&s);
    for (int pass = 0; pass < 2; pass++) /* the second one after the time that a lost master gets */
        heal_step(&(struct heal_input){ .x = x, .views = views, .v = &v, .now_ms = 1000 + pass * 100000 }, &memory, &s);
    assert(v.state != REDIS_UNKNOWN || s.commands.n + s.n_moves == 0);
    for (size_t i = 0; i < s.commands.n; i++) {
        assert(s.commands.items[i].member < NODES);
        assert(views[s.commands.items[i].member].reach == REACH_OK);
        assert(s.commands.items[i].kind != CMD_ADD_SLOTS || s.action == HEAL_ADDSLOTS);
        assert(s.commands.items[i].kind != CMD_SET_EPOCH);
    }
    for (size_t i = 0; s.action == HEAL_TAKEOVER && i < NODES; i++)
        assert(views[i].reach == REACH_OK || x->members[i].fenced);
    for (size_t i = 0; i < s.n_moves; i++)
        assert(s.moves[i].source < NODES && s.moves[i].target < NODES && s.moves[i].source != s.moves[i].target);
    assert(s.n_moves == 0 || (s.action == HEAL_MOVE && s.commands.n == 0));
    heal_step_done(&s);
}

static void check_form(const struct expected *x, const struct node_view *views)
{
    struct form_seat seats[NODES];
    struct form_plan plan = { .shards = 3, .seats = seats, .n_seats = NODES }, made = { 0 };
    struct form_step s;
    struct err e;

    memset(seats, 0, sizeof(seats));
    for (size_t i = 0; i < NODES; i++) {
        seats[i].pod = (char *)(uintptr_t)x->members[i].pod;
        seats[i].shard = (int)i % 3;
        seats[i].replica = i > 2;
        memcpy(seats[i].id, views[i].id, sizeof(seats[i].id));
    }
    form_step_init(&s);
    form_step(x, views, &plan, &s);
    assert(s.action != FORM_REFUSE || s.commands.n == 0);
    form_step_done(&s);
    if (form_plan_make(x, views, &made, &e) == 0)
        form_plan_done(&made);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct member members[NODES] = { 0 };
    struct node_view views[NODES];
    struct expected x = { .members = members, .n_members = NODES, .shards = 3, .replicas_per_shard = 1 };
    const char *rest = (const char *)data, *end = rest + size;

    for (size_t i = 0; i < NODES; i++) {
        const char *cut = rest < end ? memmem(rest, (size_t)(end - rest), "---\n", 4) : NULL;

        view_init(&views[i]);
        members[i] = (struct member){ .pod = ips[i], .ip = ips[i], .port = 6379, .ready = i % 2, .fenced = i % 3 != 0 };
        if (rest < end)
            hear(rest, (size_t)((cut ? cut : end) - rest), &views[i]);
        rest = cut ? cut + 4 : end;
    }
    check_heal(&x, views);
    check_form(&x, views);
    for (size_t i = 0; i < NODES; i++)
        view_done(&views[i]);
    return 0;
}
