/*
 * Slots that a server moves by itself, from a master that does not answer any more.
 */
#include "slots/heal_parts.h"

static bool comes_from_silence(const struct heal *h, const struct view_job *j)
{
    size_t source = merged_find(&h->m, j->source);

    return j->state == JOB_RUNNING && j->importing && (source == MERGED_NONE || !(h->m.me[source]->flags & NODE_MASTER));
}

/* Redis carries the task on when its source wakes, although the source's replica was elected meanwhile: the target
 * takes the slots with a higher epoch, and what the elected one acknowledged is gone (seen on Redis 8.6: 18 writes).
 * So the target is told to let go before an election can be over. That changes nothing for anybody, and is said even
 * when it may be us who are cut off. Valkey's jobs belong to their source, and end with its role. */
bool heal_jobs(struct heal *h)
{
    for (size_t i = 0; i < h->m.n; i++) {
        bool found = false;

        for (size_t k = 0; heal_is_up(h, i) && k < h->m.views[i].n_jobs && !h->m.views[i].is_valkey; k++)
            found = found || comes_from_silence(h, &h->m.views[i].jobs[k]);
        if (found)
            commands_add(&h->out->commands, CMD_ASM_CANCEL, i);
    }
    return h->out->commands.n > 0 && heal_stop(h, HEAL_CANCEL, HEAL_WAIT_MS, "slots were coming from a master that does not answer");
}
