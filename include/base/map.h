/*
 * base/map.h - strings to pointers, in order of insertion.
 *
 * Owns copies of the keys, lends the values; map_free with a function frees
 * the values as well. Removing the current entry while iterating is allowed.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stddef.h>

struct map; /* layout in map.c */
struct map_iter {
    const char *key;
    void *value;
    void *next_; /* private */
};

struct map *map_new(void);
void map_free(struct map *m, void (*free_value)(void *)); /* NULL map, NULL function are fine */

void *map_get(const struct map *m, const char *key); /* NULL: absent */
void *map_put(struct map *m, const char *key, void *value); /* returns the value it replaced, or NULL */
void *map_take(struct map *m, const char *key); /* removes; returns the value or NULL */
size_t map_count(const struct map *m);

/* for (struct map_iter i = map_first(m); i.key; map_next(&i)) */
struct map_iter map_first(const struct map *m);
void map_next(struct map_iter *i);
struct map_iter map_at(const struct map *m, const char *key); /* at the end when absent */

#endif
