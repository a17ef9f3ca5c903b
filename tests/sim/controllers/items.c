#include "sim/controllers/items.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/str.h"

static const char *text_or_empty(const cJSON *o, const char *path)
{
    const char *s = json_get_str(o, path);

    return s ? s : "";
}

const char *item_name(const cJSON *o)
{
    return text_or_empty(o, "metadata.name");
}

const char *item_ns(const cJSON *o)
{
    return text_or_empty(o, "metadata.namespace");
}

const char *item_uid(const cJSON *o)
{
    return text_or_empty(o, "metadata.uid");
}

char *item_key(const cJSON *o)
{
    return *item_ns(o) ? xasprintf("%s/%s", item_ns(o), item_name(o)) : xstrdup(item_name(o));
}

const cJSON *item_labels(const cJSON *o)
{
    return json_at(o, "metadata.labels");
}

const char *item_label(const cJSON *o, const char *key)
{
    return cJSON_GetStringValue(json_member(item_labels(o), key));
}

const char *item_annotation(const cJSON *o, const char *key)
{
    return cJSON_GetStringValue(json_member(json_at(o, "metadata.annotations"), key));
}

bool item_is_deleting(const cJSON *o)
{
    return json_get_str(o, "metadata.deletionTimestamp") != NULL;
}

bool item_has_finalizer(const cJSON *o, const char *name)
{
    const cJSON *f;

    cJSON_ArrayForEach(f, json_at(o, "metadata.finalizers"))
        if (str_eq(cJSON_GetStringValue(f), name))
            return true;
    return false;
}

int64_t item_created_ms(const cJSON *o)
{
    return time_from_text(json_get_str(o, "metadata.creationTimestamp"));
}

bool item_is_observed(const cJSON *o)
{
    return json_get_int(o, "status.observedGeneration", 0) >= json_get_int(o, "metadata.generation", 0);
}

const cJSON *item_controller(const cJSON *o)
{
    const cJSON *ref;

    cJSON_ArrayForEach(ref, json_at(o, "metadata.ownerReferences"))
        if (json_get_bool(ref, "controller", false))
            return ref;
    return NULL;
}

bool item_is_controlled_by(const cJSON *o, const cJSON *owner)
{
    return str_eq(json_get_str(item_controller(o), "uid"), item_uid(owner));
}

cJSON *item_new_owner_ref(const char *api, const char *kind, const cJSON *o)
{
    cJSON *ref = json_new_obj();

    json_str(ref, "apiVersion", api);
    json_str(ref, "kind", kind);
    json_str(ref, "name", item_name(o));
    json_str(ref, "uid", item_uid(o));
    json_bool(ref, "controller", true);
    json_bool(ref, "blockOwnerDeletion", true);
    return ref;
}

int64_t time_from_text(const char *text)
{
    struct tm tm = { 0 };
    double fraction = 0;
    const char *rest = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;

    if (!rest)
        return 0;
    if (*rest == '.')
        fraction = strtod(rest, NULL);
    return (int64_t)timegm(&tm) * 1000 + (int64_t)(fraction * 1000);
}

void time_to_text(int64_t wall_ms, char *out)
{
    time_t s = (time_t)(wall_ms / 1000);
    struct tm tm;

    gmtime_r(&s, &tm);
    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

int64_t int_or_percent(const cJSON *v, int64_t total, bool round_up, int64_t fallback)
{
    const char *text = cJSON_GetStringValue(v);
    AUTO_FREE char *digits = NULL;
    int64_t percent;

    if (json_is_int(v))
        return (int64_t)v->valuedouble;
    if (!text || !str_has_suffix(text, "%"))
        return fallback;
    digits = xstrndup(text, strlen(text) - 1);
    if (!str_to_int(digits, 0, 1000000, &percent))
        return fallback;
    return (total * percent + (round_up ? 99 : 0)) / 100;
}

static bool value_is_listed(const cJSON *values, const char *value)
{
    const cJSON *v;

    cJSON_ArrayForEach(v, values)
        if (str_eq(cJSON_GetStringValue(v), value))
            return true;
    return false;
}

static bool expression_matches(const cJSON *x, const cJSON *labels)
{
    const char *op = text_or_empty(x, "operator");
    const char *value = cJSON_GetStringValue(json_member(labels, text_or_empty(x, "key")));

    if (!strcmp(op, "Exists"))
        return value != NULL;
    if (!strcmp(op, "DoesNotExist"))
        return value == NULL;
    if (!strcmp(op, "In"))
        return value && value_is_listed(json_member(x, "values"), value);
    return !strcmp(op, "NotIn") && !(value && value_is_listed(json_member(x, "values"), value));
}

bool selector_matches(const cJSON *selector, const cJSON *labels)
{
    const cJSON *x;

    if (!cJSON_IsObject(selector))
        return false;
    cJSON_ArrayForEach(x, json_member(selector, "matchLabels"))
        if (!str_eq(cJSON_GetStringValue(x), cJSON_GetStringValue(json_member(labels, x->string))))
            return false;
    cJSON_ArrayForEach(x, json_member(selector, "matchExpressions"))
        if (!expression_matches(x, labels))
            return false;
    return true;
}

static uint64_t hash_value(const cJSON *v, const char *without)
{
    uint64_t h = str_hash(STR_HASH_INIT, &v->type, sizeof(v->type));
    const cJSON *x;

    if (cJSON_IsString(v))
        return str_hash(h, v->valuestring, strlen(v->valuestring));
    if (cJSON_IsNumber(v))
        return str_hash(h, &v->valuedouble, sizeof(v->valuedouble));
    cJSON_ArrayForEach(x, v)
    {
        uint64_t item;

        if (cJSON_IsNull(x) || (x->string && str_eq(x->string, without)))
            continue;
        item = hash_value(x, without);
        if (cJSON_IsArray(v))
            h = str_hash(h, &item, sizeof(item));
        else
            h += str_hash(item, x->string, strlen(x->string)); /* a sum: members have no order */
    }
    return h;
}

void hash_name(const cJSON *v, const char *without_label, char *out)
{
    static const char letters[] = "bcdfghjklmnpqrstvwxz2456789";
    uint64_t h = v ? hash_value(v, without_label) : 0;

    for (int i = 0; i < 10; i++, h /= sizeof(letters) - 1)
        out[i] = letters[h % (sizeof(letters) - 1)];
    out[10] = '\0';
}

const cJSON *cond_find(const cJSON *o, const char *type)
{
    const cJSON *c;

    cJSON_ArrayForEach(c, json_at(o, "status.conditions"))
        if (str_eq(json_get_str(c, "type"), type))
            return c;
    return NULL;
}

bool pod_is_ready(const cJSON *pod)
{
    return str_eq(json_get_str(cond_find(pod, "Ready"), "status"), "True");
}

bool pod_is_available(const cJSON *pod, int64_t min_ready_s, int64_t now_ms)
{
    int64_t since = time_from_text(json_get_str(cond_find(pod, "Ready"), "lastTransitionTime"));

    return pod_is_ready(pod) && (min_ready_s == 0 || since + min_ready_s * 1000 <= now_ms);
}

bool pod_is_finished(const cJSON *pod)
{
    const char *phase = text_or_empty(pod, "status.phase");

    return !strcmp(phase, "Succeeded") || !strcmp(phase, "Failed");
}

bool pod_is_active(const cJSON *pod)
{
    return !pod_is_finished(pod) && !item_is_deleting(pod);
}

int64_t pod_restarts(const cJSON *pod)
{
    const cJSON *c;
    int64_t most = 0;

    cJSON_ArrayForEach(c, json_at(pod, "status.containerStatuses"))
        most = json_get_int(c, "restartCount", 0) > most ? json_get_int(c, "restartCount", 0) : most;
    return most;
}
