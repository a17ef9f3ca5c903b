#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "plan/observed.h"

struct place {
    const char *name;
    struct pod pod;
    struct host host; /* name "": no such node */
    bool nodes_are_read;
    const char *zone;
    bool draining, ending, node_gone, fenced;
};

static struct place places[] = {
    { "a pod on a node of a zone", { .node = "n" }, { .name = "n", .zone = "z" }, true, "z", false, false, false, false },
    { "nodes cannot be read: nothing is known", { .node = "n" }, { .name = "" }, false, NULL, false, false, false, false },
    { "the node exists no more", { .node = "n" }, { .name = "" }, true, NULL, false, false, true, true },
    { "a pod without a node has lost none", { .node = "" }, { .name = "" }, true, NULL, false, false, false, false },
    { "a cordoned node drains", { .node = "n" }, { .name = "n", .cordoned = true }, true, NULL, true, false, false, false },
    { "out of service is gone", { .node = "n" }, { .name = "n", .out_of_service = true }, true, NULL, true, false, true, true },
    { "unreachable is not gone", { .node = "n" }, { .name = "n", .unwell = true }, true, NULL, false, false, false, false },
    { "a pod being deleted ends", { .node = "n", .deleting = true }, { .name = "n" }, true, NULL, true, true, false, false },
    { "an evicted pod ends", { .node = "n", .disrupted = true }, { .name = "n" }, true, NULL, true, true, false, false },
    { "a container that has ended is fenced", { .node = "n", .stopped = true }, { .name = "n" }, true, NULL, false, false, false, true },
    { "but not by old news", { .node = "n", .stopped = true }, { .name = "n", .unwell = true }, true, NULL, false, false, false, false },
};

static void members_are_located(void **state)
{
    struct place *p = *state;
    struct member m = { .pod = "a-redis-0" };
    struct host none = { .name = "" };

    p->pod.name = (char[]){ "a-redis-0" };
    p->pod.of_redis = true;
    members_locate(&m, 1, &p->pod, 1, !p->nodes_are_read ? NULL : p->host.name[0] ? &p->host : &none,
                   p->nodes_are_read && p->host.name[0]);
    if (p->zone)
        assert_string_equal(m.zone, p->zone);
    else
        assert_null(m.zone);
    assert_int_equal(m.draining, p->draining);
    assert_int_equal(m.ending, p->ending);
    assert_int_equal(m.node_gone, p->node_gone);
    assert_int_equal(m.fenced, p->fenced);
}

static void a_pod_that_does_not_exist_is_fenced(void **state)
{
    struct member m = { .pod = "a-redis-0" };
    (void)state;

    members_locate(&m, 1, NULL, 0, NULL, 0);
    assert_true(m.fenced);
}

int main(void)
{
    struct CMUnitTest tests[COUNT(places) + 1];

    for (size_t i = 0; i < COUNT(places); i++)
        tests[i] = (struct CMUnitTest){ places[i].name, members_are_located, NULL, NULL, &places[i] };
    tests[COUNT(places)] = (struct CMUnitTest)cmocka_unit_test(a_pod_that_does_not_exist_is_fenced);
    return cmocka_run_group_tests_name("where members run", tests, NULL, NULL);
}
