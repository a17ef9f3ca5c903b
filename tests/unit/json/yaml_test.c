#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "json/yaml.h"

static const struct row {
    const char *name;
    const char *yaml;
    const char *want; /* JSON of all documents; or part of the error after "!" */
} rows[] = {
    { "a mapping", "a: 1\nb: x y\n", "[{\"a\":1,\"b\":\"x y\"}]" },
    { "documents, empty ones left out", "---\na: 1\n---\n---\nb: 2\n...\n", "[{\"a\":1},{\"b\":2}]" },
    { "nothing at all", "", "[]" },
    { "comments only", "# hello\n", "[]" },
    { "JSON is YAML", "{\"a\":[1,2.5,true,null,\"x\"]}", "[{\"a\":[1,2.5,true,null,\"x\"]}]" },
    { "surrogate escapes of JSON", "{\"a\":\"\\ud83d\\ude00\"}", "[{\"a\":\"\xf0\x9f\x98\x80\"}]" },
    { "booleans of YAML 1.2 only", "[true, False, yes, on, y]", "[[true,false,\"yes\",\"on\",\"y\"]]" },
    { "nulls", "a: ~\nb: null\nc:\n", "[{\"a\":null,\"b\":null,\"c\":null}]" },
    { "a file mode is octal", "m: 0644\n", "[{\"m\":420}]" },
    { "other bases", "[0x1F, 0o17, 0b101, 089]", "[[31,15,5,89]]" },
    { "floats", "[1.5, .5, 1e3, -2., +3]", "[[1.5,0.5,1000,-2,3]]" },
    { "not numbers", "[1Gi, 100m, 1.2.3, 1e, '-', 1:30, 0x]", "[[\"1Gi\",\"100m\",\"1.2.3\",\"1e\",\"-\",\"1:30\",\"0x\"]]" },
    { "quoted stays text", "a: \"1\"\nb: 'true'\n", "[{\"a\":\"1\",\"b\":\"true\"}]" },
    { "a literal block", "a: |\n  x\n  y\n", "[{\"a\":\"x\\ny\\n\"}]" },
    { "a text tag", "a: !!str 1\n", "[{\"a\":\"1\"}]" },
    { "an alias copies", "a: &x {k: [1]}\nb: *x\n", "[{\"a\":{\"k\":[1]},\"b\":{\"k\":[1]}}]" },
    { "anchors end with the document", "a: &x 1\n---\nb: *x\n", "!no such anchor" },
    { "an alias inside its own anchor", "a: &x [*x]\n", "!no such anchor" },
    { "a duplicate key", "a: 1\nb: 2\na: 3\n", "!line 3, column 1: the key appears twice: a" },
    { "a key that is a list", "? [a]\n: b\n", "!scalar" },
    { "a merge key", "a: &x {b: 1}\nc:\n  <<: *x\n", "!merge" },
    { "a foreign tag", "a: !ruby/object x\n", "!tag" },
    { "an integer tag on text", "a: !!int x\n", "!tag" },
    { "invalid UTF-8", "a: \"\xff\xfe\"\n", "!UTF-8" },
    { "a NUL in a text", "a: \"x\\0y\"\n", "!NUL" },
    { "infinity", "a: 1e999\n", "!too large" },
    { "unclosed", "a: [1,\n", "!line" },
    { "a tab as indentation", "a:\n\tb: 1\n", "!line 2" },
};

static void check(void **state)
{
    const struct row *r = *state;
    AUTO_JSON cJSON *docs = NULL;
    struct err e = { 0 };
    int rc = yaml_parse(r->yaml, strlen(r->yaml), &docs, &e);

    if (r->want[0] == '!') {
        assert_int_equal(rc, -ERR_INVALID);
        if (!strstr(e.msg, r->want + 1))
            fail_msg("%s", e.msg);
        return;
    }
    AUTO_FREE char *got = rc ? NULL : json_print(docs);
    if (rc)
        fail_msg("%s", e.msg);
    assert_string_equal(got, r->want);
}

static void refused(const char *text, size_t len, const char *part)
{
    cJSON *docs = NULL;
    struct err e = { 0 };

    assert_int_equal(yaml_parse(text, len, &docs, &e), -ERR_INVALID);
    if (!strstr(e.msg, part))
        fail_msg("%s", e.msg);
}

static void depth_is_bounded(void **state)
{
    static char text[300];
    (void)state;

    memset(text, '[', 150);
    memset(text + 150, ']', 150);
    refused(text, 300, "deep");
}

static void aliases_cannot_explode(void **state)
{
    static const char bomb[] = "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
                               "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
                               "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n"
                               "g: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f,*f]\n";
    (void)state;

    refused(bomb, sizeof(bomb) - 1, "expand");
}

static void aliases_cannot_deepen(void **state)
{
    char text[8192];
    size_t n = 0;
    (void)state;

    n += (size_t)snprintf(text, sizeof(text), "a0: &a0 x\n");
    for (int i = 1; i < 150; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "a%d: &a%d [*a%d]\n", i, i, i - 1);
    refused(text, n, "expand");
}

static void printing_reads_as_kubectl_prints(void **state)
{
    static const char json[] = "{\"kind\":\"X\",\"list\":[{\"a\":1,\"b\":[]},[1,2],\"s\"],\"m\":{\"k\":\"v\",\"e\":{}},"
                               "\"q\":[\"true\",\"1\",\"\",\"a: b\",\"100m\",\"no\",\"#x\",\"a #b\"],\"t\":\"x\\n y\\n\"}";
    static const char want[] = "kind: X\nlist:\n- a: 1\n  b: []\n- - 1\n  - 2\n- s\nm:\n  k: v\n  e: {}\nq:\n- \"true\"\n"
                               "- \"1\"\n- \"\"\n- \"a: b\"\n- 100m\n- \"no\"\n- \"#x\"\n- \"a #b\"\nt: |\n  x\n   y\n";
    AUTO_JSON cJSON *v = NULL;
    struct err e;
    (void)state;

    assert_int_equal(json_parse(json, sizeof(json) - 1, &v, &e), 0);
    AUTO_FREE char *got = yaml_print(v);
    assert_string_equal(got, want);
}

static void what_is_printed_reads_back(void **state)
{
    static const char *const texts[] = {
        "x",      "",       "- a",    "a:",      "a: b",     "'",       "\"",        "\\",     "x\ny",  "x\ny\n",  "\nx\n",
        " x\ny",  "x \ny",  "x\ty",   "x\r\ny",  "\xc2\x85", "\xe2\x80\xa8", "\xef\xbb\xbf", "\x7f",  "?",     "a\n\n", "a\n\nb\n",
        "0644",   "1_000",  "1e3",    ".5",      "2024-01-01", "12:30:45", "null",   "~",      "*a",    "&a",      "!x",
        "%x",     "@x",     "`x",     "{a}",     "[a]",      "a,b",     "---",       "...",    "<<",    "=",       "a\n---\nb",
        "\xf0\x9f\x98\x80", "#a\nb", "a\n  b\n c\n", "|", ">",
    };
    AUTO_JSON cJSON *want = json_new_arr(), *docs = NULL;
    struct err e = { 0 };
    (void)state;

    for (size_t i = 0; i < COUNT(texts); i++) {
        cJSON *o = json_push_obj(json_arr(json_push_obj(want), "list"));

        json_str(o, texts[i], texts[i]);
    }
    AUTO_FREE char *text = yaml_print(want);
    if (yaml_parse(text, strlen(text), &docs, &e) < 0)
        fail_msg("%s", e.msg);
    AUTO_FREE char *a = json_print(want), *b = json_print(cJSON_GetArrayItem(docs, 0));
    assert_string_equal(a, b);
}

int main(void)
{
    static const struct CMUnitTest more[] = {
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(aliases_cannot_explode),
        cmocka_unit_test(aliases_cannot_deepen),
        cmocka_unit_test(printing_reads_as_kubectl_prints),
        cmocka_unit_test(what_is_printed_reads_back),
    };
    struct CMUnitTest tests[COUNT(rows) + COUNT(more)];

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){ rows[i].name, check, NULL, NULL, (void *)&rows[i] };
    memcpy(tests + COUNT(rows), more, sizeof(more));
    return cmocka_run_group_tests_name("yaml", tests, NULL, NULL);
}
