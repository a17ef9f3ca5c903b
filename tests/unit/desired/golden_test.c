/* Every InferenceService of tests/golden and deploy/samples, and all its children, byte for byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "desired/desired.h"
#include "json/yaml.h"

enum { CASES_MAX = 64, BYTES_MAX = 1 << 20 };

static glob_t files;

static char *read_file(const char *path)
{
    char *text = xcalloc(1, BYTES_MAX);
    FILE *f = fopen(path, "r");

    if (f) {
        text[fread(text, 1, BYTES_MAX - 1, f)] = '\0';
        fclose(f);
    }
    return text;
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    fclose(f);
}

/* tests/golden/<name of the input>.json */
static char *golden_path(const char *input)
{
    const char *base = strrchr(input, '/') + 1;

    return xasprintf("tests/golden/%.*s.json", (int)(strlen(base) - strlen(".yaml")), base);
}

static char *render(const char *input)
{
    AUTO_FREE char *text = read_file(input);
    AUTO_JSON cJSON *docs = NULL;
    struct desired_input in;
    struct isvc s;
    struct err e = { 0 };
    struct buf out;

    if (yaml_parse(text, strlen(text), &docs, &e) < 0)
        fail_msg("%s", e.msg);
    json_str(json_member(docs->child, "metadata"), "namespace", "default");
    if (isvc_decode(docs->child, &s, &e) < 0)
        fail_msg("%s", e.msg);
    in = desired_input_default(&s);
    buf_init(&out, BYTES_MAX);
    for (int c = 0; c < N_CHILDREN; c++) {
        AUTO_JSON cJSON *child = desired_child((enum child)c, &s, &in);
        AUTO_FREE char *pretty = child ? json_print_pretty(child) : NULL;

        if (pretty)
            buf_fmt(&out, "%s\n", pretty);
    }
    isvc_done(&s);
    return buf_take(&out);
}

static void check(void **state)
{
    const char *input = *state;
    AUTO_FREE char *path = golden_path(input), *got = render(input), *again = render(input);

    assert_string_equal(got, again);
    if (getenv("UPDATE_GOLDEN"))
        write_file(path, got);
    AUTO_FREE char *want = read_file(path);
    if (!str_eq(got, want))
        fail_msg("%s differs: a template that changes restarts every model. Meant? UPDATE_GOLDEN=1, and look at the diff",
                 path);
}

int main(void)
{
    static struct CMUnitTest tests[CASES_MAX];
    int rc;

    glob("tests/golden/*.yaml", 0, NULL, &files);
    glob("deploy/samples/*.yaml", GLOB_APPEND, NULL, &files);
    if (files.gl_pathc == 0 || files.gl_pathc > CASES_MAX) {
        fprintf(stderr, "golden: %zu cases found\n", files.gl_pathc);
        return 1;
    }
    for (size_t i = 0; i < files.gl_pathc; i++)
        tests[i] = (struct CMUnitTest){ files.gl_pathv[i], check, NULL, NULL, files.gl_pathv[i] };
    rc = _cmocka_run_group_tests("golden", tests, files.gl_pathc, NULL, NULL);
    globfree(&files);
    return rc;
}
