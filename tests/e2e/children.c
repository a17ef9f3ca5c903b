#include "e2e/children.h"

#include <stdio.h>
#include <string.h>

#include "json/owned.h"

enum { QUIET_MS = 1500 };

const enum child usual_children[N_USUAL_CHILDREN] = {
    CHILD_DEPLOYMENT,    CHILD_SERVICE,           CHILD_HPA,           CHILD_PDB,       CHILD_REDIS_SECRET, CHILD_REDIS_CONFIGMAP,
    CHILD_REDIS_SERVICE, CHILD_REDIS_STATEFULSET, CHILD_REDIS_PDB, CHILD_REDIS_NETPOL,
};

const char *child_what(struct e2e *t, enum child c, const char *service)
{
    return e2e_fmt(t, "%s/%s%s", child_types[c].plural, service, child_types[c].suffix);
}

static void strip(cJSON *obj, const char *const keys[])
{
    for (; *keys; keys++)
        json_del(obj, *keys);
}

static void plain_metadata(cJSON *meta)
{
    static const char *const made_up[] = { "uid", "resourceVersion", "generation", "creationTimestamp", "managedFields",
                                           "selfLink", NULL };
    cJSON *owner;

    strip(meta, made_up);
    json_del(json_member(meta, "annotations"), "deployment.kubernetes.io/revision");
    if (json_member(meta, "annotations") && !json_count(json_member(meta, "annotations")))
        json_del(meta, "annotations");
    cJSON_ArrayForEach(owner, json_member(meta, "ownerReferences"))
        json_del(owner, "uid");
}

static void plain_secret(cJSON *data)
{
    cJSON *value;

    cJSON_ArrayForEach(value, data) {
        size_t n = strlen(value->valuestring ? value->valuestring : "");
        memset(value->valuestring, '*', n);
    }
}

/* Replicas that are somebody else's to choose say nothing about what the operator made. */
static bool replicas_are_foreign(const cJSON *obj)
{
    return str_eq(json_get_str(obj, "kind"), "Deployment") && !owned_has(owned_fields(obj, API_MANAGER), "spec.replicas");
}

static cJSON *plain(const cJSON *obj)
{
    static const char *const addresses[] = { "clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", NULL };
    cJSON *copy = json_dup(obj);

    json_del(copy, "status");
    if (replicas_are_foreign(obj))
        json_del(json_member(copy, "spec"), "replicas");
    plain_metadata(json_member(copy, "metadata"));
    if (str_eq(json_get_str(copy, "kind"), "Service") && !str_eq(json_get_str(copy, "spec.clusterIP"), "None"))
        strip(json_member(copy, "spec"), addresses);
    if (str_eq(json_get_str(copy, "kind"), "Secret"))
        plain_secret(json_member(copy, "data"));
    return copy;
}

static int by_key(const void *a, const void *b)
{
    return strcmp((*(cJSON *const *)a)->string, (*(cJSON *const *)b)->string);
}

/* Members in the order of their names, all the way down: the server's order is not ours. */
static void sort_members(cJSON *v)
{
    size_t n = (size_t)json_count(v), i = 0;
    AUTO_FREE cJSON **items = xcalloc(n + 1, sizeof(*items));
    cJSON *item;

    cJSON_ArrayForEach(item, v)
        items[i++] = item;
    if (cJSON_IsObject(v))
        qsort(items, n, sizeof(*items), by_key);
    for (i = 0; i < n; i++) {
        sort_members(items[i]);
        items[i] = cJSON_DetachItemViaPointer(v, items[i]);
    }
    for (i = 0; i < n; i++) {
        if (!cJSON_IsObject(v)) {
            json_push(v, items[i]);
            continue;
        }
        AUTO_FREE char *key = xstrdup(items[i]->string);
        cJSON_AddItemToObject(v, key, items[i]);
    }
}

const char *child_text(struct e2e *t, enum child c, const char *service)
{
    const cJSON *obj = e2e_get(t, child_what(t, c, service));

    if (!obj)
        return "null";
    AUTO_JSON cJSON *copy = plain(obj);
    e2e_forget(t, obj);
    sort_members(copy);
    AUTO_FREE char *text = json_print(copy);
    return e2e_fmt(t, "%s", text);
}

const char *children_text(struct e2e *t, const char *service)
{
    AUTO_BUF struct buf b;

    buf_init(&b, 1 << 20);
    for (int c = 0; c < N_CHILDREN; c++)
        buf_fmt(&b, "%s: %s\n", child_types[c].label, child_text(t, (enum child)c, service));
    return e2e_fmt(t, "%s", buf_text(&b));
}

const char *text_difference(struct e2e *t, const char *was, const char *is)
{
    enum { BEFORE = 150, AFTER = 350 };
    size_t same = 0;

    while (was[same] && was[same] == is[same])
        same++;
    size_t from = same > BEFORE ? same - BEFORE : 0;
    return e2e_fmt(t, "#   was ...%.*s\n#   is  ...%.*s", BEFORE + AFTER, was + from, BEFORE + AFTER, is + from);
}

void child_wait_text(struct e2e *t, enum child c, const char *service, const char *text, int bound_s)
{
    int64_t end_ms = e2e_deadline_ms(bound_s);
    const char *now;

    while (!str_eq(now = child_text(t, c, service), text)) {
        E2E_CHECK(t, loop_now_ms() < end_ms, NULL, "%s is not as it was.\n%s", child_types[c].label,
                  text_difference(t, text, now));
        e2e_sleep_ms(t, 150);
    }
}

void children_wait_text(struct e2e *t, const char *service, const char *text, int bound_s, const char *after)
{
    int64_t end_ms = e2e_deadline_ms(bound_s);
    const char *now;

    while (!str_eq(now = children_text(t, service), text)) {
        E2E_CHECK(t, loop_now_ms() < end_ms, NULL, "other children after %s\n%s", after, text_difference(t, text, now));
        e2e_sleep_ms(t, 100);
    }
}

const char *children_settle(struct e2e *t, const char *service, int bound_s)
{
    int64_t end_ms = e2e_deadline_ms(bound_s), since_ms = loop_now_ms();
    const char *last = children_text(t, service);

    while (loop_now_ms() - since_ms < QUIET_MS || strstr(last, "Deployment: null")) {
        E2E_CHECK(t, loop_now_ms() < end_ms, NULL, "the children do not come to rest within %d s:\n%s", bound_s, last);
        e2e_sleep_ms(t, 200);
        const char *now = children_text(t, service);
        if (!str_eq(now, last))
            since_ms = loop_now_ms();
        last = now;
    }
    return last;
}

void children_wait_gone(struct e2e *t, const char *service, int bound_s)
{
    for (int c = 0; c < N_CHILDREN; c++)
        e2e_wait_absent(t, child_what(t, (enum child)c, service), bound_s);
}

void service_delete(struct e2e *t, const char *service)
{
    e2e_delete(t, e2e_fmt(t, "inferenceservices/%s", service));
    e2e_wait_absent(t, e2e_fmt(t, "inferenceservices/%s", service), 60);
    children_wait_gone(t, service, 60);
}
