#include <string.h>

#include "base/mem.h"
#include "redis/mover.h"

#define MOVING_AT_ONCE 2 /* slots of a lane whose keys move: while one is migrated the next is listed */
#define TAKEN_AT_ONCE 8 /* slots that a target takes before its answers are awaited */

enum whom { SOURCE, TARGET };

/* The steps in their order; a step that is not for a way is left out. */
static const struct step {
    bool of[3]; /* MOVE_SLOT, MOVE_BACK, MOVE_STABLE */
    enum command_kind kind;
    enum whom to[3], about[3];
} steps[] = {
    [HAND_IMPORT] = { { true, true, false }, CMD_SLOT_IMPORTING, { TARGET, SOURCE }, { SOURCE, TARGET } },
    [HAND_MIGRATE] = { { true, false, false }, CMD_SLOT_MIGRATING, { SOURCE }, { TARGET } },
    [HAND_KEYS] = { { true, true, false }, CMD_MIGRATE, { SOURCE, SOURCE }, { TARGET, TARGET } },
    [HAND_COUNT] = { { true, true, true }, CMD_SLOT_COUNT, { SOURCE, SOURCE, SOURCE }, { TARGET, TARGET, TARGET } },
    [HAND_TARGET] = { { true, false, false }, CMD_SLOT_NODE, { TARGET }, { TARGET } },
    [HAND_SOURCE] = { { true, false, false }, CMD_SLOT_NODE, { SOURCE }, { TARGET } },
    [HAND_OTHERS] = { { true, false, false }, CMD_SLOT_NODE, { TARGET }, { TARGET } },
    [HAND_STABLE] = { { false, true, true }, CMD_SLOT_STABLE, { SOURCE, SOURCE, SOURCE }, { SOURCE, SOURCE, SOURCE } },
};

static void enter(struct lane *lane, enum handover_step step);
static void send_more(struct lane *lane);

static struct work *lane_work(const struct lane *lane, size_t i)
{
    return &lane->m->works[lane->window[i]];
}

static size_t member_of(const struct lane *lane, enum whom whom)
{
    return whom == SOURCE ? lane->source : lane->target;
}

void lane_give_up(struct work *w, enum move_state state)
{
    w->out = true;
    w->lane->m->states[w->index] = state;
}

static void release(struct lane *lane)
{
    struct redis_move *m = lane->m;

    if (m->committing != lane)
        return;
    m->committing = NULL;
    for (size_t i = 0; i < m->n_lanes; i++)
        if (m->lanes[i].waits)
            loop_timer_set(m->lanes[i].timer, 0);
}

static void end_window(struct lane *lane)
{
    struct redis_move *m = lane->m;

    for (size_t i = 0; i < lane->n_window; i++) {
        struct work *w = lane_work(lane, i);

        if (w->out)
            continue;
        m->states[w->index] = MOVE_DONE;
        m->report.n_done++;
    }
    lane->n_window = 0;
    loop_timer_set(lane->timer, 0);
}

static void next_step(struct lane *lane)
{
    enum handover_step step = lane->step + 1;

    while (step < HAND_REFUSED && !steps[step].of[lane->how])
        step++;
    if (lane->step == HAND_SOURCE)
        release(lane);
    enter(lane, step);
}

/* Keys that came while we counted: from the start of that step, for those slots. */
static void after_count(struct lane *lane)
{
    bool clean = true;

    for (size_t i = 0; i < lane->n_window; i++)
        clean = clean && (lane_work(lane, i)->out || lane_work(lane, i)->clean || lane_work(lane, i)->from > HAND_COUNT);
    if (clean)
        next_step(lane);
    else
        enter(lane, HAND_KEYS);
}

static void answered(struct lane *lane)
{
    if (--lane->n_awaited > 0 || lane->m->over)
        return;
    if (lane->cursor < lane->n_window)
        send_more(lane);
    else if (lane->step == HAND_COUNT)
        after_count(lane);
    else
        next_step(lane);
}

static void counted(struct work *w, const redisReply *r)
{
    w->clean = r->type == REDIS_REPLY_INTEGER && r->integer == 0;
    if (w->clean || w->what.how != MOVE_STABLE)
        return;
    lane_give_up(w, MOVE_REFUSED);
    move_error(w->lane->m, w, w->lane->source, REPLY_STOP, "it holds keys of the slot that it would forget");
}

static void on_reply(void *arg, const redisReply *r)
{
    struct work *w = arg;
    struct lane *lane = w->lane;
    const struct step *s = &steps[lane->step];
    enum reply_class what;

    if (lane->m->over || lane->dead)
        return;
    what = command_classify(s->kind, r->type == REDIS_REPLY_ERROR ? r->str : "");
    /* ALREADY is an answer of a source that became a replica; any other one means that somebody else moved it. */
    if (what != REPLY_OK && !(what == REPLY_ALREADY && lane->step == HAND_SOURCE)) {
        lane_give_up(w, MOVE_OPEN);
        move_error(lane->m, w, member_of(lane, s->to[lane->how]), what == REPLY_ALREADY ? REPLY_AGAIN : what, r->str);
    } else if (lane->step == HAND_COUNT) {
        counted(w, r);
    }
    answered(lane);
}

static bool takes_part(const struct lane *lane, const struct work *w)
{
    return !w->out && w->from <= lane->step && !(lane->step == HAND_COUNT && w->clean);
}

/* A target tells everybody of each slot that it takes, and each of them reads it through and writes its nodes.conf:
 * many at once would keep every server busy for milliseconds. One whose SETSLOT waits for its replicas has a way for each. */
static size_t sent_at_once(const struct lane *lane)
{
    const struct node *target = &lane->m->nodes[lane->target];

    if (lane->step != HAND_TARGET)
        return lane->n_window;
    return target->n_ways ? target->n_ways : TAKEN_AT_ONCE;
}

static void send_one(struct lane *lane, struct work *w)
{
    const struct step *s = &steps[lane->step];
    struct redis_move *m = lane->m;
    struct command c = { .kind = s->kind, .range = { w->what.slot, w->what.slot } };

    memcpy(c.id, move_id(m, member_of(lane, s->about[lane->how])), sizeof(c.id));
    m->states[w->index] = MOVE_OPEN;
    lane->n_awaited++;
    move_send(m, member_of(lane, s->to[lane->how]), &c, on_reply, w);
}

static void send_more(struct lane *lane)
{
    size_t most = sent_at_once(lane);

    lane->n_awaited = 1; /* ours, until all are sent */
    while (lane->cursor < lane->n_window && lane->n_awaited <= most && !lane->m->over) {
        struct work *w = lane_work(lane, lane->cursor++);

        if (takes_part(lane, w))
            send_one(lane, w);
    }
    answered(lane);
}

static size_t moving_at_once(const struct lane *lane)
{
    return lane->m->report.pace.pairs > 1 ? MOVING_AT_ONCE : 1;
}

static void move_keys(struct lane *lane)
{
    while (lane->cursor < lane->n_window && lane->n_moving < moving_at_once(lane) && !lane->big && !lane->m->over) {
        struct work *w = lane_work(lane, lane->cursor++);

        if (!takes_part(lane, w) || w->clean)
            continue;
        lane->n_moving++;
        keys_start(w);
    }
    if (lane->cursor == lane->n_window && lane->n_moving == 0 && !lane->m->over)
        next_step(lane);
}

void lane_keys_done(struct lane *lane, struct work *w)
{
    keys_free(TAKE(w->keys));
    lane->n_moving--;
    if (lane->big == w)
        lane->big = NULL;
    if (lane->big)
        keys_next(lane->big->keys); /* it waited to be alone */
    else
        move_keys(lane);
}

static void tell_others(struct lane *lane)
{
    for (size_t i = 0; i < lane->n_window; i++)
        if (!lane_work(lane, i)->out)
            move_tell_others(lane->m, lane_work(lane, i));
    next_step(lane);
}

static void enter(struct lane *lane, enum handover_step step)
{
    if (lane->m->over)
        return;
    lane->step = step;
    switch (step) {
    case HAND_REFUSED: end_window(lane); return;
    case HAND_OTHERS: tell_others(lane); return;
    case HAND_KEYS:
        lane->cursor = lane->n_moving = 0;
        lane->big = NULL;
        move_keys(lane);
        return;
    case HAND_TARGET:
        lane->waits = lane->m->committing && lane->m->committing != lane;
        if (lane->waits)
            return;
        lane->m->committing = lane;
        break;
    default: break;
    }
    lane->cursor = 0;
    send_more(lane);
}

static void take_window(struct lane *lane)
{
    size_t most = (size_t)lane->m->report.pace.slots;

    lane->n_window = 0;
    while (lane->next < lane->n_queue && lane->n_window < most && lane->n_window < PACE_SLOTS_MAX)
        lane->window[lane->n_window++] = lane->queue[lane->next++];
}

static void begin_window(struct lane *lane)
{
    struct redis_move *m = lane->m;

    if (m->stopping || lane->next == lane->n_queue || m->n_running > (size_t)m->report.pace.pairs) {
        move_lane_idle(m, lane);
        return;
    }
    take_window(lane);
    enter(lane, lane->how == MOVE_STABLE ? HAND_COUNT : HAND_IMPORT);
}

/* From here and not from within a reply, so that no chain of windows grows the stack. */
static void on_timer(void *arg)
{
    struct lane *lane = arg;

    if (lane->m->over || lane->dead)
        return;
    if (lane->waits)
        enter(lane, HAND_TARGET);
    else
        begin_window(lane);
}

void lane_init(struct lane *lane)
{
    lane->timer = loop_timer_new(lane->m->loop, on_timer, lane);
}

void lane_start(struct lane *lane)
{
    loop_timer_set(lane->timer, 0);
}

void lane_die(struct lane *lane)
{
    if (lane->dead)
        return;
    lane->dead = true;
    lane->waits = false;
    release(lane);
    move_lane_idle(lane->m, lane);
}

void lane_done(struct lane *lane)
{
    for (size_t i = 0; i < lane->n_window; i++)
        keys_free(TAKE(lane_work(lane, i)->keys));
    loop_timer_free(lane->timer);
    free(lane->queue);
}
