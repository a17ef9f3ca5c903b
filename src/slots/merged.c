#include "slots/merged.h"

#include <string.h>

#include "base/str.h"

#define OFFSET_BEHIND_MAX_BYTES (16LL << 20)
#define LAG_MAX_S 2

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct merged_id *)a)->id, ((const struct merged_id *)b)->id);
}

static void add_claims(struct merged *m, size_t i)
{
    struct slot_set s, again;

    if (!merged_owns(m, i))
        return;
    m->n_owners++;
    s = merged_slots(m, i);
    again = s;
    for (size_t w = 0; w < COUNT(s.bits); w++)
        again.bits[w] &= m->claimed.bits[w];
    slot_set_union(&m->twice, &again);
    slot_set_union(&m->claimed, &s);
    if (m->views[i].state_ok && !m->views[i].loading)
        slot_set_union(&m->served, &s);
}

void merged_init(struct merged *m, const struct expected *x, const struct node_view *views, size_t n)
{
    memset(m, 0, sizeof(*m));
    m->x = x;
    m->views = views;
    m->n = n < x->n_members ? n : x->n_members;
    m->me = xcalloc(m->n + 1, sizeof(*m->me));
    m->ids = xcalloc(m->n + 1, sizeof(*m->ids));
    for (size_t i = 0; i < m->n; i++) {
        m->me[i] = views[i].reach == REACH_OK && !x->members[i].parting ? view_myself(&views[i]) : NULL;
        m->n_parting += x->members[i].parting;
        if (m->me[i])
            m->ids[m->n_up++] = (struct merged_id){ m->me[i]->id, i };
    }
    qsort(m->ids, m->n_up, sizeof(*m->ids), by_id);
    for (size_t i = 0; i < m->n; i++)
        add_claims(m, i);
    slot_set_minus(&m->served, &m->twice);
}

void merged_done(struct merged *m)
{
    free(m->me);
    free(m->ids);
}

const char *merged_name(const struct merged *m, size_t i)
{
    return !str_empty(m->x->members[i].pod) ? m->x->members[i].pod : m->views[i].address;
}

size_t merged_find(const struct merged *m, const char *id)
{
    struct merged_id key = { id, 0 };
    const struct merged_id *found = m->n_up ? bsearch(&key, m->ids, m->n_up, sizeof(key), by_id) : NULL;

    return found ? found->member : MERGED_NONE;
}

bool merged_owns(const struct merged *m, size_t i)
{
    return m->me[i] && m->me[i]->flags & NODE_MASTER && m->me[i]->n_ranges > 0;
}

struct slot_set merged_slots(const struct merged *m, size_t i)
{
    struct slot_set none = { { 0 } };

    return merged_owns(m, i) ? view_row_slots(&m->views[i], m->me[i]) : none;
}

bool merged_at(const struct merged *m, const struct view_row *r, size_t i)
{
    const struct member *p = &m->x->members[i];

    return r->port == p->port && !str_empty(p->ip) && strcmp(r->ip, p->ip) == 0;
}

size_t merged_silent_at(const struct merged *m, const struct view_row *r)
{
    for (size_t i = 0; i < m->n; i++)
        if (!m->me[i] && merged_at(m, r, i))
            return i;
    return MERGED_NONE;
}

bool merged_follows(const struct merged *m, size_t replica, size_t master)
{
    const struct node_view *v = &m->views[replica];
    const struct member *p = &m->x->members[master];

    if (!v->is_replica || v->master_port != p->port)
        return false;
    return str_eq(v->master_host, p->ip) ||
           (m->me[master]->hostname[0] && str_eq(v->master_host, m->me[master]->hostname));
}

static const struct replica_link *find_link(const struct merged *m, size_t owner, size_t replica)
{
    const struct node_view *v = &m->views[owner];
    const struct member *p = &m->x->members[replica];

    for (size_t i = 0; i < v->n_links; i++)
        if (v->links[i].port == p->port && str_eq(v->links[i].ip, p->ip))
            return &v->links[i];
    return NULL;
}

/* A replica needs the votes of most owners; who does not know it as one will not vote. */
static bool is_known_to_most(const struct merged *m, size_t replica, size_t owner)
{
    size_t know = 0;

    for (size_t i = 0; i < m->n; i++) {
        const struct view_row *r = merged_owns(m, i) ? view_find(&m->views[i], m->me[replica]->id) : NULL;

        know += r && r->flags & NODE_REPLICA && str_eq(r->master_id, m->me[owner]->id);
    }
    return know > m->n_owners / 2;
}

bool merged_in_sync(const struct merged *m, size_t replica, size_t owner, struct err *why)
{
    const struct node_view *r = &m->views[replica], *o = &m->views[owner];
    const struct replica_link *link = find_link(m, owner, replica);
    const char *name = merged_name(m, replica);

    if (!merged_follows(m, replica, owner))
        return err_set(why, ERR_RETRY, "%s follows %s:%u, not %s", name, r->master_host, r->master_port,
                       merged_name(m, owner)), false;
    if (r->sync_in_progress)
        return err_set(why, ERR_RETRY, "%s is still copying", name), false;
    if (!r->master_link_up)
        return err_set(why, ERR_RETRY, "%s: link to its master is down", name), false;
    if (!link || !link->online)
        return err_set(why, ERR_RETRY, "%s does not list %s as online", merged_name(m, owner), name), false;
    if (link->lag_s > LAG_MAX_S)
        return err_set(why, ERR_RETRY, "%s lags %lld s", name, (long long)link->lag_s), false;
    if (o->offset - r->offset > OFFSET_BEHIND_MAX_BYTES)
        return err_set(why, ERR_RETRY, "%s is %lld bytes behind", name, (long long)(o->offset - r->offset)), false;
    if (!is_known_to_most(m, replica, owner))
        return err_set(why, ERR_RETRY, "most masters do not know %s as its replica", name), false;
    return true;
}

size_t merged_followers(const struct merged *m, size_t master)
{
    size_t n = 0;

    for (size_t i = 0; i < m->n; i++)
        n += m->me[i] && m->me[i]->flags & NODE_REPLICA && str_eq(m->me[i]->master_id, m->me[master]->id);
    return n;
}
