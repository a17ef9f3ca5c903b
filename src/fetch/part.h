/*
 * part.h - the file that is not complete yet, and its running checksum.
 *
 * Private to the room. part_open ... part_close. Not safe for two at once: the lock is for that.
 */
#ifndef FETCH_PART_H
#define FETCH_PART_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "lock.h"

enum { TAG_SIZE = 200, SHA_SIZE = 65 };

struct part {
    char *path, *tag_path, *final_path, *done_path, *dir;
    int fd;
    int64_t bytes;     /* written, and in the checksum */
    int64_t synced;    /* of them on the disk */
    int64_t inherited; /* found at the start */
    char tag[TAG_SIZE]; /* strong ETag of what bytes belong to; "": not known */
    EVP_MD_CTX *sum;
    struct lock *lock; /* lent; touched while long work is done */
};

int part_open(struct part *p, const char *dir, const char *name, struct lock *lock, struct err *e) MUST_USE;
void part_close(struct part *p); /* zeroed is fine; what is there stays */

/* From the start. */
int part_restart(struct part *p, struct err *e) MUST_USE;
int part_set_tag(struct part *p, const char *tag, struct err *e) MUST_USE;
int part_add(struct part *p, const void *data, size_t len, struct err *e) MUST_USE;
void part_sum(const struct part *p, char out[SHA_SIZE]);

/* How many bytes the volume has left. */
int64_t part_room(const struct part *p);

/* On the disk, then under its name; then what done says. */
int part_finish(struct part *p, uint64_t uri_hash, struct err *e) MUST_USE;

/* Is the file there and complete, as part_finish left it? sha256 NULL: any. */
bool part_is_done(const char *dir, const char *name, uint64_t uri_hash, const char *sha256);

#endif
