/*
 * json/json.h - the only door to cJSON: bounded parse, typed getters by path,
 * small builders.
 *
 * Pure. Trees are owned by whoever holds the root; AUTO_JSON frees it, TAKE
 * moves it out. Getters lend. Paths are dotted ("spec.replicas"); a step
 * may be an index ("containers.0.image"); a key with a dot in it cannot be
 * named by a path: use json_member.
 */
#ifndef JSON_JSON_H
#define JSON_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

#define AUTO_JSON CLEANUP(json_auto_free)

static inline void json_auto_free(cJSON **root)
{
    cJSON_Delete(*root);
}

/* The whole text must be one JSON value, nested at most 100 deep. ERR_INVALID. */
int json_parse(const char *text, size_t len, cJSON **out, struct err *e) MUST_USE;
char *json_print(const cJSON *v); /* compact; caller frees */
char *json_print_pretty(const cJSON *v);
cJSON *json_dup(const cJSON *v); /* NULL in, NULL out */

/* Reading. Absent, or another type: NULL, the fallback, false. obj may be NULL. */
cJSON *json_member(const cJSON *obj, const char *key); /* exact key, case matters */
cJSON *json_at(const cJSON *obj, const char *path);
const char *json_get_str(const cJSON *obj, const char *path); /* NULL when absent */
int64_t json_get_int(const cJSON *obj, const char *path, int64_t fallback);
/* Of the list status.conditions, given the status, the one of this type; NULL: none. Lent. */
const cJSON *json_condition(const cJSON *status, const char *type);
bool json_condition_is(const cJSON *status, const char *type, const char *value); /* "True", "False", "Unknown" */
/* Amounts are texts or numbers ("2Gi", 2147483648): as text, NULL when v is neither. Caller frees. */
char *json_scalar_text(const cJSON *v);
bool json_get_bool(const cJSON *obj, const char *path, bool fallback);
bool json_has(const cJSON *obj, const char *path);
int json_count(const cJSON *arr_or_obj); /* 0 for anything else */

/* An integral number that int64_t holds exactly; cJSON keeps numbers as double. */
bool json_is_int(const cJSON *v);

/* Building. The new item belongs to the tree; it replaces a member of that name. */
cJSON *json_new_obj(void);
cJSON *json_new_arr(void);
cJSON *json_obj(cJSON *parent, const char *key); /* the object member, made when absent */
cJSON *json_arr(cJSON *parent, const char *key); /* the array member, made when absent */
void json_str(cJSON *obj, const char *key, const char *value); /* NULL value: nothing is added */
void json_fmt(cJSON *obj, const char *key, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void json_int(cJSON *obj, const char *key, int64_t value);
void json_bool(cJSON *obj, const char *key, bool value);
void json_put(cJSON *obj, const char *key, cJSON *value); /* takes value; NULL: nothing is added */
void json_put_dup(cJSON *obj, const char *key, const cJSON *value); /* copies; NULL: nothing */
void json_del(cJSON *obj, const char *key);
cJSON *json_push_obj(cJSON *arr);
void json_push_str(cJSON *arr, const char *value);
void json_push(cJSON *arr, cJSON *value); /* takes value */

/* Same value; members in any order, array items in theirs. */
bool json_equal(const cJSON *a, const cJSON *b);

#endif
