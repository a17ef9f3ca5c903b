#include <stdio.h>

#include "base/str.h"
#include "slots/roll.h"

cJSON *roll_plan_json(const struct roll_plan *p)
{
    cJSON *o;

    if (!p->pod[0])
        return NULL;
    o = json_new_obj();
    json_str(o, "pod", p->pod);
    json_str(o, "uid", p->uid);
    if (p->to[0]) {
        json_str(o, "failoverTo", p->to);
        json_int(o, "failoverAtMs", p->failover_wall_ms);
        json_int(o, "tries", p->tries);
    }
    return o;
}

static int take_text(const cJSON *json, const char *key, bool needed, char *out, size_t size, struct err *e)
{
    const char *text = json_get_str(json, key);

    if (!text && !json_has(json, key) && !needed)
        return 0;
    if (str_empty(text) || !str_copy(out, size, text))
        return err_set(e, ERR_INVALID, ".%s is no name", key);
    return 0;
}

int roll_plan_parse(const cJSON *json, struct roll_plan *out, struct err *e)
{
    struct roll_plan p = { 0 };
    int64_t tries = json_get_int(json, "tries", 0);

    if (!json || cJSON_IsNull(json)) {
        *out = p;
        return 0;
    }
    if (!cJSON_IsObject(json))
        return err_set(e, ERR_INVALID, " is no object");
    if (take_text(json, "pod", true, p.pod, sizeof(p.pod), e) < 0 ||
        take_text(json, "uid", true, p.uid, sizeof(p.uid), e) < 0 ||
        take_text(json, "failoverTo", false, p.to, sizeof(p.to), e) < 0)
        return -ERR_INVALID;
    p.failover_wall_ms = json_get_int(json, "failoverAtMs", 0);
    p.tries = tries > 0 && tries < 1000000 ? (int)tries : 0;
    *out = p;
    return 0;
}
