/* A dead master's replica in its place: elected, forced, or, when nobody can vote, by itself. */
#include <stdarg.h>
#include <stdio.h>

#include "base/str.h"
#include "slots/heal_parts.h"

#define RETURN_MS 60000   /* for a pod whose volume holds what its replica may lack */
#define FORCE_LASTS_MS 5000 /* redis: CLUSTER_MF_TIMEOUT */
#define FORCED_OFTEN 3

/* When an automatic election has had its chance, and one more. Sources: redis cluster_legacy.c
 * (clusterHandleSlaveFailover: 500 ms + random 500 ms + rank x 1 s, auth retry of max(2 x timeout, 2 s) x 2). */
static int64_t election_ms(const struct heal *h, const struct heal_loss *loss)
{
    int64_t timeout_ms = heal_node_timeout_ms(h), retry_ms = 4 * timeout_ms;
    int64_t rank = loss->n_heirs > 0 ? (int64_t)loss->n_heirs - 1 : 0;

    return timeout_ms + timeout_ms / 2 + 1000 + rank * 1000 + (retry_ms > 4000 ? retry_ms : 4000);
}

bool heal_is_overdue(const struct heal *h, const char *master_id)
{
    for (size_t i = 0; i < h->n_losses; i++)
        if (str_eq(h->losses[i].id, master_id))
            return h->losses[i].silent_ms >= election_ms(h, &h->losses[i]);
    return false;
}

static const char *loss_name(const struct heal *h, const struct heal_loss *loss, char *out)
{
    snprintf(out, 64, "%s%.*s", loss->pod != MERGED_NONE ? heal_name(h, loss->pod) : "the lost master ",
             loss->pod != MERGED_NONE ? 0 : 8, loss->id);
    return out;
}

/* What to say when nothing can be done now. */
struct excuse {
    enum heal_action action; /* NONE: nothing to say */
    char text[sizeof(((struct heal_step *)0)->reason)];
};

static void excuse(struct excuse *x, enum heal_action action, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void excuse(struct excuse *x, enum heal_action action, const char *fmt, ...)
{
    va_list ap;

    if (x->action == HEAL_REFUSE || x->action == action)
        return;
    va_start(ap, fmt);
    vsnprintf(x->text, sizeof(x->text), fmt, ap);
    va_end(ap);
    x->action = action;
}

static void ask_for_consent(struct heal *h, struct excuse *x, const struct heal_loss *loss, const char *why)
{
    char name[64], slots[48];

    slot_set_render(&loss->slots, slots, sizeof(slots));
    excuse(x, HEAL_REFUSE, "%s is the best copy of %s, but %s: bring that back, or accept the loss: "
           "spec.redis.acceptDataLossForSlots: \"%s\"", heal_name(h, loss->heir), loss_name(h, loss, name), why, slots);
}

static bool was_forced_lately(const struct heal *h)
{
    return h->mem->forced_ms && h->in->now_ms - h->mem->forced_ms < FORCE_LASTS_MS + 4 * heal_node_timeout_ms(h);
}

/* What was accepted as lost may lie in another copy, and that one copies its new master: its file comes first. True: the
 * step is decided, or has to wait. */
static bool saves_first(struct heal *h, const struct heal_loss *loss, struct excuse *x, bool *decided)
{
    enum heal_saving how = heal_save_first(h, loss);
    char name[64];

    *decided = how == HEAL_SAVE_NOW && heal_stop(h, HEAL_SAVE, HEAL_WAIT_MS, "what is left of the shard of %s is written to disk first",
                                                 loss_name(h, loss, name));
    if (how == HEAL_SAVING)
        excuse(x, HEAL_WAIT, "what is left of the shard of %s is being written to disk", loss_name(h, loss, name));
    return how != HEAL_SAVED;
}

/* With a majority: Redis elects by itself. Only when that had its time, and failed, is it told to. */
static bool elect(struct heal *h, struct heal_loss *loss, struct excuse *x)
{
    char name[64];
    bool decided;

    loss_name(h, loss, name);
    if (loss->heir == MERGED_NONE)
        return false;
    if (loss->silent_ms < election_ms(h, loss))
        return excuse(x, HEAL_WAIT, "%s is silent: its replicas elect; after %lld s %s is told to", name,
                      (long long)(election_ms(h, loss) / 1000), heal_name(h, loss->heir)), false;
    if (!loss->exact && !heal_is_accepted(h, &loss->slots))
        return ask_for_consent(h, x, loss, "may lack what was written later"), false;
    if (was_forced_lately(h))
        return excuse(x, h->mem->n_forced < FORCED_OFTEN ? HEAL_WAIT : HEAL_REFUSE,
                      "%s was told to take the place of %s%s", heal_name(h, loss->heir), name,
                      h->mem->n_forced < FORCED_OFTEN ? "" : ", again and again, and is not elected: look at its log"), false;
    if (!loss->exact && saves_first(h, loss, x, &decided))
        return decided;
    commands_add(&h->out->commands, CMD_FAILOVER_FORCE, loss->heir);
    h->mem->forced_ms = h->in->now_ms;
    h->mem->n_forced++;
    return heal_stop(h, HEAL_FORCE, HEAL_WAIT_MS, "nobody was elected for %s: %s takes its place", name,
                     heal_name(h, loss->heir));
}

/* Someone silent that may be running all the same: a majority may be elsewhere. */
static size_t find_unfenced(const struct heal *h)
{
    for (size_t i = 0; i < h->m.n; i++)
        if (!heal_is_up(h, i) && !h->m.x->members[i].fenced)
            return i;
    return MERGED_NONE;
}

/* Half of a slot's keys may be there, half elsewhere. */
static bool is_half_moved(const struct heal *h, const char *id)
{
    for (size_t i = 0; i < h->m.n; i++)
        for (size_t o = 0; heal_is_up(h, i) && o < h->m.me[i]->n_open; o++)
            if (str_eq(h->m.views[i].open[h->m.me[i]->first_open + o].peer, id))
                return true;
    return false;
}

bool heal_is_moving(const struct heal *h)
{
    for (size_t i = 0; i < h->m.n; i++)
        if (heal_is_up(h, i) && h->m.views[i].migration_tasks)
            return true;
    return false;
}

/* An append-only file holds what was acknowledged: its pod gets time to return with it. */
static int64_t patience_ms(const struct heal *h, const struct heal_loss *loss)
{
    int64_t least_ms = 2 * heal_node_timeout_ms(h);

    if (loss->pod == MERGED_NONE || !h->m.views[loss->heir].aof_enabled)
        return least_ms;
    return least_ms > RETURN_MS ? least_ms : RETURN_MS;
}

/* Without a majority nobody can vote. */
static bool may_take_over(struct heal *h, struct heal_loss *loss, struct excuse *x)
{
    char name[64];

    loss_name(h, loss, name);
    if (loss->heir == MERGED_NONE)
        return false;
    if (!loss->noticed || loss->missing_ms < patience_ms(h, loss))
        return excuse(x, HEAL_WAIT, "too few masters to elect: %s gets %lld s to return", name,
                      (long long)(patience_ms(h, loss) / 1000)), false;
    if (!loss->exact && !heal_is_accepted(h, &loss->slots))
        return ask_for_consent(h, x, loss, "may lack what was written later"), false;
    if (is_half_moved(h, loss->id) && !heal_is_accepted(h, &loss->slots))
        return ask_for_consent(h, x, loss, "a slot was half moved"), false;
    return true;
}

/* Does this one know the owner as that one is? */
static bool is_current(const struct heal *h, size_t viewer, size_t owner)
{
    const struct node_view *v = &h->m.views[viewer];
    const struct view_row *row = view_find(v, h->m.me[owner]->id);
    struct slot_set seen, own = merged_slots(&h->m, owner);

    if (!row || row->flags & NODE_HANDSHAKE || row->epoch != h->m.views[owner].my_epoch)
        return false;
    seen = view_row_slots(v, row);
    return slot_set_equal(&seen, &own) && v->current_epoch == h->m.views[owner].current_epoch;
}

/* P5 and P6 among those who have something: a newcomer never hears what the dead owned. Without it two
 * takeovers could choose the same epoch. */
static bool find_dissent(const struct heal *h, size_t *who, size_t *about)
{
    for (*who = 0; *who < h->m.n; (*who)++)
        for (*about = 0; *about < h->m.n; (*about)++) {
            bool counts = merged_owns(&h->m, *who) || (heal_is_up(h, *who) && h->m.me[*who]->flags & NODE_REPLICA);

            if (counts && merged_owns(&h->m, *about) && !is_current(h, *who, *about))
                return true;
        }
    return false;
}

static bool take_over(struct heal *h, struct heal_loss *loss, struct excuse *x)
{
    char name[64];
    size_t who, about;
    bool decided;

    if (!may_take_over(h, loss, x))
        return false;
    if (heal_is_moving(h) || !h->v->holds[P_EPOCHS])
        return excuse(x, HEAL_WAIT, "%s takes over when slots rest and epochs differ", heal_name(h, loss->heir)), false;
    if (find_dissent(h, &who, &about))
        return excuse(x, HEAL_WAIT, "%s takes over when %s has heard of %s", heal_name(h, loss->heir), heal_name(h, who),
                      heal_name(h, about)), false;
    if ((!loss->exact || is_half_moved(h, loss->id)) && saves_first(h, loss, x, &decided))
        return decided;
    commands_add(&h->out->commands, CMD_FAILOVER_TAKEOVER, loss->heir);
    return heal_stop(h, HEAL_TAKEOVER, HEAL_WAIT_MS, "%s is gone and nobody can vote: %s takes over",
                     loss_name(h, loss, name), heal_name(h, loss->heir));
}

/* The pod that forbids a takeover; a restart needs a moment before anybody is called. */
static bool forbidden(struct heal *h, struct excuse *x)
{
    size_t who = find_unfenced(h), lost = h->n_losses + h->m.n_owners;
    bool is_long = false;

    if (who == MERGED_NONE)
        return false;
    for (size_t i = 0; i < h->n_losses; i++)
        is_long |= h->losses[i].missing_ms > 4 * heal_node_timeout_ms(h);
    excuse(x, is_long ? HEAL_REFUSE : HEAL_WAIT,
           "%zu of %zu masters are left, too few to elect, and %s is silent but may be running: bring it back; if its node is "
           "off for certain, taint that out-of-service or delete the pod by force", h->m.n_owners, lost, heal_name(h, who));
    return true;
}

bool heal_failover(struct heal *h)
{
    bool can_vote = h->m.n_owners > h->n_losses;
    struct excuse x = { HEAL_NONE, "" };

    if (!can_vote && h->n_losses && forbidden(h, &x))
        return heal_stop(h, x.action, HEAL_LATER_MS, "%s", x.text);
    for (size_t i = 0; i < h->n_losses; i++)
        if (can_vote ? elect(h, &h->losses[i], &x) : take_over(h, &h->losses[i], &x))
            return true;
    return x.action != HEAL_NONE && heal_stop(h, x.action, x.action == HEAL_WAIT ? HEAL_WAIT_MS : HEAL_LATER_MS, "%s", x.text);
}
