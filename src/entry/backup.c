#include "backup.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

void backup_done(struct backup *b)
{
    free(b->shards);
    *b = (struct backup){ .shards = NULL };
}

void backup_slots(const struct slot_set *s, struct buf *out)
{
    struct slot_range r;
    const char *gap = "";

    for (unsigned from = 0; slot_set_next(s, from, &r); from = r.last + 1u) {
        if (r.first == r.last)
            buf_fmt(out, "%s%u", gap, r.first);
        else
            buf_fmt(out, "%s%u-%u", gap, r.first, r.last);
        gap = " ";
    }
}

void backup_render(const struct backup *b, struct buf *out)
{
    buf_fmt(out, "everserve-backup 1\ntaken %s\nserver %s\nshards %zu\n", b->taken, b->server, b->n_shards);
    for (size_t i = 0; i < b->n_shards; i++) {
        const struct backup_shard *s = &b->shards[i];

        buf_fmt(out, "shard %zu file %s bytes %lld sha256 %s slots ", i, s->file, (long long)s->bytes, s->sha256);
        backup_slots(&s->slots, out);
        buf_str(out, "\n");
    }
    buf_str(out, "end\n");
}

/* The word after `key`, which must be next; NULL otherwise. */
static char *take(char **save, const char *key)
{
    return str_eq(strtok_r(NULL, " ", save), key) ? strtok_r(NULL, " ", save) : NULL;
}

static bool is_hash(const char *s)
{
    size_t n = s ? strspn(s, "0123456789abcdef") : 0;

    return n == SHA256_HEX && !s[n];
}

static int parse_shard(char *line, size_t want, struct backup_shard *out, struct err *e)
{
    char *save = NULL, *number, *file, *bytes, *hash, *rest;
    int64_t n;

    if (!str_eq(strtok_r(line, " ", &save), "shard"))
        return err_set(e, ERR_INVALID, "%s: shard %zu is missing", BACKUP_TEXT, want);
    number = strtok_r(NULL, " ", &save);
    if (!number || !str_to_int(number, 0, BACKUP_SHARDS_MAX, &n) || (size_t)n != want)
        return err_set(e, ERR_INVALID, "%s: shard %zu is missing", BACKUP_TEXT, want);
    file = take(&save, "file");
    bytes = take(&save, "bytes");
    hash = take(&save, "sha256");
    rest = str_eq(strtok_r(NULL, " ", &save), "slots") ? save : NULL;
    if (!file || strchr(file, '/') || file[0] == '.' || !str_copy(out->file, sizeof(out->file), file) || !bytes ||
        !str_to_int(bytes, 1, INT64_MAX, &out->bytes) || !is_hash(hash) || !rest || !rest[0])
        return err_set(e, ERR_INVALID, "%s: shard %zu cannot be read", BACKUP_TEXT, want);
    memcpy(out->sha256, hash, sizeof(out->sha256));
    return slot_set_parse(rest, &out->slots, e) < 0 ? err_wrap(e, "%s: shard %zu", BACKUP_TEXT, want) : 0;
}

static char *line_of(char **rest)
{
    return *rest ? strsep(rest, "\n") : NULL;
}

/* "key value" */
static bool take_text(char **rest, const char *key, char *out, size_t size)
{
    char *line = line_of(rest);
    size_t n = strlen(key);

    return line && strncmp(line, key, n) == 0 && line[n] == ' ' && str_copy(out, size, line + n + 1);
}

static int parse_lines(char *text, struct backup *b, struct err *e)
{
    struct slot_set all = { { 0 } };
    char version[8], count[16];
    char *rest = text, *line;
    int64_t n;
    int slots = 0;

    if (!take_text(&rest, "everserve-backup", version, sizeof(version)) || !str_eq(version, "1"))
        return err_set(e, ERR_INVALID, "%s: not a backup of a kind that this version knows", BACKUP_TEXT);
    if (!take_text(&rest, "taken", b->taken, sizeof(b->taken)) || !take_text(&rest, "server", b->server, sizeof(b->server)) ||
        !take_text(&rest, "shards", count, sizeof(count)) || !str_to_int(count, 1, BACKUP_SHARDS_MAX, &n))
        return err_set(e, ERR_INVALID, "%s: its head cannot be read", BACKUP_TEXT);
    b->shards = xcalloc((size_t)n, sizeof(*b->shards));
    for (b->n_shards = 0; b->n_shards < (size_t)n; b->n_shards++) {
        struct backup_shard *s = &b->shards[b->n_shards];

        line = line_of(&rest);
        if (parse_shard(line ? line : (char[]){ "" }, b->n_shards, s, e) < 0)
            return -ERR_INVALID;
        slots += slot_set_count(&s->slots);
        slot_set_union(&all, &s->slots);
    }
    if (!str_eq(line_of(&rest), "end"))
        return err_set(e, ERR_INVALID, "%s: it was cut", BACKUP_TEXT);
    if (slots != SLOT_COUNT || slot_set_count(&all) != SLOT_COUNT)
        return err_set(e, ERR_INVALID, "%s: the shards do not hold each slot once", BACKUP_TEXT);
    return 0;
}

int backup_parse(const char *text, size_t len, struct backup *out, struct err *e)
{
    AUTO_FREE char *copy = xstrndup(text, len);
    struct backup b = { .shards = NULL };

    if (strlen(copy) != len || len > BACKUP_BYTES_MAX)
        return err_set(e, ERR_INVALID, "%s: not a text of a reasonable size", BACKUP_TEXT);
    if (parse_lines(copy, &b, e) < 0) {
        backup_done(&b);
        return -ERR_INVALID;
    }
    *out = b;
    return 0;
}
