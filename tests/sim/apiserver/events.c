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

void events_to_new(cJSON *obj)
{
    json_str(obj, "apiVersion", "events.k8s.io/v1");
    for (size_t i = 0; i < COUNT(pairs); i++)
        rename_member(obj, pairs[i].core, pairs[i].new);
}

void events_to_core(cJSON *obj)
{
    json_str(obj, "apiVersion", "v1");
    for (size_t i = 0; i < COUNT(pairs); i++)
        rename_member(obj, pairs[i].new, pairs[i].core);
}
