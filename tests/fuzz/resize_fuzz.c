/* A plan of a resize as a status may hold it, then what six nodes say, parted by lines "---": what is read back prints
 * the same, and the next step names only what is there. */
#include <assert.h>
#include <string.h>

#include "fuzz.h"
#include "slots/resize.h"

#define NODES 6

static const char *const ips[NODES] = { "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6" };

static void hear(const char *text, size_t len, struct node_view *v)
{
    struct err e;

    if (view_parse_nodes(text, len, v, &e) < 0 || view_finish(v, &e) < 0)
        return;
    v->reach = REACH_OK;
    v->known_nodes = (int)v->n_rows;
    v->state_ok = true;
    v->keys = 0;
}

static void check_json(const struct resize_plan *p)
{
    AUTO_JSON cJSON *json = resize_plan_json(p), *again = NULL;
    struct resize_plan back = { 0 };
    struct err e;

    assert(resize_plan_parse(json, &back, &e) == 0);
    again = resize_plan_json(&back);
    assert(!json || json_equal(json, again));
    resize_plan_done(&back);
}

static void check_step(const struct expected *x, const struct node_view *views, const struct resize_plan *p)
{
    struct verdict v;
    struct resize_step s;

    verdict_judge(x, views, NODES, &v);
    resize_step_init(&s);
    resize_step(x, views, &v, p, NULL, &s);
    assert(v.state != REDIS_UNKNOWN || (s.commands.n == 0 && s.n_moves == 0));
    assert(s.action == RESIZE_MOVE || s.n_moves == 0);
    for (size_t i = 0; i < s.commands.n; i++)
        assert(views[s.commands.items[i].member].reach == REACH_OK && s.commands.items[i].kind != CMD_ADD_SLOTS);
    for (size_t i = 0; i < s.n_moves; i++) {
        struct slot_set own = view_row_slots(&views[s.moves[i].source], view_myself(&views[s.moves[i].source]));

        assert(s.moves[i].target < NODES && s.moves[i].target != s.moves[i].source);
        assert(slot_set_has(&own, s.moves[i].slot));
    }
    if (s.action == RESIZE_RECORD)
        check_json(&s.next);
    resize_step_done(&s);
}

static const char *part(const char **rest, const char *end, size_t *len)
{
    const char *from = *rest, *cut = from < end ? memmem(from, (size_t)(end - from), "---\n", 4) : NULL;

    *len = from < end ? (size_t)((cut ? cut : end) - from) : 0;
    *rest = cut ? cut + 4 : end;
    return from;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct member members[NODES] = { 0 };
    struct node_view views[NODES];
    struct expected x = { .members = members, .n_members = NODES, .replicas_per_shard = 1 };
    const char *rest = (const char *)data, *end = rest + size, *text;
    struct resize_plan plan = { 0 };
    AUTO_JSON cJSON *json = NULL;
    struct err e;
    size_t len;

    text = part(&rest, end, &len);
    if (json_parse(text, len, &json, &e) < 0 || resize_plan_parse(json, &plan, &e) < 0)
        return 0;
    check_json(&plan);
    for (size_t i = 0; i < NODES; i++) {
        view_init(&views[i]);
        members[i] = (struct member){ .pod = ips[i], .ip = ips[i], .port = 6379, .leaving = i >= resize_nodes_wanted(&plan),
                                      .parting = i >= resize_nodes_wanted(&plan) && plan.forgetting, .reserved = i > 2 };
        text = part(&rest, end, &len);
        if (len)
            hear(text, len, &views[i]);
    }
    check_step(&x, views, &plan);
    resize_plan_done(&plan);
    for (size_t i = 0; i < NODES; i++)
        view_done(&views[i]);
    return 0;
}
