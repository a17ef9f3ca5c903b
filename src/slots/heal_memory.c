/* What healing keeps from pass to pass. */
#include <string.h>

#include "base/str.h"
#include "slots/heal_parts.h"

static size_t place_of(const struct heal_memory *mem, uint16_t slot)
{
    size_t oldest = 0;

    for (size_t i = 0; i < mem->n_conflicts; i++) {
        if (mem->conflicts[i].slot == slot)
            return i;
        if (mem->conflicts[i].at_ms < mem->conflicts[oldest].at_ms)
            oldest = i;
    }
    return mem->n_conflicts < HEAL_CONFLICTS_MAX ? mem->n_conflicts : oldest;
}

void heal_remember_conflict(struct heal_memory *mem, uint16_t slot, int64_t now_ms)
{
    size_t at = place_of(mem, slot);

    mem->n_conflicts += at == mem->n_conflicts;
    mem->conflicts[at].slot = slot;
    mem->conflicts[at].at_ms = now_ms;
}

bool heal_is_conflict(const struct heal *h, uint16_t slot)
{
    for (size_t i = 0; i < h->mem->n_conflicts; i++)
        if (h->mem->conflicts[i].slot == slot)
            return h->in->now_ms - h->mem->conflicts[i].at_ms < HEAL_CONFLICT_MS;
    return false;
}

static uint64_t id_hash(const char *id)
{
    return str_hash(STR_HASH_INIT, id, strlen(id));
}

static size_t find_missing(const struct heal_memory *mem, uint64_t hash)
{
    size_t i = 0;

    while (i < mem->n_missing && mem->missing[i].id != hash)
        i++;
    return i;
}

int64_t heal_missing_ms(struct heal *h, const char *id)
{
    struct heal_memory *mem = h->mem;
    uint64_t hash = id_hash(id);
    size_t at = find_missing(mem, hash);

    if (at == HEAL_MISSING_MAX)
        return 0; /* waits until there is room */
    if (at == mem->n_missing) {
        mem->missing[at].id = hash;
        mem->missing[at].since_ms = h->in->now_ms;
        mem->n_missing++;
    }
    return h->in->now_ms - mem->missing[at].since_ms;
}

static bool is_lost(const struct heal *h, uint64_t hash)
{
    for (size_t i = 0; i < h->n_losses; i++)
        if (id_hash(h->losses[i].id) == hash)
            return true;
    return false;
}

/* Who is back is not missing any more: should it go again, its time starts anew. */
void heal_forget_found(struct heal *h)
{
    struct heal_memory *mem = h->mem;
    size_t kept = 0;

    if (h->v->state == REDIS_UNKNOWN)
        return;
    for (size_t i = 0; i < mem->n_missing; i++)
        if (is_lost(h, mem->missing[i].id))
            mem->missing[kept++] = mem->missing[i];
    mem->n_missing = kept;
    if (h->v->state == REDIS_HEALTHY)
        memset(mem, 0, sizeof(*mem));
}
