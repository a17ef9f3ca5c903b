/* What a sum proves of the room for a pod, row by row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "cache/cache.h"
#include "cache/room.h"
#include "cache/shape.h"

enum { NODES_MAX = 3, PODS_MAX = 4 };

/* Texts are JSON with ' for ". */
static cJSON *parse(const char *text)
{
    AUTO_FREE char *copy = xstrdup(text);
    cJSON *out;

    for (char *c = copy; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    out = cJSON_Parse(copy);
    if (!out)
        fail_msg("not JSON: %s", text);
    return out;
}

#define NODE(name, labels, taints, has) \
    "{'metadata':{'name':'" name "','labels':{" labels "}},'spec':{'taints':[" taints "]},'status':{'allocatable':{" has "}}}"
#define CPU(n) "'cpu':'" n "','memory':'16Gi'"
#define GPU(n) CPU("8") ",'nvidia.com/gpu':'" n "'"
#define TAINT(key, effect) "{'key':'" key "','value':'v','effect':'" effect "'}"
#define BOX(kind, amounts) "{'resources':{'" kind "':{" amounts "}}}"
#define ASKS(boxes) "{'containers':[" boxes "]}"
#define ASKS_ALSO(boxes, more) "{'containers':[" boxes "]," more "}"

static struct cache *cache;

static void put(const char *text, void (*how)(struct cache *c, const cJSON *obj))
{
    cJSON *obj = parse(text);

    how(cache, obj);
    cJSON_Delete(obj);
}

static void put_nodes(const char *const nodes[NODES_MAX])
{
    cache = cache_new(NULL, NULL);
    cache_list_start(cache, "Node", NULL);
    for (size_t i = 0; i < NODES_MAX && nodes[i]; i++)
        put(nodes[i], cache_put_node);
    cache_listed(cache, "Node", NULL);
}

static int drop(void **state)
{
    (void)state;
    cache_free(cache);
    cache = NULL;
    return 0;
}

/* --- could any node hold it? --- */

static const struct row {
    const char *name, *nodes[NODES_MAX], *pod;
    bool fits;
    const char *lacking; /* NULL: nothing single */
    int64_t asked_milli, most_milli;
    const char *node;
    size_t n_nodes;
} rows[] = {
    { "a pod that asks for nothing", { NODE("a", "", "", CPU("2")) }, ASKS("{}"), .fits = true, .n_nodes = 1 },
    { "as much as a node has", { NODE("a", "", "", CPU("2")) }, ASKS(BOX("requests", "'cpu':'2'")), .fits = true, .n_nodes = 1 },
    { "more than any has", { NODE("a", "", "", CPU("2")), NODE("b", "", "", CPU("4")) }, ASKS(BOX("requests", "'cpu':'4001m'")),
      false, "cpu", 4001, 4000, "b", 2 },
    { "containers add up", { NODE("a", "", "", CPU("2")) }, ASKS(BOX("requests", "'cpu':'1500m'") "," BOX("requests", "'cpu':1")),
      false, "cpu", 2500, 2000, "a", 1 },
    { "a limit stands for a request that is left out", { NODE("a", "", "", CPU("2")) }, ASKS(BOX("limits", "'cpu':'3'")), false,
      "cpu", 3000, 2000, "a", 1 },
    { "a limit above the request does not count", { NODE("a", "", "", CPU("2")) },
      ASKS("{'resources':{'requests':{'cpu':'1'},'limits':{'cpu':'9'}}}"), .fits = true, .n_nodes = 1 },
    { "init containers run one after the other", { NODE("a", "", "", CPU("2")) },
      ASKS_ALSO(BOX("requests", "'cpu':'1'"), "'initContainers':[" BOX("requests", "'cpu':'2'") "," BOX("requests", "'cpu':'2'") "]"),
      .fits = true, .n_nodes = 1 },
    { "one of them may ask for more than all the rest", { NODE("a", "", "", CPU("2")) },
      ASKS_ALSO(BOX("requests", "'cpu':'1'"), "'initContainers':[" BOX("requests", "'cpu':'3'") "]"), false, "cpu", 3000, 2000, "a", 1 },
    { "a sidecar runs beside", { NODE("a", "", "", CPU("2")) },
      ASKS_ALSO(BOX("requests", "'cpu':'1'"), "'initContainers':[{'restartPolicy':'Always','resources':{'requests':{'cpu':'2'}}}]"),
      false, "cpu", 3000, 2000, "a", 1 },
    { "the pod's own word counts", { NODE("a", "", "", CPU("2")) },
      ASKS_ALSO(BOX("requests", "'cpu':'3'"), "'resources':{'requests':{'cpu':'2'}}"), .fits = true, .n_nodes = 1 },
    { "no node has the device", { NODE("a", "", "", CPU("2")) }, ASKS(BOX("limits", "'nvidia.com/gpu':'1'")), false,
      "nvidia.com/gpu", 1000, 0, "", 1 },
    { "not all on one node", { NODE("a", "", "", GPU("1")), NODE("b", "", "", CPU("64")) },
      ASKS("{'resources':{'requests':{'cpu':'32'},'limits':{'nvidia.com/gpu':'1'}}}"), .n_nodes = 2, .most_milli = 1000, .node = "a" },
    { "the first by name of those with as much", { NODE("b", "", "", GPU("2")), NODE("a", "", "", GPU("2")) },
      ASKS(BOX("limits", "'nvidia.com/gpu':'3'")), false, "nvidia.com/gpu", 3000, 2000, "a", 2 },
    { "of the nodes with the label only", { NODE("a", "'gpu':'A100'", "", GPU("4")), NODE("b", "'gpu':'L4'", "", GPU("1")) },
      ASKS_ALSO(BOX("limits", "'nvidia.com/gpu':'2'"), "'nodeSelector':{'gpu':'L4'}"), false, "nvidia.com/gpu", 2000, 1000, "b", 1 },
    { "no node has the label", { NODE("a", "'gpu':'A100'", "", GPU("4")) }, ASKS_ALSO("{}", "'nodeSelector':{'gpu':'H100'}"), false,
      .n_nodes = 0 },
    { "not where it does not tolerate", { NODE("a", "", TAINT("gpu", "NoSchedule"), GPU("4")), NODE("b", "", "", CPU("2")) },
      ASKS(BOX("limits", "'nvidia.com/gpu':'1'")), false, "nvidia.com/gpu", 1000, 0, "", 1 },
    { "tolerated by key", { NODE("a", "", TAINT("gpu", "NoSchedule"), GPU("4")) },
      ASKS_ALSO("{}", "'tolerations':[{'key':'gpu','operator':'Exists'}]"), .fits = true, .n_nodes = 1 },
    { "tolerated by value", { NODE("a", "", TAINT("gpu", "NoExecute"), GPU("4")) },
      ASKS_ALSO("{}", "'tolerations':[{'key':'gpu','value':'v','effect':'NoExecute'}]"), .fits = true, .n_nodes = 1 },
    { "another value does not do", { NODE("a", "", TAINT("gpu", "NoExecute"), GPU("4")) },
      ASKS_ALSO("{}", "'tolerations':[{'key':'gpu','value':'w'}]"), false, .n_nodes = 0 },
    { "nor another effect", { NODE("a", "", TAINT("gpu", "NoExecute"), GPU("4")) },
      ASKS_ALSO("{}", "'tolerations':[{'key':'gpu','operator':'Exists','effect':'NoSchedule'}]"), false, .n_nodes = 0 },
    { "everything is tolerated", { NODE("a", "", TAINT("gpu", "NoExecute"), GPU("4")) },
      ASKS_ALSO("{}", "'tolerations':[{'operator':'Exists'}]"), .fits = true, .n_nodes = 1 },
    { "a wish is no must", { NODE("a", "", TAINT("gpu", "PreferNoSchedule"), GPU("4")) }, ASKS("{}"), .fits = true, .n_nodes = 1 },
    { "what the kubelet says will pass", { NODE("a", "", TAINT("node.kubernetes.io/disk-pressure", "NoSchedule"), GPU("4")) },
      ASKS("{}"), .fits = true, .n_nodes = 1 },
    { "a node that has said nothing yet", { NODE("a", "", "", CPU("2")), "{'metadata':{'name':'b'}}" }, ASKS(BOX("requests", "'cpu':'4'")),
      .fits = true, .n_nodes = 2 },
    { "a cluster without nodes may get some", { NULL }, ASKS_ALSO(BOX("requests", "'cpu':'4'"), "'nodeSelector':{'a':'b'}"), .fits = true,
      .n_nodes = 0 },
    { "an amount that is none is left out", { NODE("a", "", "", CPU("2")) }, ASKS(BOX("requests", "'cpu':'many'")), .fits = true,
      .n_nodes = 1 },
};

static void check_fit(void **state)
{
    const struct row *r = *state;
    AUTO_JSON cJSON *pod = parse(r->pod);
    struct demand d;
    struct fit f;

    put_nodes(r->nodes);
    demand_from(pod, &d);
    cache_fit(cache, &d, &f);
    assert_int_equal(f.fits, r->fits);
    assert_int_equal(f.n_nodes, r->n_nodes);
    assert_string_equal(f.lacking ? f.lacking->resource : "", r->lacking ? r->lacking : "");
    if (!f.lacking)
        return;
    assert_int_equal(f.lacking->milli, r->asked_milli);
    assert_int_equal(f.most_milli, r->most_milli);
    assert_string_equal(f.node, r->node);
}

static void nodes_that_are_not_listed_prove_nothing(void **state)
{
    struct demand d = { .n = 1, .amounts = { { "cpu", demand_id("cpu"), 1000 } } };
    struct taken t;
    struct fit f;
    (void)state;

    cache = cache_new(NULL, NULL);
    cache_fit(cache, &d, &f);
    assert_true(f.fits);
    assert_false(cache_devices_are_taken(cache, &d, 0, &t));
}

static void what_cannot_add_up_is_no_less(void **state)
{
    AUTO_JSON cJSON *pod = parse(ASKS(BOX("requests", "'memory':'8Pi'") "," BOX("requests", "'memory':'8Pi'")));
    struct demand d;
    (void)state;

    demand_from(pod, &d);
    assert_int_equal(d.n, 1);
    assert_true(d.amounts[0].milli > 0);
}

/* --- are devices left? --- */

#define POD_OF(service, name, node, more, n) \
    "{'metadata':{'name':'" name "','namespace':'ns','uid':'" name "'" more \
    ",'labels':{'app.kubernetes.io/instance':'" service "','app.kubernetes.io/component':'predictor'}},'spec':{" node \
    "'containers':[" BOX("limits", "'nvidia.com/gpu':'" n "'") "]}}"
#define ON(node) "'nodeName':'" node "',"
#define POD(service, name, node, n) POD_OF(service, name, ON(node), "", n)
#define ONE ASKS(BOX("limits", "'nvidia.com/gpu':'1'"))

static const struct taken_row {
    const char *name, *nodes[NODES_MAX], *pods[PODS_MAX], *pod;
    int32_t priority;
    size_t taken_on; /* nodes; 0: not taken */
} taken_rows[] = {
    { "nobody is there", { NODE("a", "", "", GPU("1")) }, { NULL }, ONE, 0, 0 },
    { "the only one is held", { NODE("a", "", "", GPU("1")) }, { POD("s", "p", "a", "1") }, ONE, 0, 1 },
    { "by another service as well", { NODE("a", "", "", GPU("2")) }, { POD("s", "p", "a", "1"), POD("t", "q", "a", "1") }, ONE, 0, 1 },
    { "one is left", { NODE("a", "", "", GPU("2")), NODE("b", "", "", GPU("1")) }, { POD("s", "p", "a", "1"), POD("t", "q", "b", "1") },
      ONE, 0, 0 },
    { "two are not left on one node", { NODE("a", "", "", GPU("2")), NODE("b", "", "", GPU("2")) },
      { POD("s", "p", "a", "1"), POD("t", "q", "b", "1") }, ASKS(BOX("limits", "'nvidia.com/gpu':'2'")), 0, 2 },
    { "one that is ending leaves it", { NODE("a", "", "", GPU("1")) },
      { POD_OF("s", "p", ON("a"), ",'deletionTimestamp':'2026-01-01T00:00:00Z'", "1") }, ONE, 0, 0 },
    { "one that has no node holds none", { NODE("a", "", "", GPU("1")) }, { POD_OF("s", "p", "", "", "1") }, ONE, 0, 0 },
    { "one of lower priority would go", { NODE("a", "", "", GPU("1")) }, { POD("s", "p", "a", "1") }, ONE, 5, 0 },
    { "one of higher priority stays", { NODE("a", "", "", GPU("1")) }, { POD_OF("s", "p", ON("a") "'priority':9,", "", "1") }, ONE, 5, 1 },
    { "nodes without any do not matter", { NODE("a", "", "", GPU("1")), NODE("b", "", "", CPU("64")) }, { POD("s", "p", "a", "1") }, ONE,
      0, 1 },
    { "nor do nodes that it may not run on", { NODE("a", "", "", GPU("1")), NODE("b", "", TAINT("x", "NoSchedule"), GPU("8")) },
      { POD("s", "p", "a", "1") }, ONE, 0, 1 },
    { "who makes nodes may make one more", { NODE("a", "'karpenter.sh/nodepool':'x'", "", GPU("1")) }, { POD("s", "p", "a", "1") }, ONE,
      0, 0 },
    { "no devices, no proof", { NODE("a", "", "", CPU("1")) }, { NULL }, ONE, 0, 0 },
    { "cores are not reckoned: others use them", { NODE("a", "", "", CPU("1")) }, { NULL }, ASKS(BOX("requests", "'cpu':'1'")), 0, 0 },
};

static void check_taken(void **state)
{
    const struct taken_row *r = *state;
    AUTO_JSON cJSON *pod = parse(r->pod);
    struct taken t = { .n_nodes = 0 };
    struct demand d;

    put_nodes(r->nodes);
    for (size_t i = 0; i < PODS_MAX && r->pods[i]; i++)
        put(r->pods[i], cache_put_pod);
    demand_from(pod, &d);
    for (int again = 0; again < 2; again++) { /* what was counted once is not counted on */
        assert_int_equal(cache_devices_are_taken(cache, &d, r->priority, &t), r->taken_on > 0);
        if (r->taken_on)
            assert_int_equal(t.n_nodes, r->taken_on);
    }
}

/* --- nodes of any size --- */

static void a_node_stays_small(void **state)
{
    AUTO_JSON cJSON *node = parse(NODE("a", "", "", GPU("8")));
    cJSON *labels = json_at(node, "metadata.labels"), *has = json_at(node, "status.allocatable");
    struct shape *s;
    (void)state;

    for (int i = 0; i < 30; i++) {
        AUTO_FREE char *key = xasprintf("label-%d", i);

        json_str(labels, key, "v");
    }
    s = shape_from(node);
    assert_in_range(shape_bytes(s), 1, 300);
    assert_true(shape_has_label(s, "label-29", "v"));
    assert_false(shape_has_label(s, "label-29", "w"));
    free(s);
    for (int i = 0; i < 5000; i++) {
        AUTO_FREE char *key = xasprintf("label-%d", i);

        json_str(labels, key, "v");
        json_str(has, key, "1");
    }
    s = shape_from(node);
    assert_in_range(shape_bytes(s), 1, 4096);
    assert_true(shape_has_label(s, "label-4999", "v")); /* not kept: in doubt, yes */
    assert_int_equal(shape_offers(s, demand_id("cpu")), 8000);
    free(s);
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows) + COUNT(taken_rows) + 3];
    size_t n = 0;

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[n++] = (struct CMUnitTest){ rows[i].name, check_fit, NULL, drop, (void *)(uintptr_t)&rows[i] };
    for (size_t i = 0; i < COUNT(taken_rows); i++)
        tests[n++] = (struct CMUnitTest){ taken_rows[i].name, check_taken, NULL, drop, (void *)(uintptr_t)&taken_rows[i] };
    tests[n++] = (struct CMUnitTest)cmocka_unit_test_teardown(nodes_that_are_not_listed_prove_nothing, drop);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(what_cannot_add_up_is_no_less);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(a_node_stays_small);
    return cmocka_run_group_tests_name("room", tests, NULL, NULL);
}
