/*
 * entry/data.h - what a server would find on its volume, before it starts: how much of the keys, and how old.
 *
 * Not pure (reads files), but for rdb_head_parse and manifest_parse. Looks at a few kilobytes, whatever the size
 * of the data: names, sizes, first and last bytes. All of it may be rubbish.
 *
 * Sources: redis rdb.c (rdbSaveInfoAuxFields, rdbPopulateSaveInfo), aof.c (aofLoadManifestFromFile).
 */
#ifndef ENTRY_DATA_H
#define ENTRY_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum data_mode { MODE_APPEND_ONLY, MODE_SNAPSHOT, MODE_NONE }; /* spec.redis.persistence */

enum data_kind {
    DATA_NONE,     /* nothing that the server could load: it would start empty, or not at all */
    DATA_SNAPSHOT, /* the keys of some moment, maybe long ago */
    DATA_LOG,      /* an append-only file, whole: every write that the last process finished */
};

enum { RDB_ID_LEN = 40 };

struct rdb_head {
    char replid[RDB_ID_LEN + 1]; /* "": not said */
    int64_t offset;              /* of that history; -1: not said */
    bool has_keys;               /* anything follows the head */
    bool is_cut;                 /* the head goes on beyond what was given */
};

struct data {
    enum data_kind kind;
    bool damaged; /* files that would keep the server from starting, even as a replica */
    struct rdb_head rdb;
    char what[192]; /* a few words: "an append-only file of 1234 bytes" */
};

/* The first bytes of an RDB file, a few KiB of them. */
int rdb_head_parse(const void *bytes, size_t len, struct rdb_head *out, struct err *e) MUST_USE;

/* One file of an AOF manifest. */
struct manifest_file {
    char name[256]; /* without '/' */
    char type;      /* 'b' base, 'i' increment, 'h' history: not loaded */
};
enum { MANIFEST_FILES_MAX = 256, MANIFEST_BYTES_MAX = 64 << 10 };
/* Returns the number of files, or a negative kind. */
int manifest_parse(const char *text, size_t len, struct manifest_file *out, size_t max, struct err *e) MUST_USE;

/* Is it a whole RDB file, as far as both ends show? */
int data_check_rdb(const char *path, struct rdb_head *head, int64_t *size, struct err *e) MUST_USE;

void data_look(const char *dir, enum data_mode mode, struct data *out);

/* A whole file, at most max_bytes; ERR_ABSENT when there is none. *text is the caller's, with a NUL. */
int data_read_file(const char *path, size_t max_bytes, char **text, size_t *len, struct err *e) MUST_USE;

#endif
