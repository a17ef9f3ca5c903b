#include <string.h>

#include "base/mem.h"
#include "redis/mover.h"

static struct lane *lane_for(struct redis_move *m, const struct move_slot *s)
{
    size_t target = s->how == MOVE_STABLE ? s->source : s->target;
    struct lane *lane;

    for (size_t i = 0; i < m->n_lanes; i++)
        if (m->lanes[i].how == s->how && m->lanes[i].source == s->source && m->lanes[i].target == target)
            return &m->lanes[i];
    lane = &m->lanes[m->n_lanes++];
    lane->m = m;
    lane->how = s->how;
    lane->source = s->source;
    lane->target = target;
    lane->queue = xcalloc(m->n_works, sizeof(*lane->queue));
    lane_init(lane);
    return lane;
}

/* A target raises its epoch; a source must not, while a slot of its own is taken by somebody else. */
static bool takes(const struct work *w)
{
    return w->what.how == MOVE_SLOT && w->from < HAND_OTHERS;
}

static bool is_both(const struct redis_move *m, const struct work *w)
{
    for (size_t i = 0; i < m->n_lanes && takes(w); i++)
        if (m->lanes[i].takes && (m->lanes[i].source == w->what.target || m->lanes[i].target == w->what.source))
            return true;
    return false;
}

static void refuse(struct redis_move *m, struct work *w, const struct err *why)
{
    m->states[w->index] = MOVE_REFUSED;
    move_error(m, w, w->what.source,
               why->kind == ERR_RETRY ? REPLY_AGAIN : why->kind == ERR_DENIED ? REPLY_DENIED : REPLY_STOP, why->msg);
}

static size_t login_of(const struct redis_move *m, const struct node_view *v)
{
    for (size_t i = 0; i < m->n_logins; i++)
        if (strcmp(m->logins[i].user, v->login) == 0)
            return i;
    return 0;
}

void move_share_out(struct redis_move *m, const struct node_view *views)
{
    static const enum handover_how hows[] = { [MOVE_SLOT] = HAND_FORWARD, [MOVE_BACK] = HAND_BACK,
                                              [MOVE_STABLE] = HAND_UNMARK };
    const char **ids = xcalloc(m->n_nodes, sizeof(*ids));

    for (size_t i = 0; i < m->n_nodes; i++) {
        ids[i] = m->nodes[i].id;
        m->nodes[i].login = login_of(m, &views[i]);
        m->nodes[i].setslot_waits = views[i].is_valkey; /* 7.2 has no such wait, and no harm */
        m->nodes[i].is_right = views[i].reach == REACH_OK && strcmp(views[i].id, ids[i]) == 0;
    }
    for (size_t i = 0; i < m->n_works; i++) {
        struct work *w = &m->works[i];
        size_t target = w->what.how == MOVE_STABLE ? w->what.source : w->what.target;
        struct err why = { 0 };

        w->from = handover_judge(hows[w->what.how], w->what.slot, views, m->n_nodes, ids, w->what.source, target, &why);
        if (w->from == HAND_REFUSED) {
            refuse(m, w, &why);
            continue;
        }
        if (is_both(m, w))
            continue;
        w->lane = lane_for(m, &w->what);
        w->lane->takes = w->lane->takes || takes(w);
        w->lane->queue[w->lane->n_queue++] = i;
    }
    free(ids);
}
