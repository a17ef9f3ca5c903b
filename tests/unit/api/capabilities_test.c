/*
 * What discovery documents say, those of a hostile server included.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/capabilities.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

static const struct row {
    const char *name;
    enum capability what;
    const char *doc; /* NULL: 404 */
    bool before, want;
} rows[] = {
    { "a resource that is listed is there", CAP_VPA,
      "{\"kind\":\"APIResourceList\",\"resources\":[{\"name\":\"verticalpodautoscalers\"}]}", false, true },
    { "its status alone is not it", CAP_VPA, "{\"resources\":[{\"name\":\"verticalpodautoscalers/status\"}]}", true, false },
    { "another resource of the group is not it", CAP_KEDA, "{\"resources\":[{\"name\":\"scaledjobs\"}]}", false, false },
    { "KEDA by its ScaledObjects", CAP_KEDA, "{\"resources\":[{\"name\":\"scaledjobs\"},{\"name\":\"scaledobjects\"}]}", false, true },
    { "routes of HTTP", CAP_GATEWAY, "{\"resources\":[{\"name\":\"httproutes\",\"namespaced\":true}]}", false, true },
    { "a document that is gone takes it away", CAP_GATEWAY, NULL, true, false },
    { "resources that are no list", CAP_VPA, "{\"resources\":{\"name\":\"verticalpodautoscalers\"}}", false, false },
    { "resources without names", CAP_VPA, "{\"resources\":[1,null,{},{\"name\":7},\"verticalpodautoscalers\"]}", true, false },
    { "templates of claims", CAP_DRA, "{\"kind\":\"APIResourceList\",\"resources\":[{\"name\":\"resourceclaimtemplates\"}]}", false, true },
    { "their group is not enough: an older version is another", CAP_DRA,
      "{\"kind\":\"APIGroup\",\"versions\":[{\"version\":\"v1beta2\"}]}", true, false },
    { "a Status is not a group", CAP_DRA, "{\"kind\":\"Status\",\"code\":404}", true, false },
    { "no group", CAP_DRA, NULL, true, false },
    { "image volumes from 1.35", CAP_IMAGE_VOLUMES, "{\"major\":\"1\",\"minor\":\"35\"}", false, true },
    { "and with a plus behind the number", CAP_IMAGE_VOLUMES, "{\"major\":\"1\",\"minor\":\"36+\"}", false, true },
    { "not before", CAP_IMAGE_VOLUMES, "{\"major\":\"1\",\"minor\":\"34\"}", true, false },
    { "a version without a number", CAP_IMAGE_VOLUMES, "{\"major\":\"1\",\"minor\":\"x\"}", true, false },
    { "a number of a hundred digits", CAP_IMAGE_VOLUMES,
      "{\"major\":\"1\",\"minor\":\"9999999999999999999999999999999999999999999999999\"}", true, false },
    { "a minor that is no text", CAP_IMAGE_VOLUMES, "{\"major\":\"1\",\"minor\":36}", true, false },
    { "another major", CAP_IMAGE_VOLUMES, "{\"major\":\"2\",\"minor\":\"36\"}", true, false },
    { "what every server has is not learnt", CAP_BUILT_IN, NULL, true, true },
    { "zero is told by no document", CAP_SCALE_TO_ZERO, "{\"kind\":\"APIGroup\"}", false, false },
};

static void check(void **state)
{
    const struct row *r = *state;
    struct capabilities c = { 0 };
    cJSON *doc = NULL;
    struct err e;

    capabilities_set(&c, r->what, r->before);
    if (r->doc && json_parse(r->doc, strlen(r->doc), &doc, &e) < 0)
        fail_msg("%s", e.msg);
    capability_read(r->what, doc, &c);
    cJSON_Delete(doc);
    assert_int_equal(capabilities_have(&c, r->what), r->want);
}

static void a_list_has_a_bound(void **state)
{
    struct capabilities c = { 0 };
    cJSON *doc = json_new_obj(), *list = json_arr(doc, "resources");
    (void)state;

    for (int i = 0; i < 5000; i++)
        json_str(json_push_obj(list), "name", "x");
    json_str(json_push_obj(list), "name", "verticalpodautoscalers");
    capability_read(CAP_VPA, doc, &c);
    cJSON_Delete(doc);
    assert_false(c.vpa);
}

static void each_has_a_name_and_they_differ(void **state)
{
    struct capabilities none = { 0 }, c;
    (void)state;

    for (int i = CAP_BUILT_IN + 1; i < N_CAPABILITIES; i++) {
        c = none;
        capabilities_set(&c, (enum capability)i, true);
        assert_false(capabilities_equal(&c, &none));
        assert_true(capabilities_have(&c, (enum capability)i));
        assert_true(strlen(capability_name((enum capability)i)) > 3);
    }
}

static const struct zero_row {
    const char *name;
    int status;
    const char *message;
    bool told, allowed;
} zero_rows[] = {
    { "created: zero is allowed", 201, NULL, true, true },
    { "refused for its minReplicas: it is not", 422,
      "HorizontalPodAutoscaler.autoscaling \"x\" is invalid: spec.minReplicas: Invalid value: 0: must be greater than or equal to 1",
      true, false },
    { "refused for something else: not known", 422, "spec.metrics: Required value", false, false },
    { "not allowed to ask: not known", 403, "forbidden", false, false },
    { "a server in trouble: not known", 500, "minReplicas", false, false },
    { "no answer: not known", 0, NULL, false, false },
};

static void check_zero(void **state)
{
    const struct zero_row *r = *state;
    struct capabilities c = { 0 };

    assert_int_equal(capability_zero_answer(r->status, r->message, &c), r->told);
    assert_int_equal(c.knows_zero, r->told);
    assert_int_equal(c.scale_to_zero, r->allowed);
}

static void the_question_is_about_zero(void **state)
{
    cJSON *q = capability_zero_question("ns");
    (void)state;

    assert_int_equal(json_get_int(q, "spec.minReplicas", -1), 0);
    assert_string_equal(json_get_str(q, "spec.metrics.0.type"), "External");
    assert_string_equal(json_get_str(q, "metadata.namespace"), "ns");
    cJSON_Delete(q);
}

int main(void)
{
    static const struct CMUnitTest others[] = {
        cmocka_unit_test(a_list_has_a_bound),
        cmocka_unit_test(each_has_a_name_and_they_differ),
        cmocka_unit_test(the_question_is_about_zero),
    };
    struct CMUnitTest tests[COUNT(rows) + COUNT(zero_rows) + COUNT(others)];
    size_t n = 0;

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[n++] = (struct CMUnitTest){ rows[i].name, check, NULL, NULL, (void *)&rows[i] };
    for (size_t i = 0; i < COUNT(zero_rows); i++)
        tests[n++] = (struct CMUnitTest){ zero_rows[i].name, check_zero, NULL, NULL, (void *)&zero_rows[i] };
    for (size_t i = 0; i < COUNT(others); i++)
        tests[n++] = others[i];
    return cmocka_run_group_tests_name("capabilities", tests, NULL, NULL);
}
