/*
 * schema.h - the resource as one table: fields, bounds, defaults, rules.
 *
 * Pure data. schema_apply checks and defaults an object with it, crd_build
 * prints it as the CRD's OpenAPI schema: what the server refuses and what we
 * refuse are the same by construction. Private to the room.
 */
#ifndef API_SCHEMA_H
#define API_SCHEMA_H

/* a count or a share, for fields that take both */
#define SCHEMA_PERCENT "^(100|[1-9]?[0-9])%$"

#include <stdbool.h>
#include <stdint.h>

#include "json/json.h"

enum field_type {
    T_OBJECT,   /* members in sub */
    T_LIST,     /* of objects with members in sub; between min and max items */
    T_TEXT,     /* 1 to max characters (min -1: may be empty), shape is a regular expression */
    T_ENUM,     /* one of values */
    T_INT,      /* between min and max */
    T_BOOL,
    T_QUANTITY, /* "512Mi", above zero */
    T_PERCENT,  /* a count, or a share such as "25%" */
    T_TEXT_LIST, /* between min and max texts of 1 to values characters, each of that shape, none twice */
    T_MAP,      /* names to texts; at most max members; values is the longest text allowed */
    T_ANY,      /* an object passed through to Kubernetes, which checks it */
    T_ANY_LIST, /* likewise, a list of objects */
    T_LATER,    /* known, refused: values is its JSON type, instead says what to do */
};

/* A rule over more than one field. holds is NULL where only the server can know (the old value). */
struct rule {
    const char *cel;
    const char *message;
    const char *field; /* below the object, the culprit: ".maxReplicas"; NULL: the object */
    bool (*holds)(const cJSON *self);
};

struct field {
    const char *name; /* NULL ends a table */
    enum field_type type;
    const char *doc;
    int64_t min, max;
    const char *values;
    const char *shape;
    const char *def; /* JSON */
    const struct field *sub;
    const char *key; /* of a list: the member that must be unique */
    const struct rule *rules; /* cel NULL ends */
    const char *instead;
    bool required;
    bool open; /* members not in sub are passed through */
};

extern const struct field schema_spec;
extern const struct field schema_status;
extern const struct rule schema_root_rules[]; /* over the whole object: metadata.name */

/* Fills defaults into v, checks it and all below. ERR_INVALID: "spec.x.y: what is wrong". */
int schema_apply(const struct field *f, cJSON *v, struct err *e) MUST_USE;

/* The whole text matches the shape. */
bool schema_shape_fits(const char *shape, const char *text);

#endif
