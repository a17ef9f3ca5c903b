#include "cache/room.h"

#include <string.h>

#include "base/str.h"
#include "parts.h"

static bool may_run_on(const struct demand *d, const struct shape *s)
{
    return shape_is_selected(s, d->selector) && shape_is_tolerated(s, d->tolerations);
}

/* A node that is new has not said yet what it offers. */
static bool holds_all(const struct demand *d, const struct shape *s)
{
    if (shape_is_silent(s))
        return true;
    for (size_t i = 0; i < d->n; i++)
        if (shape_offers(s, d->amounts[i].id) < d->amounts[i].milli)
            return false;
    return true;
}

/* Of nodes that have as much the first by name: what is said must not depend on the order in which they came. */
static void keep_most(const struct known_host *k, const struct demand_amount *a, struct fit *out)
{
    int64_t milli = shape_offers(k->shape, a->id);

    if (!milli || milli < out->most_milli || (milli == out->most_milli && strcmp(k->host.name, out->node) > 0))
        return;
    out->most_milli = milli;
    memcpy(out->node, k->host.name, sizeof(out->node));
}

static void find_most(const struct cache *c, const struct demand *d, const struct demand_amount *a, struct fit *out)
{
    out->most_milli = 0;
    out->node[0] = '\0';
    for (struct map_iter i = map_first(c->hosts); i.key; map_next(&i)) {
        const struct known_host *k = i.value;

        if (may_run_on(d, k->shape))
            keep_most(k, a, out);
    }
}

static void find_lacking(const struct cache *c, const struct demand *d, struct fit *out)
{
    for (size_t i = 0; i < d->n; i++) {
        find_most(c, d, &d->amounts[i], out);
        if (out->most_milli >= d->amounts[i].milli)
            continue;
        out->lacking = &d->amounts[i];
        return;
    }
}

void cache_fit(const struct cache *c, const struct demand *d, struct fit *out)
{
    *out = (struct fit){ .fits = !c->hosts_are_known || !map_count(c->hosts) };
    for (struct map_iter i = map_first(c->hosts); i.key && !out->fits; map_next(&i)) {
        const struct known_host *k = i.value;

        out->n_selected += shape_is_selected(k->shape, d->selector);
        if (!may_run_on(d, k->shape))
            continue;
        out->n_nodes++;
        out->fits = holds_all(d, k->shape);
    }
    if (!out->fits && out->n_nodes)
        find_lacking(c, d, out);
}

/* --- what is taken --- */

static bool holds(const struct pod *p, uint32_t device, int32_t priority)
{
    return p->device == device && p->serves && !p->deleting && p->priority >= priority && p->node[0];
}

static void count_taken(const struct cache *c, uint32_t device, int32_t priority)
{
    for (struct map_iter i = map_first(c->hosts); i.key; map_next(&i))
        ((struct known_host *)i.value)->taken = 0;
    for (struct map_iter i = map_first(c->entries); i.key; map_next(&i)) {
        const struct entry *e = i.value;

        for (size_t n = 0; n < e->n_pods; n++) {
            struct known_host *k = holds(&e->pods[n], device, priority) ? map_get(c->hosts, e->pods[n].node) : NULL;

            if (k)
                k->taken += e->pods[n].n_devices;
        }
    }
}

static bool is_taken(const struct cache *c, const struct demand *d, const struct demand_amount *a, int32_t priority,
                     struct taken *out)
{
    *out = (struct taken){ .what = a };
    count_taken(c, a->id, priority);
    for (struct map_iter i = map_first(c->hosts); i.key; map_next(&i)) {
        const struct known_host *k = i.value;
        int64_t has = shape_offers(k->shape, a->id) / 1000;

        if (!has || !may_run_on(d, k->shape))
            continue;
        if (shape_is_autoscaled(k->shape) || (has - k->taken) * 1000 >= a->milli)
            return false;
        out->n_nodes++;
    }
    return out->n_nodes > 0;
}

bool cache_devices_are_taken(const struct cache *c, const struct demand *d, int32_t priority, struct taken *out)
{
    for (size_t i = 0; c->hosts_are_known && i < d->n; i++)
        if (demand_is_device(d->amounts[i].resource) && is_taken(c, d, &d->amounts[i], priority, out))
            return true;
    return false;
}
