/* What the start fence reads: nodes.conf, a manifest, the head of an RDB file, what servers answer. */
#include <assert.h>
#include <string.h>

#include "entry/ask.h"
#include "entry/backup.h"
#include "entry/data.h"
#include "entry/fence.h"
#include "fuzz.h"

/* The answer of every node is what follows nodes.conf: it must come to some decision. */
static void fuzz_fence(const char *text, size_t size)
{
    const char *cut = memmem(text, size, "\n--\n", 4);
    size_t head = cut ? (size_t)(cut - text) : size;
    struct fence f;
    struct fence_step s;
    struct err e;

    fence_init(&f);
    if (fence_read_conf(text, head, &f.conf, &e) == 0) {
        for (int round = 0; round < 3; round++) {
            fence_targets(&f);
            assert(f.n_nodes <= FENCE_TARGETS_MAX);
            for (size_t i = 0; cut && i < f.n_nodes; i++) {
                view_done(&f.nodes[i].view);
                ask_read(cut + 4, size - head - 4, &f.nodes[i].view);
            }
            f.elapsed_ms = round * 10000;
            fence_step(&f, &s);
            assert(s.why[0] && s.target < FENCE_TARGETS_MAX);
        }
    }
    fence_done(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct manifest_file files[8];
    struct backup backup = { .shards = NULL };
    struct rdb_head head;
    struct err e;

    if (backup_parse(text, size, &backup, &e) == 0)
        assert(backup.n_shards > 0 && backup.n_shards <= BACKUP_SHARDS_MAX);
    backup_done(&backup);
    if (rdb_head_parse(data, size, &head, &e) == 0)
        assert(strlen(head.replid) <= RDB_ID_LEN && head.offset >= -1);
    if (manifest_parse(text, size, files, 8, &e) > 0)
        assert(!strchr(files[0].name, '/'));
    fuzz_fence(text, size);
    return 0;
}
