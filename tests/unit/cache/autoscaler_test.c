/* What a record says of whoever scales, and of placeholders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "cache/record.h"

static const struct row {
    const char *name;
    enum child child;
    const char *rest; /* of the object */
    bool blind, sees;
    const char *mark;
    int32_t min, max;
} rows[] = {
    { "metrics are read", CHILD_HPA, "'spec':{'minReplicas':2,'maxReplicas':5},'status':{'conditions':["
      "{'type':'ScalingActive','status':'True','reason':'ValidMetricFound'}]}", false, true, "", 2, 5 },
    { "a metric that is not there", CHILD_HPA, "'spec':{'maxReplicas':5},'status':{'conditions':["
      "{'type':'ScalingActive','status':'False','reason':'FailedGetPodsMetric'}]}", true, false, "FailedGetPodsMetric", -1, 5 },
    { "scaled to 0 is not blind", CHILD_HPA, "'status':{'conditions':[{'type':'ScalingActive','status':'False','reason':'ScalingDisabled'}]}",
      false, false, "", -1, -1 },
    { "nothing said yet", CHILD_HPA, "'status':{}", false, false, "", -1, -1 },
    { "blind without a reason", CHILD_HPA, "'status':{'conditions':[{'type':'ScalingActive','status':'False'}]}", true, false, "", -1, -1 },
    { "bounds of KEDA", CHILD_SCALEDOBJECT, "'spec':{'minReplicaCount':0,'maxReplicaCount':7}", false, false, "", 0, 7 },
    { "placeholders that are refused", CHILD_HEADROOM, "'status':{'conditions':[{'type':'ReplicaFailure','status':'True','reason':'FailedCreate'}]}",
      false, false, "FailedCreate", -1, -1 },
    { "placeholders that are made", CHILD_HEADROOM, "'status':{'conditions':[{'type':'Available','status':'True','reason':'x'}]}", false,
      false, "", -1, -1 },
};

static void check(void **state)
{
    const struct row *r = *state;
    char text[512];
    struct record rec;
    cJSON *obj = NULL;
    struct err e;

    snprintf(text, sizeof(text), "{'metadata':{'uid':'u'},%s}", r->rest);
    for (char *c = text; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    assert_int_equal(json_parse(text, strlen(text), &obj, &e), 0);
    assert_true(record_from(r->child, obj, &rec));
    cJSON_Delete(obj);
    assert_int_equal(rec.hpa_limited_by_failure, r->blind);
    assert_int_equal(rec.hpa_sees, r->sees);
    assert_string_equal(rec.mark, r->mark);
    assert_int_equal(rec.min_replicas, r->min);
    assert_int_equal(rec.max_replicas, r->max);
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows)];

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){ rows[i].name, check, NULL, NULL, (void *)(uintptr_t)&rows[i] };
    return cmocka_run_group_tests_name("autoscaler", tests, NULL, NULL);
}
