#include "json/yaml.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "base/map.h"
#include "base/str.h"
#include "yaml_scalar.h"

enum { DEPTH_MAX = 100, NODES_MAX = 1000000, BYTES_MAX = 8 << 20 };

struct frame {
    cJSON *node;      /* an object or array under construction; owned by its parent */
    struct map *keys; /* of an object: seen already */
    char *key;        /* of an object: waits for its value */
    char *anchor;     /* becomes usable when the node is complete */
};

struct reader {
    yaml_parser_t parser;
    yaml_event_t ev;
    cJSON *docs;
    cJSON *root;         /* of the current document, while it is built */
    struct map *anchors; /* name -> node in root, lent */
    struct frame stack[DEPTH_MAX];
    size_t depth;
    size_t n_nodes;
    struct err *e;
};

static int refuse(struct reader *r, const char *what, const char *detail)
{
    return err_set(r->e, ERR_INVALID, "YAML line %zu, column %zu: %s%s%.80s", r->ev.start_mark.line + 1,
                   r->ev.start_mark.column + 1, what, *detail ? " " : "", detail);
}

static void frame_pop(struct reader *r)
{
    struct frame *f = &r->stack[--r->depth];

    map_free(f->keys, NULL);
    free(f->key);
    free(f->anchor);
    *f = (struct frame){ 0 };
}

/* Gives the finished or opened node to its parent; on refusal it is freed. */
static int attach(struct reader *r, cJSON *node)
{
    struct frame *f = r->depth ? &r->stack[r->depth - 1] : NULL;

    if (++r->n_nodes > NODES_MAX) {
        cJSON_Delete(node);
        return refuse(r, "too many values", "");
    }
    if (!f) {
        r->root = node;
    } else if (cJSON_IsArray(f->node)) {
        json_push(f->node, node);
    } else {
        /* duplicates are caught on the key: no search for a member to replace, which would be quadratic */
        if (!cJSON_AddItemToObject(f->node, f->key, node))
            abort();
        free(TAKE(f->key));
    }
    return 0;
}

static bool key_is_due(const struct reader *r)
{
    const struct frame *f = r->depth ? &r->stack[r->depth - 1] : NULL;

    return f && cJSON_IsObject(f->node) && !f->key;
}

static int take_key(struct reader *r)
{
    struct frame *f = &r->stack[r->depth - 1];
    const char *key = (const char *)r->ev.data.scalar.value;

    if (strlen(key) != r->ev.data.scalar.length)
        return refuse(r, "a key with a NUL byte", "");
    if (str_eq(key, "<<") && r->ev.data.scalar.plain_implicit)
        return refuse(r, "merge keys (<<) are not read: write the fields out", "");
    if (!f->keys)
        f->keys = map_new();
    if (map_get(f->keys, key))
        return refuse(r, "the key appears twice:", key);
    map_put(f->keys, key, f);
    f->key = xstrdup(key);
    return 0;
}

static cJSON *must(cJSON *v)
{
    if (!v)
        abort();
    return v;
}

/* NULL: a number that JSON cannot hold */
static cJSON *scalar_node(enum scalar_kind kind, double num, const char *text)
{
    switch (kind) {
    case SCALAR_NULL:
        return must(cJSON_CreateNull());
    case SCALAR_TRUE:
    case SCALAR_FALSE:
        return must(cJSON_CreateBool(kind == SCALAR_TRUE));
    case SCALAR_INT:
    case SCALAR_FLOAT:
        return isfinite(num) ? must(cJSON_CreateNumber(num)) : NULL;
    case SCALAR_TEXT:
        break;
    }
    return must(cJSON_CreateString(text));
}

/* True when an explicit tag allows what the text means; a text tag makes it text. */
static bool tag_allows(const char *tag, enum scalar_kind *kind)
{
    if (!tag)
        return true;
    if (str_eq(tag, YAML_STR_TAG) || str_eq(tag, "!")) {
        *kind = SCALAR_TEXT;
        return true;
    }
    switch (*kind) {
    case SCALAR_NULL:
        return str_eq(tag, YAML_NULL_TAG);
    case SCALAR_TRUE:
    case SCALAR_FALSE:
        return str_eq(tag, YAML_BOOL_TAG);
    case SCALAR_INT:
        return str_eq(tag, YAML_INT_TAG) || str_eq(tag, YAML_FLOAT_TAG);
    case SCALAR_FLOAT:
        return str_eq(tag, YAML_FLOAT_TAG);
    case SCALAR_TEXT:
        break;
    }
    return false;
}

static void anchor_set(struct reader *r, const char *name, cJSON *node)
{
    map_put(r->anchors, name, node);
}

static int on_scalar(struct reader *r)
{
    const char *text = (const char *)r->ev.data.scalar.value, *tag = (const char *)r->ev.data.scalar.tag;
    enum scalar_kind kind = SCALAR_TEXT;
    double num = 0;
    cJSON *node;

    if (key_is_due(r))
        return take_key(r);
    if (strlen(text) != r->ev.data.scalar.length)
        return refuse(r, "a text with a NUL byte", "");
    if (r->ev.data.scalar.style == YAML_PLAIN_SCALAR_STYLE || tag)
        kind = scalar_resolve(text, &num);
    if (!tag_allows(tag, &kind))
        return refuse(r, "this tag does not fit or is not supported:", tag);
    node = scalar_node(kind, num, text);
    if (!node)
        return refuse(r, "a number that is too large:", text);
    if (attach(r, node) < 0)
        return -ERR_INVALID;
    if (r->ev.data.scalar.anchor)
        anchor_set(r, (const char *)r->ev.data.scalar.anchor, node);
    return 0;
}

static int on_open(struct reader *r, cJSON *node, const char *tag, const char *want_tag, const char *anchor)
{
    const char *why = key_is_due(r)                     ? "a key must be a scalar"
                      : tag && !str_eq(tag, want_tag)    ? "this tag is not supported:"
                      : r->depth == DEPTH_MAX            ? "nested too deep"
                                                         : NULL;

    if (why) {
        cJSON_Delete(node);
        return refuse(r, why, tag ? tag : "");
    }
    if (attach(r, node) < 0)
        return -ERR_INVALID;
    r->stack[r->depth++] = (struct frame){ .node = node, .anchor = anchor ? xstrdup(anchor) : NULL };
    return 0;
}

static void on_close(struct reader *r)
{
    struct frame *f = &r->stack[r->depth - 1];

    if (f->anchor)
        anchor_set(r, f->anchor, f->node);
    frame_pop(r);
}

static size_t tree_size(const cJSON *v, size_t *depth)
{
    size_t n = 1, deepest = 0;

    for (const cJSON *c = v->child; c; c = c->next) {
        size_t d = 0;

        n += tree_size(c, &d);
        deepest = d > deepest ? d : deepest;
    }
    *depth = deepest + 1;
    return n;
}

static int on_alias(struct reader *r)
{
    const char *name = (const char *)r->ev.data.alias.anchor;
    const cJSON *node = map_get(r->anchors, name);
    size_t depth = 0;
    cJSON *copy;

    if (!node)
        return refuse(r, "no such anchor, or not complete here:", name);
    if (key_is_due(r))
        return refuse(r, "a key must be a scalar, not an alias:", name);
    r->n_nodes += tree_size(node, &depth);
    if (r->n_nodes > NODES_MAX || r->depth + depth > DEPTH_MAX)
        return refuse(r, "aliases expand too far at", name);
    copy = json_dup(node);
    free(TAKE(copy->string)); /* the name it had as a member elsewhere */
    return attach(r, copy);
}

static void on_document_end(struct reader *r)
{
    if (r->root && !cJSON_IsNull(r->root))
        json_push(r->docs, TAKE(r->root));
    cJSON_Delete(TAKE(r->root));
    map_free(r->anchors, NULL);
    r->anchors = map_new();
}

static int on_event(struct reader *r)
{
    const yaml_event_t *ev = &r->ev;

    switch (ev->type) {
    case YAML_SCALAR_EVENT:
        return on_scalar(r);
    case YAML_ALIAS_EVENT:
        return on_alias(r);
    case YAML_MAPPING_START_EVENT:
        return on_open(r, json_new_obj(), (const char *)ev->data.mapping_start.tag, YAML_MAP_TAG,
                       (const char *)ev->data.mapping_start.anchor);
    case YAML_SEQUENCE_START_EVENT:
        return on_open(r, json_new_arr(), (const char *)ev->data.sequence_start.tag, YAML_SEQ_TAG,
                       (const char *)ev->data.sequence_start.anchor);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        on_close(r);
        return 0;
    case YAML_DOCUMENT_END_EVENT:
        on_document_end(r);
        return 0;
    default:
        return 0;
    }
}

static int read_all(struct reader *r)
{
    bool at_end = false;
    int rc = 0;

    while (!at_end && rc == 0) {
        if (!yaml_parser_parse(&r->parser, &r->ev))
            return err_set(r->e, ERR_INVALID, "YAML line %zu, column %zu: %s", r->parser.problem_mark.line + 1,
                           r->parser.problem_mark.column + 1,
                           r->parser.problem ? r->parser.problem : "out of memory");
        rc = on_event(r);
        at_end = r->ev.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&r->ev);
    }
    return rc;
}

static void reader_done(struct reader *r)
{
    while (r->depth)
        frame_pop(r);
    map_free(r->anchors, NULL);
    cJSON_Delete(r->root);
    cJSON_Delete(r->docs);
    yaml_parser_delete(&r->parser);
    free(r);
}

/* libyaml refuses the surrogate escapes that JSON writes for characters beyond 16 bits. */
static bool wants_json(const char *text, size_t len)
{
    size_t i = 0;

    while (i < len && strchr(" \t\r\n", text[i]) && text[i])
        i++;
    return i < len && (text[i] == '{' || text[i] == '[') &&
           (memmem(text, len, "\\ud", 3) || memmem(text, len, "\\uD", 3));
}

static int parse_json(const char *text, size_t len, cJSON **docs, struct err *e)
{
    cJSON *doc = NULL;

    if (json_parse(text, len, &doc, e) < 0)
        return -ERR_INVALID;
    *docs = json_new_arr();
    json_push(*docs, doc);
    return 0;
}

int yaml_parse(const char *text, size_t len, cJSON **docs, struct err *e)
{
    struct reader *r;
    int rc;

    if (len > BYTES_MAX)
        return err_set(e, ERR_INVALID, "YAML of %zu bytes: at most %d are read", len, BYTES_MAX);
    if (wants_json(text, len))
        return parse_json(text, len, docs, e);
    r = xcalloc(1, sizeof(*r));
    r->e = e;
    r->docs = json_new_arr();
    r->anchors = map_new();
    if (!yaml_parser_initialize(&r->parser))
        abort();
    yaml_parser_set_input_string(&r->parser, (const unsigned char *)text, len);
    yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
    rc = read_all(r);
    if (rc == 0)
        *docs = TAKE(r->docs);
    reader_done(r);
    return rc;
}
