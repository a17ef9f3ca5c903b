/*
 * sim/apiserver/schema.h - the shape of a type: what server-side apply, strategic
 * merge, pruning and validation need to know.
 *
 * Pure. Built-in types come from schema_text.h, custom ones from the OpenAPI
 * schema of their definition. A schema is immutable once built.
 */
#ifndef SIM_APISERVER_SCHEMA_H
#define SIM_APISERVER_SCHEMA_H

#include "json/json.h"

enum schema_kind {
    SCHEMA_ANY, SCHEMA_OBJECT, SCHEMA_MAP, SCHEMA_LIST, SCHEMA_STRING, SCHEMA_BYTES, SCHEMA_INT,
    SCHEMA_NUMBER, SCHEMA_BOOL, SCHEMA_QUANTITY, SCHEMA_TIME, SCHEMA_INT_OR_STRING,
};
enum schema_list { SCHEMA_LIST_ATOMIC, SCHEMA_LIST_SET, SCHEMA_LIST_MAP };

struct schema;

struct schema_field {
    char *name;
    struct schema *type;
    bool required;
    bool retain_keys; /* strategic merge: members not named go */
    bool replace;     /* strategic merge: the whole value */
};

struct schema {
    enum schema_kind kind;
    char *name;         /* full name of a built-in type; NULL: anonymous */
    bool atomic;        /* a map or struct that has one owner */
    bool is_int64;
    bool keep_unknown;  /* x-kubernetes-preserve-unknown-fields */
    bool nullable;
    bool is_custom;     /* from a definition: rules apply */
    enum schema_list list;
    char **keys;        /* of a keyed list */
    size_t n_keys;
    char *merge_key;    /* strategic merge of a list; "": scalars; NULL: replaced */
    struct schema *item; /* of lists and maps; lent when named */
    struct schema_field *fields;
    size_t n_fields;
    size_t cap_fields;
    cJSON *fallback;    /* the default; NULL: none */
    cJSON *choices;     /* enum of a built-in field; NULL: any */
    const cJSON *rules; /* the OpenAPI node of a custom type; lent */
};

struct schema *schema_new(enum schema_kind kind);
void schema_free(struct schema *s); /* and what it owns; named built-ins are owned by the type map */
void schema_clear(struct schema *s); /* all but the struct and its name: types that name each other go in two steps */
const struct schema_field *schema_field(const struct schema *s, const char *name); /* NULL: unknown */
struct schema_field *schema_add_field(struct schema *s, const char *name, size_t name_len, struct schema *type);

/* The schema of one member: of an object its field, of a map its values; NULL when not known. */
const struct schema *schema_of_member(const struct schema *s, const char *name);

struct map;
/* All built-in types by full name. */
struct map *schema_builtin(void);
void schema_builtin_free(struct map *types);

/* From a definition's openAPIV3Schema, which is lent for the schema's lifetime. meta: ObjectMeta's schema. */
struct schema *schema_custom(const cJSON *openapi, struct schema *meta);

#endif
