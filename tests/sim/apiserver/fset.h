/*
 * sim/apiserver/fset.h - sets of field paths, kept as the FieldsV1 they are written as.
 *
 * Pure. A set is a JSON object: "f:name", "k:{...}" (keyed item), "v:..." (set item)
 * to the set of what lies below. An entry is itself a member when it is {} or
 * has ".". Source of the semantics: structured-merge-diff, fieldpath and typed.
 */
#ifndef SIM_APISERVER_FSET_H
#define SIM_APISERVER_FSET_H

#include "sim/apiserver/schema.h"

/* "k:{...}" or "v:..." of a list's item; NULL when the item lacks a key or the list is atomic. Caller frees. */
char *fset_item_key(const cJSON *item, const struct schema *list);

bool fset_is_empty(const cJSON *set);
bool fset_is_member(const cJSON *entry); /* an entry of a set, as found by json_member */
void fset_add(cJSON *set, const cJSON *other);
void fset_take_away(cJSON *set, const cJSON *other);
cJSON *fset_common(const cJSON *a, const cJSON *b); /* caller owns */
void fset_insert(cJSON *set, const char *key, cJSON *below, bool member); /* takes below; NULL: nothing below */

/* The fields an applied configuration names. */
cJSON *fset_of(const cJSON *obj, const struct schema *s);

/* Structs that hold members are members themselves: for deciding what to remove. */
void fset_own_structs(cJSON *set, const struct schema *s);

/* What became different between two versions; sets are added to. */
struct fset_diff {
    cJSON *added, *modified, *removed;
};
struct fset_diff fset_compare(const cJSON *before, const cJSON *after, const struct schema *s);
void fset_diff_done(struct fset_diff *d);

/* Calls fn with each member's path: ".spec.containers[name="c"].image". */
void fset_each(const cJSON *set, void (*fn)(void *arg, const char *path), void *arg);

#endif
