/*
 * owned_path.h - the path elements of FieldsV1. Pure, private to the room.
 */
#ifndef OWNED_PATH_H
#define OWNED_PATH_H

#include "json/json.h"

/* True when fields owns the whole value below it. */
bool path_is_leaf(const cJSON *fields);

/* Inside a value that is owned as a whole: a member of live that is neither wanted nor one of the server's defaults;
 * NULL: none. Lent. */
const cJSON *path_leftover(const cJSON *live, const cJSON *want);

/* The server keeps no false, 0, "" or empty collection of members that mean the same when absent: is this such a
 * value? fields: who owns it, NULL nobody; of a list whose items have owners the empty one has none. */
bool path_is_left_out(const cJSON *fields, const cJSON *want);

/* Does the order of the items of this list mean something? NULL: not a member. */
bool path_is_ordered(const char *key);

/* Equal; or, where the server holds a quantity and writes it its own way, the same amount. in: the key of the object
 * that holds want, NULL: it has none. Everything else is text: a variable's "1.1" is not "1.10". */
bool path_same_scalar(const char *in, const cJSON *live, const cJSON *want);

/* The fields below member key; NULL when not owned. Lent. */
const cJSON *path_member(const cJSON *fields, const char *key);

/* The elements of an array that are owned, parsed: "k:{...}" names an item by its key members,
 * "v:x" by its value, "i:n" by its place. Lends from fields; the values parsed are its own. */
struct elements {
    struct element {
        const cJSON *fields;
        cJSON *value; /* of k and v */
        int64_t index; /* of i */
        char kind;
    } *list;
    size_t n;
    size_t next; /* where the search starts: items mostly come in the order of the elements */
};

void elements_init(struct elements *s, const cJSON *fields);
void elements_done(struct elements *s);

/* Which element names this item; NULL: none. */
const struct element *elements_find(struct elements *s, const cJSON *item, int index);

/* The item of live that an element names; hint: where it probably is. NULL: none. */
const cJSON *elements_live_item(struct elements *owned, const struct element *el, const cJSON *live, int hint);

#endif
