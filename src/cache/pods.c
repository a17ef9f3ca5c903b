/* Pods of the services, by the label that names the service. */
#include "parts.h"

#include <string.h>

#include "base/str.h"

static struct pod *find_pod(struct entry *e, const char *name)
{
    for (size_t i = 0; i < e->n_pods; i++)
        if (str_eq(e->pods[i].name, name))
            return &e->pods[i];
    return NULL;
}

static struct pod *add_pod(struct entry *e)
{
    /* exact: most services have two, and there may be thousands of services */
    e->pods = xrealloc(e->pods, (e->n_pods + 1) * sizeof(*e->pods));
    return &e->pods[e->n_pods++];
}

void cache_put_pod(struct cache *c, const cJSON *obj)
{
    struct entry *e = cache_pod_entry(c, obj, true);
    struct pod fresh, *old;
    bool same;

    if (!e || !pod_from(obj, &fresh))
        return;
    old = find_pod(e, fresh.name);
    if (old)
        old->is_stale = false;
    if (old && strcmp(old->uid, fresh.uid) == 0 && rv_is_older(fresh.rv, old->rv)) {
        pod_done(&fresh);
        return;
    }
    same = old && !pod_differs(old, &fresh);
    if (old)
        pod_done(old);
    else
        old = add_pod(e);
    *old = fresh;
    if (!same)
        cache_changed(c, e);
}

void cache_drop_pod_of(struct cache *c, struct entry *e, struct pod *p)
{
    pod_done(p);
    *p = e->pods[--e->n_pods];
    cache_changed(c, e);
}

void cache_drop_pod(struct cache *c, const cJSON *obj)
{
    struct entry *e = cache_pod_entry(c, obj, false);
    struct pod *p = e ? find_pod(e, json_get_str(obj, "metadata.name")) : NULL;

    if (p && str_eq(p->uid, json_get_str(obj, "metadata.uid")))
        cache_drop_pod_of(c, e, p);
}
