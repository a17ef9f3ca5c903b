#include "sim/node/command.h"

#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "servers.h"
#include "sim/node/env.h"

#define DEFAULT_PORT 8080

static void add_all(char **argv, size_t *n, const cJSON *list, const struct map *vars)
{
    const cJSON *i;

    cJSON_ArrayForEach(i, list)
        if (cJSON_IsString(i))
            argv[(*n)++] = env_expand(i->valuestring, vars);
}

static char **model_argv(const struct image *img, const cJSON *container, const struct map *vars, const char *self, bool is_init)
{
    char **argv = xcalloc(8, sizeof(*argv));
    const char *port = map_get(vars, "PORT");
    int64_t number = json_get_int(json_at(container, "ports"), "0.containerPort", 0);

    argv[0] = xstrdup(self);
    argv[1] = xstrdup("model-server");
    argv[2] = xstrdup("--tag");
    argv[3] = xstrdup(img->tag);
    argv[4] = xstrdup("--port");
    argv[5] = number || !port ? xasprintf("%d", (int)(number ? number : DEFAULT_PORT)) : xstrdup(port);
    argv[6] = is_init ? xstrdup("--once") : NULL;
    return argv;
}

/* Of an image whose entry point takes a command or only options for its own program. */
static bool are_options(const cJSON *args)
{
    const cJSON *first = cJSON_GetArrayItem(args, 0);

    return !cJSON_IsString(first) || first->valuestring[0] == '-' || str_has_suffix(first->valuestring, ".conf");
}

const char *command_own(const struct image *img, const cJSON *container)
{
    static const char *const programs[] = { "/everserve-entry", "/everserve" };
    const cJSON *first = cJSON_GetArrayItem(json_member(container, "command"), 0);

    for (size_t i = 0; img->kind == IMAGE_OWN && cJSON_IsString(first) && i < COUNT(programs); i++)
        if (str_has_suffix(first->valuestring, programs[i]))
            return programs[i] + 1;
    return NULL;
}

char **command_argv(const struct image *img, const cJSON *container, const struct map *vars, const char *self, bool is_init)
{
    const cJSON *command = json_member(container, "command"), *args = json_member(container, "args");
    size_t n = 0;

    if (img->kind == IMAGE_MODEL || (img->kind == IMAGE_OWN && !command_own(img, container)))
        return model_argv(img, container, vars, self, is_init);
    char **argv = xcalloc((size_t)(json_count(command) + json_count(args)) + 2, sizeof(*argv));
    if (json_count(command) == 0 && are_options(args))
        argv[n++] = xstrdup(image_program(img->kind));
    add_all(argv, &n, command, vars);
    add_all(argv, &n, args, vars);
    if (img->kind == IMAGE_OWN) {
        free(argv[0]);
        argv[0] = xstrdup(self);
    }
    return argv;
}

static bool system_has(const char *program)
{
    static const char *const folders[] = { "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin" };

    for (size_t i = 0; i < COUNT(folders); i++) {
        AUTO_FREE char *path = xasprintf("%s/%s", folders[i], program);
        if (access(path, X_OK) == 0)
            return true;
    }
    return false;
}

char *command_servers(const struct image *img)
{
    char release[32], folder[PATH_MAX];

    if (img->kind != IMAGE_REDIS && img->kind != IMAGE_VALKEY)
        return NULL;
    image_release(img, release);
    if (release[0] && servers_find(release, folder))
        return xstrdup(folder);
    /* a version that nobody has here: better another than none */
    if (!system_has(image_program(img->kind)) && servers_find(img->kind == IMAGE_REDIS ? "redis" : "valkey", folder))
        return xstrdup(folder);
    return NULL;
}

bool command_image_is_here(const struct image *img)
{
    AUTO_FREE char *servers = command_servers(img);

    return servers || img->kind == IMAGE_MODEL || img->kind == IMAGE_OWN || (img->kind != IMAGE_MISSING && system_has(image_program(img->kind)));
}
