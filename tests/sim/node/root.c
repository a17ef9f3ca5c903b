#include "sim/node/root.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

#define OLD "/.old" /* the host's root, until we are done with it */

static int fail(struct err *e, const char *what, const char *path)
{
    return err_set(e, errno == EPERM || errno == EACCES ? ERR_DENIED : ERR_INVALID, "%s %s: %s", what, path,
                   strerror(errno));
}

/* Flags of the mount below that an unprivileged namespace may not take away. */
static unsigned long locked_flags(const char *path)
{
    struct statvfs v;
    unsigned long flags = 0;

    if (statvfs(path, &v) < 0)
        return 0;
    flags |= v.f_flag & ST_NOSUID ? MS_NOSUID : 0;
    flags |= v.f_flag & ST_NODEV ? MS_NODEV : 0;
    flags |= v.f_flag & ST_NOEXEC ? MS_NOEXEC : 0;
    flags |= v.f_flag & ST_NOATIME ? MS_NOATIME : 0;
    flags |= v.f_flag & ST_RELATIME ? MS_RELATIME : 0;
    return flags;
}

static int bind(const char *source, const char *path, bool read_only, struct err *e)
{
    if (mount(source, path, NULL, MS_BIND | MS_REC, NULL) < 0)
        return fail(e, "mount", path);
    if (read_only && mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | locked_flags(path), NULL) < 0)
        return fail(e, "mount read-only", path);
    return 0;
}

static int file_new(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

    return fd < 0 ? -1 : close(fd);
}

/* Puts `source` at `path`, which does not exist yet, as what it is: folder, file or symlink. */
static int mirror(const char *source, const char *path, bool read_only, struct err *e)
{
    struct stat st;
    char target[PATH_MAX];

    if (lstat(source, &st) < 0)
        return fail(e, "find", source);
    if (S_ISLNK(st.st_mode)) {
        ssize_t n = readlink(source, target, sizeof(target) - 1);
        target[n < 0 ? 0 : n] = 0;
        return symlink(target, path) < 0 ? fail(e, "link", path) : 0;
    }
    if ((S_ISDIR(st.st_mode) ? mkdir(path, 0755) : file_new(path)) < 0)
        return fail(e, "make", path);
    return bind(source, path, read_only, e);
}

static int mirror_if_there(const char *path, bool read_only, struct err *e)
{
    char source[PATH_MAX];

    snprintf(source, sizeof(source), OLD "%s", path);
    return access(source, F_OK) < 0 ? 0 : mirror(source, path, read_only, e);
}

/* A read-only folder becomes a writable one that holds the same things. */
static int explode(const char *dir, struct err *e)
{
    DIR *d = opendir(dir);
    struct dirent *entry;
    int rc = 0;

    if (!d)
        return fail(e, "read", dir);
    if (mount("tmpfs", dir, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755") < 0)
        rc = fail(e, "mount tmpfs on", dir);
    while (rc == 0 && (entry = readdir(d))) {
        AUTO_FREE char *source = xasprintf("/proc/self/fd/%d/%s", dirfd(d), entry->d_name);
        AUTO_FREE char *path = xasprintf("%s/%s", dir, entry->d_name);

        if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, ".."))
            continue;
        rc = mirror(source, path, true, e);
    }
    closedir(d);
    return rc;
}

static int point_step(const char *parent, const char *path, bool is_dir, struct err *e)
{
    struct stat st;

    if (stat(path, &st) == 0)
        return 0;
    if ((is_dir ? mkdir(path, 0755) : file_new(path)) == 0)
        return 0;
    if (errno != EROFS)
        return fail(e, "make", path);
    if (explode(parent, e) < 0)
        return -(int)e->kind;
    return (is_dir ? mkdir(path, 0755) : file_new(path)) < 0 ? fail(e, "make", path) : 0;
}

/* mkdir -p, the last step as a folder or a file. */
static int point_make(const char *path, bool is_dir, struct err *e)
{
    char parent[PATH_MAX] = "/", step[PATH_MAX];

    for (const char *at = path; *at; ) {
        at += strspn(at, "/");
        at += strcspn(at, "/");
        if ((size_t)(at - path) >= sizeof(step))
            return err_set(e, ERR_INVALID, "mount path too long");
        snprintf(step, sizeof(step), "%.*s", (int)(at - path), path);
        const char *rest = at + strspn(at, "/");
        if (point_step(parent, step, is_dir || *rest, e) < 0)
            return -(int)e->kind;
        memcpy(parent, step, sizeof(parent));
        at = rest;
    }
    return 0;
}

static int volumes_mount(const struct run_spec *s, struct err *e)
{
    for (size_t i = 0; i < s->n_mounts; i++) {
        const struct run_mount *m = &s->mounts[i];
        char source[PATH_MAX];
        struct stat st;

        snprintf(source, sizeof(source), OLD "%s", m->source);
        if (stat(source, &st) < 0)
            return fail(e, "find volume for", m->path);
        if (point_make(m->path, S_ISDIR(st.st_mode), e) < 0 || bind(source, m->path, m->read_only, e) < 0)
            return -(int)e->kind;
    }
    return 0;
}

static int dev_make(struct err *e)
{
    static const char *const nodes[] = { "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty" };
    static const char *const links[][2] = { { "/proc/self/fd", "/dev/fd" }, { "/proc/self/fd/0", "/dev/stdin" },
                                            { "/proc/self/fd/1", "/dev/stdout" }, { "/proc/self/fd/2", "/dev/stderr" } };

    if (mkdir("/dev", 0755) < 0 || mkdir("/dev/shm", 01777) < 0)
        return fail(e, "make", "/dev");
    for (size_t i = 0; i < COUNT(nodes); i++)
        if (mirror_if_there(nodes[i], false, e) < 0)
            return -(int)e->kind;
    for (size_t i = 0; i < COUNT(links); i++)
        if (symlink(links[i][0], links[i][1]) < 0)
            return fail(e, "link", links[i][1]);
    return 0;
}

static int etc_make(const struct run_spec *s, struct err *e)
{
    static const char *const kept[] = { "/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/ld.so.cache",
                                        "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives", "/etc/ssl",
                                        "/etc/localtime", "/etc/services", "/etc/protocols" };
    char source[PATH_MAX];

    if (mkdir("/etc", 0755) < 0)
        return fail(e, "make", "/etc");
    for (size_t i = 0; i < COUNT(kept); i++)
        if (mirror_if_there(kept[i], true, e) < 0)
            return -(int)e->kind;
    if (s->message_file) {
        snprintf(source, sizeof(source), OLD "%s", s->message_file);
        if (mirror(source, "/dev/termination-log", false, e) < 0)
            return -(int)e->kind;
    }
    if (!s->hosts_file)
        return 0;
    snprintf(source, sizeof(source), OLD "%s", s->hosts_file);
    return mirror(source, "/etc/hosts", false, e);
}

static int proc_make(struct err *e)
{
    if (mkdir("/proc", 0555) < 0)
        return fail(e, "make", "/proc");
    /* Some container runtimes mask parts of /proc; then a new one is refused and the old one serves. */
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0)
        return 0;
    return bind(OLD "/proc", "/proc", false, e);
}

static int base_make(const struct run_spec *s, struct err *e)
{
    static const char *const shared[] = { "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix", "/gnu" };
    static const char *const fresh[] = { "/tmp", "/run", "/var", "/var/tmp", "/var/lib", "/var/log", "/var/cache", "/home", "/root", "/mnt", "/srv" };
    char source[PATH_MAX];

    if (proc_make(e) < 0)
        return -(int)e->kind;
    for (size_t i = 0; i < COUNT(shared); i++)
        if (mirror_if_there(shared[i], true, e) < 0)
            return -(int)e->kind;
    for (size_t i = 0; i < COUNT(fresh); i++)
        if (mkdir(fresh[i], 0755) < 0)
            return fail(e, "make", fresh[i]);
    if (chmod("/tmp", 01777) < 0 || chmod("/var/tmp", 01777) < 0 || symlink("/run", "/var/run") < 0)
        return fail(e, "make", "/tmp");
    snprintf(source, sizeof(source), OLD "%s", s->self);
    if (mirror(source, RUN_SELF_PATH, true, e) < 0)
        return -(int)e->kind;
    return dev_make(e) < 0 || etc_make(s, e) < 0 || mirror_if_there("/sys", false, e) < 0 ? -(int)e->kind : 0;
}

static int pivot(const struct run_spec *s, struct err *e)
{
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return fail(e, "make private", "/");
    if (mount("tmpfs", s->root_dir, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=256m") < 0)
        return fail(e, "mount tmpfs on", s->root_dir);
    if (chdir(s->root_dir) < 0 || mkdir("." OLD, 0700) < 0)
        return fail(e, "enter", s->root_dir);
    if (syscall(SYS_pivot_root, ".", "." OLD) < 0 || chdir("/") < 0)
        return fail(e, "pivot_root to", s->root_dir);
    return 0;
}

int root_enter(const struct run_spec *s, struct err *e)
{
    if (pivot(s, e) < 0 || base_make(s, e) < 0 || volumes_mount(s, e) < 0)
        return -(int)e->kind;
    if (umount2(OLD, MNT_DETACH) < 0 || rmdir(OLD) < 0)
        return fail(e, "leave", "the old root");
    if (s->read_only_root && mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | locked_flags("/"), NULL) < 0)
        return fail(e, "mount read-only", "/");
    return 0;
}
