#include "sim/apiserver/patch.h"

#include <string.h>

#include "base/str.h"
#include "sim/apiserver/tree.h"

enum { OPERATIONS_MAX = 10000 };

enum patch_kind patch_kind_of(const char *media_type)
{
    static const struct { const char *type; enum patch_kind kind; } rows[] = {
        { "application/json-patch+json", PATCH_JSON },
        { "application/merge-patch+json", PATCH_MERGE },
        { "application/strategic-merge-patch+json", PATCH_STRATEGIC },
        { "application/apply-patch+yaml", PATCH_APPLY },
        { "application/apply-patch+cbor", PATCH_NONE },
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        if (strcmp(rows[i].type, media_type) == 0)
            return rows[i].kind;
    return PATCH_NONE;
}

/* ---- merge patch ---- */

static void merge(cJSON *live, const cJSON *patch)
{
    const cJSON *p;

    cJSON_ArrayForEach(p, patch) {
        cJSON *mine = json_member(live, p->string);

        if (cJSON_IsNull(p))
            json_del(live, p->string);
        else if (!cJSON_IsObject(p))
            json_put_dup(live, p->string, p);
        else {
            if (!cJSON_IsObject(mine))
                json_put(live, p->string, json_new_obj());
            merge(json_member(live, p->string), p);
        }
    }
}

/* ---- JSON patch ---- */

struct pointer {
    cJSON *parent;
    char last[512];
};

static void unescape(char *s)
{
    char *w = s;

    for (; *s; s++) {
        if (s[0] == '~' && (s[1] == '0' || s[1] == '1'))
            *w++ = *++s == '0' ? '~' : '/';
        else
            *w++ = *s;
    }
    *w = '\0';
}

static cJSON *child_of(cJSON *parent, const char *name)
{
    int64_t i;

    if (cJSON_IsObject(parent))
        return json_member(parent, name);
    if (cJSON_IsArray(parent) && str_to_int(name, 0, INT32_MAX, &i))
        return cJSON_GetArrayItem(parent, (int)i);
    return NULL;
}

/* The parent of what path names, and the last step. */
static bool resolve(cJSON *root, const char *path, struct pointer *out)
{
    out->parent = root;
    if (*path != '/')
        return false;
    for (;;) {
        size_t n = strcspn(path + 1, "/");

        if (n >= sizeof(out->last) || !out->parent)
            return false;
        memcpy(out->last, path + 1, n);
        out->last[n] = '\0';
        unescape(out->last);
        path += 1 + n;
        if (!*path)
            return cJSON_IsObject(out->parent) || cJSON_IsArray(out->parent);
        out->parent = child_of(out->parent, out->last);
    }
}

static bool add_at(cJSON *root, const char *path, const cJSON *value)
{
    struct pointer p;
    int64_t i;

    if (!value || !resolve(root, path, &p))
        return false;
    if (cJSON_IsObject(p.parent)) {
        json_put_dup(p.parent, p.last, value);
        return true;
    }
    if (strcmp(p.last, "-") == 0) {
        json_push(p.parent, json_dup(value));
        return true;
    }
    if (!str_to_int(p.last, 0, json_count(p.parent), &i))
        return false;
    tree_insert(p.parent, (int)i, json_dup(value));
    return true;
}

static cJSON *take_at(cJSON *root, const char *path)
{
    struct pointer p;
    cJSON *v;

    if (!resolve(root, path, &p))
        return NULL;
    v = child_of(p.parent, p.last);
    return v ? cJSON_DetachItemViaPointer(p.parent, v) : NULL;
}

static bool replace_at(cJSON *root, const char *path, const cJSON *value)
{
    struct pointer p;
    cJSON *v;

    if (!value || !resolve(root, path, &p) || !(v = child_of(p.parent, p.last)))
        return false;
    if (cJSON_IsObject(p.parent))
        json_put_dup(p.parent, p.last, value);
    else
        cJSON_ReplaceItemViaPointer(p.parent, v, json_dup(value));
    return true;
}

static bool move_to(cJSON *root, const char *from, const char *path, bool copy)
{
    struct pointer p;
    AUTO_JSON cJSON *v = NULL;

    if (copy && resolve(root, from, &p))
        v = json_dup(child_of(p.parent, p.last));
    else if (!copy)
        v = take_at(root, from);
    return v && add_at(root, path, v);
}

static bool test_at(cJSON *root, const char *path, const cJSON *value)
{
    struct pointer p;
    const cJSON *v;

    if (!resolve(root, path, &p))
        return false;
    v = child_of(p.parent, p.last);
    return json_equal(v, value) || (!v && cJSON_IsNull(value));
}

static bool run_operation(cJSON *root, const cJSON *op)
{
    const char *what = json_get_str(op, "op"), *path = json_get_str(op, "path"), *from = json_get_str(op, "from");
    const cJSON *value = json_member(op, "value");

    if (!what || !path)
        return false;
    if (strcmp(what, "add") == 0)
        return add_at(root, path, value);
    if (strcmp(what, "replace") == 0)
        return replace_at(root, path, value);
    if (strcmp(what, "test") == 0)
        return test_at(root, path, value);
    if (strcmp(what, "remove") == 0) {
        AUTO_JSON cJSON *gone = take_at(root, path);

        return gone;
    }
    if ((strcmp(what, "move") == 0 || strcmp(what, "copy") == 0) && from)
        return move_to(root, from, path, *what == 'c');
    return false;
}

static int json_patch(cJSON *live, const cJSON *patch, struct refusal *r)
{
    const cJSON *op;

    if (!cJSON_IsArray(patch))
        return refuse(r, 400, "BadRequest", "json: cannot unmarshal object into Go value of type jsonpatch.Patch");
    if (json_count(patch) > OPERATIONS_MAX)
        return refuse(r, 413, "RequestEntityTooLarge", "The allowed maximum operations in a JSON patch is %d, got %d",
                      OPERATIONS_MAX, json_count(patch));
    cJSON_ArrayForEach(op, patch)
        if (!run_operation(live, op))
            return refuse(r, 422, "Invalid", "the server rejected our request due to an error in our request: %s of %s",
                          json_get_str(op, "op"), json_get_str(op, "path"));
    return 0;
}

int patch_apply(enum patch_kind kind, const cJSON *live, const cJSON *patch, const struct schema *s, cJSON **out,
                struct refusal *r)
{
    AUTO_JSON cJSON *next = json_dup(live);
    int rc = 0;

    if (kind != PATCH_JSON && !cJSON_IsObject(patch))
        return refuse(r, 400, "BadRequest", "the patch is not an object");
    if (kind == PATCH_JSON)
        rc = json_patch(next, patch, r);
    else if (kind == PATCH_MERGE)
        merge(next, patch);
    else
        rc = strategic_merge(next, patch, s, r);
    if (rc == 0)
        *out = TAKE(next);
    return rc;
}
