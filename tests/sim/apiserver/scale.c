/* The scale subresource of built-in and custom kinds. */
#include <string.h>

#include "base/str.h"
#include "sim/apiserver/crud.h"
#include "sim/apiserver/subresource.h"
#include "sim/apiserver/view.h"

static const char *path_of(const struct resource *res, const char *which, const char *builtin)
{
    const char *p = res->ops ? builtin : json_get_str(json_at(res->crd_version, "subresources.scale"), which);

    return p && *p == '.' ? p + 1 : p;
}

static void add_expressions(struct buf *b, const cJSON *list)
{
    const cJSON *x, *v;

    cJSON_ArrayForEach(x, list) {
        const char *op = json_get_str(x, "operator"), *key = json_get_str(x, "key");
        bool first = true;

        buf_str(b, b->len ? "," : "");
        if (str_eq(op, "Exists") || str_eq(op, "DoesNotExist")) {
            buf_fmt(b, "%s%s", *op == 'D' ? "!" : "", key ? key : "");
            continue;
        }
        buf_fmt(b, "%s %s (", key ? key : "", str_eq(op, "In") ? "in" : "notin");
        cJSON_ArrayForEach(v, json_member(x, "values")) {
            buf_fmt(b, "%s%s", first ? "" : ",", cJSON_GetStringValue(v));
            first = false;
        }
        buf_str(b, ")");
    }
}

static char *selector_text(const struct resource *res, const cJSON *obj)
{
    struct buf b CLEANUP(buf_done) = { 0 };
    const char *path = path_of(res, "labelSelectorPath", NULL), *text;
    const cJSON *m;

    if (!res->ops) {
        text = path ? json_get_str(obj, path) : NULL;
        return text ? xstrdup(text) : NULL;
    }
    buf_init(&b, 64 << 10);
    cJSON_ArrayForEach(m, json_at(obj, "spec.selector.matchLabels"))
        buf_fmt(&b, "%s%s=%s", b.len ? "," : "", m->string, cJSON_GetStringValue(m));
    add_expressions(&b, json_at(obj, "spec.selector.matchExpressions"));
    return buf_take(&b);
}

static cJSON *scale_of(const struct resource *res, const cJSON *obj)
{
    static const char *const kept[] = { "name", "namespace", "uid", "resourceVersion", "creationTimestamp" };
    cJSON *s = json_new_obj(), *meta;
    AUTO_FREE char *selector = selector_text(res, obj);
    const char *spec = path_of(res, "specReplicasPath", "spec.replicas");
    const char *status = path_of(res, "statusReplicasPath", "status.replicas");

    json_str(s, "kind", "Scale");
    json_str(s, "apiVersion", "autoscaling/v1");
    meta = json_obj(s, "metadata");
    for (size_t i = 0; i < COUNT(kept); i++)
        json_put_dup(meta, kept[i], json_member(json_member(obj, "metadata"), kept[i]));
    json_obj(s, "spec");
    if (spec && json_has(obj, spec))
        json_int(json_obj(s, "spec"), "replicas", json_get_int(obj, spec, 0));
    json_int(json_obj(s, "status"), "replicas", status ? json_get_int(obj, status, 0) : 0);
    json_str(json_obj(s, "status"), "selector", selector);
    return s;
}

static void put_at(cJSON *obj, const char *path, int64_t value)
{
    char name[128];

    for (;;) {
        size_t n = strcspn(path, ".");

        if (n >= sizeof(name))
            return;
        memcpy(name, path, n);
        name[n] = '\0';
        if (!path[n])
            break;
        obj = json_obj(obj, name);
        path += n + 1;
    }
    json_int(obj, name, value);
}

/* The wanted Scale: the body, or the present one with the body as a patch. */
static cJSON *wanted_scale(struct request *q, struct write *w, struct refusal *r)
{
    AUTO_JSON cJSON *now = scale_of(q->res, w->old->tree);
    cJSON *next = NULL;

    if (strcmp(q->method, "PATCH") == 0)
        return crud_patched(q, w, now, r);
    return request_body(q, &next, r) < 0 ? NULL : next;
}

static int write_scale(struct request *q, struct write *w, struct refusal *r)
{
    AUTO_JSON cJSON *scale = wanted_scale(q, w, r);
    const char *path = path_of(q->res, "specReplicasPath", "spec.replicas");
    int64_t n;

    if (!scale)
        return -1;
    n = json_get_int(scale, "spec.replicas", 0);
    if (json_has(scale, "spec.replicas") && !json_is_int(json_at(scale, "spec.replicas")))
        return refuse(r, 400, "BadRequest", "json: cannot unmarshal into Go struct field ScaleSpec.spec.replicas of type int32");
    if (n < 0)
        refusal_cause(r, "FieldValueInvalid", "spec.replicas",
                      "Invalid value: %lld: must be greater than or equal to 0", (long long)n);
    if (refusal_invalid(r, "autoscaling", "Scale", q->name) < 0 || commit_check_version(w, scale, r) < 0)
        return -1;
    w->is_apply = false;
    w->next = view_tree(q->res, w->old);
    put_at(w->next, path ? path : "spec.replicas", n);
    return commit(w, r);
}

void scale_serve(struct request *q)
{
    struct refusal r AUTO_REFUSAL = { 0 };
    struct write w = crud_write_of(q);

    w.old = crud_find(q, &r);
    if (w.old && strcmp(q->method, "GET") == 0) {
        AUTO_JSON cJSON *tree = view_tree(q->res, w.old);

        reply_json(q, 200, scale_of(q->res, tree));
        return;
    }
    if (!w.old || write_scale(q, &w, &r) < 0)
        reply_refusal(q, &r);
    else
        reply_json(q, 200, scale_of(q->res, w.next));
    write_done(&w);
}
