/* Which image of ours downloads a model: an upgrade of the operator alone restarts nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "json/yaml.h"
#include "plan/rules.h"

static void decode(const char *image, struct isvc *out)
{
    AUTO_FREE char *yaml = xasprintf("apiVersion: serving.everserve.dev/v1alpha1\nkind: InferenceService\n"
                                     "metadata: { name: x, namespace: d }\nspec: { predictor: { model: { uri: 'https://h.example/m' }, "
                                     "containers: [{ image: '%s' }] } }", image);
    AUTO_JSON cJSON *docs = NULL;
    struct err e = { 0 };

    assert_int_equal(yaml_parse(yaml, strlen(yaml), &docs, &e), 0);
    assert_int_equal(isvc_decode(docs->child, out, &e), 0);
}

/* What the rule chooses of `own`, when it had chosen `had`. */
static struct entrypoint choose(const char *container, const char *own, const struct entrypoint *had, bool *status_first)
{
    struct observed o = { .image = own };
    struct plan p = { .fetcher = *had };
    struct walk w = { .o = &o, .p = &p };
    struct isvc s;

    decode(container, &s);
    o.svc = &s;
    o.redis.latch.fetcher = *had;
    assert_int_equal(rule_model(&w), RULE_PASS);
    assert_string_equal(w.in.model_fetcher, p.fetcher.image);
    *status_first = p.status_first;
    isvc_done(&s);
    return p.fetcher;
}

static void it_follows_only_when_the_pods_change_anyway(void **state)
{
    const struct entrypoint none = { .image = "" };
    struct entrypoint first, second;
    bool durable;
    (void)state;

    first = choose("m:1", "ours:1", &none, &durable);
    assert_string_equal(first.image, "ours:1");
    assert_true(durable);
    second = choose("m:1", "ours:2", &first, &durable);
    assert_string_equal(second.image, "ours:1");
    assert_false(durable);
    second = choose("m:2", "ours:2", &first, &durable);
    assert_string_equal(second.image, "ours:2");
    assert_true(durable);
}

static void a_name_that_is_too_long_is_said(void **state)
{
    char own[600];
    struct observed o = { .image = own };
    struct plan p = { .look_again_ms = -1 };
    struct walk w = { .o = &o, .p = &p };
    struct isvc s;
    (void)state;

    memset(own, 'a', sizeof(own) - 1);
    own[sizeof(own) - 1] = '\0';
    decode("m:1", &s);
    o.svc = &s;
    assert_int_equal(rule_model(&w), RULE_HOLD);
    assert_string_equal(w.reason, "ImageNameTooLong");
    isvc_done(&s);
}

/* The server would drop the claim, and pods would start without what they need. */
static void a_claim_needs_the_cluster_to_know_claims(void **state)
{
    struct observed o = { .now_ms = 1 };
    struct plan p = { .look_again_ms = -1 };
    struct walk w = { .o = &o, .p = &p };
    struct isvc s;
    (void)state;

    decode("m:1", &s);
    o.svc = &s;
    assert_false(walk_lacks_claims(&w));
    json_str(json_obj(json_obj(json_at(s.root, "spec.predictor"), "accelerator"), "claim"), "deviceClassName", "c");
    assert_int_equal(rule_model(&w), RULE_HOLD);
    assert_string_equal(w.reason, "DynamicResourceAllocationMissing");
    assert_true(w.stalled);
    capabilities_set(&o.caps, CAP_DRA, true);
    assert_int_equal(rule_model(&w), RULE_PASS);
    isvc_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_follows_only_when_the_pods_change_anyway),
        cmocka_unit_test(a_name_that_is_too_long_is_said),
        cmocka_unit_test(a_claim_needs_the_cluster_to_know_claims),
    };

    return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
