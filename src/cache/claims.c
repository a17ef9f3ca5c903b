/* Claims of Redis pods, those of pods that are no more included. */
#include "parts.h"

#include <string.h>

#include "base/str.h"

static struct claim *find_claim(struct entry *e, const char *name)
{
    for (size_t i = 0; i < e->n_claims; i++)
        if (str_eq(e->claims[i].name, name))
            return &e->claims[i];
    return NULL;
}

static struct claim *add_claim(struct entry *e)
{
    e->claims = xrealloc(e->claims, (e->n_claims + 1) * sizeof(*e->claims));
    return &e->claims[e->n_claims++];
}

void cache_put_claim(struct cache *c, const cJSON *obj)
{
    struct entry *e = cache_pod_entry(c, obj, true);
    struct claim fresh, *old;
    bool same;

    if (!e || !claim_from(obj, &fresh))
        return;
    old = find_claim(e, fresh.name);
    if (old)
        old->is_stale = false;
    if (old && strcmp(old->uid, fresh.uid) == 0 && rv_is_older(fresh.rv, old->rv)) {
        claim_done(&fresh);
        return;
    }
    same = old && !claim_differs(old, &fresh);
    if (old)
        claim_done(old);
    else
        old = add_claim(e);
    *old = fresh;
    if (!same)
        cache_changed(c, e);
}

void cache_drop_claim_of(struct cache *c, struct entry *e, struct claim *claim)
{
    claim_done(claim);
    *claim = e->claims[--e->n_claims];
    cache_changed(c, e);
}

void cache_drop_claim(struct cache *c, const cJSON *obj)
{
    struct entry *e = cache_pod_entry(c, obj, false);
    struct claim *claim = e ? find_claim(e, json_get_str(obj, "metadata.name")) : NULL;

    if (claim && str_eq(claim->uid, json_get_str(obj, "metadata.uid")))
        cache_drop_claim_of(c, e, claim);
}
