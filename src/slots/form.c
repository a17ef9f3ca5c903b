#include "slots/form.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "slots/judge.h"
#include "slots/tell.h"

#define WAIT_MS 150
#define LATER_MS 2000 /* for what a person has to mend */
#define MESH_MAX_NODES 32

struct form {
    struct merged m;
    const struct form_plan *plan;
    const struct form_seat **seat; /* of each member */
    struct form_step *out;
};

#define stop STEP_STOP

static const char *name(const struct form *f, size_t i)
{
    return merged_name(&f->m, i);
}

static bool is_alone(const struct form *f, size_t i)
{
    return f->m.views[i].known_nodes == 1 && f->m.views[i].n_rows == 1;
}

/* Each rule returns true when it has decided the step. */

static bool rule_plan_fits(struct form *f)
{
    if (f->plan->n_seats != f->m.n)
        return stop(f->out, FORM_REFUSE, LATER_MS, "the formation was planned for %zu pods, now there are %zu",
                    f->plan->n_seats, f->m.n);
    for (size_t i = 0; i < f->m.n; i++) {
        for (size_t s = 0; s < f->plan->n_seats; s++)
            if (str_eq(f->plan->seats[s].pod, f->m.x->members[i].pod))
                f->seat[i] = &f->plan->seats[s];
        if (!f->seat[i])
            return stop(f->out, FORM_REFUSE, LATER_MS, "the formation was planned without %s", name(f, i));
    }
    return false;
}

static bool rule_all_answer(struct form *f)
{
    for (size_t i = 0; i < f->m.n; i++)
        if (!f->m.me[i])
            return stop(f->out, FORM_WAIT, WAIT_MS, "waiting for %s: %.100s", name(f, i), f->m.views[i].error);
    return false;
}

static bool rule_same_pods(struct form *f)
{
    for (size_t i = 0; i < f->m.n; i++) {
        struct err why = { 0 };

        if (str_eq(f->seat[i]->id, f->m.me[i]->id))
            continue;
        if (!view_is_fresh(&f->m.views[i], &why))
            return stop(f->out, FORM_REFUSE, LATER_MS, "%s has another identity than planned, and %.80s", name(f, i),
                        why.msg);
        return stop(f->out, FORM_RECORD, 0, "%s came back empty, with a new id", name(f, i));
    }
    return false;
}

static bool has_follower(const struct merged *m, const char *id)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->me[i] && str_eq(m->me[i]->master_id, id))
            return true;
    return false;
}

/* An id nobody has any more: a pod lost it while forming. Anything else is not ours. */
static bool rule_no_strangers(struct form *f)
{
    for (size_t i = 0; i < f->m.n; i++)
        for (size_t r = 0; r < f->m.views[i].n_rows; r++) {
            const struct view_row *row = &f->m.views[i].rows[r];

            if (row->flags & NODE_HANDSHAKE || merged_find(&f->m, row->id) != MERGED_NONE)
                continue;
            if (row->n_ranges || has_follower(&f->m, row->id))
                return stop(f->out, FORM_REFUSE, LATER_MS, "%.8s owned slots and is gone; %s still knows it", row->id,
                            name(f, i));
            if (row->connected && !(row->flags & (NODE_FAIL | NODE_PFAIL | NODE_NOADDR)))
                return stop(f->out, FORM_REFUSE, LATER_MS, "%s knows %.8s at %s:%u, which is none of our pods", name(f, i),
                            row->id, row->ip, row->port);
            tell_id(&f->out->commands, CMD_FORGET, i, row->id);
        }
    return f->out->commands.n > 0 && stop(f->out, FORM_FORGET, WAIT_MS, "forgetting the id of a pod that started anew");
}

/* The shard's slots: an even share, or what its master came with from a backup. */
static struct slot_set share_of(const struct form *f, int shard)
{
    struct slot_set share = { { 0 } };

    for (size_t s = 0; s < f->plan->n_seats; s++)
        if (f->plan->seats[s].slots && f->plan->seats[s].shard == shard)
            return *f->plan->seats[s].slots;
    slot_set_add(&share, slot_share(shard, f->plan->shards));
    return share;
}

/* What a node owns must be its shard's; what holds keys must own slots or follow. */
static bool rule_nothing_foreign(struct form *f)
{
    for (size_t i = 0; i < f->m.n; i++) {
        struct slot_set own = merged_slots(&f->m, i), share = share_of(f, f->seat[i]->shard);
        char text[60];

        slot_set_minus(&own, &share);
        if (slot_set_count(&own))
            return stop(f->out, FORM_REFUSE, LATER_MS, "%s owns slots %s, which are planned for another", name(f, i),
                        slot_set_render(&own, text, sizeof(text)));
        if (f->m.views[i].keys > 0 && !merged_owns(&f->m, i) && !f->m.views[i].is_replica)
            return stop(f->out, FORM_REFUSE, LATER_MS, "%s holds %lld keys and owns no slots", name(f, i),
                        (long long)f->m.views[i].keys);
    }
    return false;
}

static bool rule_epochs(struct form *f)
{
    for (size_t i = 0; i < f->m.n; i++)
        if (is_alone(f, i) && f->m.views[i].my_epoch == 0)
            commands_add(&f->out->commands, CMD_SET_EPOCH, i)->epoch = (uint64_t)(f->seat[i] - f->plan->seats) + 1;
    return f->out->commands.n > 0 && stop(f->out, FORM_EPOCHS, 0, "setting the config epoch of %zu nodes",
                                          f->out->commands.n);
}

static bool rule_slots(struct form *f)
{
    for (size_t i = 0; i < f->m.n; i++) {
        struct slot_set share = share_of(f, f->seat[i]->shard);
        struct slot_range r = { 0, 0 };

        if (f->seat[i]->replica)
            continue;
        slot_set_minus(&share, &f->m.claimed);
        for (unsigned from = 0; slot_set_next(&share, from, &r); from = r.last + 1u)
            commands_add(&f->out->commands, CMD_ADD_SLOTS, i)->range = r;
    }
    return f->out->commands.n > 0 && stop(f->out, FORM_ADDSLOTS, 0, "giving %d masters their slots", f->plan->shards);
}

/* Everyone meets everyone while that is few messages: knowledge need not spread by gossip then. */
static bool rule_meet(struct form *f)
{
    size_t hubs = f->m.n <= MESH_MAX_NODES ? f->m.n : 1;

    for (size_t h = 0; h < hubs; h++)
        for (size_t i = h + 1; i < f->m.n; i++) {
            tell_meet(&f->out->commands, &f->m, h, i);
            tell_meet(&f->out->commands, &f->m, i, h);
        }
    return f->out->commands.n > 0 && stop(f->out, FORM_MEET, WAIT_MS, "introducing %zu pairs of nodes",
                                          f->out->commands.n);
}

/* Agreement on who is who; cluster_state is asked for later: a master says ok only a node timeout
 * after it met a majority, and replicas can make their first copy meanwhile. */
static bool rule_agreement(struct form *f)
{
    static bool (*const checks[])(const struct merged *, char *) = {
        judge_members, judge_ownership, judge_consensus, judge_epochs, judge_closed, judge_slots,
    };
    char why[sizeof(((struct verdict *)0)->evidence[0])];

    for (size_t i = 0; i < COUNT(checks); i++)
        if (!checks[i](&f->m, why))
            return stop(f->out, FORM_WAIT, WAIT_MS, "waiting for agreement: %s", why);
    return false;
}

/* Whoever owns the shard's slots, whatever the plan said: a failover may have come between. */
static size_t owner_of(const struct form *f, int shard)
{
    for (size_t i = 0; i < f->m.n; i++)
        if (f->seat[i]->shard == shard && merged_owns(&f->m, i))
            return i;
    return MERGED_NONE;
}

static bool rule_replicate(struct form *f)
{
    for (size_t i = 0; i < f->m.n; i++) {
        size_t owner = owner_of(f, f->seat[i]->shard);

        if (owner != MERGED_NONE && owner != i && !str_eq(f->m.me[i]->master_id, f->m.me[owner]->id))
            tell_id(&f->out->commands, CMD_REPLICATE, i, f->m.me[owner]->id);
    }
    return f->out->commands.n > 0 && stop(f->out, FORM_REPLICATE, WAIT_MS, "attaching %zu replicas",
                                          f->out->commands.n);
}

static bool rule_synced(struct form *f)
{
    char why[sizeof(((struct verdict *)0)->evidence[0])];

    if (!judge_replicas(&f->m, why))
        return stop(f->out, FORM_WAIT, WAIT_MS, "waiting for replicas: %s", why);
    return !judge_state(&f->m, why) && stop(f->out, FORM_WAIT, WAIT_MS, "waiting for the cluster: %s", why);
}

static bool rule_arm(struct form *f)
{
    for (size_t i = 0; i < f->m.n; i++)
        if (f->m.me[i]->flags & NODE_NOFAILOVER)
            commands_add(&f->out->commands, CMD_ARM, i);
    return f->out->commands.n > 0 && stop(f->out, FORM_ARM, 0, "replicas are in sync: failover allowed on %zu nodes",
                                          f->out->commands.n);
}

void form_step(const struct expected *x, const struct node_view *views, const struct form_plan *plan,
               struct form_step *out)
{
    static bool (*const rules[])(struct form *) = {
        rule_plan_fits, rule_all_answer, rule_same_pods, rule_no_strangers, rule_nothing_foreign, rule_epochs,
        rule_slots,     rule_meet,       rule_agreement, rule_replicate,    rule_synced,          rule_arm,
    };
    struct form f = { .plan = plan, .out = out };

    form_step_done(out);
    merged_init(&f.m, x, views, x->n_members);
    f.seat = xcalloc(x->n_members + 1, sizeof(*f.seat));
    stop(out, FORM_DONE, 0, "the cluster is formed");
    for (size_t i = 0; i < COUNT(rules); i++)
        if (rules[i](&f))
            break;
    if (out->action == FORM_REFUSE)
        commands_done(&out->commands);
    merged_done(&f.m);
    free(f.seat);
}

void form_step_init(struct form_step *s)
{
    memset(s, 0, sizeof(*s));
}

void form_step_done(struct form_step *s)
{
    commands_done(&s->commands);
    form_step_init(s);
}

const char *form_action_name(enum form_action a)
{
    static const char *const names[] = { "wait",      "refuse", "record",    "forget", "epochs",
                                         "add-slots", "meet",   "replicate", "arm",    "done" };

    return names[a];
}
