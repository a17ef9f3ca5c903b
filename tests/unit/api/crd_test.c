#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "api/crd.h"
#include "base/str.h"
#include "json/yaml.h"

static void the_file_is_what_the_table_says(void **state)
{
    AUTO_JSON cJSON *crd = crd_build();
    AUTO_FREE char *want = yaml_print(crd);
    static char have[200000];
    FILE *f;
    size_t n;
    (void)state;

    if (getenv("UPDATE_GOLDEN")) {
        f = fopen(CRD_FILE, "w");
        assert_non_null(f);
        assert_true(fputs(want, f) >= 0);
        fclose(f);
    }
    f = fopen(CRD_FILE, "r");
    assert_non_null(f);
    n = fread(have, 1, sizeof(have) - 1, f);
    fclose(f);
    have[n] = '\0';
    if (!str_eq(have, want))
        fail_msg("%s is old: run UPDATE_GOLDEN=1 make unit-api", CRD_FILE);
    assert_true(n < 100 * 1024);
}

/* What a real API server demands of a structural schema. */
static void check_structural(const cJSON *v)
{
    const cJSON *props = json_member(v, "properties"), *items = json_member(v, "items");
    bool list = str_eq(json_get_str(v, "type"), "array"), map = json_has(v, "additionalProperties");

    assert_true(json_has(v, "type") || json_get_bool(v, "x-kubernetes-int-or-string", false));
    assert_false(props && map);
    if (list) {
        assert_true(json_has(v, "maxItems"));
        assert_true(json_has(v, "x-kubernetes-list-type"));
        check_structural(items);
    }
    if (map)
        assert_true(json_has(v, "maxProperties"));
    for (const cJSON *p = props ? props->child : NULL; p; p = p->next)
        check_structural(p);
}

static void it_is_structural(void **state)
{
    AUTO_JSON cJSON *crd = crd_build();
    const cJSON *schema = json_at(crd, "spec.versions.0.schema.openAPIV3Schema");
    (void)state;

    check_structural(json_at(schema, "properties.spec"));
    check_structural(json_at(schema, "properties.status"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_file_is_what_the_table_says),
        cmocka_unit_test(it_is_structural),
    };

    return cmocka_run_group_tests_name("crd", tests, NULL, NULL);
}
