#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "cache/host.h"

struct row {
    const char *name, *node, *zone;
    bool cordoned, out_of_service, unwell;
};

#define READY "\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}"
#define TAINTED(key) "{\"metadata\":{\"name\":\"n\"},\"spec\":{\"taints\":[{\"key\":\"" key "\"}]}," READY "}"

static const struct row rows[] = {
    { "a node in its zone", "{\"metadata\":{\"name\":\"n\",\"labels\":{\"topology.kubernetes.io/zone\":\"z\"}}," READY "}",
      "z", false, false, false },
    { "no zone is no zone", "{\"metadata\":{\"name\":\"n\"}," READY "}", "", false, false, false },
    { "cordoned", "{\"metadata\":{\"name\":\"n\"},\"spec\":{\"unschedulable\":true}," READY "}", "", true, false, false },
    { "cordoned, by taint", TAINTED("node.kubernetes.io/unschedulable"), "", true, false, false },
    { "cluster-autoscaler takes it", TAINTED("ToBeDeletedByClusterAutoscaler"), "", true, false, false },
    { "Karpenter takes it", TAINTED("karpenter.sh/disrupted"), "", true, false, false },
    { "being deleted", "{\"metadata\":{\"name\":\"n\",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"}," READY "}", "",
      true, false, false },
    { "off, as somebody vouches", TAINTED("node.kubernetes.io/out-of-service"), "", false, true, false },
    { "unreachable", TAINTED("node.kubernetes.io/unreachable"), "", false, false, true },
    { "never heard of", "{\"metadata\":{\"name\":\"n\"}}", "", false, false, true },
    { "anybody's taint says nothing", TAINTED("dedicated"), "", false, false, false },
    { "taints that are none", "{\"metadata\":{\"name\":\"n\"},\"spec\":{\"taints\":{\"a\":1}}," READY "}", "", false, false, false },
};

static void node_is_read(void **state)
{
    const struct row *r = *state;
    cJSON *obj = NULL;
    struct host h;
    struct err e;

    if (json_parse(r->node, strlen(r->node), &obj, &e) < 0)
        fail_msg("%s", e.msg);
    assert_true(host_from(obj, &h));
    cJSON_Delete(obj);
    assert_string_equal(h.zone, r->zone);
    assert_int_equal(h.cordoned, r->cordoned);
    assert_int_equal(h.out_of_service, r->out_of_service);
    assert_int_equal(h.unwell, r->unwell);
}

static void long_node_names_stay_apart(void **state)
{
    char a[254], b[254], x[HOST_NAME_SIZE], y[HOST_NAME_SIZE];
    (void)state;

    memset(a, 'a', sizeof(a) - 1);
    a[sizeof(a) - 1] = '\0';
    memcpy(b, a, sizeof(b));
    b[sizeof(b) - 2] = 'b';
    host_name_copy(x, a);
    host_name_copy(y, b);
    assert_string_not_equal(x, y);
    host_name_copy(y, a);
    assert_string_equal(x, y);
    host_name_copy(x, "node-1");
    assert_string_equal(x, "node-1");
    host_name_copy(x, NULL);
    assert_string_equal(x, "");
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows) + 1];

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){ rows[i].name, node_is_read, NULL, NULL, (void *)(uintptr_t)&rows[i] };
    tests[COUNT(rows)] = (struct CMUnitTest)cmocka_unit_test(long_node_names_stay_apart);
    return cmocka_run_group_tests_name("hosts", tests, NULL, NULL);
}
