/*
 * One shard of a backup becomes the data of a server that has none: an RDB file, or the base of an append-only file, and
 * a nodes.conf in which a new node owns the shard's slots. Forming finds the slot map in what the nodes claim.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "data.h"
#include "entry.h"
#include "files.h"
#include "options.h"

#define MARK ".everserve-restore"
#define LOG_DIR "appendonlydir"
#define LOG_BASE "appendonly.aof.1.base.rdb"
#define LOG_INCR "appendonly.aof.1.incr.aof"
#define LOG_MANIFEST "appendonly.aof.manifest"

enum { ID_CHARS = 40, CONF_BYTES_MAX = 1 << 20 };

static const char usage[] =
    "usage: everserve-entry restore --from DIR --pod NAME (--shards N | --when FILE) [OPTIONS]\n"
    "\n"
    "Fills the empty data folder of pod NAME-i with shard i of a backup. Does nothing for other pods, for a folder\n"
    "that belongs to a node already, and once the file of --when is gone.\n"
    "\n"
    "  --data DIR                 to be filled (default: /data)\n"
    "  --persistence MODE         AppendOnly, Snapshot or None (default: None)\n"
    "  --when FILE                only while this file is there; it holds the number of shards\n";

struct restore {
    const char *from, *data, *when;
    int64_t pod, shards;
    bool is_log;
};

static char *path_of(const struct restore *r, const char *name)
{
    return xasprintf("%s/%s", r->data, name);
}

static bool exists(const struct restore *r, const char *name)
{
    AUTO_FREE char *path = path_of(r, name);
    struct stat st;

    return stat(path, &st) == 0 && (S_ISDIR(st.st_mode) || st.st_size > 0);
}

static int read_backup(const struct restore *r, struct backup *b, struct err *e)
{
    AUTO_FREE char *path = xasprintf("%s/%s", r->from, BACKUP_TEXT), *text = NULL;
    size_t len = 0;

    if (data_read_file(path, BACKUP_BYTES_MAX, &text, &len, e) < 0)
        return err_set(e, ERR_INVALID, "spec.redis.restore.path: no complete backup there (%.160s)", e->msg);
    if (backup_parse(text, len, b, e) < 0)
        return err_wrap(e, "spec.redis.restore.path");
    if ((int64_t)b->n_shards != r->shards)
        return err_set(e, ERR_INVALID, "spec.redis.shards is %lld, but the backup has %zu shards: set it to %zu",
                       (long long)r->shards, b->n_shards, b->n_shards);
    return 0;
}

static int copy_shard(const struct restore *r, const struct backup_shard *s, const char *to, struct err *e)
{
    AUTO_FREE char *from = xasprintf("%s/%s", r->from, s->file);
    char hex[SHA256_HEX + 1];
    struct rdb_head head;
    int64_t bytes;

    if (files_copy(from, to, hex, &bytes, e) < 0)
        return -(int)e->kind;
    if (bytes != s->bytes || !str_eq(hex, s->sha256))
        return err_set(e, ERR_INVALID, "spec.redis.restore: %s is damaged: %lld bytes, SHA-256 %.16s..., written were %lld, %.16s...",
                       s->file, (long long)bytes, hex, (long long)s->bytes, s->sha256);
    return data_check_rdb(to, &head, &bytes, e);
}

/* Redis 7 and later keep the append-only file in parts, and its base may be an RDB file. */
static int place_log(const struct restore *r, const char *rdb, struct err *e)
{
    static const char manifest[] = "file " LOG_BASE " seq 1 type b\nfile " LOG_INCR " seq 1 type i\n";
    AUTO_FREE char *dir = path_of(r, LOG_DIR), *base = path_of(r, LOG_DIR "/" LOG_BASE), *incr = path_of(r, LOG_DIR "/" LOG_INCR);
    AUTO_FREE char *list = path_of(r, LOG_DIR "/" LOG_MANIFEST);

    if ((mkdir(dir, 0750) < 0 && errno != EEXIST) || rename(rdb, base) < 0)
        return err_set(e, ERR_RETRY, "%s: %s", base, strerror(errno));
    if (files_put(incr, "", 0, e) < 0 || files_put(list, manifest, sizeof(manifest) - 1, e) < 0)
        return -(int)e->kind;
    return files_sync(dir, e);
}

static int place(const struct restore *r, const char *rdb, struct err *e)
{
    AUTO_FREE char *dump = path_of(r, "dump.rdb");

    if (r->is_log)
        return place_log(r, rdb, e);
    return rename(rdb, dump) < 0 ? err_set(e, ERR_RETRY, "%s: %s", dump, strerror(errno)) : 0;
}

static int new_id(char out[ID_CHARS + 1], struct err *e)
{
    unsigned char raw[ID_CHARS / 2];

    if (getrandom(raw, sizeof(raw), 0) != (ssize_t)sizeof(raw))
        return err_set(e, ERR_RETRY, "no random numbers: %s", strerror(errno));
    for (size_t i = 0; i < sizeof(raw); i++)
        snprintf(out + 2 * i, 3, "%02x", raw[i]);
    return 0;
}

/* Its own row alone, as every version writes it, and no shard id: the server makes one. Last, because with it the folder
 * belongs to a node. */
static int place_conf(const struct restore *r, const struct slot_set *slots, struct err *e)
{
    AUTO_FREE char *path = path_of(r, "nodes.conf");
    char id[ID_CHARS + 1];
    AUTO_BUF struct buf text;

    buf_init(&text, CONF_BYTES_MAX);
    if (new_id(id, e) < 0)
        return -(int)e->kind;
    buf_fmt(&text, "%s :0@0 myself,master - 0 0 0 connected ", id);
    backup_slots(slots, &text);
    buf_str(&text, "\nvars currentEpoch 0 lastVoteEpoch 0\n");
    if (files_put(path, buf_text(&text), text.len, e) < 0)
        return -(int)e->kind;
    return files_sync(r->data, e);
}

static int fill(const struct restore *r, const struct backup *b, struct err *e)
{
    AUTO_FREE char *mark = path_of(r, MARK), *rdb = path_of(r, ".everserve-restore.rdb");
    const struct backup_shard *s = &b->shards[r->pod];

    if (!exists(r, MARK) && (exists(r, "dump.rdb") || exists(r, LOG_DIR)))
        return err_set(e, ERR_INVALID, "spec.redis.restore: the volume holds data already; it is left alone");
    if (files_put(mark, "1\n", 2, e) < 0 || copy_shard(r, s, rdb, e) < 0 || place(r, rdb, e) < 0 ||
        place_conf(r, &s->slots, e) < 0)
        return -(int)e->kind;
    unlink(mark);
    log_info("restored", F("shard", r->pod), F("bytes", s->bytes), F("taken", (const char *)b->taken));
    return 0;
}

/* False: not any more. */
static bool read_when(struct restore *r)
{
    AUTO_FREE char *text = NULL;
    struct err e;
    size_t len = 0;

    if (!r->when)
        return true;
    if (data_read_file(r->when, 64, &text, &len, &e) < 0)
        return false;
    text[strcspn(text, "\n")] = '\0';
    return str_to_int(text, 1, BACKUP_SHARDS_MAX, &r->shards);
}

static int run(struct restore *r)
{
    struct backup b = { .shards = NULL };
    struct err e = { 0 };
    int rc = 0;

    if (exists(r, "nodes.conf") || !read_when(r)) {
        log_info("nothing is to be restored any more");
        return 0;
    }
    rc = read_backup(r, &b, &e);
    if (rc == 0 && r->pod < r->shards)
        rc = fill(r, &b, &e);
    if (rc < 0)
        options_last_word(e.msg);
    backup_done(&b);
    return rc < 0;
}

static bool take_option(struct restore *r, int c, const char *value)
{
    const char *dash = strrchr(value, '-');

    switch (c) {
    case 'f':
        r->from = value;
        return true;
    case 'd':
        r->data = value;
        return true;
    case 'w':
        r->when = value;
        return true;
    case 'n':
        return dash && str_to_int(dash + 1, 0, 100000, &r->pod);
    case 's':
        return str_to_int(value, 1, BACKUP_SHARDS_MAX, &r->shards);
    case 'p':
        r->is_log = str_eq(value, "AppendOnly");
        return r->is_log || str_eq(value, "Snapshot") || str_eq(value, "None");
    default:
        return false;
    }
}

int entry_restore(int argc, char **argv)
{
    static const struct option longs[] = {
        { "from", required_argument, NULL, 'f' },   { "data", required_argument, NULL, 'd' },
        { "when", required_argument, NULL, 'w' },   { "pod", required_argument, NULL, 'n' },
        { "shards", required_argument, NULL, 's' }, { "persistence", required_argument, NULL, 'p' },
        { NULL, 0, NULL, 0 },
    };
    struct restore r = { .data = "/data", .pod = -1 };
    int c;

    while ((c = getopt_long(argc, argv, "+", longs, NULL)) != -1)
        if (c == '?' || !take_option(&r, c, optarg))
            return fputs(usage, stderr), 64;
    if (optind < argc || !r.from || r.pod < 0 || (!r.shards && !r.when))
        return fputs(usage, stderr), 64;
    return run(&r);
}
