#include "sim/node/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

#define MAX_OPEN_FOLDERS 16

static int fail(struct err *e, const char *path)
{
    return err_set(e, ERR_RETRY, "%s: %s", path, strerror(errno));
}

int files_mkdir(const char *path, int mode, struct err *e)
{
    AUTO_FREE char *step = xstrdup(path);

    for (char *c = step + 1; *c; c++) {
        if (*c != '/')
            continue;
        *c = 0;
        if (mkdir(step, 0755) < 0 && errno != EEXIST)
            return fail(e, step);
        *c = '/';
    }
    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        return fail(e, path);
    return chmod(path, (mode_t)mode) < 0 ? fail(e, path) : 0;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *f)
{
    (void)st, (void)flag, (void)f;
    if (remove(path) < 0)
        return 0; /* what cannot go stays; the rest still goes */
    return 0;
}

void files_remove(const char *path)
{
    nftw(path, remove_one, MAX_OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

int files_write(const char *path, const void *data, size_t len, int mode, struct err *e)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0)
        return fail(e, path);
    int rc = write(fd, data, len) == (ssize_t)len && fchmod(fd, (mode_t)mode) == 0 ? 0 : fail(e, path);
    close(fd);
    return rc;
}

int files_add(struct files_set *s, const char *path, char *data, size_t len, int mode, struct err *e)
{
    if (str_empty(path) || path[0] == '/' || strstr(path, "..")) {
        free(data);
        return err_set(e, ERR_INVALID, "file name \"%s\" in a volume", path ? path : "");
    }
    s->items = xgrow(s->items, &s->cap, s->n + 1, sizeof(*s->items));
    s->items[s->n++] = (struct files_item){ xstrdup(path), data, len, mode };
    return 0;
}

void files_set_done(struct files_set *s)
{
    for (size_t i = 0; i < s->n; i++) {
        free(s->items[i].path);
        free(s->items[i].data);
    }
    free(s->items);
    *s = (struct files_set){ 0 };
}

static uint64_t set_hash(const struct files_set *s)
{
    uint64_t h = STR_HASH_INIT;

    for (size_t i = 0; i < s->n; i++) {
        h = str_hash(h, s->items[i].path, strlen(s->items[i].path) + 1);
        h = str_hash(h, &s->items[i].len, sizeof(s->items[i].len));
        h = str_hash(h, s->items[i].data, s->items[i].len);
    }
    return h;
}

static int write_all(const char *dir, const struct files_set *s, struct err *e)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct files_item *f = &s->items[i];
        AUTO_FREE char *path = xasprintf("%s/%s", dir, f->path);
        AUTO_FREE char *parent = xstrndup(path, (size_t)(strrchr(path, '/') - path));

        if (files_mkdir(parent, 0755, e) < 0 || files_write(path, f->data, f->len, f->mode, e) < 0)
            return -(int)e->kind;
    }
    return 0;
}

/* The names people use: the first part of every path. */
static int link_names(const char *dir, const struct files_set *s, struct err *e)
{
    for (size_t i = 0; i < s->n; i++) {
        AUTO_FREE char *first = xstrndup(s->items[i].path, strcspn(s->items[i].path, "/"));
        AUTO_FREE char *path = xasprintf("%s/%s", dir, first);
        AUTO_FREE char *target = xasprintf("..data/%s", first);

        if (symlink(target, path) < 0 && errno != EEXIST)
            return fail(e, path);
    }
    return 0;
}

/* Names that lead nowhere any more, and folders that "..data" has left. */
static void tidy(const char *dir, const char *current)
{
    DIR *d = opendir(dir);
    struct dirent *entry;

    while (d && (entry = readdir(d))) {
        AUTO_FREE char *path = xasprintf("%s/%s", dir, entry->d_name);
        const char *name = entry->d_name;

        if (str_eq(name, ".") || str_eq(name, "..") || str_eq(name, "..data") || str_eq(name, current))
            continue;
        if (str_has_prefix(name, ".."))
            files_remove(path);
        else if (access(path, F_OK) < 0)
            unlink(path);
    }
    if (d)
        closedir(d);
}

int files_sync(const char *dir, const struct files_set *s, struct err *e)
{
    char name[32], now[32] = "";
    AUTO_FREE char *data = xasprintf("%s/..data", dir), *next = xasprintf("%s/..data_next", dir);

    snprintf(name, sizeof(name), "..%016llx", (unsigned long long)set_hash(s));
    AUTO_FREE char *folder = xasprintf("%s/%s", dir, name);
    ssize_t n = readlink(data, now, sizeof(now) - 1);
    if (n > 0 && str_eq(now, name))
        return 0;
    if (files_mkdir(dir, 0755, e) < 0 || files_mkdir(folder, 0755, e) < 0 || write_all(folder, s, e) < 0)
        return -(int)e->kind;
    unlink(next);
    if (symlink(name, next) < 0 || rename(next, data) < 0)
        return fail(e, data);
    if (link_names(dir, s, e) < 0)
        return -(int)e->kind;
    tidy(dir, name);
    return 0;
}
