#include "sim/controllers/conds.h"

#include "base/str.h"
#include "sim/controllers/items.h"

cJSON *cond_in(const cJSON *status, const char *type)
{
    cJSON *c;

    cJSON_ArrayForEach(c, json_member(status, "conditions"))
        if (str_eq(json_get_str(c, "type"), type))
            return c;
    return NULL;
}

bool cond_set(cJSON *status, const char *type, const char *state, const char *reason, const char *message,
              int64_t now_ms)
{
    cJSON *c = cond_in(status, type);
    char now[32];

    if (c && str_eq(json_get_str(c, "status"), state) && str_eq(json_get_str(c, "reason"), reason) &&
        (!message || str_eq(json_get_str(c, "message"), message)))
        return false;
    time_to_text(now_ms, now);
    if (!c) {
        c = json_push_obj(json_arr(status, "conditions"));
        json_str(c, "type", type);
    }
    if (!str_eq(json_get_str(c, "status"), state))
        json_str(c, "lastTransitionTime", now);
    json_str(c, "status", state);
    json_str(c, "reason", reason);
    json_str(c, "message", message);
    return true;
}

void cond_remove(cJSON *status, const char *type)
{
    cJSON *c = cond_in(status, type);

    if (c)
        cJSON_Delete(cJSON_DetachItemViaPointer(json_member(status, "conditions"), c));
}
