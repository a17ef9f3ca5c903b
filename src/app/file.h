/*
 * app/file.h - a whole file that a person named.
 */
#ifndef APP_FILE_H
#define APP_FILE_H

#include "base/buf.h"

enum { FILE_BYTES_MAX = 8 << 20 };

/* "-" is standard input. b: as buf_init left it. */
int file_read(const char *name, struct buf *b, struct err *e) MUST_USE;

#endif
