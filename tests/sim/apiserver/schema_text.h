/*
 * sim/apiserver/schema_text.h - the built-in types in a compact notation.
 *
 * One string per type: "Name field:type field!:type ..." ('!': required), after a
 * line "@package". Name@ is an atomic struct. Types:
 *   s string, s(a|b) enum, y base64, i int32, l int64, n number, b bool, q quantity,
 *   t time, u microtime, x int or string, * anything, <T> map, [T] list, Name another type
 * followed by marks: @ atomic map, {k,..} list keyed by those, = set, !~ no strategic
 * merge, ~k merged by k (~ alone: scalars), ^ retainKeys, $ replaced whole, %v default.
 */
#ifndef SIM_APISERVER_SCHEMA_TEXT_H
#define SIM_APISERVER_SCHEMA_TEXT_H

#include <stddef.h>

extern const char *const types_core_a[];
extern const char *const types_core_b[];
extern const char *const types_other[];

struct map;

/* Adds every type of the table to types (full name to struct schema, owned by the map's owner). */
void schema_text_load(struct map *types, const char *const *table);
/* Second pass, when all names are known. Ends the process on a mistake in the tables. */
void schema_text_link(struct map *types, const char *const *table);

#endif
