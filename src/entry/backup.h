/*
 * entry/backup.h - what is in a backup: a folder with an RDB file of each shard, and a text that says what they are.
 *
 * Pure. The text, "backup.txt", was on somebody's volume: at most 1,000 shards, 4 MiB, ending with "end".
 *
 *   everserve-backup 1
 *   taken 2026-11-22T15:30:00Z
 *   server redis 7.0.15
 *   shards 3
 *   shard 0 file shard-0.rdb bytes 1234 sha256 0a1b... slots 0-5460
 *   ...
 *   end
 *
 * A folder is complete when it has its name: it is written as ".partial-NAME" and renamed at the end.
 */
#ifndef ENTRY_BACKUP_H
#define ENTRY_BACKUP_H

#include "base/buf.h"
#include "sha256.h"
#include "slots/set.h"

#define BACKUP_TEXT "backup.txt"
#define BACKUP_NODES "nodes.txt" /* CLUSTER NODES of that moment, for people */
#define BACKUP_PARTIAL ".partial-"

enum { BACKUP_SHARDS_MAX = 1000, BACKUP_BYTES_MAX = 4 << 20 };

struct backup_shard {
    char file[32]; /* "shard-7.rdb" */
    int64_t bytes;
    char sha256[SHA256_HEX + 1];
    struct slot_set slots;
};

struct backup {
    char taken[32];  /* RFC 3339, UTC */
    char server[64]; /* "redis 7.0.15" */
    struct backup_shard *shards; /* owned */
    size_t n_shards;
};

void backup_done(struct backup *b);
void backup_render(const struct backup *b, struct buf *out);
/* Every slot must be in exactly one shard. */
int backup_parse(const char *text, size_t len, struct backup *out, struct err *e) MUST_USE;

/* A slot set as text, whole, appended. */
void backup_slots(const struct slot_set *s, struct buf *out);

#endif
