#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "shell.h"

static void redis_free(struct redis_track *r)
{
    if (!r)
        return;
    keys_done(&r->keys);
    given_done(&r->given);
    for (int u = 0; u < N_REDIS_USERS; u++)
        key_set(&r->fresh[u], NULL, NULL);
    free(r);
}

static void obstacles_free(struct obstacles *o)
{
    for (int i = 0; o && i < N_CHILDREN; i++) {
        free(o->foreign[i]);
        free(o->refused[i]);
    }
    free(o);
}

void track_free(void *arg)
{
    struct track *t = arg;

    redis_free(t->redis);
    free(t->secret_record);
    free(t->secret_problem);
    free(t->volume_problem);
    free(t->settings);
    revision_forget(&t->revision);
    cJSON_Delete(t->decisions);
    obstacles_free(t->obstacles);
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

struct redis_track *track_redis(struct track *t)
{
    if (!t->redis)
        t->redis = xcalloc(1, sizeof(*t->redis));
    return t->redis;
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

/* NULL: there is none, and none is to be kept. */
static struct obstacles *obstacles_of(struct track *t, bool make)
{
    if (!t->obstacles && make)
        t->obstacles = xcalloc(1, sizeof(*t->obstacles));
    return t->obstacles;
}

void track_set_foreign(struct track *t, enum child child, const char *whose, int64_t now_ms)
{
    struct obstacles *o = obstacles_of(t, whose != NULL);

    if (!o)
        return;
    free(o->foreign[child]);
    o->foreign[child] = whose ? xstrdup(whose) : NULL;
    o->foreign_ms[child] = now_ms;
}

const char *track_foreign(const struct track *t, enum child child, int64_t now_ms)
{
    const struct obstacles *o = t->obstacles;

    return o && now_ms - o->foreign_ms[child] < FOREIGN_AGAIN_MS ? o->foreign[child] : NULL;
}

void track_set_refused(struct track *t, enum child child, uint64_t hash, const struct err *err, int64_t now_ms)
{
    struct obstacles *o = obstacles_of(t, err != NULL);

    if (!o)
        return;
    free(o->refused[child]);
    o->refused[child] = NULL;
    if (!err)
        return;
    o->refused[child] = xcalloc(1, sizeof(*o->refused[child]));
    *o->refused[child] = (struct refusal){ hash, now_ms, *err };
}

const struct err *track_refusal(const struct track *t, enum child child, uint64_t hash, int64_t now_ms)
{
    const struct refusal *r = t->obstacles ? t->obstacles->refused[child] : NULL;

    return r && r->hash == hash && now_ms - r->at_ms < refused_for_ms(&r->err) ? &r->err : NULL;
}

void tracks_doubt(struct ctrl *c)
{
    for (struct map_iter i = map_first(c->tracks); i.key; map_next(&i)) {
        struct track *t = i.value;

        t->secret_read_ms = 0;
        t->password_is_doubted = true;
        t->settle = (struct settle){ 0 };
        if (t->redis)
            t->redis->heal = (struct heal_memory){ 0 };
        t->roles = (struct roles_memory){ 0 };
    }
}
