/* Nodes of Kubernetes, and whom a change of one concerns. */
#include "parts.h"

#include <string.h>

#include "base/str.h"

static bool runs_on(const struct entry *e, const char *host)
{
    for (size_t i = 0; i < e->n_pods; i++)
        if (strcmp(e->pods[i].node, host) == 0)
            return true;
    return false;
}

static void host_changed(struct cache *c, const char *host)
{
    c->n_zones = SIZE_MAX;
    for (struct map_iter i = map_first(c->entries); c->on_changed && i.key; map_next(&i))
        if (runs_on(i.value, host))
            c->on_changed(c->arg, i.key);
}

void cache_free_host(void *known_host)
{
    struct known_host *k = known_host;

    if (k)
        free(k->shape);
    free(k);
}

void cache_put_node(struct cache *c, const cJSON *obj)
{
    struct known_host *k;
    struct host fresh;
    bool same;

    if (!host_from(obj, &fresh))
        return;
    k = map_get(c->hosts, fresh.name);
    if (k)
        k->host.is_stale = false;
    if (k && rv_is_older(fresh.rv, k->host.rv))
        return;
    same = k && !host_differs(&k->host, &fresh);
    if (!k) {
        k = xcalloc(1, sizeof(*k));
        map_put(c->hosts, fresh.name, k);
    }
    free(k->shape);
    *k = (struct known_host){ .host = fresh, .shape = shape_from(obj) };
    if (!same)
        host_changed(c, fresh.name);
}

static void drop_host(struct cache *c, const char *name)
{
    struct known_host *k = map_take(c->hosts, name);

    if (k)
        host_changed(c, k->host.name);
    cache_free_host(k);
}

void cache_drop_node(struct cache *c, const cJSON *obj)
{
    struct host gone;

    if (host_from(obj, &gone))
        drop_host(c, gone.name);
}

const struct host *cache_host(const struct cache *c, const char *name)
{
    const struct known_host *k = map_get(c->hosts, name);

    return k ? &k->host : NULL;
}

bool cache_hosts_are_known(const struct cache *c)
{
    return c->hosts_are_known;
}

static size_t count_zones(const struct cache *c)
{
    struct map *zones = map_new();
    size_t n;

    for (struct map_iter i = map_first(c->hosts); i.key; map_next(&i)) {
        struct host *h = &((struct known_host *)i.value)->host;

        if (h->zone[0] && !map_get(zones, h->zone))
            map_put(zones, h->zone, h);
    }
    n = map_count(zones);
    map_free(zones, NULL);
    return n;
}

void cache_count_places(struct cache *c, size_t *n_hosts, size_t *n_zones)
{
    if (c->n_zones == SIZE_MAX)
        c->n_zones = count_zones(c);
    *n_hosts = map_count(c->hosts);
    *n_zones = c->n_zones;
}

void cache_forget_hosts(struct cache *c)
{
    c->n_zones = 0;
    map_free(c->hosts, cache_free_host);
    c->hosts = map_new();
    c->hosts_are_known = false;
}

void cache_list_hosts_start(struct cache *c)
{
    for (struct map_iter i = map_first(c->hosts); i.key; map_next(&i))
        ((struct known_host *)i.value)->host.is_stale = true;
}

void cache_hosts_listed(struct cache *c)
{
    c->hosts_are_known = true;
    for (struct map_iter i = map_first(c->hosts); i.key; map_next(&i)) {
        const struct host *h = &((struct known_host *)i.value)->host;

        if (h->is_stale)
            drop_host(c, h->name);
    }
}
