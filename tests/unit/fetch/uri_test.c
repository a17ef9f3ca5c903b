/* Where a model lies, as a URL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "fetch/uri.h"

static const struct row {
    const char *name, *uri, *endpoint;
    const char *url;   /* NULL: refused */
    const char *shown; /* what is refused: part of the message */
    const char *file;
} rows[] = {
    { "a plain one", "https://h.example/a/m.bin", NULL, "https://h.example/a/m.bin", "https://h.example/a/m.bin", "m.bin" },
    { "a signed one shows no signature", "https://h.example/m.bin?sig=x/y", NULL, "https://h.example/m.bin?sig=x/y",
      "https://h.example/m.bin", "m.bin" },
    { "a fragment is ours", "http://h.example/m#part", NULL, "http://h.example/m", "http://h.example/m", "m" },
    { "a port", "http://h.example:81/m", NULL, "http://h.example:81/m", "http://h.example:81/m", "m" },
    { "no path, no name", "https://h.example", NULL, "https://h.example", "https://h.example", NULL },
    { "a hidden file is no name", "https://h.example/.m", NULL, "https://h.example/.m", "https://h.example/.m", NULL },
    { "a climb is no name", "https://h.example/a/..", NULL, "https://h.example/a/..", "https://h.example/a/..", NULL },
    { "an escaped slash is no name", "https://h.example/a%2Fb", NULL, "https://h.example/a%2Fb", "https://h.example/a%2Fb", NULL },
    { "a password", "https://me:pw@h.example/m", NULL, NULL, "credentials", NULL },
    { "an @ in the path is none", "https://h.example/a@b/m", NULL, "https://h.example/a@b/m", "https://h.example/a@b/m", "m" },
    { "no host", "https:///m", NULL, NULL, "no host", NULL },
    { "a space", "https://h.example/a b", NULL, NULL, "spaces", NULL },
    { "a new line", "https://h.example/a\nb", NULL, NULL, "spaces", NULL },
    { "another scheme", "gs://b/m", NULL, NULL, "none of", NULL },
    { "an object", "s3://models/llama/m.bin", "http://minio.example:9000", "http://minio.example:9000/models/llama/m.bin",
      "s3://models/llama/m.bin", "m.bin" },
    { "an endpoint with a slash", "s3://models/m", "https://s.example/", "https://s.example/models/m", "s3://models/m", "m" },
    { "an object of no store", "s3://models/m", NULL, NULL, "endpoint", NULL },
    { "an object without a key", "s3://models", "https://s.example", NULL, "BUCKET/KEY", NULL },
    { "a key that climbs", "s3://models/../x", "https://s.example", NULL, "BUCKET/KEY", NULL },
    { "a key that would be signed in two ways", "s3://models/a%20b", "https://s.example", NULL, "BUCKET/KEY", NULL },
    { "an endpoint with a password", "s3://models/m", "https://me@s.example", NULL, "endpoint", NULL },
    { "a file of a repository", "hf://acme/llama/m.safetensors", NULL,
      "https://huggingface.co/acme/llama/resolve/main/m.safetensors", "hf://acme/llama/m.safetensors", "m.safetensors" },
    { "of a revision, in a folder", "hf://acme/llama@v1.2/gguf/m.gguf", "https://mirror.example",
      "https://mirror.example/acme/llama/resolve/v1.2/gguf/m.gguf", "hf://acme/llama@v1.2/gguf/m.gguf", "m.gguf" },
    { "a whole repository", "hf://acme/llama", NULL, NULL, "names a repository", NULL },
    { "a repository without owner", "hf://llama", NULL, NULL, "names a repository", NULL },
    { "a revision of nothing", "hf://acme/llama@/m", NULL, NULL, "hf://OWNER", NULL },
    { "a file", "file:///srv/m.bin", NULL, "file:///srv/m.bin", "file:///srv/m.bin", "m.bin" },
    { "a file of another machine", "file://host/m", NULL, NULL, "file:///PATH", NULL },
    { "nothing", "", NULL, NULL, "none of", NULL },
};

static void check(void **state)
{
    const struct row *r = *state;
    struct model_uri u = { .url = NULL };
    struct err e = { 0 };

    if (!r->url) {
        assert_int_equal(model_uri_parse(r->uri, r->endpoint, &u, &e), -ERR_INVALID);
        if (!strstr(e.msg, r->shown))
            fail_msg("%s", e.msg);
        assert_null(u.url);
        return;
    }
    if (model_uri_parse(r->uri, r->endpoint, &u, &e) < 0)
        fail_msg("%s", e.msg);
    assert_string_equal(u.url, r->url);
    assert_string_equal(u.shown, r->shown);
    assert_true(str_eq(u.name, r->file));
    model_uri_done(&u);
}

static void too_long(void **state)
{
    AUTO_FREE char *uri = xcalloc(1, MODEL_URI_MAX + 2);
    struct model_uri u;
    struct err e = { 0 };
    (void)state;

    memset(uri, 'a', MODEL_URI_MAX + 1);
    memcpy(uri, "https://", 8);
    assert_int_equal(model_uri_parse(uri, NULL, &u, &e), -ERR_INVALID);
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows) + 1];

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){ rows[i].name, check, NULL, NULL, (void *)&rows[i] };
    tests[COUNT(rows)] = (struct CMUnitTest)cmocka_unit_test(too_long);
    return cmocka_run_group_tests_name("uri", tests, NULL, NULL);
}
