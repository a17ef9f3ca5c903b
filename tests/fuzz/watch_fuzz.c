/* The body of a watch: the same lines whatever the pieces, and each line an event or an error. */
#include <assert.h>
#include <string.h>

#include "base/str.h"
#include "fuzz.h"
#include "kube/frames.h"

static bool on_line(void *arg, const char *line, size_t len)
{
    uint64_t *hash = arg;
    struct frame f = { 0 };
    struct err e = { 0 };

    *hash = str_hash(*hash, line, len);
    if (frame_parse(line, len, &f, &e) == 0)
        frame_done(&f);
    else
        assert(e.msg[0]);
    return true;
}

static uint64_t feed_in_pieces(const char *data, size_t size, size_t piece)
{
    struct frames f;
    struct err e = { 0 };
    uint64_t hash = STR_HASH_INIT;

    frames_init(&f);
    for (size_t at = 0; at < size; at += piece) {
        size_t n = size - at < piece ? size - at : piece;

        if (frames_feed(&f, data + at, n, on_line, &hash, &e) < 0)
            break;
    }
    frames_done(&f);
    return hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;

    if (size)
        assert(feed_in_pieces(text, size, size) == feed_in_pieces(text, size, 1 + data[0] % 7));
    return 0;
}
