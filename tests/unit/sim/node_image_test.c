#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "sim/node/env.h"
#include "sim/node/command.h"

static const struct row {
    const char *name;
    const char *image;
    enum image_kind kind;
    const char *tag;
} rows[] = {
    { "a plain name is the latest", "redis", IMAGE_REDIS, "latest" },
    { "a registry's port is no tag", "registry.example:5000/team/redis", IMAGE_REDIS, "latest" },
    { "a digest is no tag", "redis:7-alpine@sha256:abcd", IMAGE_REDIS, "7-alpine" },
    { "valkey before redis, when a name has both", "valkey-for-redis:8", IMAGE_VALKEY, "8" },
    { "anything else is a model", "vllm/vllm-openai:v0.9", IMAGE_MODEL, "v0.9" },
    { "our own image", "registry.example/team/everserve:0.1.0", IMAGE_OWN, "0.1.0" },
    { "a path that speaks of redis is no redis", "redis.example/model:1", IMAGE_MODEL, "1" },
    { "a shell image by its whole name", "library/busybox:1", IMAGE_SHELL, "1" },
    { "a longer name is no shell image", "busybox-model:1", IMAGE_MODEL, "1" },
    { "a name that starts with missing", "missing-model:1", IMAGE_MISSING, "1" },
    { "the tag missing", "redis:missing", IMAGE_MISSING, "missing" },
    { "no name at all", "", IMAGE_MISSING, "latest" },
};

static void parses(void **state)
{
    const struct row *r = *state;
    struct image img = image_parse(r->image);

    assert_int_equal(img.kind, r->kind);
    assert_string_equal(img.tag, r->tag);
}

static const struct release_row {
    const char *name;
    const char *image;
    const char *want;
} release_rows[] = {
    { "a version of two numbers", "redis:8.0", "redis-8.0" },
    { "a third number, a distribution, a digest: all the same release", "valkey/valkey:9.1.2-alpine3@sha256:a", "valkey-9.1" },
    { "one number", "redis:7-alpine", "redis-7" },
    { "no version", "redis:alpine", "" },
    { "a date is no version", "redis:20260101", "" },
    { "a model has none", "llm:8.0", "" },
};

static void names_release(void **state)
{
    const struct release_row *r = *state;
    struct image img = image_parse(r->image);
    char got[32];

    image_release(&img, got);
    assert_string_equal(got, r->want);
}

static const struct command_row {
    const char *name;
    const char *image;
    const char *container;
    const char *want; /* joined by | */
} command_rows[] = {
    { "the command, expanded", "redis:7", "{\"command\":[\"redis-server\",\"$(A)\"]}", "redis-server|1" },
    { "options only: the image's program", "redis:7", "{\"args\":[\"--port\",\"$$(A)\"]}", "redis-server|--port|$(A)" },
    { "a configuration file only", "redis:7", "{\"args\":[\"/etc/r.conf\"]}", "redis-server|/etc/r.conf" },
    { "args that are a command", "redis:7", "{\"args\":[\"redis-cli\",\"ping\"]}", "redis-cli|ping" },
    { "nothing at all", "valkey:8", "{}", "valkey-server" },
    { "a model has its own program", "llm:2", "{\"command\":[\"python3\"],\"ports\":[{\"containerPort\":9}]}",
      "SELF|model-server|--tag|2|--port|9" },
    { "a model without ports listens where PORT says", "llm:2", "{}", "SELF|model-server|--tag|2|--port|77" },
};

static void makes_argv(void **state)
{
    const struct command_row *r = *state;
    struct image img = image_parse(r->image);
    struct map *vars = map_new();
    cJSON *c = cJSON_Parse(r->container);
    struct buf got;

    map_put(vars, "A", xstrdup("1"));
    map_put(vars, "PORT", xstrdup("77"));
    buf_init(&got, 4096);
    char **argv = command_argv(&img, c, vars, "SELF", false);
    for (size_t i = 0; argv[i]; i++)
        buf_fmt(&got, "%s%s", i ? "|" : "", argv[i]);
    env_list_free(argv);
    cJSON_Delete(c);
    map_free(vars, free);
    AUTO_FREE char *text = buf_take(&got);
    assert_string_equal(text, r->want);
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows) + COUNT(release_rows) + COUNT(command_rows)];
    size_t n = 0;

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[n++] = (struct CMUnitTest){ rows[i].name, parses, NULL, NULL, (void *)&rows[i] };
    for (size_t i = 0; i < COUNT(release_rows); i++)
        tests[n++] = (struct CMUnitTest){ release_rows[i].name, names_release, NULL, NULL, (void *)&release_rows[i] };
    for (size_t i = 0; i < COUNT(command_rows); i++)
        tests[n++] = (struct CMUnitTest){ command_rows[i].name, makes_argv, NULL, NULL, (void *)&command_rows[i] };
    return cmocka_run_group_tests_name("node: image and command", tests, NULL, NULL);
}
