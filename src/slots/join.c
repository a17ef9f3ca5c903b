#include "slots/join.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "slots/judge.h"
#include "slots/tell.h"

#define WAIT_MS 250
#define LATER_MS 2000 /* for what a person has to mend */
#define MESH_MAX_NODES 32
#define NODE_TIMEOUT_MS 5000

struct join {
    struct merged m;
    const struct verdict *v;
    struct join_step *out;
    size_t hub;          /* a node that knows the cluster; MERGED_NONE: nobody does */
    const char *trouble; /* what only a person can mend; reported when nothing else is to be done */
    size_t trouble_at;
};

static bool stop(struct join_step *out, enum join_action action, int again_ms, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
static bool stop(struct join_step *out, enum join_action action, int again_ms, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(out->reason, sizeof(out->reason), fmt, ap);
    va_end(ap);
    out->action = action;
    out->again_ms = again_ms;
    return true;
}

static const char *name(const struct join *j, size_t i)
{
    return merged_name(&j->m, i);
}

static void trouble(struct join *j, size_t i, const char *what)
{
    if (!j->trouble) {
        j->trouble = what;
        j->trouble_at = i;
    }
}

static bool is_up(const struct join *j, size_t i)
{
    return j->m.me[i] != NULL;
}

static bool is_fresh(const struct join *j, size_t i)
{
    return is_up(j, i) && view_is_fresh(&j->m.views[i], NULL);
}

/* Does anybody else who is up have a row for this member? */
static bool is_known(const struct join *j, size_t i)
{
    for (size_t k = 0; k < j->m.n; k++)
        if (k != i && is_up(j, k) && view_find(&j->m.views[k], j->m.me[i]->id))
            return true;
    return false;
}

/* Does this member know anybody else who is up? */
static bool knows_any(const struct join *j, size_t i)
{
    for (size_t k = 0; k < j->m.n; k++)
        if (k != i && is_up(j, k) && view_find(&j->m.views[i], j->m.me[k]->id))
            return true;
    return false;
}

/* May it be introduced? A fresh node may; one that has a past must belong to ours already. */
static bool may_meet(struct join *j, size_t i)
{
    if (!is_up(j, i))
        return false;
    if (i == j->hub || is_known(j, i) || knows_any(j, i) || is_fresh(j, i))
        return true;
    trouble(j, i, "has data or other nodes of its own, and is unknown to the cluster");
    return false;
}

static size_t find_hub(const struct join *j)
{
    for (size_t i = 0; i < j->m.n; i++)
        if (merged_owns(&j->m, i))
            return i;
    for (size_t i = 0; i < j->m.n; i++)
        if (is_up(j, i) && j->m.views[i].n_rows > 1)
            return i;
    return MERGED_NONE;
}

/* Someone has it at an address where it is no more. */
static bool has_moved(const struct join *j, size_t i)
{
    for (size_t k = 0; k < j->m.n; k++) {
        const struct view_row *r = k != i && is_up(j, k) ? view_find(&j->m.views[k], j->m.me[i]->id) : NULL;

        if (r && !merged_at(&j->m, r, i))
            return true;
    }
    return false;
}

/* Each rule returns true when it has decided the step. */

static bool rule_unknown(struct join *j)
{
    return j->v->state == REDIS_UNKNOWN && stop(j->out, JOIN_WAIT, WAIT_MS, "unknown, nothing is changed: %.120s",
                                                verdict_why(j->v));
}

static bool rule_cluster_exists(struct join *j)
{
    j->hub = find_hub(j);
    return j->hub == MERGED_NONE &&
           stop(j->out, JOIN_REFUSE, LATER_MS, "no pod that answers remembers the cluster: its data is lost or elsewhere");
}

/* When most owners moved, replicas would take their silence for death before the news arrives. */
static bool rule_suspend(struct join *j)
{
    size_t known = 0, moved = 0;

    for (size_t i = 0; i < j->m.n; i++) {
        known += is_up(j, i) && is_known(j, i);
        moved += is_up(j, i) && has_moved(j, i);
    }
    if (moved * 2 <= known)
        return false;
    for (size_t i = 0; i < j->m.n; i++)
        if (is_up(j, i) && !is_fresh(j, i) && !(j->m.me[i]->flags & NODE_NOFAILOVER))
            commands_add(&j->out->commands, CMD_SUSPEND, i);
    return j->out->commands.n > 0 && stop(j->out, JOIN_SUSPEND, 0, "%zu of %zu nodes moved: no failover until they have met",
                                          moved, known);
}

/* Pairs that lack an address; all of them while that is few messages, else those with the hub. */
static bool rule_meet(struct join *j)
{
    bool mesh = j->m.n <= MESH_MAX_NODES;

    for (size_t a = 0; a < j->m.n; a++)
        for (size_t b = 0; b < j->m.n && may_meet(j, a); b++)
            if (a != b && (mesh || a == j->hub || b == j->hub) && may_meet(j, b))
                tell_meet(&j->out->commands, &j->m, a, b);
    return j->out->commands.n > 0 && stop(j->out, JOIN_MEET, WAIT_MS, "introducing nodes: %zu pairs lack an address",
                                          j->out->commands.n);
}

/* Whom this replica should follow: its master, or, when that was demoted, the master's master. */
static size_t rightful_master(const struct join *j, size_t replica)
{
    size_t master = merged_find(&j->m, j->m.me[replica]->master_id);

    if (master != MERGED_NONE && j->m.me[master]->flags & NODE_REPLICA)
        master = merged_find(&j->m, j->m.me[master]->master_id);
    return master != replica ? master : MERGED_NONE;
}

static bool rule_stale_replication(struct join *j)
{
    for (size_t i = 0; i < j->m.n; i++) {
        bool is_replica = is_up(j, i) && j->m.me[i]->flags & NODE_REPLICA;
        size_t master = is_replica ? rightful_master(j, i) : MERGED_NONE;

        if (master == MERGED_NONE || merged_follows(&j->m, i, master) || !tell_knows(&j->m, i, master))
            continue;
        tell_id(&j->out->commands, CMD_REPLICATE, i, j->m.me[master]->id);
        stop(j->out, JOIN_REPLICATE, WAIT_MS, "%s follows %.60s:%u, its master is %s", name(j, i),
             j->m.views[i].master_host, j->m.views[i].master_port, name(j, master));
    }
    return j->out->commands.n > 0;
}

/* Followers, counting those promised in this step and the silent ones that may come back. */
static size_t followers(const struct join *j, size_t owner)
{
    const struct node_view *v = &j->m.views[owner];
    size_t n = merged_followers(&j->m, owner);

    for (size_t r = 0; r < v->n_rows; r++)
        n += str_eq(v->rows[r].master_id, v->id) && merged_find(&j->m, v->rows[r].id) == MERGED_NONE &&
             merged_silent_at(&j->m, &v->rows[r]) != MERGED_NONE;
    for (size_t c = 0; c < j->out->commands.n; c++)
        n += str_eq(j->out->commands.items[c].id, v->id);
    return n;
}

static bool is_beside(const struct join *j, size_t a, size_t b)
{
    const struct member *x = &j->m.x->members[a], *y = &j->m.x->members[b];

    return (!str_empty(x->node) && str_eq(x->node, y->node)) || (!str_empty(x->zone) && str_eq(x->zone, y->zone));
}

/* The owner that lacks replicas most; of equals one that runs elsewhere. */
static size_t neediest(const struct join *j, size_t newcomer)
{
    size_t best = MERGED_NONE, best_has = 0;

    for (size_t i = 0; i < j->m.n; i++) {
        size_t has = merged_owns(&j->m, i) ? followers(j, i) : SIZE_MAX;

        if (has >= (size_t)j->m.x->replicas_per_shard || !tell_knows(&j->m, newcomer, i))
            continue;
        if (best == MERGED_NONE || has < best_has ||
            (has == best_has && is_beside(j, newcomer, best) && !is_beside(j, newcomer, i))) {
            best = i;
            best_has = has;
        }
    }
    return best;
}

/* Two node timeouts are enough for the others to tell it what changed while it was away. */
static bool started_lately(const struct join *j, size_t i)
{
    int timeout_ms = j->m.x->node_timeout_ms ? j->m.x->node_timeout_ms : NODE_TIMEOUT_MS;

    return j->m.views[i].uptime_s * 1000 <= 2LL * timeout_ms;
}

static bool rule_replacement(struct join *j)
{
    for (size_t i = 0; i < j->m.n; i++) {
        size_t owner;

        if (!is_up(j, i) || !(j->m.me[i]->flags & NODE_MASTER) || merged_owns(&j->m, i) || j->m.views[i].n_rows < 2)
            continue;
        if (j->m.views[i].keys != 0) {
            if (!started_lately(j, i)) /* a master that was replaced meanwhile becomes a replica by itself */
                trouble(j, i, "owns no slots but holds keys");
            continue;
        }
        owner = neediest(j, i);
        if (owner == MERGED_NONE)
            continue;
        tell_id(&j->out->commands, CMD_REPLICATE, i, j->m.me[owner]->id);
        stop(j->out, JOIN_REPLICATE, WAIT_MS, "%s is new and empty: it becomes a replica of %s", name(j, i),
             name(j, owner));
    }
    return j->out->commands.n > 0;
}

/* A replica of an owner that has more than its share; one that is not armed comes first. */
static size_t surplus_replica(const struct join *j)
{
    size_t found = MERGED_NONE;

    for (size_t i = 0; i < j->m.n; i++) {
        bool follows = is_up(j, i) && j->m.me[i]->flags & NODE_REPLICA;
        size_t master = follows ? merged_find(&j->m, j->m.me[i]->master_id) : MERGED_NONE;

        if (master == MERGED_NONE || merged_followers(&j->m, master) <= (size_t)j->m.x->replicas_per_shard)
            continue;
        if (j->m.me[i]->flags & NODE_NOFAILOVER)
            return i;
        if (found == MERGED_NONE)
            found = i;
    }
    return found;
}

/* A replica of a master that is gone for good and whose slots others serve. */
static size_t orphan_replica(const struct join *j)
{
    for (size_t i = 0; i < j->m.n; i++) {
        const struct view_row *master = NULL;

        if (!is_up(j, i) || !j->m.me[i]->master_id[0] || merged_find(&j->m, j->m.me[i]->master_id) != MERGED_NONE)
            continue;
        master = view_find(&j->m.views[i], j->m.me[i]->master_id);
        if (!master || master->n_ranges == 0)
            return i;
    }
    return MERGED_NONE;
}

/* A newcomer went to one shard while the pod that returned later belonged there too, or a replica
 * missed its master's end. What moves must not be elected before it has copied its new master:
 * until then it is not armed. */
static bool rule_balance(struct join *j)
{
    size_t i, owner;

    if (j->m.n_up < j->m.n || !j->v->serving || !j->v->holds[P_CLOSED])
        return false;
    i = orphan_replica(j);
    if (i == MERGED_NONE && j->v->holds[P_CONSENSUS])
        i = surplus_replica(j);
    owner = i != MERGED_NONE ? neediest(j, i) : MERGED_NONE;
    if (owner == MERGED_NONE)
        return false;
    if (!(j->m.me[i]->flags & NODE_NOFAILOVER)) {
        commands_add(&j->out->commands, CMD_SUSPEND, i);
        return stop(j->out, JOIN_SUSPEND, 0, "%s has to move: no failover until it is in sync there", name(j, i));
    }
    tell_id(&j->out->commands, CMD_REPLICATE, i, j->m.me[owner]->id);
    return stop(j->out, JOIN_REPLICATE, WAIT_MS, "%s is not needed where it is, %s lacks a replica", name(j, i),
                name(j, owner));
}

/* By this node's own clock: the newest sign of life it has of anyone, less that of the row. */
static int64_t silent_for_ms(const struct node_view *v, const struct view_row *row)
{
    int64_t newest = 0;

    for (size_t r = 0; r < v->n_rows; r++)
        if (v->rows[r].pong_received_ms > newest)
            newest = v->rows[r].pong_received_ms;
    return newest - row->pong_received_ms;
}

/* Everyone who knows it holds it for dead, it owns nothing, nobody follows it. */
static bool is_dead_weight(const struct join *j, const char *id)
{
    int timeout_ms = j->m.x->node_timeout_ms ? j->m.x->node_timeout_ms : NODE_TIMEOUT_MS;
    bool failed = false;

    for (size_t i = 0; i < j->m.n; i++) {
        const struct node_view *v = &j->m.views[i];
        const struct view_row *row = view_find(v, id);

        for (size_t r = 0; r < v->n_rows; r++)
            if (str_eq(v->rows[r].master_id, id))
                return false;
        if (!row)
            continue;
        if (row->n_ranges || !(row->flags & (NODE_FAIL | NODE_PFAIL | NODE_NOADDR)) ||
            silent_for_ms(v, row) <= 2LL * timeout_ms)
            return false;
        failed |= (row->flags & (NODE_FAIL | NODE_NOADDR)) != 0;
    }
    return failed;
}

/* The id of a pod that is restarting: it comes back with it. */
static bool is_away(const struct join *j, const char *id)
{
    for (size_t i = 0; i < j->m.n; i++)
        if (!is_up(j, i) && j->m.x->members[i].id && str_eq(j->m.x->members[i].id, id))
            return true;
    return false;
}

static bool is_stranger(const struct join *j, const struct view_row *row)
{
    return !(row->flags & NODE_HANDSHAKE) && merged_find(&j->m, row->id) == MERGED_NONE && !is_away(j, row->id);
}

/* Everyone forgets it in one step: who still knew it would spread it again after a minute. */
static bool rule_forget(struct join *j)
{
    if (j->m.n_up < j->m.n || !j->v->holds[P_QUORUM])
        return false;
    for (size_t i = 0; i < j->m.n && j->out->commands.n == 0; i++)
        for (size_t r = 0; r < j->m.views[i].n_rows && j->out->commands.n == 0; r++) {
            const struct view_row *row = &j->m.views[i].rows[r];

            if (!is_stranger(j, row) || !is_dead_weight(j, row->id))
                continue;
            for (size_t k = 0; k < j->m.n; k++)
                if (view_find(&j->m.views[k], row->id))
                    tell_id(&j->out->commands, CMD_FORGET, k, row->id);
            stop(j->out, JOIN_FORGET, WAIT_MS, "%.8s belongs to no pod any more", row->id);
        }
    return j->out->commands.n > 0;
}

/* Its master is gone, and it was in sync once: the copy that an election should choose. Whether it
 * is recent enough, Redis judges itself (cluster-replica-validity-factor). */
static bool is_orphan_with_data(const struct join *j, size_t i)
{
    const struct node_view *v = &j->m.views[i];

    return j->v->holds[P_QUORUM] && v->is_replica && v->offset > 0 && !v->sync_in_progress && !v->loading;
}

static bool may_arm(const struct join *j, size_t i)
{
    bool calm = j->v->serving && j->v->holds[P_SLOTS];
    size_t master;

    if (!is_up(j, i) || !(j->m.me[i]->flags & NODE_NOFAILOVER))
        return false;
    if (merged_owns(&j->m, i))
        return calm;
    master = merged_find(&j->m, j->m.me[i]->master_id);
    if (master == MERGED_NONE)
        return is_orphan_with_data(j, i);
    return calm && merged_owns(&j->m, master) && merged_in_sync(&j->m, i, master, NULL);
}

static bool rule_arm(struct join *j)
{
    for (size_t i = 0; i < j->m.n; i++)
        if (may_arm(j, i))
            commands_add(&j->out->commands, CMD_ARM, i);
    return j->out->commands.n > 0 && stop(j->out, JOIN_ARM, 0, "in sync: failover allowed on %zu nodes",
                                          j->out->commands.n);
}

static bool rule_trouble(struct join *j)
{
    return j->trouble && stop(j->out, JOIN_REFUSE, LATER_MS, "%s %s", name(j, j->trouble_at), j->trouble);
}

/* Someone who started lately may have lost an id that the others still hold for alive. */
static bool is_id_just_lost(const struct join *j)
{
    for (size_t i = 0; i < j->m.n; i++)
        if (!is_up(j, i) || started_lately(j, i))
            return true;
    return false;
}

static bool rule_strangers(struct join *j)
{
    for (size_t i = 0; i < j->m.n && !is_id_just_lost(j); i++)
        for (size_t r = 0; is_up(j, i) && r < j->m.views[i].n_rows; r++) {
            const struct view_row *row = &j->m.views[i].rows[r];

            if (is_stranger(j, row) && row->connected && merged_silent_at(&j->m, row) == MERGED_NONE &&
                !(row->flags & (NODE_FAIL | NODE_PFAIL | NODE_NOADDR)))
                return stop(j->out, JOIN_REFUSE, LATER_MS, "%s knows %.8s at %s:%u, which is none of our pods", name(j, i),
                            row->id, row->ip, row->port);
        }
    return false;
}

/* A replica whose master is not among us: an election may still choose it. */
static size_t heir(const struct join *j)
{
    for (size_t i = 0; i < j->m.n; i++)
        if (is_up(j, i) && j->m.me[i]->master_id[0] && merged_find(&j->m, j->m.me[i]->master_id) == MERGED_NONE)
            return i;
    return MERGED_NONE;
}

/* All pods are here, and nobody has these slots: they went with a pod that lost its volume. */
static bool rule_lost_slots(struct join *j)
{
    struct slot_set lost = { { 0 } };
    size_t copy = heir(j);
    char text[60];

    slot_set_add(&lost, (struct slot_range){ 0, SLOT_COUNT - 1 });
    slot_set_minus(&lost, &j->m.claimed);
    if (j->m.n_up < j->m.n || slot_set_count(&lost) == 0 || (copy != MERGED_NONE && j->v->holds[P_QUORUM]))
        return false;
    slot_set_render(&lost, text, sizeof(text));
    if (copy != MERGED_NONE)
        return stop(j->out, JOIN_REFUSE, LATER_MS,
                    "slots %s have no owner, and too few masters are left to elect %s, which has a copy", text,
                    name(j, copy));
    return stop(j->out, JOIN_REFUSE, LATER_MS, "slots %s have no owner though every pod is here: their data is lost",
                text);
}

static bool rule_wait(struct join *j)
{
    return j->v->state != REDIS_HEALTHY && stop(j->out, JOIN_WAIT, WAIT_MS, "waiting: %.150s", verdict_why(j->v));
}

void join_step(const struct expected *x, const struct node_view *views, const struct verdict *v, struct join_step *out)
{
    static bool (*const rules[])(struct join *) = {
        rule_unknown,     rule_cluster_exists, rule_suspend, rule_meet, rule_stale_replication,
        rule_replacement, rule_balance,        rule_forget,  rule_arm,  rule_trouble,
        rule_strangers,   rule_lost_slots,     rule_wait,
    };
    struct join j = { .v = v, .out = out };

    join_step_done(out);
    merged_init(&j.m, x, views, x->n_members);
    for (size_t i = 0; i < COUNT(rules); i++)
        if (rules[i](&j))
            break;
    merged_done(&j.m);
}

void join_step_init(struct join_step *s)
{
    memset(s, 0, sizeof(*s));
}

void join_step_done(struct join_step *s)
{
    commands_done(&s->commands);
    join_step_init(s);
}

const char *join_action_name(enum join_action a)
{
    static const char *const names[] = { "none", "wait", "refuse", "suspend", "meet", "replicate", "forget", "arm" };

    return names[a];
}
