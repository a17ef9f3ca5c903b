#include "cache/host.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

void host_name_copy(char out[HOST_NAME_SIZE], const char *name)
{
    enum { HASH_CHARS = 17 };
    size_t n = name ? strlen(name) : 0;

    if (n < HOST_NAME_SIZE) {
        memcpy(out, n ? name : "", n + 1);
        return;
    }
    memcpy(out, name, HOST_NAME_SIZE - 1 - HASH_CHARS);
    snprintf(out + HOST_NAME_SIZE - 1 - HASH_CHARS, HASH_CHARS + 1, "#%016llx",
             (unsigned long long)str_hash(STR_HASH_INIT, name, n));
}

static void read_taint(const char *key, struct host *out)
{
    static const char *const going[] = {
        "node.kubernetes.io/unschedulable", "ToBeDeletedByClusterAutoscaler", "karpenter.sh/disrupted",
        "karpenter.sh/disruption",
    };

    for (size_t i = 0; i < COUNT(going); i++)
        out->cordoned |= str_eq(key, going[i]);
    out->out_of_service |= str_eq(key, "node.kubernetes.io/out-of-service");
    out->unwell |= str_eq(key, "node.kubernetes.io/not-ready") || str_eq(key, "node.kubernetes.io/unreachable");
}

bool host_from(const cJSON *obj, struct host *out)
{
    const char *name = json_get_str(obj, "metadata.name"), *rv = json_get_str(obj, "metadata.resourceVersion");
    const cJSON *labels = json_at(obj, "metadata.labels"), *taint;
    const char *zone = cJSON_GetStringValue(json_member(labels, "topology.kubernetes.io/zone"));

    *out = (struct host){ .cordoned = json_get_bool(obj, "spec.unschedulable", false),
                          .unwell = !json_condition_is(json_member(obj, "status"), "Ready", "True") };
    if (str_empty(name))
        return false;
    host_name_copy(out->name, name);
    if (!str_copy(out->zone, sizeof(out->zone), zone ? zone : "")) /* no label is longer than 63 */
        out->zone[0] = '\0';
    if (!str_copy(out->rv, sizeof(out->rv), rv ? rv : ""))
        out->rv[0] = '\0';
    cJSON_ArrayForEach(taint, json_at(obj, "spec.taints"))
        read_taint(json_get_str(taint, "key"), out);
    out->cordoned |= json_has(obj, "metadata.deletionTimestamp");
    return true;
}

bool host_differs(const struct host *a, const struct host *b)
{
    return strcmp(a->zone, b->zone) != 0 || a->cordoned != b->cordoned || a->out_of_service != b->out_of_service ||
           a->unwell != b->unwell;
}
