#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "cache/pack.h"

#define AT_REST                                                                                                                \
    "{\"apiVersion\":\"serving.everserve.dev/v1alpha1\",\"kind\":\"InferenceService\",\"metadata\":{\"name\":\"fraud\","          \
    "\"namespace\":\"a\",\"uid\":\"161792ec-72cd-43f9-8d8d-47ad6d908e77\",\"generation\":2,\"creationTimestamp\":"               \
    "\"2026-11-22T21:44:20Z\"},\"spec\":{\"managementPolicy\":\"Managed\",\"predictor\":{\"containers\":[{\"image\":"            \
    "\"registry.example.com/fraud:v2\",\"name\":\"model\"}],\"minReplicas\":2}},\"status\":{\"conditions\":["                    \
    "{\"lastTransitionTime\":\"2026-11-22T21:44:24Z\",\"message\":\"everything is as it should be\",\"observedGeneration\":2,"   \
    "\"reason\":\"Ready\",\"status\":\"True\",\"type\":\"Ready\"},{\"lastTransitionTime\":\"2026-11-22T21:44:24Z\",\"message\":" \
    "\"nothing waits for a person\",\"observedGeneration\":2,\"reason\":\"NotStalled\",\"status\":\"False\",\"type\":"           \
    "\"Stalled\"}]}}"

static const struct row {
    const char *name, *text;
    size_t at_most; /* bytes, packed; 0: any */
} rows[] = {
    { "nothing", "", 0 },
    { "a resource at rest, in half", AT_REST, sizeof(AT_REST) / 2 },
    { "no phrase at all", "abc", 3 },
    { "half a phrase", "\",\"message\":", 0 },
    { "phrases that overlap", "\",\"message\":\"\",\"message\":\"\"},{\"message\":\"", 0 },
    { "the longer of two", "\",\"reason\":\"Ready\",\"time\":\"20", 1 },
    { "control characters as they are", "\x01\x02\x1d\x1e\x1f\n\t\",\"message\":\"\x1e!", 0 },
    { "all other bytes", "\x20\x7f\x80\xc3\xa4\xff", 6 },
};

static void check(void **state)
{
    const struct row *r = *state;
    AUTO_FREE char *packed = pack_text(r->text);
    AUTO_FREE char *text = unpack_text(packed);

    assert_string_equal(text, r->text);
    if (r->at_most)
        assert_in_range(strlen(packed), 1, r->at_most);
}

/* Each code is one character of the packed text, whatever stands beside it. */
static void each_code_comes_back(void **state)
{
    (void)state;

    for (int c = 0x20; c < 0x7f; c++) {
        char packed[] = { 'a', 0x1f, (char)c, 'b', '\0' }, want[] = { 'a', (char)c, 'b', '\0' };
        AUTO_FREE char *text = unpack_text(packed);

        assert_string_equal(text, want);
    }
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows) + 1];

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){ rows[i].name, check, NULL, NULL, (void *)(uintptr_t)&rows[i] };
    tests[COUNT(rows)] = (struct CMUnitTest)cmocka_unit_test(each_code_comes_back);
    return cmocka_run_group_tests_name("pack", tests, NULL, NULL);
}
