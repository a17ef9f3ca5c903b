/*
 * servers.h - the Redis and Valkey releases that tests/tools/servers put into build/servers.
 *
 * Reads folders, keeps nothing. A name is "redis-8.0" or "valkey-9.1"; below its folder lie the
 * programs ("redis-server", "redis-cli"), which run from wherever the folder is mounted.
 * Looked for in $EVERSERVE_SERVERS, else in build/servers of the current folder, else beside the
 * program's own build folder. A machine may have none of them: tests skip those by name.
 */
#ifndef TESTS_SERVERS_H
#define TESTS_SERVERS_H

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What tests/tools/servers tries to fetch: a row of tests for each. */
static const char *const servers_known[] = { "redis-7.0", "redis-8.0", "redis-8.6", "valkey-8.1", "valkey-9.1" };

/* The folder of all servers, absolute and without links, or "". */
static inline void servers_top(char out[PATH_MAX])
{
    const char *env = getenv("EVERSERVE_SERVERS");
    char path[PATH_MAX + 32] = "", self[PATH_MAX] = "";

    out[0] = 0;
    if (realpath(env ? env : "build/servers", out) || env)
        return;
    out[0] = 0;
    if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
        return;
    for (char *slash; (slash = strrchr(self, '/')); ) {
        *slash = 0;
        snprintf(path, sizeof(path), "%s/build/servers", self);
        if (realpath(path, out))
            return;
        out[0] = 0;
    }
}

static inline bool servers_runs(const char *top, const char *name)
{
    char path[PATH_MAX + 300];

    snprintf(path, sizeof(path), "%s/%.200s/%.*s-server", top, name, (int)strcspn(name, "-"), name);
    return access(path, X_OK) == 0;
}

/* The newest server whose name is `wanted` or begins with "wanted.": "redis-8" may be redis-8.6, "valkey"
 * any Valkey. Its folder, which holds the programs, in out; false: this machine has none. */
static inline bool servers_find(const char *wanted, char out[PATH_MAX])
{
    char top[PATH_MAX], best[64] = "";
    size_t len = strlen(wanted);

    servers_top(top);
    DIR *d = top[0] ? opendir(top) : NULL;
    for (struct dirent *e; d && (e = readdir(d)); ) {
        const char *name = e->d_name;
        bool fits = strncmp(name, wanted, len) == 0 && strchr(strchr(wanted, '-') ? "." : "-", name[len]);
        if (fits && strlen(name) < sizeof(best) && strverscmp(name, best) > 0 && servers_runs(top, name))
            snprintf(best, sizeof(best), "%.63s", name);
    }
    if (d)
        closedir(d);
    out[0] = 0;
    if (best[0] && snprintf(out, PATH_MAX, "%s/%s", top, best) >= PATH_MAX)
        out[0] = 0;
    return out[0] != 0;
}

#endif
