/*
 * node/files.h - small files on the host: folders, trees, and a set of files
 * that changes all at once.
 *
 * Not pure. A set is laid out as the kubelet does: the files lie in a folder of
 * their own, "..data" points to it, and the names people use point through
 * "..data", so that one rename changes them all.
 */
#ifndef SIM_NODE_FILES_H
#define SIM_NODE_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct files_item {
    char *path; /* relative, without ".." */
    char *data;
    size_t len;
    int mode;
};

struct files_set {
    struct files_item *items;
    size_t n, cap;
};

/* Takes data. Paths that try to leave the folder are refused: ERR_INVALID. */
int files_add(struct files_set *s, const char *path, char *data, size_t len, int mode, struct err *e) MUST_USE;
void files_set_done(struct files_set *s);

/* Makes the folder hold exactly this set; does nothing when it holds it already. */
int files_sync(const char *dir, const struct files_set *s, struct err *e) MUST_USE;

int files_mkdir(const char *path, int mode, struct err *e) MUST_USE; /* with its parents; there already: fine */
void files_remove(const char *path); /* a whole tree; does not follow links nor cross into mounts */
int files_write(const char *path, const void *data, size_t len, int mode, struct err *e) MUST_USE; /* in place */

#endif
