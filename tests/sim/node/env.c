#include "sim/node/env.h"

#include <openssl/evp.h>
#include <string.h>

#include "base/str.h"
#include "json/quantity.h"

char *env_base64(const char *text, size_t *len)
{
    size_t n = strlen(text), pad = 0;
    char *out = xcalloc(n / 4 * 3 + 4, 1);
    int got = n ? EVP_DecodeBlock((unsigned char *)out, (const unsigned char *)text, (int)n) : 0;

    while (pad < 2 && pad < n && text[n - 1 - pad] == '=')
        pad++;
    if (got < 0 || n % 4) {
        free(out);
        return NULL;
    }
    *len = (size_t)got - (got ? pad : 0);
    out[*len] = 0;
    return out;
}

char *env_expand(const char *text, const struct map *vars)
{
    struct buf out;

    buf_init(&out, 1 << 20);
    for (const char *c = text; *c; c++) {
        const char *end = c[0] == '$' && c[1] == '(' ? strchr(c, ')') : NULL;
        AUTO_FREE char *name = end ? xstrndup(c + 2, (size_t)(end - c - 2)) : NULL;
        const char *value = name ? map_get(vars, name) : NULL;

        if (value)
            buf_str(&out, value), c = end;
        else if (c[0] == '$' && c[1] == '$')
            buf_str(&out, "$"), c++;
        else
            buf_fmt(&out, "%c", *c);
    }
    return buf_take(&out);
}

/* labels and annotations: ['key'] names one, without it all of them, a line each. */
static char *field_map(const cJSON *map, const char *rest)
{
    struct buf out;
    const cJSON *i;

    if (rest[0] == '[' && rest[1] == '\'' && strchr(rest + 2, '\'')) {
        AUTO_FREE char *key = xstrndup(rest + 2, strcspn(rest + 2, "'"));
        const cJSON *v = json_member(map, key);
        return xstrdup(cJSON_IsString(v) ? v->valuestring : "");
    }
    buf_init(&out, 1 << 20);
    cJSON_ArrayForEach(i, map)
        if (cJSON_IsString(i))
            buf_fmt(&out, "%s%s=\"%s\"", out.len ? "\n" : "", i->string, i->valuestring);
    return buf_take(&out);
}

char *env_field(const struct env_source *s, const char *path)
{
    if (str_has_prefix(path, "metadata.labels"))
        return field_map(json_at(s->pod, "metadata.labels"), path + 15);
    if (str_has_prefix(path, "metadata.annotations"))
        return field_map(json_at(s->pod, "metadata.annotations"), path + 20);
    if (str_eq(path, "status.podIP") || str_eq(path, "status.podIPs"))
        return xstrdup(s->pod_ip ? s->pod_ip : "");
    if (str_eq(path, "status.hostIP") || str_eq(path, "status.hostIPs"))
        return xstrdup(s->host_ip ? s->host_ip : "");
    const char *text = json_get_str(s->pod, path);
    return text ? xstrdup(text) : NULL;
}

char *env_resource(const cJSON *container, const char *resource, const char *divisor)
{
    const char *dot = strchr(resource, '.');
    int64_t amount = 0, unit = 1000;
    struct err e;

    if (!dot)
        return xstrdup("0");
    AUTO_FREE char *group = xstrndup(resource, (size_t)(dot - resource));
    const cJSON *v = json_member(json_member(json_member(container, "resources"), group), dot + 1);
    AUTO_FREE char *text = cJSON_IsNumber(v) ? xasprintf("%g", v->valuedouble) : cJSON_IsString(v) ? xstrdup(v->valuestring) : NULL;
    if (!text || quantity_parse(text, &amount, &e) < 0)
        return xstrdup("0");
    if (str_empty(divisor) || str_eq(divisor, "0") || quantity_parse(divisor, &unit, &e) < 0 || unit < 1)
        unit = 1000;
    return xasprintf("%lld", (long long)((amount + unit - 1) / unit));
}

static void put(struct map *vars, const char *name, char *value)
{
    free(map_put(vars, name, value));
}

/* Text of one key of a ConfigMap or Secret, or NULL. */
static char *key_text(const char *kind, const cJSON *obj, const char *key)
{
    size_t len;
    const cJSON *v = json_member(json_member(obj, "data"), key);

    if (!cJSON_IsString(v))
        return NULL;
    return str_eq(kind, "secrets") ? env_base64(v->valuestring, &len) : xstrdup(v->valuestring);
}

static int from_key(const struct env_source *s, const char *kind, const cJSON *ref, char **value, struct err *e)
{
    const char *ns = json_get_str(s->pod, "metadata.namespace");
    const char *name = json_get_str(ref, "name"), *key = json_get_str(ref, "key");
    const cJSON *obj = s->lookup(s->arg, kind, ns, name ? name : "");
    const char *what = str_eq(kind, "secrets") ? "secret" : "configmap";

    *value = obj && key ? key_text(kind, obj, key) : NULL;
    if (*value || json_get_bool(ref, "optional", false))
        return 0;
    if (!obj)
        return err_set(e, ERR_ABSENT, "%s \"%s\" not found", what, name ? name : "");
    return err_set(e, ERR_ABSENT, "couldn't find key %s in %s %s/%s", key ? key : "", what, ns, name);
}

static int value_from(const struct env_source *s, const cJSON *container, const cJSON *from, char **value, struct err *e)
{
    const char *field = json_get_str(from, "fieldRef.fieldPath");
    const char *resource = json_get_str(from, "resourceFieldRef.resource");

    *value = NULL;
    if (field)
        *value = env_field(s, field);
    else if (resource)
        *value = env_resource(container, resource, json_get_str(from, "resourceFieldRef.divisor"));
    else if (json_has(from, "secretKeyRef"))
        return from_key(s, "secrets", json_at(from, "secretKeyRef"), value, e);
    else if (json_has(from, "configMapKeyRef"))
        return from_key(s, "configmaps", json_at(from, "configMapKeyRef"), value, e);
    return 0;
}

static int env_from(const struct env_source *s, const cJSON *from, struct map *vars, struct err *e)
{
    const char *kind = json_has(from, "secretRef") ? "secrets" : "configmaps";
    const cJSON *ref = json_member(from, str_eq(kind, "secrets") ? "secretRef" : "configMapRef"), *i;
    const char *name = json_get_str(ref, "name"), *prefix = json_get_str(from, "prefix");
    const cJSON *obj = s->lookup(s->arg, kind, json_get_str(s->pod, "metadata.namespace"), name ? name : "");

    if (!obj && !json_get_bool(ref, "optional", false))
        return err_set(e, ERR_ABSENT, "%s \"%s\" not found", str_eq(kind, "secrets") ? "secret" : "configmap", name ? name : "");
    cJSON_ArrayForEach(i, json_member(obj, "data")) {
        AUTO_FREE char *full = xasprintf("%s%s", prefix ? prefix : "", i->string);
        char *value = key_text(kind, obj, i->string);
        if (value)
            put(vars, full, value);
    }
    return 0;
}

static int env_one(const struct env_source *s, const cJSON *container, const cJSON *item, struct map *vars, struct err *e)
{
    const char *name = json_get_str(item, "name"), *text = json_get_str(item, "value");
    char *value = NULL;

    if (!name)
        return 0;
    if (json_has(item, "valueFrom")) {
        if (value_from(s, container, json_at(item, "valueFrom"), &value, e) < 0)
            return -(int)e->kind;
    } else {
        value = env_expand(text ? text : "", vars);
    }
    if (value)
        put(vars, name, value);
    return 0;
}

int env_build(const struct env_source *s, const cJSON *container, struct map **vars, struct err *e)
{
    struct map *m = map_new();
    const cJSON *i;
    int rc = 0;

    cJSON_ArrayForEach(i, json_member(container, "envFrom"))
        if (rc == 0)
            rc = env_from(s, i, m, e);
    cJSON_ArrayForEach(i, json_member(container, "env"))
        if (rc == 0)
            rc = env_one(s, container, i, m, e);
    if (rc < 0)
        map_free(m, free);
    else
        *vars = m;
    return rc;
}

char **env_list(const struct map *vars)
{
    char **list = xcalloc(map_count(vars) + 1, sizeof(*list));
    size_t n = 0;

    for (struct map_iter i = map_first(vars); i.key; map_next(&i))
        list[n++] = xasprintf("%s=%s", i.key, (char *)i.value);
    return list;
}

void env_list_free(char **list)
{
    for (size_t i = 0; list && list[i]; i++)
        free(list[i]);
    free(list);
}
