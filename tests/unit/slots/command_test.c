/*
 * What may be said to a Redis node, word for word, and what its answers mean.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "slots/command.h"

#define ID "0123456789abcdef0123456789abcdef01234567"

static const char *const spelled[N_COMMAND_KINDS] = {
    [CMD_SET_EPOCH] = "CLUSTER SET-CONFIG-EPOCH 18446744073709551615",
    [CMD_ADD_SLOTS] = "CLUSTER ADDSLOTSRANGE 5461 10922",
    [CMD_MEET] = "CLUSTER MEET fd00:1234:5678:9abc:def0:1234:5678:9abc 6379 16379",
    [CMD_REPLICATE] = "CLUSTER REPLICATE " ID,
    [CMD_FORGET] = "CLUSTER FORGET " ID,
    [CMD_SUSPEND] = "CONFIG SET cluster-replica-no-failover yes",
    [CMD_ARM] = "CONFIG SET cluster-replica-no-failover no",
    [CMD_FAILOVER] = "CLUSTER FAILOVER",
    [CMD_FAILOVER_FORCE] = "CLUSTER FAILOVER FORCE",
    [CMD_FAILOVER_TAKEOVER] = "CLUSTER FAILOVER TAKEOVER",
    [CMD_SLOT_STABLE] = "CLUSTER SETSLOT 5461 STABLE",
    [CMD_CONFIG_SET] = "CONFIG SET first second",
    [CMD_ASM_IMPORT] = "CLUSTER MIGRATION IMPORT first second",
    [CMD_ASM_CANCEL] = "CLUSTER MIGRATION CANCEL ALL",
    [CMD_SLOTS_MIGRATE] = "CLUSTER MIGRATESLOTS SLOTSRANGE 5461 10922 NODE " ID,
    [CMD_SLOTS_CANCEL] = "CLUSTER CANCELSLOTMIGRATIONS",
    [CMD_SAVE] = "BGSAVE",
    [CMD_ACL_SET] = "ACL SETUSER first second",
    [CMD_ACL_DELETE] = "ACL DELUSER first second",
    [CMD_SLOT_IMPORTING] = "CLUSTER SETSLOT 5461 IMPORTING " ID,
    [CMD_SLOT_MIGRATING] = "CLUSTER SETSLOT 5461 MIGRATING " ID,
    [CMD_SLOT_NODE] = "CLUSTER SETSLOT 5461 NODE " ID,
    [CMD_SLOT_KEYS] = "CLUSTER GETKEYSINSLOT 5461 4294967295",
    [CMD_SLOT_COUNT] = "CLUSTER COUNTKEYSINSLOT 5461",
    [CMD_MIGRATE] = "MIGRATE fd00:1234:5678:9abc:def0:1234:5678:9abc 6379  0 4294967295 first second",
    [CMD_MIGRATE_EQUAL] = "MIGRATE fd00:1234:5678:9abc:def0:1234:5678:9abc 6379  0 4294967295 REPLACE first second",
    [CMD_DUMP] = "DUMP first second",
    [CMD_WEIGH] = "MEMORY USAGE first second",
    [CMD_ASKING] = "ASKING",
    [CMD_PING] = "PING",
    [CMD_FUNCTION_DUMP] = "FUNCTION DUMP",
    [CMD_FUNCTION_RESTORE] = "FUNCTION RESTORE first second",
};

/* The whole language: a kind that is added has to be added here, under a reviewer's eyes. */
static void nothing_else_can_be_said(void **state)
{
    struct command c = { .port = 6379, .bus_port = 16379, .id = ID, .epoch = UINT64_MAX, .range = { 5461, 10922 }, .number = UINT32_MAX,
                         .ip = "fd00:1234:5678:9abc:def0:1234:5678:9abc" };
    (void)state;

    command_add_text(&c, "first");
    command_add_text(&c, "second");
    for (int kind = 0; kind < N_COMMAND_KINDS; kind++) {
        struct buf b;

        buf_init(&b, 1024);
        c.kind = (enum command_kind)kind;
        command_render(&c, &b);
        assert_string_equal(buf_text(&b), spelled[kind]);
        buf_done(&b);
    }
    for (size_t i = 0; i < c.n_texts; i++)
        free(c.texts[i]);
    free(c.texts);
}

static void no_word_that_destroys_is_spelled(void **state)
{
    static const char *const never[] = { "FLUSH", "RESET", " DEL ", "SHUTDOWN", "DEBUG", "REPLACE" };
    (void)state;

    for (int kind = 0; kind < N_COMMAND_KINDS; kind++)
        for (size_t i = 0; i < COUNT(never); i++)
            if (kind != CMD_MIGRATE_EQUAL) /* the one REPLACE: of a value that is there already */
                assert_null(strstr(spelled[kind], never[i]));
}

static void texts_may_hold_any_byte(void **state)
{
    char *texts[] = { (char[]){ 'a', '\0', 'b' }, (char[]){ "" } };
    struct command c = { .kind = CMD_DUMP, .texts = texts, .n_texts = 2, .text_lens = (size_t[]){ 3, 0 } };
    struct command_words w;
    (void)state;

    command_spell(&c, &w);
    assert_int_equal(w.n, 3);
    assert_int_equal(w.len[0], 4);
    assert_int_equal(w.len[1], 3);
    assert_memory_equal(w.argv[1], "a\0b", 3);
    assert_int_equal(w.len[2], 0);
}

static const struct row {
    const char *name;
    enum command_kind kind;
    const char *reply;
    enum reply_class what;
} rows[] = {
    { "no error is success", CMD_MEET, "", REPLY_OK },
    { "no password given", CMD_MEET, "NOAUTH Authentication required.", REPLY_DENIED },
    { "a wrong password", CMD_MEET, "WRONGPASS invalid username-password pair or user is disabled.", REPLY_DENIED },
    { "a user without the right", CMD_ARM, "NOPERM this user has no permissions", REPLY_DENIED },
    { "still loading", CMD_REPLICATE, "LOADING Redis is loading the dataset in memory", REPLY_AGAIN },
    { "an epoch was set before", CMD_SET_EPOCH, "ERR Node config epoch is already non-zero", REPLY_ALREADY },
    { "an epoch comes too late", CMD_SET_EPOCH,
      "ERR The user can assign a config epoch only when the node does not know any other node.", REPLY_ALREADY },
    { "slots were given before", CMD_ADD_SLOTS, "ERR Slot 5461 is already busy", REPLY_ALREADY },
    { "gossip has not arrived", CMD_REPLICATE, "ERR Unknown node " ID, REPLY_AGAIN },
    { "forgotten before", CMD_FORGET, "ERR Unknown node " ID, REPLY_ALREADY },
    { "a master that became a replica", CMD_REPLICATE, "ERR I can only replicate a master, not a replica.", REPLY_AGAIN },
    { "a replica-to-be with data", CMD_REPLICATE,
      "ERR To set a master the node must be empty and without assigned slots.", REPLY_STOP },
    { "forgetting one's master", CMD_FORGET, "ERR Can't forget my master!", REPLY_STOP },
    { "an address that is none", CMD_MEET, "ERR Invalid node address specified: x:1", REPLY_STOP },
    { "the target owns the slot already", CMD_SLOT_IMPORTING, "ERR I'm already the owner of hash slot 7", REPLY_ALREADY },
    { "the source does not own the slot", CMD_SLOT_MIGRATING, "ERR I'm not the owner of hash slot 7", REPLY_STOP },
    { "the source still holds keys", CMD_SLOT_NODE,
      "ERR Can't assign hashslot 7 to a different node while I still hold keys for this hash slot.", REPLY_STOP },
    { "a source that gave its last slot away", CMD_SLOT_NODE, "ERR Please use SETSLOT only with masters.", REPLY_ALREADY },
    { "the replicas did not hear of it", CMD_SLOT_NODE, "NOREPLICAS Not enough good replicas to write.", REPLY_AGAIN },
    { "nobody knows what arrived", CMD_MIGRATE, "IOERR error or timeout reading to target instance", REPLY_AGAIN },
    { "a key that is there", CMD_MIGRATE, "ERR Target instance replied with error: BUSYKEY Target key name already exists.",
      REPLY_AGAIN },
    { "the target holds the key, and the value was said to be equal", CMD_MIGRATE_EQUAL,
      "ERR Target instance replied with error: BUSYKEY Target key name already exists.", REPLY_STOP },
    { "an error nobody has seen yet", CMD_ARM, "ERR strange", REPLY_STOP },
    { "an error without ERR", CMD_ARM, "CLUSTERDOWN The cluster is down", REPLY_STOP },
};

static void check(void **state)
{
    const struct row *r = *state;

    assert_string_equal(reply_class_name(command_classify(r->kind, r->reply)), reply_class_name(r->what));
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows) + 3] = {
        cmocka_unit_test(nothing_else_can_be_said),
        cmocka_unit_test(no_word_that_destroys_is_spelled),
        cmocka_unit_test(texts_may_hold_any_byte),
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i + 3] = (struct CMUnitTest){ rows[i].name, check, NULL, NULL, (void *)(uintptr_t)&rows[i] };
    return cmocka_run_group_tests_name("commands", tests, NULL, NULL);
}
