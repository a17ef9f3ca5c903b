/* Before something is given up for good, what is left of it is written down. */
#include <string.h>

#include "base/str.h"
#include "slots/heal_parts.h"

#define SAVE_MS 30000 /* a large shard takes longer: then it goes on beside */

static uint64_t hash_of(const char *id)
{
    return str_hash(STR_HASH_INIT, id, strlen(id));
}

static bool is_copy(const struct heal *h, size_t i, const struct heal_loss *loss)
{
    return heal_is_up(h, i) && (i == loss->heir || str_eq(h->m.me[i]->master_id, loss->id));
}

static bool is_saving(const struct heal *h, const struct heal_loss *loss)
{
    for (size_t i = 0; i < h->m.n; i++)
        if (is_copy(h, i, loss) && h->m.views[i].rdb_saving)
            return true;
    return false;
}

enum heal_saving heal_save_first(struct heal *h, const struct heal_loss *loss)
{
    struct heal_memory *mem = h->mem;

    if (mem->saved_id == hash_of(loss->id))
        return is_saving(h, loss) && h->in->now_ms - mem->saved_ms < SAVE_MS ? HEAL_SAVING : HEAL_SAVED;
    for (size_t i = 0; i < h->m.n; i++)
        if (is_copy(h, i, loss))
            commands_add(&h->out->commands, CMD_SAVE, i);
    mem->saved_id = hash_of(loss->id);
    mem->saved_ms = h->in->now_ms;
    return HEAL_SAVE_NOW;
}
