#include "slots/judge.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

#define EVIDENCE sizeof(((struct verdict *)0)->evidence[0])

static bool no(char *why, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool no(char *why, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(why, EVIDENCE, fmt, ap);
    va_end(ap);
    return false;
}

bool judge_reach(const struct merged *m, char *why)
{
    size_t silent = 0, len = 0;

    for (size_t i = 0; i < m->n; i++) {
        if (m->me[i] || m->x->members[i].parting)
            continue;
        if (silent++ < 2)
            len += (size_t)snprintf(why + len, EVIDENCE - len, "%s%s: %.60s", len ? "; " : "", merged_name(m, i),
                                    m->views[i].error[0] ? m->views[i].error : "no answer");
        if (len >= EVIDENCE)
            len = EVIDENCE - 1;
    }
    if (silent > 2)
        snprintf(why + len, EVIDENCE - len, "; %zu more", silent - 2);
    return silent == 0;
}

bool judge_state(const struct merged *m, char *why)
{
    for (size_t i = 0; i < m->n; i++) {
        if (m->me[i] && m->views[i].loading)
            return no(why, "%s is loading its data", merged_name(m, i));
        if (m->me[i] && !m->views[i].state_ok)
            return no(why, "%s says cluster_state:fail", merged_name(m, i));
    }
    return m->n_up > 0 || no(why, "nobody answers");
}

bool judge_slots(const struct merged *m, char *why)
{
    for (size_t i = 0; i < m->n; i++) {
        const struct node_view *v = &m->views[i];

        if (m->me[i] && (v->slots_assigned != SLOT_COUNT || v->slots_ok != SLOT_COUNT || v->slots_pfail || v->slots_fail))
            return no(why, "%s sees %d assigned, %d ok, %d pfail, %d fail", merged_name(m, i), v->slots_assigned,
                      v->slots_ok, v->slots_pfail, v->slots_fail);
    }
    return m->n_up > 0 || no(why, "nobody answers");
}

static const char *claimants(const struct merged *m, unsigned slot, char *out, size_t size)
{
    size_t len = 0;

    out[0] = '\0';
    for (size_t i = 0; i < m->n && len < size; i++) {
        struct slot_set s = merged_slots(m, i);

        if (slot_set_has(&s, slot))
            len += (size_t)snprintf(out + len, size - len, "%s%s", len ? " and " : "", merged_name(m, i));
    }
    return out;
}

/* Who do the others think owns this slot? */
static const char *reputed_owner(const struct merged *m, unsigned slot)
{
    for (size_t i = 0; i < m->n; i++)
        for (size_t r = 0; m->me[i] && r < m->views[i].n_rows; r++) {
            const struct view_row *row = &m->views[i].rows[r];
            struct slot_set s = view_row_slots(&m->views[i], row);
            size_t at = slot_set_has(&s, slot) ? merged_silent_at(m, row) : MERGED_NONE;

            if (slot_set_has(&s, slot))
                return at != MERGED_NONE ? merged_name(m, at) : row->id;
        }
    return "nobody";
}

bool judge_ownership(const struct merged *m, char *why)
{
    struct slot_set missing = { { 0 } };
    struct slot_range first = { 0, 0 };
    char text[100];

    slot_set_add(&missing, (struct slot_range){ 0, SLOT_COUNT - 1 });
    slot_set_minus(&missing, &m->claimed);
    if (slot_set_next(&m->twice, 0, &first))
        return no(why, "slot %u is claimed by %s", first.first, claimants(m, first.first, text, sizeof(text)));
    if (slot_set_next(&missing, 0, &first))
        return no(why, "slots %s: no owner answers; the others name %s", slot_set_render(&missing, text, 60),
                  reputed_owner(m, first.first));
    if (m->x->shards && m->n_owners != (size_t)m->x->shards)
        return no(why, "%zu masters own slots, %d shards are wanted", m->n_owners, m->x->shards);
    return true;
}

static bool same_ranges(const struct node_view *a, const struct view_row *ra, const struct node_view *b,
                        const struct view_row *rb)
{
    return ra->n_ranges == rb->n_ranges &&
           (ra->n_ranges == 0 || memcmp(a->ranges + ra->first_range, b->ranges + rb->first_range,
                                        ra->n_ranges * sizeof(*a->ranges)) == 0);
}

/* Does viewer see the subject as source sees it? */
static bool agree(const struct merged *m, size_t viewer, const struct view_row *seen, size_t source,
                  const struct view_row *said, const char *subject, char *why)
{
    const char *who = merged_name(m, viewer), *by = merged_name(m, source);
    const unsigned roles = NODE_MASTER | NODE_REPLICA;

    if ((seen->flags & roles) != (said->flags & roles) || !str_eq(seen->master_id, said->master_id))
        return no(why, "%s sees %s as %s of %.8s, %s says %s of %.8s", who, subject,
                  seen->master_id[0] ? "replica" : "master", seen->master_id[0] ? seen->master_id : "its own", by,
                  said->master_id[0] ? "replica" : "master", said->master_id[0] ? said->master_id : "its own");
    if (!same_ranges(&m->views[viewer], seen, &m->views[source], said)) {
        struct slot_set a = view_row_slots(&m->views[viewer], seen), b = view_row_slots(&m->views[source], said);
        char ta[32], tb[32];

        return no(why, "%s sees %s own %s, %s says %s", who, subject, slot_set_render(&a, ta, sizeof(ta)), by,
                  slot_set_render(&b, tb, sizeof(tb)));
    }
    if (seen->epoch != said->epoch)
        return no(why, "%s sees %s at epoch %llu, %s says %llu", who, subject, (unsigned long long)seen->epoch, by,
                  (unsigned long long)said->epoch);
    return true;
}

static bool view_agrees(const struct merged *m, size_t i, size_t first_up, char *why)
{
    const struct node_view *v = &m->views[i];

    if (v->current_epoch != m->views[first_up].current_epoch)
        return no(why, "current epoch: %s %llu, %s %llu", merged_name(m, i), (unsigned long long)v->current_epoch,
                  merged_name(m, first_up), (unsigned long long)m->views[first_up].current_epoch);
    for (size_t k = 0; k < m->n_up; k++)
        if (!view_find(v, m->ids[k].id))
            return no(why, "%s does not know %s", merged_name(m, i), merged_name(m, m->ids[k].member));
    for (size_t r = 0; r < v->n_rows; r++) {
        size_t source = merged_find(m, v->rows[r].id);
        const struct view_row *said = source != MERGED_NONE ? m->me[source] : NULL;
        const char *subject = source != MERGED_NONE ? merged_name(m, source) : v->rows[r].id;

        if (!said) {
            source = first_up;
            said = view_find(&m->views[first_up], v->rows[r].id);
        }
        if (said && !agree(m, i, &v->rows[r], source, said, subject, why))
            return false;
    }
    return true;
}

/* Shard ids, where the servers have them: a replica's is its master's. */
static bool shard_ids_agree(const struct merged *m, char *why)
{
    for (size_t i = 0; i < m->n; i++) {
        size_t master = m->me[i] && m->me[i]->master_id[0] ? merged_find(m, m->me[i]->master_id) : MERGED_NONE;

        if (master != MERGED_NONE && m->views[i].shard_id[0] && m->views[master].shard_id[0] &&
            !str_eq(m->views[i].shard_id, m->views[master].shard_id))
            return no(why, "%s and its master %s have different shard ids", merged_name(m, i), merged_name(m, master));
    }
    return true;
}

bool judge_consensus(const struct merged *m, char *why)
{
    size_t first_up = m->n;

    for (size_t i = 0; i < m->n; i++) {
        if (!m->me[i])
            continue;
        if (first_up == m->n)
            first_up = i;
        if (!view_agrees(m, i, first_up, why))
            return false;
    }
    return m->n_up > 0 ? shard_ids_agree(m, why) : no(why, "nobody answers");
}

bool judge_epochs(const struct merged *m, char *why)
{
    for (size_t i = 0; i < m->n; i++)
        for (size_t k = i + 1; k < m->n; k++)
            if (merged_owns(m, i) && merged_owns(m, k) && m->views[i].my_epoch == m->views[k].my_epoch)
                return no(why, "%s and %s both have config epoch %llu", merged_name(m, i), merged_name(m, k),
                          (unsigned long long)m->views[i].my_epoch);
    return true;
}

bool judge_closed(const struct merged *m, char *why)
{
    for (size_t i = 0; i < m->n; i++) {
        const struct node_view *v = &m->views[i];

        if (m->me[i] && m->me[i]->n_open) {
            const struct open_slot *o = &v->open[m->me[i]->first_open];
            size_t peer = merged_find(m, o->peer);

            return no(why, "%s is %s slot %u %s %s", merged_name(m, i), o->importing ? "importing" : "migrating",
                      o->slot, o->importing ? "from" : "to", peer != MERGED_NONE ? merged_name(m, peer) : o->peer);
        }
        if (m->me[i] && v->migration_tasks)
            return no(why, "%s has a slot migration running", merged_name(m, i));
    }
    return true;
}

static bool is_parting(const struct merged *m, const char *id)
{
    for (size_t i = 0; m->n_parting && i < m->n; i++)
        if (m->x->members[i].parting && str_eq(m->x->members[i].id, id))
            return true;
    return false;
}

static bool row_is_member(const struct merged *m, size_t i, const struct view_row *r, char *why)
{
    size_t at = merged_find(m, r->id);
    const char *who = merged_name(m, i);

    if (is_parting(m, r->id))
        return true;
    if (r->flags & NODE_HANDSHAKE)
        return no(why, "%s shakes hands with %s:%u", who, r->ip, r->port);
    if (at == MERGED_NONE && merged_silent_at(m, r) == MERGED_NONE)
        return no(why, "%s knows %.8s at %s:%u, which is no member", who, r->id, r->ip, r->port);
    if (r->flags & NODE_NOADDR)
        return no(why, "%s has no address for %.8s", who, r->id);
    if (r->flags & (NODE_FAIL | NODE_PFAIL))
        return no(why, "%s marks %s as %s", who, merged_name(m, at != MERGED_NONE ? at : merged_silent_at(m, r)),
                  r->flags & NODE_FAIL ? "fail" : "fail?");
    if (at != MERGED_NONE && !merged_at(m, r, at) && !(at == i && !r->ip[0]))
        return no(why, "%s has %s at %s:%u, it is at %s:%u", who, merged_name(m, at), r->ip, r->port,
                  m->x->members[at].ip ? m->x->members[at].ip : "?", m->x->members[at].port);
    return true;
}

/* Those that part may be known or not. */
static bool knows_so_many(const struct merged *m, const struct node_view *v)
{
    return (size_t)v->known_nodes == v->n_rows && v->n_rows <= m->x->n_members &&
           v->n_rows >= m->x->n_members - m->n_parting;
}

bool judge_members(const struct merged *m, char *why)
{
    for (size_t i = 0; i < m->n; i++) {
        const struct node_view *v = &m->views[i];

        for (size_t r = 0; m->me[i] && r < v->n_rows; r++)
            if (!row_is_member(m, i, &v->rows[r], why))
                return false;
        if (m->me[i] && !knows_so_many(m, v))
            return no(why, "%s knows %d nodes of %zu", merged_name(m, i), v->known_nodes, m->x->n_members - m->n_parting);
    }
    return m->n_up > 0 || no(why, "nobody answers");
}

/* A broken link counts only when we do not reach the node either: links are remade at times. */
static bool is_lost(const struct merged *m, const struct view_row *r)
{
    if (r->flags & (NODE_FAIL | NODE_PFAIL | NODE_NOADDR | NODE_HANDSHAKE))
        return true;
    return !r->connected && !(r->flags & NODE_MYSELF) && merged_find(m, r->id) == MERGED_NONE;
}

bool judge_quorum_of(const struct merged *m, size_t i, char *why)
{
    const struct node_view *v = &m->views[i];
    size_t total = 0, seen = 0;

    for (size_t r = 0; r < v->n_rows; r++) {
        if (!(v->rows[r].flags & NODE_MASTER) || v->rows[r].n_ranges == 0)
            continue;
        total++;
        seen += !is_lost(m, &v->rows[r]);
    }
    if (total == 0)
        return no(why, "%s knows no master with slots", merged_name(m, i));
    return seen > total / 2 || no(why, "%s sees %zu of %zu masters", merged_name(m, i), seen, total);
}

bool judge_quorum(const struct merged *m, char *why)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->me[i] && !judge_quorum_of(m, i, why))
            return false;
    return m->n_up > 0 || no(why, "nobody answers");
}

size_t judge_synced_of(const struct merged *m, size_t owner, struct err *why)
{
    size_t synced = 0;

    for (size_t i = 0; i < m->n; i++)
        if (m->me[i] && m->me[i]->flags & NODE_REPLICA && str_eq(m->me[i]->master_id, m->me[owner]->id))
            synced += merged_in_sync(m, i, owner, why);
    return synced;
}

bool judge_replicas(const struct merged *m, char *why)
{
    for (size_t i = 0; i < m->n; i++) {
        struct err e = { 0 };
        size_t synced = merged_owns(m, i) ? judge_synced_of(m, i, &e) : 0;

        if (merged_owns(m, i) && synced < (size_t)m->x->replicas_per_shard)
            return no(why, "%s has %zu of %d replicas in sync%s%s", merged_name(m, i), synced,
                      m->x->replicas_per_shard, e.msg[0] ? ": " : "", e.msg);
    }
    return m->n_owners > 0 || no(why, "no owner answers");
}
