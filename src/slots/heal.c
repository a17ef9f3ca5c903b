#include "slots/heal.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "slots/heal_parts.h"

#define NODE_TIMEOUT_MS 5000

void heal_trouble(struct heal *h, size_t i, const char *what)
{
    if (!h->trouble) {
        h->trouble = what;
        h->trouble_at = i;
    }
}

const char *heal_name(const struct heal *h, size_t i)
{
    return merged_name(&h->m, i);
}

int64_t heal_node_timeout_ms(const struct heal *h)
{
    return h->m.x->node_timeout_ms ? h->m.x->node_timeout_ms : NODE_TIMEOUT_MS;
}

bool heal_is_up(const struct heal *h, size_t i)
{
    return h->m.me[i] != NULL;
}

bool heal_is_fresh(const struct heal *h, size_t i)
{
    return heal_is_up(h, i) && view_is_fresh(&h->m.views[i], NULL);
}

bool heal_is_reserved(const struct heal *h, size_t i)
{
    return h->m.x->members[i].reserved || h->m.x->members[i].leaving;
}

/* Two node timeouts are enough for the others to tell it what changed while it was away. */
bool heal_started_lately(const struct heal *h, size_t i)
{
    return h->m.views[i].uptime_s * 1000 <= 2 * heal_node_timeout_ms(h);
}

/* The id of a pod that is restarting: it comes back with it. */
static bool is_away(const struct heal *h, const char *id)
{
    for (size_t i = 0; i < h->m.n; i++)
        if (!heal_is_up(h, i) && h->m.x->members[i].id && str_eq(h->m.x->members[i].id, id))
            return true;
    return false;
}

bool heal_is_stranger(const struct heal *h, const struct view_row *row)
{
    return !(row->flags & NODE_HANDSHAKE) && merged_find(&h->m, row->id) == MERGED_NONE && !is_away(h, row->id);
}

/* By this node's own clock: the newest sign of life it has of anyone, less that of the row. */
int64_t heal_silent_ms(const struct node_view *v, const struct view_row *row)
{
    int64_t newest = 0;

    for (size_t r = 0; r < v->n_rows; r++)
        if (v->rows[r].pong_received_ms > newest)
            newest = v->rows[r].pong_received_ms;
    return newest - row->pong_received_ms;
}

static bool rule_trouble(struct heal *h)
{
    return h->trouble && heal_stop(h, HEAL_REFUSE, HEAL_LATER_MS, "%s %s", heal_name(h, h->trouble_at), h->trouble);
}

static bool rule_wait(struct heal *h)
{
    return h->v->state != REDIS_HEALTHY && heal_stop(h, HEAL_WAIT, HEAL_WAIT_MS, "waiting: %.150s", verdict_why(h->v));
}

void heal_step(const struct heal_input *in, struct heal_memory *mem, struct heal_step *out)
{
    static bool (*const rules[])(struct heal *) = {
        heal_jobs,    heal_unknown, heal_cluster_exists, heal_suspend, heal_meet, heal_stale_replication, heal_replacement,
        heal_balance, heal_arm,            heal_failover,   heal_forget, heal_open_slots,        heal_lost_slots,
        rule_trouble, heal_strangers,      rule_wait,
    };
    struct heal h = { .in = in, .v = in->v, .mem = mem, .out = out };

    heal_step_done(out);
    merged_init(&h.m, in->x, in->views, in->x->n_members);
    heal_find_kin(&h);
    heal_find_losses(&h);
    heal_forget_found(&h);
    for (size_t i = 0; i < COUNT(rules); i++)
        if (rules[i](&h))
            break;
    free(h.losses);
    free(h.kin);
    merged_done(&h.m);
}

void heal_step_init(struct heal_step *s)
{
    memset(s, 0, sizeof(*s));
}

void heal_step_done(struct heal_step *s)
{
    commands_done(&s->commands);
    heal_step_init(s);
}

const char *heal_action_name(enum heal_action a)
{
    static const char *const names[] = { "none",  "wait",     "refuse", "suspend", "meet",     "replicate", "forget", "arm",
                                         "force", "takeover", "stable", "mark", "move",    "add-slots", "save", "cancel" };

    return names[a];
}
