/*
 * An operator that is upgraded restarts nothing: what earlier releases made of their samples, golden inputs and accepted
 * cases is what this code makes of them, as far as a pod restarts for it (templates) or an object cannot change (selectors,
 * claim templates, cluster addresses).
 *
 * tests/golden/release-VERSION/ is frozen: it is written once, with RELEASE=VERSION, by the code that is released.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/str.h"
#include "desired/desired.h"
#include "json/yaml.h"

enum { FILES_MAX = 200, BYTES_MAX = 2 << 20 };

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

static void keep(cJSON *out, const char *label, const cJSON *child, const char *path)
{
    if (json_at(child, path))
        json_put_dup(json_obj(out, label), path, json_at(child, path));
}

/* What of the children must not change. */
static cJSON *fixed_parts(const struct isvc *s, const char *image)
{
    static const char *const paths[] = { "spec.template", "spec.selector", "spec.volumeClaimTemplates", "spec.serviceName",
                                         "spec.clusterIP", "spec.jobTemplate.spec.template", "spec.podManagementPolicy" };
    struct desired_input in = desired_input_default(s);
    cJSON *out = json_new_obj();

    in.redis_entrypoint = image; /* pinned in the status: plan/redis_entry */
    for (int c = 0; c < N_CHILDREN; c++) {
        AUTO_JSON cJSON *child = desired_child((enum child)c, s, &in);

        for (size_t i = 0; child && i < COUNT(paths); i++)
            keep(out, child_types[c].label, child, paths[i]);
    }
    return out;
}

/* NULL: refused. */
static cJSON *fixed_of(cJSON *doc, const char *image)
{
    struct isvc s;
    struct err e;
    cJSON *out;

    if (!json_has(doc, "kind")) {
        json_str(doc, "apiVersion", API_VERSION);
        json_str(doc, "kind", API_KIND);
    }
    if (!json_has(doc, "metadata.name"))
        json_str(json_obj(doc, "metadata"), "name", "x");
    json_str(json_obj(doc, "metadata"), "namespace", "default");
    if (isvc_decode(doc, &s, &e) < 0)
        return NULL;
    out = fixed_parts(&s, image);
    isvc_done(&s);
    return out;
}

/* Whole for one resource a file; a hash for each of many. */
static char *render(const char *input, const char *image)
{
    AUTO_FREE char *text = read_file(input);
    AUTO_JSON cJSON *docs = NULL, *all = json_new_arr();
    struct err e = { 0 };
    cJSON *doc;

    if (yaml_parse(text, strlen(text), &docs, &e) < 0)
        fail_msg("%s: %s", input, e.msg);
    cJSON_ArrayForEach(doc, docs) {
        AUTO_JSON cJSON *fixed = fixed_of(doc, image);
        AUTO_FREE char *print = fixed ? json_print(fixed) : NULL;
        char hash[20] = "refused";

        if (json_count(docs) == 1)
            return fixed ? json_print_pretty(fixed) : xstrdup("refused");
        if (print)
            snprintf(hash, sizeof(hash), "%016llx", (unsigned long long)str_hash(STR_HASH_INIT, print, strlen(print)));
        json_push_str(all, hash);
    }
    return json_print_pretty(all);
}

/* tests/golden/release-0.1.0/x.yaml: everserve:0.1.0 */
static char *image_of(const char *path)
{
    const char *version = strstr(path, "release-") + strlen("release-");

    return xasprintf("everserve:%.*s", (int)strcspn(version, "/"), version);
}

static char *golden_of(const char *path)
{
    return xasprintf("%.*s.json", (int)(strlen(path) - strlen(".yaml")), path);
}

/* What was refused then may be taken now; what was taken then stays as it is. */
static void compare_many(const char *path, const char *was, const char *is)
{
    AUTO_JSON cJSON *a = NULL, *b = NULL;
    struct err e;
    int n = 0;

    assert_int_equal(json_parse(was, strlen(was), &a, &e), 0);
    assert_int_equal(json_parse(is, strlen(is), &b, &e), 0);
    assert_int_equal(json_count(a), json_count(b));
    for (const cJSON *x = a->child, *y = b->child; x && y; x = x->next, y = y->next, n++)
        if (!str_eq(x->valuestring, "refused") && !str_eq(x->valuestring, y->valuestring))
            fail_msg("%s, document %d: an upgrade would change what is running", path, n);
}

static void check(void **state)
{
    const char *path = *state;
    AUTO_FREE char *image = image_of(path), *golden = golden_of(path), *was = read_file(golden), *is = render(path, image);

    if (was[0] == '[')
        compare_many(path, was, is);
    else if (!str_eq(was, is))
        fail_msg("%s: an upgrade would restart these pods: it is no longer what %s says", path, golden);
}

/* Every release has to be frozen: this finds the tests. */
static void some_release_is_frozen(void **state)
{
    const size_t *n = *state;

    assert_true(*n >= 8);
}

/* Whole, for the scenario in which this operator finds what that release made (tests/e2e/upgrade_test.c). */
static void freeze_children(const char *folder)
{
    static const char *const whole[] = { "minimal", "from-kserve" };
    AUTO_FREE char *children = xasprintf("%s/children", folder);

    mkdir(children, 0755);
    for (size_t i = 0; i < COUNT(whole); i++) {
        AUTO_FREE char *from = xasprintf("tests/golden/%s.json", whole[i]), *to = xasprintf("%s/%s.json", children, whole[i]);
        AUTO_FREE char *text = read_file(from);

        write_file(to, text);
    }
}

static void freeze(const char *version)
{
    AUTO_FREE char *folder = xasprintf("tests/golden/release-%s", version);
    glob_t inputs;

    mkdir(folder, 0755);
    freeze_children(folder);
    glob("tests/golden/*.yaml", 0, NULL, &inputs);
    glob("deploy/samples/*.yaml", GLOB_APPEND, NULL, &inputs);
    glob("tests/cases/isvc.yaml", GLOB_APPEND, NULL, &inputs);
    for (size_t i = 0; i < inputs.gl_pathc; i++) {
        AUTO_FREE char *text = read_file(inputs.gl_pathv[i]);
        AUTO_FREE char *copy = xasprintf("%s%s", folder, strrchr(inputs.gl_pathv[i], '/'));
        AUTO_FREE char *image = image_of(copy), *golden = golden_of(copy);

        write_file(copy, text);
        AUTO_FREE char *now = render(copy, image);
        write_file(golden, now);
    }
    globfree(&inputs);
}

int main(void)
{
    static struct CMUnitTest tests[FILES_MAX + 1];
    glob_t files;
    size_t n;
    int rc;

    if (getenv("RELEASE"))
        freeze(getenv("RELEASE"));
    glob("tests/golden/release-*/*.yaml", 0, NULL, &files);
    n = files.gl_pathc < FILES_MAX ? files.gl_pathc : FILES_MAX;
    for (size_t i = 0; i < n; i++)
        tests[i] = (struct CMUnitTest){ files.gl_pathv[i], check, NULL, NULL, files.gl_pathv[i] };
    tests[n] = (struct CMUnitTest){ "some release is frozen", some_release_is_frozen, NULL, NULL, &n };
    rc = _cmocka_run_group_tests("release", tests, n + 1, NULL, NULL);
    globfree(&files);
    return rc;
}
