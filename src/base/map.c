#include "base/map.h"

#include <string.h>

#include "base/mem.h"

#define uthash_fatal(msg) abort()
#define HASH_FUNCTION HASH_FNV /* the default one falls through its cases, which clang refuses */
#include <uthash.h>

struct entry {
    UT_hash_handle hh;
    void *value;
    char key[];
};

struct map {
    struct entry *head;
};

struct map *map_new(void)
{
    return xcalloc(1, sizeof(struct map));
}

void map_free(struct map *m, void (*free_value)(void *))
{
    struct entry *e, *next;

    if (!m)
        return;
    HASH_ITER(hh, m->head, e, next)
    {
        HASH_DEL(m->head, e);
        if (free_value)
            free_value(e->value);
        free(e);
    }
    free(m);
}

static struct entry *find(const struct map *m, const char *key)
{
    struct entry *e;

    HASH_FIND_STR(m->head, key, e);
    return e;
}

void *map_get(const struct map *m, const char *key)
{
    struct entry *e = find(m, key);

    return e ? e->value : NULL;
}

void *map_put(struct map *m, const char *key, void *value)
{
    struct entry *e = find(m, key);
    size_t len = strlen(key);

    if (e) {
        void *old = e->value;

        e->value = value;
        return old;
    }
    e = xcalloc(1, sizeof(*e) + len + 1);
    memcpy(e->key, key, len + 1);
    e->value = value;
    HASH_ADD_KEYPTR(hh, m->head, e->key, len, e);
    return NULL;
}

void *map_take(struct map *m, const char *key)
{
    struct entry *e = find(m, key);
    void *value;

    if (!e)
        return NULL;
    value = e->value;
    HASH_DEL(m->head, e);
    free(e);
    return value;
}

size_t map_count(const struct map *m)
{
    return HASH_COUNT(m->head);
}

static struct map_iter iter_at(struct entry *e)
{
    if (!e)
        return (struct map_iter){ NULL, NULL, NULL };
    return (struct map_iter){ e->key, e->value, e->hh.next };
}

struct map_iter map_first(const struct map *m)
{
    return iter_at(m->head);
}

void map_next(struct map_iter *i)
{
    *i = iter_at(i->next_);
}

struct map_iter map_at(const struct map *m, const char *key)
{
    return iter_at(find(m, key));
}
