/*
 * What the server keeps of each child is what was sent, so that a restart finds nothing to do:
 * every sample and golden case, applied as the operator applies it, read back, projected.
 * Needs no operator.
 */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "desired/desired.h"
#include "e2e/harness.h"
#include "json/owned.h"
#include "json/yaml.h"

enum { FILE_BYTES_MAX = 1 << 16 };

static void decode_file(struct e2e *t, const char *path, struct isvc *s)
{
    static char text[FILE_BYTES_MAX];
    AUTO_JSON cJSON *docs = NULL;
    struct err e = { 0 };
    FILE *f = fopen(path, "r");

    E2E_CHECK(t, f, NULL, "cannot open %s", path);
    size_t n = fread(text, 1, sizeof(text), f);
    fclose(f);
    E2E_CHECK(t, yaml_parse(text, n, &docs, &e) == 0, NULL, "%s: %s", path, e.msg);
    cJSON *meta = json_member(docs->child, "metadata");
    json_str(meta, "namespace", t->ns);
    json_del(meta, "uid"); /* the garbage collector looks for owners */
    E2E_CHECK(t, isvc_decode(docs->child, s, &e) == 0, NULL, "%s: %s", path, e.msg);
}

static const char *path_of(struct e2e *t, enum child c, const char *service)
{
    const struct child_type *type = &child_types[c];

    return e2e_fmt(t, "%s/namespaces/%s/%s/%s%s", type->api_path, t->ns, type->plural, service, type->suffix);
}

static void check_child(struct e2e *t, enum child c, const char *service, const cJSON *desired)
{
    const char *path = path_of(t, c, service);
    const char *query = e2e_fmt(t, "%s?fieldManager=%s&force=true", path, API_MANAGER);
    const cJSON *answer = NULL;
    int status = e2e_send(t, "PATCH", query, "application/apply-patch+yaml", desired, &answer);

    if (status == 404 && child_types[c].needs)
        return; /* a kind that this cluster lacks */
    if (status == 422 && c == CHILD_HPA && json_get_int(desired, "spec.minReplicas", 1) == 0)
        return; /* to zero: a feature gate */
    E2E_CHECK(t, status == 200 || status == 201, answer, "%s is refused: %d", path, status);
    const cJSON *live = e2e_get(t, path);
    const cJSON *fields = owned_fields(live, API_MANAGER);
    AUTO_JSON cJSON *mine = owned_project(live, fields);
    struct err why = { 0 };

    E2E_CHECK(t, owned_matches(live, fields, desired, &why), live, "%s does not match: %s", path, why.msg);
    E2E_CHECK(t, owned_hash(mine) == owned_hash(desired), mine, "%s was normalised by the server: emit it as stored", path);
}

static void apply_file(struct e2e *t, const char *path)
{
    struct desired_input in;
    struct isvc s;

    decode_file(t, path, &s);
    in = desired_input_default(&s);
    for (int c = 0; c < N_CHILDREN; c++) {
        AUTO_JSON cJSON *desired = desired_child((enum child)c, &s, &in);

        if (desired)
            check_child(t, (enum child)c, s.name, desired);
    }
    isvc_done(&s);
}

static void stored_as_sent(struct e2e *t)
{
    glob_t files;

    glob("tests/golden/*.yaml", 0, NULL, &files);
    glob("deploy/samples/*.yaml", GLOB_APPEND, NULL, &files);
    E2E_CHECK(t, files.gl_pathc > 5, NULL, "only %zu cases found", files.gl_pathc);
    for (size_t i = 0; i < files.gl_pathc; i++)
        apply_file(t, files.gl_pathv[i]);
    globfree(&files);
}

int main(void)
{
    static const struct e2e_test tests[] = {
        { "children are stored as they were sent", stored_as_sent, 0 },
    };

    return e2e_main("applied", tests, sizeof(tests) / sizeof(tests[0]));
}
