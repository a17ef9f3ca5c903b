/*
 * The driver for fuzz targets where libFuzzer is not at hand: feeds every file
 * of tests/fuzz/corpus/NAME, whole and cut short at many places. NAME is the
 * program's own. Prints TAP.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "fuzz.h"

enum { INPUT_BYTES = 2 << 20, N_CUTS = 512 };

/* The parser gets its own allocation, so that a sanitizer sees a read past the end. */
static void feed(const char *data, size_t len)
{
    char *copy = malloc(len ? len : 1);

    memcpy(copy, data, len);
    LLVMFuzzerTestOneInput((const uint8_t *)copy, len);
    free(copy);
}

static void feed_cut(const char *data, size_t len)
{
    size_t step = len / N_CUTS + 1;

    for (size_t n = 0; n < len; n += step)
        feed(data, n);
    feed(data, len);
}

static int feed_file(const char *folder, const char *name)
{
    char *path = xasprintf("%s/%s", folder, name);
    char *data = xcalloc(1, INPUT_BYTES);
    FILE *f = fopen(path, "rb");
    size_t len = f ? fread(data, 1, INPUT_BYTES, f) : 0;

    if (f) {
        fclose(f);
        feed_cut(data, len);
    }
    free(data);
    free(path);
    return f ? 1 : 0;
}

int main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/');
    const char *name = argc > 1 ? argv[1] : slash ? slash + 1 : argv[0];
    char *folder = xasprintf("tests/fuzz/corpus/%s", name);
    DIR *dir = opendir(folder);
    int n_files = 0;

    for (struct dirent *d; dir && (d = readdir(dir));) {
        if (d->d_name[0] != '.')
            n_files += feed_file(folder, d->d_name);
    }
    if (dir)
        closedir(dir);
    free(folder);
    printf("1..1\n%s 1 - corpus %s: %d inputs, whole and cut short\n", n_files ? "ok" : "not ok", name, n_files);
    return n_files ? 0 : 1;
}
