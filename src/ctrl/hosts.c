/*
 * Where the pods run: their nodes, copied for one pass.
 */
#include <string.h>

#include "base/str.h"
#include "shell.h"

/* Pods and nodes come over different watches: a pod may be heard of before its brand-new node is. */
enum { MISSING_MS = 10000, MISSING_MAX = 1000 };

static void forget_missing(struct ctrl *c, const char *name)
{
    free(map_take(c->missing_hosts, name));
}

static bool is_missing_for_long(struct ctrl *c, const char *name, int64_t now_ms)
{
    int64_t *since = map_get(c->missing_hosts, name);

    if (!since && map_count(c->missing_hosts) < MISSING_MAX) {
        since = xcalloc(1, sizeof(*since));
        *since = now_ms;
        map_put(c->missing_hosts, name, since);
    }
    return since && now_ms - *since >= MISSING_MS;
}

static bool has_host(const struct pass *p, const char *name)
{
    for (size_t i = 0; i < p->n_hosts; i++)
        if (strcmp(p->hosts[i].name, name) == 0)
            return true;
    return false;
}

static void add_host(struct pass *p, const char *name)
{
    const struct host *h = cache_host(p->c->cache, name);
    struct host *out = &p->hosts[p->n_hosts];

    if (!name[0] || has_host(p, name))
        return;
    if (h) {
        *out = *h;
        forget_missing(p->c, name);
    } else {
        if (is_missing_for_long(p->c, name, p->started_ms))
            return;
        *out = (struct host){ .unwell = true };
        host_name_copy(out->name, name);
    }
    p->n_hosts++;
}

void hosts_locate(struct pass *p)
{
    if (cache_hosts_are_known(p->c->cache)) {
        p->hosts = xcalloc(p->n_pods + 1, sizeof(*p->hosts));
        for (size_t i = 0; i < p->n_pods; i++)
            add_host(p, p->pods[i].node);
        p->o.nodes = p->c->cache;
        cache_count_places(p->c->cache, &p->o.n_places, &p->o.n_zones);
    }
    p->o.hosts = p->hosts;
    p->o.n_hosts = p->n_hosts;
    members_locate(p->members, p->o.redis.expected.n_members, p->pods, p->n_pods, p->hosts, p->n_hosts);
}
