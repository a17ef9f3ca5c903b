/*
 * entry/files.h - files that survive a power cut: written, synced, then given their name. Not pure.
 */
#ifndef ENTRY_FILES_H
#define ENTRY_FILES_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "sha256.h"

int files_sync(const char *path, struct err *e) MUST_USE; /* a file or a folder */
/* Writes "PATH.new", syncs, renames. */
int files_put(const char *path, const void *data, size_t len, struct err *e) MUST_USE;
int files_hash(const char *path, char hex[SHA256_HEX + 1], int64_t *bytes, struct err *e) MUST_USE;
/* Copies and syncs; hex is of what was read. */
int files_copy(const char *from, const char *to, char hex[SHA256_HEX + 1], int64_t *bytes, struct err *e) MUST_USE;

#endif
