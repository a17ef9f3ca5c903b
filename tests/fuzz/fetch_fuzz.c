/* The head of an answer to a download, a line each; and the mark of a complete file, which others may have written. */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "fetch/transfer.h"
#include "fuzz.h"
#include "http/call.h"

static void hear(const char *text, size_t size)
{
    struct transfer t = { .total = -1, .from = -1 };

    while (size) {
        const char *end = memchr(text, '\n', size);
        size_t n = end ? (size_t)(end - text) + 1 : size;
        int32_t ms = call_retry_after(text, n);

        assert(ms >= -1 && ms <= 3600 * 1000);
        transfer_hear(&t, text, n);
        assert(!t.tag[0] || (t.tag[0] == '"' && !strpbrk(t.tag, "\r\n") && strlen(t.tag) < sizeof(t.tag)));
        text += n;
        size -= n;
    }
}

static char folder[] = "/tmp/everserve-fuzz-XXXXXX";

static void remove_folder(void)
{
    rmdir(folder);
}

static void make_folder(void)
{
    static bool made;

    if (made)
        return;
    made = mkdtemp(folder) != NULL;
    assert(made);
    atexit(remove_folder);
}

static void put(const char *path, const void *data, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    close(fd);
}

/* Nothing that a stranger writes makes this file the one that was downloaded: the time of its making is in it. */
static void look_for_mark(const void *data, size_t size)
{
    AUTO_FREE char *file = xasprintf("%s/model", folder), *mark = xasprintf("%s/.model.done", folder);

    put(file, "x", 1);
    put(mark, data, size);
    assert(!part_is_done(folder, "model", 1, NULL));
    unlink(mark);
    unlink(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    make_folder();
    hear((const char *)data, size);
    look_for_mark(data, size);
    return 0;
}
