/*
 * Paused: nothing is changed, and what was under way stands still. It is said what that is.
 */
#include <stdio.h>

#include "rules.h"

/* Slots that are on their way, by their owners' own rows; the servers answer for both halves. */
static size_t half_moved(const struct redis_seen *seen)
{
    size_t n = 0;

    for (size_t i = 0; seen->views && i < seen->expected.n_members; i++)
        for (size_t k = 0; k < seen->views[i].n_open; k++)
            n += !seen->views[i].open[k].importing;
    return n;
}

enum verdict_of_rule rule_paused(struct walk *w)
{
    const struct redis_seen *seen = &w->o->redis;
    char resize[100] = "", roll[100] = "";

    if (!w->o->paused)
        return RULE_PASS;
    if (seen->latch.resize.shards)
        snprintf(resize, sizeof(resize), "; halted: the resize to %d shards with %d replicas, %zu slots half moved",
                 seen->latch.resize.shards, seen->latch.resize.replicas, half_moved(seen));
    if (seen->latch.roll.pod[0])
        snprintf(roll, sizeof(roll), "; halted: the restart of %.63s", seen->latch.roll.pod);
    return walk_say(w, RULE_STOP, "Paused", "spec.managementPolicy is Paused: nothing is changed%s%s", resize, roll);
}
