#include "sim/apiserver/proto.h"

#include <openssl/evp.h>
#include <string.h>

#include "base/str.h"

enum value { VALUE_TEXT, VALUE_INT, VALUE_BOOL, VALUE_MESSAGE, VALUE_TEXTS, VALUE_TEXT_MAP, VALUE_BYTES_MAP };

struct member {
    unsigned number;
    const char *name; /* NULL ends a message */
    enum value value;
    const struct member *message;
};

static const struct member object_meta[] = {
    { 1, "name", VALUE_TEXT, NULL },          { 2, "generateName", VALUE_TEXT, NULL },
    { 3, "namespace", VALUE_TEXT, NULL },     { 11, "labels", VALUE_TEXT_MAP, NULL },
    { 12, "annotations", VALUE_TEXT_MAP, NULL }, { 14, "finalizers", VALUE_TEXTS, NULL },
    { 0, NULL, VALUE_TEXT, NULL },
};
static const struct member bare[] = {
    { 1, "metadata", VALUE_MESSAGE, object_meta }, { 0, NULL, VALUE_TEXT, NULL },
};
static const struct member config_map[] = {
    { 1, "metadata", VALUE_MESSAGE, object_meta }, { 2, "data", VALUE_TEXT_MAP, NULL },
    { 3, "binaryData", VALUE_BYTES_MAP, NULL },    { 4, "immutable", VALUE_BOOL, NULL },
    { 0, NULL, VALUE_TEXT, NULL },
};
static const struct member secret[] = {
    { 1, "metadata", VALUE_MESSAGE, object_meta }, { 2, "data", VALUE_BYTES_MAP, NULL },
    { 3, "type", VALUE_TEXT, NULL },               { 4, "stringData", VALUE_TEXT_MAP, NULL },
    { 5, "immutable", VALUE_BOOL, NULL },          { 0, NULL, VALUE_TEXT, NULL },
};
static const struct member preconditions[] = {
    { 1, "uid", VALUE_TEXT, NULL }, { 2, "resourceVersion", VALUE_TEXT, NULL }, { 0, NULL, VALUE_TEXT, NULL },
};
static const struct member delete_options[] = {
    { 1, "gracePeriodSeconds", VALUE_INT, NULL }, { 2, "preconditions", VALUE_MESSAGE, preconditions },
    { 4, "propagationPolicy", VALUE_TEXT, NULL }, { 5, "dryRun", VALUE_TEXTS, NULL },
    { 0, NULL, VALUE_TEXT, NULL },
};
static const struct member eviction[] = {
    { 1, "metadata", VALUE_MESSAGE, object_meta }, { 2, "deleteOptions", VALUE_MESSAGE, delete_options },
    { 0, NULL, VALUE_TEXT, NULL },
};

static const struct member resource_attributes[] = {
    { 1, "namespace", VALUE_TEXT, NULL }, { 2, "verb", VALUE_TEXT, NULL },        { 3, "group", VALUE_TEXT, NULL },
    { 5, "resource", VALUE_TEXT, NULL },  { 6, "subresource", VALUE_TEXT, NULL }, { 7, "name", VALUE_TEXT, NULL },
    { 0, NULL, VALUE_TEXT, NULL },
};
static const struct member path_attributes[] = {
    { 1, "path", VALUE_TEXT, NULL }, { 2, "verb", VALUE_TEXT, NULL }, { 0, NULL, VALUE_TEXT, NULL },
};
static const struct member access_spec[] = {
    { 1, "resourceAttributes", VALUE_MESSAGE, resource_attributes },
    { 2, "nonResourceAttributes", VALUE_MESSAGE, path_attributes },
    { 0, NULL, VALUE_TEXT, NULL },
};
static const struct member access_review[] = {
    { 2, "spec", VALUE_MESSAGE, access_spec }, { 0, NULL, VALUE_TEXT, NULL },
};

static const struct { const char *kind; const struct member *message; } known[] = {
    { "Namespace", bare },   { "ServiceAccount", bare }, { "ConfigMap", config_map },
    { "Secret", secret },    { "Eviction", eviction },   { "DeleteOptions", delete_options },
    { "SelfSubjectReview", bare }, { "SelfSubjectAccessReview", access_review },
};

struct span {
    const unsigned char *p, *end;
};

static bool take_varint(struct span *s, uint64_t *out)
{
    *out = 0;
    for (int shift = 0; s->p < s->end && shift < 64; shift += 7) {
        *out |= (uint64_t)(*s->p & 0x7f) << shift;
        if (!(*s->p++ & 0x80))
            return true;
    }
    return false;
}

static bool take_span(struct span *s, struct span *out)
{
    uint64_t n;

    if (!take_varint(s, &n) || n > (uint64_t)(s->end - s->p))
        return false;
    *out = (struct span){ s->p, s->p + n };
    s->p += n;
    return true;
}

struct field {
    unsigned number;
    uint64_t number_value;
    struct span bytes;
};

static bool take_field(struct span *s, struct field *f)
{
    uint64_t tag;

    *f = (struct field){ 0 };
    if (!take_varint(s, &tag) || tag >> 3 > 100000)
        return false;
    f->number = (unsigned)(tag >> 3);
    if ((tag & 7) == 0)
        return take_varint(s, &f->number_value);
    return (tag & 7) == 2 && take_span(s, &f->bytes);
}

static char *text_of(struct span s)
{
    return xstrndup((const char *)s.p, (size_t)(s.end - s.p));
}

static char *base64_of(struct span s)
{
    size_t n = (size_t)(s.end - s.p);
    char *out = xcalloc(1, n * 4 / 3 + 8);

    EVP_EncodeBlock((unsigned char *)out, s.p, (int)n);
    return out;
}

static bool read_entry(cJSON *map, struct span s, bool bytes)
{
    struct field f;
    AUTO_FREE char *key = NULL, *value = NULL;

    while (s.p < s.end) {
        char **slot;

        if (!take_field(&s, &f))
            return false;
        slot = f.number == 1 ? &key : &value;
        free(*slot);
        *slot = f.number == 2 && bytes ? base64_of(f.bytes) : text_of(f.bytes);
    }
    if (key)
        json_str(map, key, value ? value : "");
    return true;
}

static bool read_message(cJSON *obj, struct span s, const struct member *message);

static bool read_member(cJSON *obj, const struct field *f, const struct member *m)
{
    AUTO_FREE char *text = text_of(f->bytes);

    switch (m->value) {
    case VALUE_TEXT:
        if (*text)
            json_str(obj, m->name, text);
        return true;
    case VALUE_INT: json_int(obj, m->name, (int64_t)f->number_value); return true;
    case VALUE_BOOL: json_bool(obj, m->name, f->number_value); return true;
    case VALUE_TEXTS: json_push_str(json_arr(obj, m->name), text); return true;
    case VALUE_MESSAGE: return read_message(json_obj(obj, m->name), f->bytes, m->message);
    case VALUE_TEXT_MAP:
    case VALUE_BYTES_MAP: return read_entry(json_obj(obj, m->name), f->bytes, m->value == VALUE_BYTES_MAP);
    }
    return false;
}

static bool read_message(cJSON *obj, struct span s, const struct member *message)
{
    struct field f;

    while (s.p < s.end) {
        if (!take_field(&s, &f))
            return false;
        for (const struct member *m = message; m->name; m++)
            if (m->number == f.number && !read_member(obj, &f, m))
                return false;
    }
    return true;
}

/* The envelope: type, and the object's bytes. */
static bool read_envelope(struct span s, char **api_version, char **kind, struct span *raw)
{
    struct field f, t;

    while (s.p < s.end) {
        if (!take_field(&s, &f))
            return false;
        if (f.number == 2)
            *raw = f.bytes;
        while (f.number == 1 && f.bytes.p < f.bytes.end) {
            char **slot;

            if (!take_field(&f.bytes, &t))
                return false;
            slot = t.number == 1 ? api_version : kind;
            free(*slot);
            *slot = text_of(t.bytes);
        }
    }
    return *api_version && *kind;
}

int proto_decode(const void *data, size_t len, cJSON **out, struct err *e)
{
    static const unsigned char magic[4] = { 'k', '8', 's', 0 };
    struct span all = { data, (const unsigned char *)data + len }, raw = { NULL, NULL };
    AUTO_FREE char *api_version = NULL, *kind = NULL;
    AUTO_JSON cJSON *obj = json_new_obj();

    if (len < sizeof(magic) || memcmp(data, magic, sizeof(magic)) != 0)
        return err_set(e, ERR_INVALID, "no protobuf envelope");
    all.p += sizeof(magic);
    if (!read_envelope(all, &api_version, &kind, &raw))
        return err_set(e, ERR_INVALID, "a broken protobuf envelope");
    json_str(obj, "kind", kind);
    json_str(obj, "apiVersion", api_version);
    for (size_t i = 0; i < COUNT(known); i++) {
        if (strcmp(known[i].kind, kind) != 0)
            continue;
        if (!read_message(obj, raw, known[i].message))
            return err_set(e, ERR_INVALID, "a broken protobuf %s", kind);
        *out = TAKE(obj);
        return 0;
    }
    return err_set(e, ERR_ABSENT, "no protobuf for %s here: send JSON", kind);
}
