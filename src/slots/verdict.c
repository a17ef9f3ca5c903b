#include "slots/verdict.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "slots/judge.h"

#define SETTLE_LEAST_MS 2000
#define NODE_TIMEOUT_MS 5000

static const struct {
    const char *number, *name, *says;
    bool (*holds)(const struct merged *m, char *why);
    bool informs; /* only: the state does not depend on it */
} predicates[N_PREDICATES] = {
    [P_REACH] = { "P1", "reach", "every member answers", judge_reach, false },
    [P_STATE] = { "P2", "state", "every node says that the cluster is ok", judge_state, false },
    [P_SLOTS] = { "P3", "slots", "every node sees 16384 slots assigned and ok", judge_slots, false },
    [P_OWNERSHIP] = { "P4", "ownership", "each slot is claimed by exactly one master that answers", judge_ownership, false },
    [P_CONSENSUS] = { "P5", "consensus", "all views agree on slots, roles and epochs", judge_consensus, false },
    [P_EPOCHS] = { "P6", "epochs", "the config epochs of the masters differ", judge_epochs, false },
    [P_CLOSED] = { "P7", "closed", "no slot is half migrated", judge_closed, false },
    [P_MEMBERS] = { "P8", "members", "every node knows exactly the members, at their addresses", judge_members, false },
    [P_QUORUM] = { "P9", "quorum", "every node sees a majority of the masters", judge_quorum, false },
    [P_REPLICAS] = { "P10", "replicas", "each master has its replicas, in sync", judge_replicas, false },
    [P_SPREAD] = { "P11", "spread", "masters and copies are spread over nodes and zones", judge_spread, true },
    [P_DISK] = { "P12", "disk", "every node could write to its volume", judge_disk, true },
    [P_ROOM] = { "P13", "room", "every node has memory to spare", judge_room, true },
    [P_SETTLED] = { "P14", "settled", "all of this has held for a while, unchanged", NULL, true },
};

/* Silent to us alone? Then it is we who may be cut off, and what we miss says nothing. */
static bool is_hidden(const struct merged *m, size_t silent)
{
    bool owner = false;

    if (m->views[silent].refused || (!m->x->members[silent].ready && m->views[silent].reach != REACH_DENIED))
        return false;
    for (size_t i = 0; i < m->n; i++) {
        const struct view_row *seen = NULL;

        if (!m->me[i])
            continue;
        for (size_t r = 0; r < m->views[i].n_rows && !seen; r++)
            if (merged_at(m, &m->views[i].rows[r], silent))
                seen = &m->views[i].rows[r];
        if (!seen || !seen->connected || seen->flags & (NODE_FAIL | NODE_PFAIL | NODE_NOADDR | NODE_HANDSHAKE))
            return false;
        owner |= seen->n_ranges > 0;
    }
    return owner;
}

static bool is_unknown(const struct merged *m)
{
    size_t n = m->n - m->n_parting;

    if ((n - m->n_up) * 2 > n || n == 0)
        return true;
    for (size_t i = 0; i < m->n; i++)
        if (!m->me[i] && !m->x->members[i].parting && is_hidden(m, i))
            return true;
    return false;
}

static bool is_serving(const struct merged *m, int slots_ok)
{
    char why[sizeof(((struct verdict *)0)->evidence[0])];

    for (size_t i = 0; i < m->n; i++)
        if (merged_owns(m, i) && !judge_quorum_of(m, i, why))
            return false;
    return slots_ok == SLOT_COUNT;
}

static enum redis_state state_of(const struct merged *m, const struct verdict *v)
{
    bool all = true;

    for (size_t p = 0; p < N_PREDICATES; p++)
        all &= v->holds[p] || predicates[p].informs;
    if (is_unknown(m))
        return REDIS_UNKNOWN;
    if (all)
        return REDIS_HEALTHY;
    if (v->serving)
        return REDIS_DEGRADED;
    return v->slots_ok > 0 ? REDIS_PARTIAL : REDIS_DOWN;
}

static int version_order(const char *a, const char *b)
{
    return strverscmp(a, b);
}

static void add_node(const struct merged *m, size_t i, struct verdict *out)
{
    const struct node_view *v = &m->views[i];
    const struct view_row *me = m->me[i];
    size_t synced = merged_owns(m, i) ? judge_synced_of(m, i, NULL) : 0;

    if (!me)
        return;
    out->n_replicas += (int)synced;
    out->n_alone += merged_owns(m, i) && !synced;
    if (!out->version[0] || version_order(v->version, out->version) < 0)
        memcpy(out->version, v->version, sizeof(out->version));
    out->is_valkey |= v->is_valkey;
    if (v->current_epoch > out->max_epoch)
        out->max_epoch = v->current_epoch;
    out->signature = str_hash(out->signature, v->run_id, strlen(v->run_id));
    out->signature = str_hash(out->signature, me->id, strlen(me->id));
    out->signature = str_hash(out->signature, me->ip, strlen(me->ip));
    out->signature = str_hash(out->signature, me->master_id, strlen(me->master_id));
    out->signature = str_hash(out->signature, &v->my_epoch, sizeof(v->my_epoch));
    out->signature = str_hash(out->signature, &v->current_epoch, sizeof(v->current_epoch));
    if (me->n_ranges)
        out->signature = str_hash(out->signature, v->ranges + me->first_range, me->n_ranges * sizeof(*v->ranges));
}

void verdict_judge(const struct expected *x, const struct node_view *views, size_t n, struct verdict *out)
{
    struct merged m;

    memset(out, 0, sizeof(*out));
    merged_init(&m, x, views, n);
    for (size_t p = 0; p < N_PREDICATES; p++)
        out->holds[p] = predicates[p].holds && predicates[p].holds(&m, out->evidence[p]);
    snprintf(out->evidence[P_SETTLED], sizeof(out->evidence[0]), "not seen for long enough");
    out->slots_ok = slot_set_count(&m.served);
    out->n_masters = (int)m.n_owners;
    out->n_reachable = (int)m.n_up;
    out->n_members = (int)(m.n - m.n_parting);
    out->serving = is_serving(&m, out->slots_ok);
    out->signature = STR_HASH_INIT;
    for (size_t i = 0; i < m.n; i++)
        add_node(&m, i, out);
    out->state = state_of(&m, out);
    merged_done(&m);
}

int64_t verdict_settle(struct settle *s, struct verdict *v, int node_timeout_ms, int64_t now_ms)
{
    int64_t need_ms = (node_timeout_ms ? node_timeout_ms : NODE_TIMEOUT_MS) / 2, left_ms;

    if (v->state != REDIS_HEALTHY) {
        *s = (struct settle){ 0, 0 };
        return -1;
    }
    if (s->signature != v->signature)
        *s = (struct settle){ v->signature, now_ms };
    if (need_ms < SETTLE_LEAST_MS)
        need_ms = SETTLE_LEAST_MS;
    left_ms = s->since_ms + need_ms - now_ms;
    v->holds[P_SETTLED] = left_ms <= 0;
    if (left_ms <= 0)
        v->evidence[P_SETTLED][0] = '\0';
    else
        snprintf(v->evidence[P_SETTLED], sizeof(v->evidence[0]), "unchanged for %lld ms of %lld",
                 (long long)(need_ms - left_ms), (long long)need_ms);
    return left_ms > 0 ? left_ms : 0;
}

const char *redis_state_name(enum redis_state s)
{
    static const char *const names[] = { "Unknown", "Down", "Partial", "Degraded", "Healthy", "Forming", "Migrating" };

    return names[s];
}

const char *predicate_name(enum predicate p)
{
    return predicates[p].name;
}

const char *predicate_number(enum predicate p)
{
    return predicates[p].number;
}

const char *predicate_says(enum predicate p)
{
    return predicates[p].says;
}

const char *verdict_why(const struct verdict *v)
{
    for (size_t p = 0; p < N_PREDICATES; p++)
        if (!v->holds[p] && !predicates[p].informs)
            return v->evidence[p];
    return "";
}

const char *verdict_advice(const struct verdict *v)
{
    for (size_t p = 0; p < P_SETTLED; p++)
        if (!v->holds[p] && predicates[p].informs)
            return v->evidence[p];
    return "";
}
