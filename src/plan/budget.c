/*
 * May a Redis pod be evicted? What the PodDisruptionBudget says: no, at once, when a shard lacks a copy; yes
 * again only when health has lasted, so that a node that stumbles is not two writes each time.
 */
#include "rules.h"

/* Healthy means that every replica is in sync. */
static bool lacks_a_copy(const struct walk *w)
{
    const struct redis_outcome *r = &w->p->redis;

    if (r->state == REDIS_HEALTHY)
        return false;
    return !r->verdict.serving || (w->o->redis.expected.replicas_per_shard > 0 && r->verdict.n_alone > 0);
}

bool budget_allows(const struct walk *w)
{
    const struct redis_outcome *r = &w->p->redis;
    const struct record *live = w->o->child[CHILD_REDIS_PDB];

    if (!r->wanted || r->keep_pods || r->n_outdated || r->roll.pod[0] || r->state == REDIS_FORMING || r->state == REDIS_MIGRATING || lacks_a_copy(w))
        return false;
    return (live && live->max_unavailable == 1) || (r->state == REDIS_HEALTHY && r->verdict.holds[P_SETTLED]);
}
