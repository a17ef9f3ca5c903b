/* What a volume holds, as far as a few kilobytes show: heads of RDB files, manifests, folders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "entry/data.h"

#define ID "0123456789012345678901234567890123456789"
#define END "\xff" "checksum"

/* --- the head of an RDB file --- */

static const struct head {
    const char *name;
    const char *bytes;
    size_t len;
    bool good;
    const char *replid;
    int64_t offset;
    bool has_keys, is_cut;
} heads[] = {
#define BYTES(s) s, sizeof(s) - 1
    { "as Redis writes it", BYTES("REDIS0010\xfa\x09redis-ver\x06" "7.0.15\xfa\x07repl-id\x28" ID "\xfa\x0brepl-offset\xc2\x10\x27\0\0\xfe\0"),
      true, ID, 10000, true, false },
    { "as Valkey 9 writes it", BYTES("VALKEY080\xfa\x07repl-id\x28" ID "\xfa\x0brepl-offset\x0b" "12345678901\xfe\0"), true, ID,
      12345678901, true, false },
    { "a small number", BYTES("REDIS0010\xfa\x0brepl-offset\xc0\x07\xfe"), true, "", 7, true, false },
    { "a negative number is none", BYTES("REDIS0010\xfa\x0brepl-offset\xc0\xff\xfe"), true, "", -1, true, false },
    { "without a key", BYTES("REDIS0010\xfa\x08" "aof-base\xc0\x01" END), true, "", -1, false, false },
    { "a history's name of another length is none", BYTES("REDIS0010\xfa\x07repl-id\x03" "abc\xfe"), true, "", -1, true, false },
    { "cut in the head", BYTES("REDIS0010\xfa\x09redis-v"), true, "", -1, true, true },
    { "the magic alone", BYTES("REDIS0010"), true, "", -1, true, true },
    { "no magic", BYTES("RUBBISH10\xfa"), false, NULL, 0, false, false },
    { "too short for the magic", BYTES("REDIS"), false, NULL, 0, false, false },
    { "a text that would be 4 GiB long", BYTES("REDIS0010\xfa\x80\xff\xff\xff\xff" "abc"), false, NULL, 0, false, false },
    { "a packed text", BYTES("REDIS0010\xfa\xc3\x05\x05" "abcde"), false, NULL, 0, false, false },
};

static void reads_head(void **state)
{
    const struct head *h = *state;
    struct rdb_head got = { .offset = 77 };
    struct err e;
    int rc = rdb_head_parse(h->bytes, h->len, &got, &e);

    assert_int_equal(rc, h->good ? 0 : -ERR_INVALID);
    if (!h->good) {
        assert_int_equal(got.offset, 77);
        return;
    }
    assert_string_equal(got.replid, h->replid);
    assert_int_equal(got.offset, h->offset);
    assert_int_equal(got.has_keys, h->has_keys);
    assert_int_equal(got.is_cut, h->is_cut);
}

/* --- the manifest --- */

static const struct manifest {
    const char *name, *text;
    int want; /* files, or a negative kind */
} manifests[] = {
    { "base and increment", "file appendonly.aof.1.base.rdb seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n", 2 },
    { "comments", "# hello\nfile x seq 1 type h\n", 1 },
    { "empty", "", -ERR_INVALID },
    { "a path", "file ../../etc/passwd seq 1 type b\n", -ERR_INVALID },
    { "a hidden name", "file .. seq 1 type b\n", -ERR_INVALID },
    { "no type", "file x seq 1\n", -ERR_INVALID },
    { "another type", "file x seq 1 type z\n", -ERR_INVALID },
    { "a key without a value", "file x seq 1 type\n", -ERR_INVALID },
    { "more files than are allowed", "file a seq 1 type i\nfile b seq 2 type i\nfile c seq 3 type i\nfile d seq 4 type i\n", -ERR_INVALID },
};

static void reads_manifest(void **state)
{
    const struct manifest *m = *state;
    struct manifest_file files[3];
    struct err e;

    assert_int_equal(manifest_parse(m->text, strlen(m->text), files, COUNT(files), &e), m->want);
}

/* --- a folder --- */

#define RDB "REDIS0010\xfa\x07repl-id\x28" ID "\xfa\x0brepl-offset\xc0\x07\xfe\0\xfb\x01\0\0\x01k\x01v" END
#define RDB_EMPTY "REDIS0010\xfa\x08" "aof-base\xc0\x01" END
#define MANIFEST "file base.rdb seq 1 type b\nfile one.aof seq 1 type i\n"

static const struct volume {
    const char *name;
    enum data_mode mode;
    const char *manifest, *base, *incr, *dump; /* NULL: no such file */
    size_t base_len, dump_len;
    enum data_kind want;
    bool damaged;
} volumes[] = {
    { "an empty volume", MODE_APPEND_ONLY, NULL, NULL, NULL, NULL, 0, 0, DATA_NONE, false },
    { "a whole log", MODE_APPEND_ONLY, MANIFEST, RDB, "", NULL, sizeof(RDB) - 1, 0, DATA_LOG, false },
    { "a log whose keys are in the increment", MODE_APPEND_ONLY, MANIFEST, RDB_EMPTY, "*1", NULL, sizeof(RDB_EMPTY) - 1, 0, DATA_LOG, false },
    { "a log without a key", MODE_APPEND_ONLY, MANIFEST, RDB_EMPTY, "", NULL, sizeof(RDB_EMPTY) - 1, 0, DATA_NONE, false },
    { "the increment is missing", MODE_APPEND_ONLY, MANIFEST, RDB, NULL, NULL, sizeof(RDB) - 1, 0, DATA_NONE, true },
    { "the base is missing", MODE_APPEND_ONLY, MANIFEST, NULL, "*1", NULL, 0, 0, DATA_NONE, true },
    { "the base is cut", MODE_APPEND_ONLY, MANIFEST, RDB, "*1", NULL, sizeof(RDB) - 4, 0, DATA_NONE, true },
    { "the base is empty", MODE_APPEND_ONLY, MANIFEST, "", "*1", NULL, 0, 0, DATA_NONE, true },
    { "no manifest", MODE_APPEND_ONLY, NULL, RDB, "*1", NULL, sizeof(RDB) - 1, 0, DATA_NONE, true },
    { "an empty manifest", MODE_APPEND_ONLY, "", RDB, "*1", NULL, sizeof(RDB) - 1, 0, DATA_NONE, true },
    { "a snapshot does not count for a log", MODE_APPEND_ONLY, NULL, NULL, NULL, RDB, 0, sizeof(RDB) - 1, DATA_NONE, false },
    { "a snapshot", MODE_SNAPSHOT, NULL, NULL, NULL, RDB, 0, sizeof(RDB) - 1, DATA_SNAPSHOT, false },
    { "what a former replica copied", MODE_NONE, NULL, NULL, NULL, RDB, 0, sizeof(RDB) - 1, DATA_SNAPSHOT, false },
    { "a snapshot that was cut", MODE_SNAPSHOT, NULL, NULL, NULL, RDB, 0, sizeof(RDB) - 2, DATA_NONE, true },
    { "a snapshot of no byte", MODE_SNAPSHOT, NULL, NULL, NULL, "", 0, 0, DATA_NONE, true },
    { "no snapshot", MODE_SNAPSHOT, NULL, NULL, NULL, NULL, 0, 0, DATA_NONE, false },
};

static char dir[64];

static void put(const char *name, const char *bytes, size_t len)
{
    char path[128];
    FILE *f;

    if (!bytes)
        return;
    snprintf(path, sizeof(path), "%s/appendonlydir", dir);
    if (name[0] == 'a')
        mkdir(path, 0700);
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    fclose(f);
}

static void looks(void **state)
{
    const struct volume *v = *state;
    struct data d;

    snprintf(dir, sizeof(dir), "/tmp/everserve-data-XXXXXX");
    assert_non_null(mkdtemp(dir));
    put("appendonlydir/appendonly.aof.manifest", v->manifest, v->manifest ? strlen(v->manifest) : 0);
    put("appendonlydir/base.rdb", v->base, v->base_len);
    put("appendonlydir/one.aof", v->incr, v->incr ? strlen(v->incr) : 0);
    put("dump.rdb", v->dump, v->dump_len);
    data_look(dir, v->mode, &d);
    if (d.kind != v->want || d.damaged != v->damaged)
        fail_msg("%d %d: %s", d.kind, d.damaged, d.what);
}

static int gone(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

static int clean(void **state)
{
    (void)state;
    nftw(dir, gone, 8, FTW_DEPTH | FTW_PHYS);
    return 0;
}

int main(void)
{
    struct CMUnitTest tests[COUNT(heads) + COUNT(manifests) + COUNT(volumes)];
    size_t n = 0;

    for (size_t i = 0; i < COUNT(heads); i++)
        tests[n++] = (struct CMUnitTest){ heads[i].name, reads_head, NULL, NULL, (void *)(uintptr_t)&heads[i] };
    for (size_t i = 0; i < COUNT(manifests); i++)
        tests[n++] = (struct CMUnitTest){ manifests[i].name, reads_manifest, NULL, NULL, (void *)(uintptr_t)&manifests[i] };
    for (size_t i = 0; i < COUNT(volumes); i++)
        tests[n++] = (struct CMUnitTest){ volumes[i].name, looks, NULL, clean, (void *)(uintptr_t)&volumes[i] };
    return cmocka_run_group_tests_name("data", tests, NULL, NULL);
}
