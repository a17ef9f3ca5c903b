#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/render.h"
#include "base/mem.h"
#include "json/yaml.h"

#define HEAD "apiVersion: serving.everserve.dev/v1alpha1\nkind: InferenceService\nmetadata: { name: x }\n"
#define GOOD HEAD "spec: { predictor: { containers: [{ image: m }] } }\n"
#define BAD HEAD "spec: { predictor: { containers: [] } }\n"

static const struct row {
    const char *name;
    const char *input;   /* on standard input */
    const char *args[6]; /* after "render" */
    int status;
    const char *out; /* part of it; NULL: nothing is printed */
    const char *err; /* part of it; NULL: silent */
    int n_documents; /* in the output */
} rows[] = {
    { "YAML by default", GOOD, { "-" }, 0, "---\napiVersion: apps/v1\nkind: Deployment\n", NULL, 3 },
    { "the namespace is default", GOOD, { "-" }, 0, "namespace: default", NULL, 3 },
    { "a namespace given", GOOD, { "-n", "prod", "-" }, 0, "namespace: prod", NULL, 3 },
    { "a namespace of its own wins",
      "apiVersion: serving.everserve.dev/v1alpha1\nkind: InferenceService\nmetadata: { name: x, namespace: own }\n"
      "spec: { predictor: { containers: [{ image: m }] } }\n",
      { "-n", "prod", "-" }, 0, "namespace: own", NULL, 3 },
    { "JSON in", "{\"apiVersion\":\"serving.everserve.dev/v1alpha1\",\"kind\":\"InferenceService\",\"metadata\":{\"name\":\"x\"},"
                 "\"spec\":{\"predictor\":{\"containers\":[{\"image\":\"m\"}]}}}",
      { "-" }, 0, "kind: Service", NULL, 3 },
    { "several documents", GOOD "---\n" GOOD, { "-" }, 0, "kind: Deployment", NULL, 6 },
    { "a list", "kind: List\nitems:\n- { apiVersion: serving.everserve.dev/v1alpha1, kind: InferenceService, metadata: { name: z }, "
                "spec: { predictor: { containers: [{ image: m }] } } }\n",
      { "-" }, 0, "name: z", NULL, 3 },
    { "other kinds are skipped, and said so", "kind: Secret\n---\n" GOOD, { "-" }, 0, "kind: Deployment", "Secret skipped", 3 },
    { "nothing to render", "kind: Secret\n", { "-" }, 1, NULL, "holds no InferenceService", 0 },
    { "refused with the field", BAD, { "-" }, 1, NULL, "InferenceService x: spec.predictor.containers", 0 },
    { "the good one is rendered beside the bad one", BAD "---\n" GOOD, { "-" }, 1, "kind: Deployment", "spec.predictor.containers", 3 },
    { "not YAML", "a: [", { "-" }, 1, NULL, "YAML line", 0 },
    { "a text", "hello", { "-" }, 1, NULL, "not an object", 0 },
    { "no such file", "", { "/no/such/file.yaml" }, 1, NULL, "No such file", 0 },
    { "no file named", "", { NULL }, 64, NULL, "usage:", 0 },
    { "two files named", "", { "a", "b" }, 64, NULL, "usage:", 0 },
    { "an unknown format", "", { "-o", "xml", "-" }, 64, NULL, "usage:", 0 },
    { "help", "", { "--help" }, 0, "usage:", NULL, -1 },
};

static char *slurp(int fd)
{
    char *text = xcalloc(1, 1 << 20);

    lseek(fd, 0, SEEK_SET);
    assert_true(read(fd, text, (1 << 20) - 1) >= 0);
    close(fd);
    return text;
}

static int temp_file(const char *content)
{
    char path[] = "/tmp/render-test-XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    unlink(path);
    assert_int_equal(write(fd, content, strlen(content)), (ssize_t)strlen(content));
    lseek(fd, 0, SEEK_SET);
    return fd;
}

static int run(const struct row *r, char **out, char **err)
{
    int in = temp_file(r->input), o = temp_file(""), e = temp_file(""), status;
    pid_t pid = fork();

    if (pid == 0) {
        char *argv[8] = { (char[]){ "render" } };
        int argc = 1;

        for (; argc < 7 && r->args[argc - 1]; argc++)
            argv[argc] = (char *)r->args[argc - 1];
        dup2(in, 0);
        dup2(o, 1);
        dup2(e, 2);
        status = app_render(argc, argv);
        fflush(NULL);
        _exit(status);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(in);
    *out = slurp(o);
    *err = slurp(e);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void check(void **state)
{
    const struct row *r = *state;
    AUTO_FREE char *out = NULL, *err = NULL;
    AUTO_JSON cJSON *docs = NULL;
    int status = run(r, &out, &err);

    if (r->out ? !strstr(out, r->out) : *out)
        fail_msg("out: %s", out);
    if (r->err ? !strstr(err, r->err) : *err)
        fail_msg("err: %s", err);
    assert_int_equal(status, r->status);
    if (r->n_documents < 0)
        return;
    assert_int_equal(yaml_parse(out, strlen(out), &docs, NULL), 0);
    assert_int_equal(json_count(docs), r->n_documents);
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows)];

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){ rows[i].name, check, NULL, NULL, (void *)&rows[i] };
    return cmocka_run_group_tests_name("render", tests, NULL, NULL);
}
