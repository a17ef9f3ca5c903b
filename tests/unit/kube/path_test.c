#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "kube/path.h"

static const struct row {
    const char *name, *api, *ns, *plural, *object, *sub, *want;
} rows[] = {
    { "a collection of all namespaces", "/apis/apps/v1", NULL, "deployments", NULL, NULL, "/apis/apps/v1/deployments" },
    { "a collection of one", "/api/v1", "n", "pods", NULL, NULL, "/api/v1/namespaces/n/pods" },
    { "an object", "/api/v1", "n", "pods", "p", NULL, "/api/v1/namespaces/n/pods/p" },
    { "a subresource", "/api/v1", "n", "pods", "p", "eviction", "/api/v1/namespaces/n/pods/p/eviction" },
    { "an object of the cluster", "/api/v1", NULL, "nodes", "n", "status", "/api/v1/nodes/n/status" },
    { "nothing leaves its place", "/api/v1", "../x", "pods", "a/b?c#d%", NULL, "/api/v1/namespaces/..%2Fx/pods/a%2Fb%3Fc%23d%25" },
    { "bytes beyond ASCII", "/api/v1", NULL, "nodes", "\xc3\xa4\r\n", NULL, "/api/v1/nodes/%C3%A4%0D%0A" },
};

static void check(void **state)
{
    const struct row *r = *state;
    AUTO_FREE char *path = kube_path(r->api, r->ns, r->plural, r->object, r->sub);

    assert_string_equal(path, r->want);
}

static void queries_grow(void **state)
{
    AUTO_FREE char *p = kube_path_with(xstrdup("/x"), "labelSelector", "a=b,c in (d e)");

    (void)state;
    p = kube_path_with(p, "none", NULL);
    p = kube_path_with(p, "watch", "1");
    assert_string_equal(p, "/x?labelSelector=a%3Db%2Cc%20in%20%28d%20e%29&watch=1");
}

static void apply_names_its_manager(void **state)
{
    AUTO_FREE char *forced = kube_path_apply("/x", "everserve", true), *gentle = kube_path_apply("/x?dryRun=All", "a b", false);

    (void)state;
    assert_string_equal(forced, "/x?fieldManager=everserve&force=true");
    assert_string_equal(gentle, "/x?dryRun=All&fieldManager=a%20b");
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows) + 2] = {
        [COUNT(rows)] = cmocka_unit_test(queries_grow),
        [COUNT(rows) + 1] = cmocka_unit_test(apply_names_its_manager),
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){ rows[i].name, check, NULL, NULL, (void *)&rows[i] };
    return cmocka_run_group_tests_name("kube paths", tests, NULL, NULL);
}
