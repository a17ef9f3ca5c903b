#include "file.h"

#include <stdio.h>

#include "base/str.h"

static int read_all(FILE *f, const char *name, struct buf *b, struct err *e)
{
    char chunk[16384];
    size_t n;

    while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
        if (!buf_add(b, chunk, n))
            return err_set(e, ERR_INVALID, "%s: more than %d MiB", name, FILE_BYTES_MAX >> 20);
    return ferror(f) ? err_set(e, ERR_INVALID, "%s: %m", name) : 0;
}

int file_read(const char *name, struct buf *b, struct err *e)
{
    FILE *f;
    int rc;

    if (str_eq(name, "-"))
        return read_all(stdin, "standard input", b, e);
    f = fopen(name, "re");
    if (!f)
        return err_set(e, ERR_INVALID, "%s: %m", name);
    rc = read_all(f, name, b, e);
    fclose(f);
    return rc;
}
