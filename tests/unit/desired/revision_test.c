/* Templates by their hash, and how one is kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "desired/revision.h"
#include "json/yaml.h"

#define HEAD "apiVersion: serving.everserve.dev/v1alpha1\nkind: InferenceService\nmetadata: { name: x, namespace: d, uid: u }\n"
#define PLAIN HEAD "spec: { predictor: { containers: [{ image: m, ports: [{ containerPort: 8000 }] }] } }"
#define PLAIN_HASH "cfbcb766cf" /* for ever: another one would make every kept template a stranger */

static const struct row {
    const char *name;
    const char *yaml;
    bool is_other; /* another version than PLAIN */
} rows[] = {
    { "the same", PLAIN, false },
    { "another image", HEAD "spec: { predictor: { containers: [{ image: n, ports: [{ containerPort: 8000 }] }] } }", true },
    { "a variable", HEAD "spec: { predictor: { containers: [{ image: m, env: [{ name: A, value: b }], ports: [{ containerPort: 8000 }] }] } }",
      true },
    { "more replicas", HEAD "spec: { predictor: { minReplicas: 7, containers: [{ image: m, ports: [{ containerPort: 8000 }] }] } }", false },
    { "another patience", HEAD "spec: { rollout: { minReadySeconds: 5 }, predictor: { containers: [{ image: m, ports: "
      "[{ containerPort: 8000 }] }] } }", false },
};

static cJSON *template_of(const char *yaml, struct isvc *s)
{
    AUTO_JSON cJSON *docs = NULL;
    struct err e = { 0 };
    struct desired_input in;

    if (yaml_parse(yaml, strlen(yaml), &docs, &e) < 0 || isvc_decode(docs->child, s, &e) < 0)
        fail_msg("%s", e.msg);
    in = desired_input_default(s);
    return template_build(s, &in);
}

static void check(void **state)
{
    const struct row *r = *state;
    char hash[TEMPLATE_HASH_SIZE];
    struct isvc s;
    AUTO_JSON cJSON *t = template_of(r->yaml, &s);

    template_hash(t, hash);
    if (r->is_other)
        assert_string_not_equal(hash, PLAIN_HASH);
    else
        assert_string_equal(hash, PLAIN_HASH);
    isvc_done(&s);
}

static void what_is_kept_is_what_was_served(void **state)
{
    struct isvc s;
    AUTO_JSON cJSON *t = template_of(PLAIN, &s);
    AUTO_JSON cJSON *kept = revision_build(&s, t);
    (void)state;

    assert_string_equal(json_get_str(kept, "metadata.name"), "x-" PLAIN_HASH);
    assert_string_equal(json_get_str(kept, "metadata.ownerReferences.0.uid"), "u");
    assert_true(json_equal(revision_template(kept, PLAIN_HASH), t));
    assert_null(revision_template(kept, "0000000000"));
    json_str(json_at(kept, "data.spec.template.spec"), "serviceAccountName", "edited");
    assert_null(revision_template(kept, PLAIN_HASH));
    assert_null(revision_template(NULL, PLAIN_HASH));
    isvc_done(&s);
}

static void the_service_follows_the_template_that_serves(void **state)
{
    struct isvc s, other;
    AUTO_JSON cJSON *t = template_of(PLAIN, &s), *moved = template_of(HEAD "spec: { predictor: { containers: [{ image: m }] } }", &other);
    struct desired_input in = desired_input_default(&other);
    (void)state;

    in.template = t;
    AUTO_JSON cJSON *service = desired_child(CHILD_SERVICE, &other, &in);
    AUTO_JSON cJSON *deployment = desired_child(CHILD_DEPLOYMENT, &other, &in);
    assert_int_equal(json_get_int(service, "spec.ports.0.targetPort", 0), 8000);
    assert_true(json_equal(json_at(deployment, "spec.template"), t));
    assert_false(json_equal(moved, t));
    isvc_done(&s);
    isvc_done(&other);
}

int main(void)
{
    static const struct CMUnitTest more[] = {
        cmocka_unit_test(what_is_kept_is_what_was_served),
        cmocka_unit_test(the_service_follows_the_template_that_serves),
    };
    struct CMUnitTest tests[COUNT(rows) + COUNT(more)];

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){ rows[i].name, check, NULL, NULL, (void *)(uintptr_t)&rows[i] };
    memcpy(tests + COUNT(rows), more, sizeof(more));
    return cmocka_run_group_tests_name("revision", tests, NULL, NULL);
}
