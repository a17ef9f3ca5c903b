#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "shell.h"

void track_free(void *arg)
{
    struct track *t = arg;

    keys_done(&t->keys);
    given_done(&t->given);
    for (int u = 0; u < N_REDIS_USERS; u++)
        key_set(&t->fresh[u], NULL, NULL);
    free(t->secret_record);
    free(t->secret_problem);
    free(t->volume_problem);
    free(t->settings);
    revision_forget(&t->revision);
    cJSON_Delete(t->decisions);
    for (int i = 0; i < N_CHILDREN; i++) {
        free(t->foreign[i]);
        free(t->refused[i]);
    }
    free(t);
}

struct track *track_of(struct ctrl *c, const char *key, const char *uid)
{
    struct track *t = map_get(c->tracks, key);

    if (t && str_eq(t->uid, uid))
        return t;
    /* the same name, another resource: nothing of the old one may leak into it */
    track_forget(c, key);
    t = xcalloc(1, sizeof(*t));
    if (!str_copy(t->uid, sizeof(t->uid), uid))
        t->uid[0] = '\0';
    map_put(c->tracks, key, t);
    return t;
}

void track_forget(struct ctrl *c, const char *key)
{
    struct track *t = map_take(c->tracks, key);

    if (t)
        track_free(t);
}

/* Most services have no Redis, hence no Secret. */
struct record *track_secret_record(struct track *t)
{
    if (!t->secret_record)
        t->secret_record = xcalloc(1, sizeof(*t->secret_record));
    return t->secret_record;
}

/* Nor settings. */
struct settings_memory *track_settings(struct track *t)
{
    if (!t->settings)
        t->settings = xcalloc(1, sizeof(*t->settings));
    return t->settings;
}

void track_set_foreign(struct track *t, enum child child, const char *whose, int64_t now_ms)
{
    free(t->foreign[child]);
    t->foreign[child] = whose ? xstrdup(whose) : NULL;
    t->foreign_ms[child] = now_ms;
}

void track_set_refused(struct track *t, enum child child, uint64_t hash, const struct err *err, int64_t now_ms)
{
    free(t->refused[child]);
    t->refused[child] = NULL;
    if (!err)
        return;
    t->refused[child] = xcalloc(1, sizeof(*t->refused[child]));
    *t->refused[child] = (struct refusal){ hash, now_ms, *err };
}

const struct err *track_refusal(const struct track *t, enum child child, uint64_t hash, int64_t now_ms)
{
    const struct refusal *r = t->refused[child];

    return r && r->hash == hash && now_ms - r->at_ms < REFUSED_AGAIN_MS ? &r->err : NULL;
}

void tracks_doubt(struct ctrl *c)
{
    for (struct map_iter i = map_first(c->tracks); i.key; map_next(&i)) {
        struct track *t = i.value;

        t->secret_read_ms = 0;
        t->password_is_doubted = true;
        t->settle = (struct settle){ 0 };
        t->heal = (struct heal_memory){ 0 };
        t->roles = (struct roles_memory){ 0 };
    }
}
