#include "slots/report_facts.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

enum { BYTES_SIZE = 24 };

void report_bytes(int64_t bytes, char *out)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
    double n = (double)bytes;
    size_t u = 0;

    while (n >= 1024 && u + 1 < COUNT(units)) {
        n /= 1024;
        u++;
    }
    snprintf(out, BYTES_SIZE, u ? "%.1f %s" : "%.0f %s", n, units[u]);
}

static void reach(const struct merged *m, const struct verdict *v, char *out)
{
    (void)v;
    snprintf(out, REPORT_FACT_SIZE, "%zu of %zu answer", m->n_up, m->n);
}

static void state(const struct merged *m, const struct verdict *v, char *out)
{
    (void)v;
    snprintf(out, REPORT_FACT_SIZE, "cluster_state:ok on %zu nodes", m->n_up);
}

static void slots(const struct merged *m, const struct verdict *v, char *out)
{
    (void)v;
    snprintf(out, REPORT_FACT_SIZE, "%d assigned and ok, in each of %zu views", SLOT_COUNT, m->n_up);
}

static void ownership(const struct merged *m, const struct verdict *v, char *out)
{
    snprintf(out, REPORT_FACT_SIZE, "%d slots, each claimed once, by %zu masters", v->slots_ok, m->n_owners);
}

static void consensus(const struct merged *m, const struct verdict *v, char *out)
{
    snprintf(out, REPORT_FACT_SIZE, "%zu views of %zu nodes are one; current epoch %llu", m->n_up, m->n,
             (unsigned long long)v->max_epoch);
}

static void epochs(const struct merged *m, const struct verdict *v, char *out)
{
    uint64_t low = UINT64_MAX, high = 0;
    (void)v;

    for (size_t i = 0; i < m->n; i++) {
        uint64_t e = m->views[i].my_epoch;

        if (!merged_owns(m, i))
            continue;
        low = e < low ? e : low;
        high = e > high ? e : high;
    }
    snprintf(out, REPORT_FACT_SIZE, "%zu different ones, %llu to %llu", m->n_owners, (unsigned long long)low,
             (unsigned long long)high);
}

static void closed(const struct merged *m, const struct verdict *v, char *out)
{
    (void)v;
    snprintf(out, REPORT_FACT_SIZE, "no slot is marked as migrating or importing, no job runs on %zu nodes", m->n_up);
}

static void members(const struct merged *m, const struct verdict *v, char *out)
{
    (void)v;
    snprintf(out, REPORT_FACT_SIZE, "everyone knows these %zu, at their addresses, and nobody else", m->n);
}

static void quorum(const struct merged *m, const struct verdict *v, char *out)
{
    (void)v;
    snprintf(out, REPORT_FACT_SIZE, "a majority of the masters, in each of %zu views", m->n_up);
}

static void replicas(const struct merged *m, const struct verdict *v, char *out)
{
    int64_t behind = 0, lag_s = 0;

    for (size_t i = 0; i < m->n; i++) {
        size_t owner = m->me[i] && m->me[i]->flags & NODE_REPLICA ? merged_find(m, m->me[i]->master_id) : MERGED_NONE;

        if (owner != MERGED_NONE && m->views[owner].offset - m->views[i].offset > behind)
            behind = m->views[owner].offset - m->views[i].offset;
        for (size_t k = 0; m->me[i] && k < m->views[i].n_links; k++)
            lag_s = m->views[i].links[k].lag_s > lag_s ? m->views[i].links[k].lag_s : lag_s;
    }
    if (v->n_replicas == 0)
        snprintf(out, REPORT_FACT_SIZE, "none are wanted, and there are none");
    else
        snprintf(out, REPORT_FACT_SIZE, "%d in sync, at most %lld bytes and %lld s behind", v->n_replicas, (long long)behind,
                 (long long)lag_s);
}

typedef const char *place_fn(const struct member *p);

static const char *node_of(const struct member *p)
{
    return p->node;
}

static const char *zone_of(const struct member *p)
{
    return p->zone;
}

/* How many places there are, and the most masters in one. */
static size_t places(const struct merged *m, place_fn *place, size_t *most)
{
    size_t n = 0;

    *most = 0;
    for (size_t i = 0; i < m->n; i++) {
        const char *at = place(&m->x->members[i]);
        size_t here = 0;
        bool first = !str_empty(at);

        for (size_t k = 0; k < m->n && !str_empty(at); k++) {
            bool same = str_eq(place(&m->x->members[k]), at);

            first &= !same || k >= i;
            here += same && merged_owns(m, k);
        }
        n += first;
        *most = here > *most ? here : *most;
    }
    return n;
}

static void spread(const struct merged *m, const struct verdict *v, char *out)
{
    size_t on_host, in_zone, hosts = places(m, node_of, &on_host), zones = places(m, zone_of, &in_zone);
    int len = snprintf(out, REPORT_FACT_SIZE, "%zu host%s, at most %zu of %zu masters on one", hosts, hosts == 1 ? "" : "s", on_host,
                       m->n_owners);
    (void)v;

    if (zones)
        snprintf(out + len, REPORT_FACT_SIZE - (size_t)len, "; %zu zone%s, at most %zu", zones, zones == 1 ? "" : "s", in_zone);
    else
        snprintf(out + len, REPORT_FACT_SIZE - (size_t)len, "; zones were not told (--zones)");
}

static void disk(const struct merged *m, const struct verdict *v, char *out)
{
    size_t logs = 0;
    (void)v;

    for (size_t i = 0; i < m->n; i++)
        logs += m->me[i] && m->views[i].aof_enabled;
    snprintf(out, REPORT_FACT_SIZE, "no write failed; %zu of %zu keep an append-only file", logs, m->n_up);
}

static void room(const struct merged *m, const struct verdict *v, char *out)
{
    int64_t worst = -1, most = 0;
    char text[BYTES_SIZE];
    (void)v;

    for (size_t i = 0; i < m->n; i++) {
        const struct node_view *n = &m->views[i];

        if (m->me[i] && n->max_memory > 0 && n->used_memory * 100 / n->max_memory > worst)
            worst = n->used_memory * 100 / n->max_memory;
        if (m->me[i] && n->used_memory > most)
            most = n->used_memory;
    }
    report_bytes(most, text);
    if (worst < 0)
        snprintf(out, REPORT_FACT_SIZE, "no maxmemory is set; the largest uses %s", text);
    else
        snprintf(out, REPORT_FACT_SIZE, "the fullest uses %lld %% of its maxmemory", (long long)worst);
}

static void settled(const struct merged *m, const struct verdict *v, char *out)
{
    (void)m;
    (void)v;
    snprintf(out, REPORT_FACT_SIZE, "healthy and unchanged for half a node timeout");
}

void report_fact(enum predicate p, const struct merged *m, const struct verdict *v, char out[REPORT_FACT_SIZE])
{
    static void (*const facts[N_PREDICATES])(const struct merged *, const struct verdict *, char *) = {
        [P_REACH] = reach,   [P_STATE] = state,     [P_SLOTS] = slots,   [P_OWNERSHIP] = ownership, [P_CONSENSUS] = consensus,
        [P_EPOCHS] = epochs, [P_CLOSED] = closed,   [P_MEMBERS] = members, [P_QUORUM] = quorum,     [P_REPLICAS] = replicas,
        [P_SPREAD] = spread, [P_DISK] = disk,       [P_ROOM] = room,     [P_SETTLED] = settled,
    };

    snprintf(out, REPORT_FACT_SIZE, "nobody says otherwise");
    if (m->n_owners > 0)
        facts[p](m, v, out);
}
