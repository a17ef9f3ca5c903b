#include "data.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

enum { HEAD_BYTES = 4096, TAIL_BYTES = 9, RDB_END = 0xff };

/* --- one file of the manifest: file NAME seq N type b --- */

static int parse_line(char *line, struct manifest_file *out, struct err *e)
{
    char *save = NULL, *key;

    *out = (struct manifest_file){ .type = 0 };
    for (key = strtok_r(line, " ", &save); key; key = strtok_r(NULL, " ", &save)) {
        const char *value = strtok_r(NULL, " ", &save);

        if (!value)
            return err_set(e, ERR_INVALID, "manifest: \"%.40s\" has no value", key);
        if (str_eq(key, "file") && (strchr(value, '/') || !str_copy(out->name, sizeof(out->name), value)))
            return err_set(e, ERR_INVALID, "manifest: file name \"%.40s\"", value);
        if (str_eq(key, "type"))
            out->type = value[0];
    }
    if (!out->name[0] || str_has_prefix(out->name, ".") || !out->type || !strchr("bih", out->type))
        return err_set(e, ERR_INVALID, "manifest: a line without file or type");
    return 0;
}

int manifest_parse(const char *text, size_t len, struct manifest_file *out, size_t max, struct err *e)
{
    AUTO_FREE char *copy = xstrndup(text, len);
    char *save = NULL, *line;
    size_t n = 0;

    if (strlen(copy) != len)
        return err_set(e, ERR_INVALID, "manifest: a NUL byte");
    for (line = strtok_r(copy, "\r\n", &save); line; line = strtok_r(NULL, "\r\n", &save)) {
        if (line[0] == '#')
            continue;
        if (n == max)
            return err_set(e, ERR_INVALID, "manifest: more than %zu files", max);
        if (parse_line(line, &out[n], e) < 0)
            return -(int)e->kind;
        n++;
    }
    return n ? (int)n : err_set(e, ERR_INVALID, "manifest: no files");
}

/* --- files --- */

int data_read_file(const char *path, size_t max_bytes, char **text, size_t *len, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    ssize_t n = -1;

    if (fd < 0)
        return err_set(e, errno == ENOENT || errno == ENOTDIR ? ERR_ABSENT : ERR_RETRY, "%s: %s", path, strerror(errno));
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (size_t)st.st_size <= max_bytes) {
        *text = xcalloc(1, (size_t)st.st_size + 1);
        n = pread(fd, *text, (size_t)st.st_size, 0);
    }
    close(fd);
    if (n < 0)
        return err_set(e, ERR_INVALID, "%s: cannot be read, or is larger than %zu bytes", path, max_bytes);
    *len = (size_t)n;
    return 0;
}

/* An RDB ends with a mark and eight bytes of checksum. */
int data_check_rdb(const char *path, struct rdb_head *head, int64_t *size, struct err *e)
{
    unsigned char bytes[HEAD_BYTES], tail[TAIL_BYTES];
    int fd = open(path, O_RDONLY | O_CLOEXEC), rc;
    struct stat st;
    ssize_t n = 0, m = 0;

    if (fd < 0)
        return err_set(e, errno == ENOENT || errno == ENOTDIR ? ERR_ABSENT : ERR_RETRY, "%s", strerror(errno));
    if (fstat(fd, &st) == 0 && st.st_size >= TAIL_BYTES) {
        n = pread(fd, bytes, sizeof(bytes), 0);
        m = pread(fd, tail, sizeof(tail), st.st_size - TAIL_BYTES);
    }
    close(fd);
    if (n <= 0 || m != TAIL_BYTES)
        return err_set(e, ERR_INVALID, "%lld bytes are no RDB file", (long long)st.st_size);
    rc = rdb_head_parse(bytes, (size_t)n, head, e);
    if (rc == 0 && tail[0] != RDB_END)
        rc = err_set(e, ERR_INVALID, "an RDB file that was cut");
    *size = st.st_size;
    return rc;
}

static void say(struct data *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void say(struct data *d, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(d->what, sizeof(d->what), fmt, ap);
    va_end(ap);
}

static void look_at_snapshot(const char *dir, struct data *d)
{
    AUTO_FREE char *path = xasprintf("%s/dump.rdb", dir);
    struct err e = { 0 };
    int64_t size = 0;

    if (data_check_rdb(path, &d->rdb, &size, &e) == 0) {
        d->kind = d->rdb.has_keys ? DATA_SNAPSHOT : DATA_NONE;
        say(d, "a snapshot of %lld bytes%s", (long long)size, d->rdb.has_keys ? "" : " without a key");
        return;
    }
    d->damaged = e.kind != ERR_ABSENT;
    if (e.kind == ERR_ABSENT)
        say(d, "no snapshot");
    else
        say(d, "a damaged snapshot: %.120s", e.msg);
}

/* --- the append-only file: a manifest, a base and increments --- */

struct log_sum {
    int64_t bytes;
    bool has_keys;
};

static int look_at_base(const char *path, struct log_sum *sum, struct err *e)
{
    struct rdb_head head;
    int64_t size = 0;

    if (data_check_rdb(path, &head, &size, e) < 0)
        return -(int)e->kind;
    sum->bytes += size;
    sum->has_keys |= head.has_keys;
    return 0;
}

static int look_at_part(const char *dir, const struct manifest_file *f, struct log_sum *sum, struct err *e)
{
    AUTO_FREE char *path = xasprintf("%s/appendonlydir/%s", dir, f->name);
    struct stat st;

    if (f->type == 'h')
        return 0;
    if (f->type == 'b' && str_has_suffix(f->name, ".rdb"))
        return look_at_base(path, sum, e) < 0 ? err_wrap(e, "%.80s", f->name) : 0;
    if (stat(path, &st) < 0)
        return err_set(e, ERR_INVALID, "%.80s: %s", f->name, strerror(errno));
    sum->bytes += st.st_size;
    sum->has_keys |= st.st_size > 0;
    return 0;
}

static int look_at_parts(const char *dir, const char *text, size_t len, struct log_sum *sum, struct err *e)
{
    AUTO_FREE struct manifest_file *files = xcalloc(MANIFEST_FILES_MAX, sizeof(*files));
    int n = manifest_parse(text, len, files, MANIFEST_FILES_MAX, e);

    for (int i = 0; i < n; i++)
        if (look_at_part(dir, &files[i], sum, e) < 0)
            return -(int)e->kind;
    return n < 0 ? n : 0;
}

static bool has_log_folder(const char *dir)
{
    AUTO_FREE char *path = xasprintf("%s/appendonlydir", dir);
    struct stat st;

    return stat(path, &st) == 0;
}

static void look_at_log(const char *dir, struct data *d)
{
    AUTO_FREE char *path = xasprintf("%s/appendonlydir/appendonly.aof.manifest", dir), *text = NULL;
    struct log_sum sum = { 0 };
    struct err e = { 0 };
    size_t len = 0;
    int rc = data_read_file(path, MANIFEST_BYTES_MAX, &text, &len, &e);

    if (rc == -ERR_ABSENT) {
        d->damaged = has_log_folder(dir);
        say(d, d->damaged ? "an append-only folder without a manifest" : "no append-only file");
        return;
    }
    if (rc < 0 || look_at_parts(dir, text, len, &sum, &e) < 0) {
        d->damaged = true;
        say(d, "a damaged append-only file: %.140s", e.msg);
        return;
    }
    d->kind = sum.has_keys ? DATA_LOG : DATA_NONE;
    say(d, "an append-only file of %lld bytes%s", (long long)sum.bytes, sum.has_keys ? "" : " without a key");
}

void data_look(const char *dir, enum data_mode mode, struct data *out)
{
    *out = (struct data){ .kind = DATA_NONE, .rdb = { .offset = -1 } };
    if (mode == MODE_APPEND_ONLY)
        look_at_log(dir, out);
    else
        look_at_snapshot(dir, out); /* with None too: what a former replica once copied is loaded */
}
