#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "api/isvc.h"
#include "json/yaml.h"

#define CASES "tests/cases/isvc.yaml"
#define HEAD "apiVersion: serving.everserve.dev/v1alpha1\nkind: InferenceService\nmetadata: { name: x }\n"

enum { CASES_MAX = 256 };

struct row {
    char *name;
    char *refused; /* part of the message; NULL: accepted */
    char *body;
};

static struct row rows[CASES_MAX];
static size_t n_rows;

static char *read_file(const char *path)
{
    static char text[1 << 20];
    FILE *f = fopen(path, "r");
    size_t n;

    if (!f) {
        perror(path);
        exit(1);
    }
    n = fread(text, 1, sizeof(text) - 1, f);
    text[n] = '\0';
    fclose(f);
    return text;
}

/* The rest of the line that starts with key; NULL: none. */
static char *comment(const char *text, const char *key)
{
    const char *at = strstr(text, key);

    return at ? xstrndup(at + strlen(key), strcspn(at + strlen(key), "\n")) : NULL;
}

static void read_cases(void)
{
    char *text = strstr(read_file(CASES), "\n---\n"), *next;

    for (; text && n_rows < CASES_MAX; text = next) {
        struct row *r = &rows[n_rows++];

        text += 5;
        next = strstr(text, "\n---\n");
        if (next)
            *next = '\0';
        r->name = comment(text, "# case: ");
        r->refused = comment(text, "# refused: ");
        r->body = xasprintf("%s%s", strstr(text, "apiVersion:") ? "" : HEAD, text);
    }
}

static int decode(const char *body, struct isvc *s, struct err *e)
{
    AUTO_JSON cJSON *docs = NULL;

    if (yaml_parse(body, strlen(body), &docs, e) < 0)
        fail_msg("%s", e->msg);
    json_str(json_member(docs->child, "metadata"), "namespace", "default");
    return isvc_decode(docs->child, s, e);
}

static void check(void **state)
{
    const struct row *r = *state;
    struct isvc s = { .generation = 77 };
    struct err e = { 0 };
    int rc = decode(r->body, &s, &e);

    if (!r->refused) {
        if (rc)
            fail_msg("%s", e.msg);
        isvc_done(&s);
        return;
    }
    assert_int_equal(rc, -ERR_INVALID);
    assert_int_equal(s.generation, 77);
    if (!strstr(e.msg, r->refused))
        fail_msg("said: %s", e.msg);
    assert_true(strlen(e.msg) > strlen(r->refused) + 5);
}

static void the_smallest_gets_safe_defaults(void **state)
{
    struct isvc s;
    struct err e;
    (void)state;

    assert_int_equal(decode(HEAD "spec: { predictor: { containers: [{ image: m }] }, redis: {} }", &s, &e), 0);
    assert_int_equal(s.predictor.min_replicas, 2);
    assert_int_equal(s.predictor.max_replicas, 2);
    assert_false(s.predictor.autoscaled);
    assert_int_equal(s.predictor.port, 8080);
    assert_int_equal(s.predictor.progress_deadline_s, 600);
    assert_string_equal(json_get_str(s.predictor.spec, "containers.0.name"), "model");
    assert_true(s.gate.hold_up && s.gate.hold_down);
    assert_int_equal(s.gate.max_hold_s, 60);
    assert_true(s.redis.present);
    assert_int_equal(s.redis.shards, 3);
    assert_int_equal(s.redis.nodes, 6);
    assert_int_equal(s.redis.persistence, REDIS_APPEND_ONLY);
    assert_int_equal(s.redis.max_memory_bytes, 402653184);
    assert_null(s.redis.secret_name);
    assert_false(s.redis.is_valkey || s.redis.ephemeral || s.redis.delete_volumes || s.deleting);
    assert_string_equal(s.uid, "");
    isvc_done(&s);
}

static void all_of_it_is_read(void **state)
{
    static const char text[] =
        "apiVersion: serving.everserve.dev/v1alpha1\nkind: InferenceService\n"
        "metadata: { name: x, uid: u, resourceVersion: '7', generation: 3, deletionTimestamp: t, managedFields: [] }\n"
        "spec: { managementPolicy: Paused, scaling: { gate: { scaleUp: Allow, maxHoldSeconds: 0 } }, predictor: { minReplicas: 1, "
        "maxReplicas: 4, containers: [{ image: m, ports: [{ containerPort: 9000 }] }] }, redis: { shards: 1, "
        "replicasPerShard: 0, image: 'valkey/valkey:8', persistence: None, storage: { ephemeral: true }, deletion: Delete, "
        "auth: { secretName: s }, resources: {} } }";
    struct isvc s;
    struct err e;
    (void)state;

    assert_int_equal(decode(text, &s, &e), 0);
    assert_true(s.deleting && s.predictor.autoscaled);
    assert_int_equal(s.generation, 3);
    assert_int_equal(s.predictor.port, 9000);
    assert_false(s.gate.hold_up);
    assert_int_equal(s.gate.max_hold_s, 0);
    assert_int_equal(s.redis.nodes, 1);
    assert_true(s.redis.is_valkey && s.redis.ephemeral && s.redis.delete_volumes);
    assert_int_equal(s.redis.persistence, REDIS_NO_PERSISTENCE);
    assert_int_equal(s.redis.max_memory_bytes, 0);
    assert_string_equal(s.redis.secret_name, "s");
    assert_null(json_at(s.root, "metadata.managedFields"));
    isvc_done(&s);
}

static cJSON *minimal(void)
{
    AUTO_JSON cJSON *docs = NULL;
    struct err e;
    static const char text[] = HEAD "spec: { predictor: { containers: [{ image: m }] } }";

    assert_int_equal(yaml_parse(text, sizeof(text) - 1, &docs, &e), 0);
    json_str(json_member(docs->child, "metadata"), "namespace", "default");
    return cJSON_DetachItemFromArray(docs, 0);
}

static void refuse_object(const cJSON *obj, const char *part)
{
    struct isvc s;
    struct err e = { 0 };

    assert_int_equal(isvc_decode(obj, &s, &e), -ERR_INVALID);
    if (!strstr(e.msg, part))
        fail_msg("said: %s", e.msg);
}

static void a_huge_spec_is_refused(void **state)
{
    AUTO_JSON cJSON *obj = minimal();
    AUTO_FREE char *big = xcalloc(1500001, 1);
    (void)state;

    memset(big, 'x', 1500000);
    json_str(json_at(obj, "spec.predictor.containers.0"), "image", big);
    refuse_object(obj, "larger than 1 MiB");
}

static void a_deep_spec_is_refused(void **state)
{
    AUTO_JSON cJSON *obj = minimal();
    cJSON *at = json_obj(json_at(obj, "spec.predictor"), "affinity");
    (void)state;

    for (int i = 0; i < 95; i++)
        at = json_obj(at, "a");
    refuse_object(obj, "nested deeper");
}

static void text_that_is_not_utf8_is_refused(void **state)
{
    AUTO_JSON cJSON *obj = minimal();
    (void)state;

    json_str(json_at(obj, "spec.predictor.containers.0"), "command", "\xc3\x28");
    refuse_object(obj, "UTF-8");
}

static void names_cannot_break_the_message(void **state)
{
    AUTO_JSON cJSON *obj = minimal();
    char key[400];
    (void)state;

    memset(key, 'k', sizeof(key));
    key[0] = '\n';
    key[399] = '\0';
    json_str(json_at(obj, "spec.predictor"), key, "x");
    refuse_object(obj, "spec.predictor.?kkk");
}

static void what_is_no_object_is_refused(void **state)
{
    static const char *const texts[] = { "null", "[]", "7", "\"x\"", "{}", "{\"apiVersion\":7}", "{\"metadata\":[]}" };
    (void)state;

    for (size_t i = 0; i < COUNT(texts); i++) {
        AUTO_JSON cJSON *v = NULL;
        struct err e;

        assert_int_equal(json_parse(texts[i], strlen(texts[i]), &v, &e), 0);
        refuse_object(v, "");
    }
}

int main(void)
{
    static const struct CMUnitTest more[] = {
        cmocka_unit_test(the_smallest_gets_safe_defaults), cmocka_unit_test(all_of_it_is_read),
        cmocka_unit_test(a_huge_spec_is_refused),          cmocka_unit_test(a_deep_spec_is_refused),
        cmocka_unit_test(text_that_is_not_utf8_is_refused), cmocka_unit_test(names_cannot_break_the_message),
        cmocka_unit_test(what_is_no_object_is_refused),
    };
    static struct CMUnitTest tests[CASES_MAX + COUNT(more)];

    read_cases();
    for (size_t i = 0; i < n_rows; i++)
        tests[i] = (struct CMUnitTest){ rows[i].name, check, NULL, NULL, &rows[i] };
    memcpy(tests + n_rows, more, sizeof(more));
    return _cmocka_run_group_tests("isvc", tests, n_rows + COUNT(more), NULL, NULL);
}
