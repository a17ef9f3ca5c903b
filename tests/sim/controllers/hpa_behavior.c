#include "sim/controllers/hpa.h"

#include "base/str.h"

static void read_policies(const cJSON *rules, struct autoscale_rules *out)
{
    const cJSON *p;

    if (!json_count(json_member(rules, "policies")))
        return;
    out->n = 0;
    cJSON_ArrayForEach(p, json_member(rules, "policies"))
        if (out->n < AUTOSCALE_POLICIES_MAX)
            out->policies[out->n++] = (struct autoscale_policy){
                .percent = str_eq(json_get_str(p, "type"), "Percent"),
                .value = json_get_int(p, "value", 0),
                .period_ms = json_get_int(p, "periodSeconds", 15) * 1000,
            };
}

static void read_rules(const cJSON *rules, struct autoscale_rules *out)
{
    const char *select = json_get_str(rules, "selectPolicy");

    out->window_ms = json_get_int(rules, "stabilizationWindowSeconds", out->window_ms / 1000) * 1000;
    out->select = str_eq(select, "Disabled") ? SELECT_DISABLED : str_eq(select, "Min") ? SELECT_MIN : SELECT_MAX;
    read_policies(rules, out);
}

void hpa_read_behavior(const cJSON *hpa, struct autoscale_behavior *out)
{
    /* the defaults of autoscaling/v2 */
    *out = (struct autoscale_behavior){
        .up = { SELECT_MAX, 0, { { false, 4, 15000 }, { true, 100, 15000 } }, 2 },
        .down = { SELECT_MAX, 300000, { { true, 100, 15000 } }, 1 },
        .min = json_get_int(hpa, "spec.minReplicas", 1),
        .max = json_get_int(hpa, "spec.maxReplicas", 1),
    };
    read_rules(json_at(hpa, "spec.behavior.scaleUp"), &out->up);
    read_rules(json_at(hpa, "spec.behavior.scaleDown"), &out->down);
}
