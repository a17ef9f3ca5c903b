/*
 * A backup: an RDB of each shard, from a replica where one is in sync, with the slot map and checksums.
 */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ask.h"
#include "backup.h"
#include "base/log.h"
#include "base/str.h"
#include "data.h"
#include "entry.h"
#include "files.h"
#include "options.h"
#include "shards.h"

enum { ASK_MS = 5000, TRIES = 3, TRY_AGAIN_S = 5, KEPT_MAX = 4096, PARTIAL_AGE_S = 24 * 3600 };

static const char usage[] =
    "usage: everserve-entry backup [OPTIONS]\n"
    "\n"
    "Saves every shard of a Redis Cluster into a new folder: an RDB file each, taken from a replica in sync where\n"
    "there is one, the slot map, checksums. Complete or not at all: it gets its name at the end.\n"
    "\n"
    "  --seed HOST[:PORT]         any of its nodes, or its service\n"
    "  --dir DIR                  where the folder is made\n"
    "  --name NAME                of the folder\n"
    "  --keep N                   of the complete backups in DIR the newest N stay (default: 7)\n"
    "  --within SECONDS           for one shard (default: 3600)\n"
    OPTIONS_HELP;

struct job {
    struct options opt;
    char host[256];
    uint16_t port;
    const char *dir, *name;
    int64_t keep, within_s;
    char *partial; /* owned */
    char *nodes;   /* owned: CLUSTER NODES as the seed said it */
};

/* --- what is where --- */

struct snapshot {
    struct node_view *views;
    size_t n;
    struct shard_source *shards;
    size_t n_shards;
};

static void snapshot_done(struct snapshot *s)
{
    for (size_t i = 0; i < s->n; i++)
        view_done(&s->views[i]);
    free(s->views);
    free(s->shards);
    *s = (struct snapshot){ .n = 0 };
}

static int ask_seed(struct job *j, struct node_view *v, struct err *e)
{
    struct ask a = { .host = j->host, .port = j->port, .args = { "CLUSTER", "NODES" } };
    int rc;

    ask_all(&j->opt.how, &a, 1, ASK_MS);
    rc = view_parse_nodes(buf_text(&a.out), a.out.len, v, e);
    if (rc < 0)
        rc = err_set(e, ERR_RETRY, "%s:%u does not answer: %.100s", j->host, j->port, a.out.len ? buf_text(&a.out) : "no answer in time");
    free(j->nodes);
    j->nodes = buf_take(&a.out);
    return rc;
}

static int ask_everybody(struct job *j, const struct node_view *seed, struct snapshot *out)
{
    AUTO_FREE struct ask_target *targets = xcalloc(seed->n_rows + 1, sizeof(*targets));

    out->views = xcalloc(seed->n_rows + 1, sizeof(*out->views));
    for (size_t i = 0; i < seed->n_rows; i++) {
        const struct view_row *r = &seed->rows[i];

        if (r->flags & (NODE_NOADDR | NODE_HANDSHAKE | NODE_FAIL) || !ask_is_address(r->ip))
            continue;
        memcpy(targets[out->n].ip, r->ip, sizeof(targets[out->n].ip));
        targets[out->n].port = r->port;
        view_init(&out->views[out->n++]);
    }
    ask_views(&j->opt.how, targets, out->views, out->n, ASK_MS);
    return 0;
}

static int look(struct job *j, struct snapshot *out, struct err *e)
{
    struct node_view seed;
    int rc;

    view_init(&seed);
    rc = ask_seed(j, &seed, e);
    if (rc == 0)
        rc = ask_everybody(j, &seed, out);
    view_done(&seed);
    return rc < 0 ? rc : shards_find(out->views, out->n, &out->shards, &out->n_shards, e);
}

/* --- copies --- */

static int save_shard(struct job *j, const struct snapshot *s, size_t i, struct backup_shard *out, struct err *e)
{
    const struct node_view *v = &s->views[s->shards[i].from];
    AUTO_FREE char *path = xasprintf("%s/shard-%zu.rdb", j->partial, i);
    struct ask a = { .args = { "--rdb", path } };
    struct rdb_head head;
    int64_t size;
    int rc = 0;

    snprintf(out->file, sizeof(out->file), "shard-%zu.rdb", i);
    out->slots = s->shards[i].slots;
    snprintf(a.ip, sizeof(a.ip), "%.*s", (int)(strrchr(v->address, ':') - v->address), v->address);
    a.port = (uint16_t)strtoul(strrchr(v->address, ':') + 1, NULL, 10);
    log_info("copying", F("shard", i), F("from", v->address), F("role", v->is_replica ? "replica" : "master"));
    ask_all(&j->opt.how, &a, 1, j->within_s * 1000);
    if (!a.ended || a.status != 0)
        rc = err_set(e, ERR_RETRY, "shard %zu from %s: %.140s", i, v->address, a.ended ? buf_text(&a.out) : "not within its time");
    buf_done(&a.out);
    if (rc == 0 && data_check_rdb(path, &head, &size, e) < 0)
        rc = err_wrap(e, "shard %zu from %s", i, v->address);
    if (rc == 0)
        rc = files_sync(path, e) < 0 ? -(int)e->kind : files_hash(path, out->sha256, &out->bytes, e);
    return rc;
}

static int save_text(struct job *j, const struct backup *b, struct err *e)
{
    AUTO_FREE char *text = xasprintf("%s/%s", j->partial, BACKUP_TEXT), *nodes = xasprintf("%s/%s", j->partial, BACKUP_NODES);
    AUTO_BUF struct buf out;

    buf_init(&out, BACKUP_BYTES_MAX);
    backup_render(b, &out);
    if (files_put(nodes, j->nodes, strlen(j->nodes), e) < 0 || files_put(text, buf_text(&out), out.len, e) < 0)
        return -(int)e->kind;
    return files_sync(j->partial, e);
}

/* Slots that moved while we copied may be in two files, or in none. */
static int check_unchanged(struct job *j, const struct snapshot *before, struct err *e)
{
    struct snapshot after = { .n = 0 };
    int rc = look(j, &after, e);

    if (rc == 0 && !shards_equal(before->shards, before->n_shards, after.shards, after.n_shards))
        rc = err_set(e, ERR_RETRY, "slots or masters changed while they were copied");
    snapshot_done(&after);
    return rc;
}

static int save_all(struct job *j, struct backup *b, struct err *e)
{
    struct snapshot s = { .n = 0 };
    int rc = look(j, &s, e);

    b->shards = xcalloc(s.n_shards + 1, sizeof(*b->shards));
    b->n_shards = s.n_shards;
    str_rfc3339((int64_t)time(NULL) * 1000, false, b->taken);
    if (rc == 0)
        snprintf(b->server, sizeof(b->server), "%s %s", s.views[0].is_valkey ? "valkey" : "redis", s.views[0].version);
    for (size_t i = 0; rc == 0 && i < s.n_shards; i++)
        rc = save_shard(j, &s, i, &b->shards[i], e);
    if (rc == 0)
        rc = check_unchanged(j, &s, e);
    snapshot_done(&s);
    return rc;
}

/* --- folders --- */

/* Our own files of a folder, then the folder: whatever else lies in it stays, and so does the folder. */
static void remove_folder(const char *path)
{
    DIR *d = opendir(path);
    struct dirent *f;

    while (d && (f = readdir(d))) {
        AUTO_FREE char *name = xasprintf("%s/%s", path, f->d_name);

        if (str_has_prefix(f->d_name, "shard-") || str_has_prefix(f->d_name, BACKUP_TEXT) || str_has_prefix(f->d_name, BACKUP_NODES))
            unlink(name);
    }
    if (d)
        closedir(d);
    rmdir(path);
}

struct kept {
    char name[256], taken[32];
};

static bool read_kept(const char *dir, const char *name, struct kept *out)
{
    AUTO_FREE char *path = xasprintf("%s/%s/%s", dir, name, BACKUP_TEXT), *text = NULL;
    struct backup b = { .shards = NULL };
    struct err e;
    size_t len = 0;

    if (!str_copy(out->name, sizeof(out->name), name) || data_read_file(path, BACKUP_BYTES_MAX, &text, &len, &e) < 0 ||
        backup_parse(text, len, &b, &e) < 0)
        return false;
    memcpy(out->taken, b.taken, sizeof(out->taken));
    backup_done(&b);
    return true;
}

static int newest_first(const void *a, const void *b)
{
    return strcmp(((const struct kept *)b)->taken, ((const struct kept *)a)->taken);
}

static bool is_old(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && time(NULL) - st.st_mtime > PARTIAL_AGE_S;
}

/* Only complete ones count; halves of long ago go. */
static void prune(const char *dir, int64_t keep)
{
    AUTO_FREE struct kept *list = xcalloc(KEPT_MAX, sizeof(*list));
    DIR *d = opendir(dir);
    struct dirent *f;
    size_t n = 0;

    while (d && (f = readdir(d))) {
        AUTO_FREE char *path = xasprintf("%s/%s", dir, f->d_name);

        if (str_has_prefix(f->d_name, BACKUP_PARTIAL) && is_old(path))
            remove_folder(path);
        else if (f->d_name[0] != '.' && n < KEPT_MAX && read_kept(dir, f->d_name, &list[n]))
            n++;
    }
    if (d)
        closedir(d);
    qsort(list, n, sizeof(*list), newest_first);
    for (size_t i = (size_t)keep; i < n; i++) {
        AUTO_FREE char *path = xasprintf("%s/%s", dir, list[i].name), *half = xasprintf("%s/%s%s", dir, BACKUP_PARTIAL, list[i].name);

        log_info("one more than are to be kept", F("backup", (const char *)list[i].name), F("taken", (const char *)list[i].taken));
        if (rename(path, half) == 0)
            remove_folder(half);
    }
}

static int make_folders(struct job *j, struct err *e)
{
    remove_folder(j->partial);
    if (mkdir(j->dir, 0750) < 0 && errno != EEXIST)
        return err_set(e, ERR_RETRY, "%s: %s", j->dir, strerror(errno));
    if (mkdir(j->partial, 0750) < 0)
        return err_set(e, ERR_RETRY, "%s: %s", j->partial, strerror(errno));
    return 0;
}

static int take_one(struct job *j, struct err *e)
{
    AUTO_FREE char *path = xasprintf("%s/%s", j->dir, j->name);
    struct backup b = { .shards = NULL };
    int rc = make_folders(j, e);

    if (rc == 0)
        rc = save_all(j, &b, e);
    if (rc == 0)
        rc = save_text(j, &b, e);
    if (rc == 0 && rename(j->partial, path) < 0)
        rc = err_set(e, ERR_RETRY, "%s: %s", path, strerror(errno));
    if (rc == 0)
        rc = files_sync(j->dir, e);
    if (rc < 0)
        remove_folder(j->partial);
    backup_done(&b);
    return rc;
}

/* A pod may end between the last word of its backup and its own: who comes after it has nothing to do. */
static bool is_there(const struct job *j)
{
    struct kept k;

    return read_kept(j->dir, j->name, &k);
}

static int run(struct job *j)
{
    struct err e = { 0 };

    if (is_there(j)) {
        log_info("this backup is complete already", F("dir", j->dir), F("name", j->name));
        prune(j->dir, j->keep);
        return 0;
    }
    j->partial = xasprintf("%s/%s%s", j->dir, BACKUP_PARTIAL, j->name);
    for (int i = 1; take_one(j, &e) < 0; i++) {
        if (i == TRIES) {
            options_last_word(e.msg);
            return 1;
        }
        log_warn("once more", F("because", (const char *)e.msg));
        sleep(TRY_AGAIN_S);
    }
    prune(j->dir, j->keep);
    log_info("backup complete", F("dir", j->dir), F("name", j->name));
    return 0;
}

static bool parse_seed(struct job *j, const char *text)
{
    const char *colon = strrchr(text, ':');
    int64_t port = 6379;

    if (colon && !str_to_int(colon + 1, 1, 65535, &port))
        return false;
    snprintf(j->host, sizeof(j->host), "%.*s", colon ? (int)(colon - text) : (int)strlen(text), text);
    j->port = (uint16_t)port;
    return j->host[0] && j->host[0] != '-';
}

static bool take_option(struct job *j, int c, const char *value)
{
    switch (c) {
    case 's':
        return parse_seed(j, value);
    case 'd':
        j->dir = value;
        return true;
    case 'n':
        j->name = value;
        return value[0] && value[0] != '.' && !strchr(value, '/');
    case 'k':
        return str_to_int(value, 1, KEPT_MAX, &j->keep);
    case 'w':
        return str_to_int(value, 1, 7 * 24 * 3600, &j->within_s);
    default:
        return options_take(&j->opt, c, value);
    }
}

static void on_term(int signo)
{
    _exit(128 + signo);
}

int entry_backup(int argc, char **argv)
{
    static const struct option longs[] = {
        { "seed", required_argument, NULL, 's' }, { "dir", required_argument, NULL, 'd' }, { "name", required_argument, NULL, 'n' },
        { "keep", required_argument, NULL, 'k' }, { "within", required_argument, NULL, 'w' }, OPTIONS_LONG, { NULL, 0, NULL, 0 },
    };
    struct job j = { .opt = { .how = { .cli = "redis-cli" } }, .keep = 7, .within_s = 3600 };
    int c, rc = 64;

    while ((c = getopt_long(argc, argv, "+", longs, NULL)) != -1)
        if (!take_option(&j, c, optarg))
            return fputs(usage, stderr), 64;
    if (optind < argc || !j.dir || !j.name || !j.host[0])
        return fputs(usage, stderr), 64;
    signal(SIGTERM, on_term);
    rc = options_ready(&j.opt) ? run(&j) : 1;
    free(j.partial);
    free(j.nodes);
    return rc;
}
