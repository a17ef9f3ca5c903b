#include "sim/apiserver/events.h"

#include <string.h>

#include "base/str.h"

static const struct pair { const char *core, *new; } pairs[] = {
    { "involvedObject", "regarding" },
    { "message", "note" },
    { "reportingComponent", "reportingController" },
    { "source", "deprecatedSource" },
    { "firstTimestamp", "deprecatedFirstTimestamp" },
    { "lastTimestamp", "deprecatedLastTimestamp" },
    { "count", "deprecatedCount" },
};

static void rename_member(cJSON *obj, const char *from, const char *to)
{
    cJSON *v = cJSON_DetachItemFromObjectCaseSensitive(obj, from);

    json_put(obj, to, v);
}

/* FieldsV1 name fields too. */
static void rename_owned(cJSON *obj, bool to_new)
{
    cJSON *m;

    cJSON_ArrayForEach(m, json_at(obj, "metadata.managedFields")) {
        cJSON *set = json_member(m, "fieldsV1");

        json_str(m, "apiVersion", to_new ? "events.k8s.io/v1" : "v1");
        for (size_t i = 0; set && i < COUNT(pairs); i++) {
            AUTO_FREE char *core = xasprintf("f:%s", pairs[i].core);
            AUTO_FREE char *new = xasprintf("f:%s", pairs[i].new);

            rename_member(set, to_new ? core : new, to_new ? new : core);
        }
    }
}

void events_to_new(cJSON *obj)
{
    json_str(obj, "apiVersion", "events.k8s.io/v1");
    for (size_t i = 0; i < COUNT(pairs); i++)
        rename_member(obj, pairs[i].core, pairs[i].new);
    rename_owned(obj, true);
}

void events_to_core(cJSON *obj)
{
    json_str(obj, "apiVersion", "v1");
    for (size_t i = 0; i < COUNT(pairs); i++)
        rename_member(obj, pairs[i].new, pairs[i].core);
    rename_owned(obj, false);
}
