/*
 * slots/command.h - what we may tell a Redis node: the whole list.
 *
 * Pure. Commands are data; command_args is the only place that spells them. What has
 * no kind here cannot be sent: there is no FLUSHALL, no FLUSHDB, no CLUSTER RESET, no DEL.
 */
#ifndef SLOTS_COMMAND_H
#define SLOTS_COMMAND_H

#include "base/buf.h"
#include "slots/set.h"
#include "slots/view.h"

enum command_kind {
    CMD_SET_EPOCH, /* CLUSTER SET-CONFIG-EPOCH epoch */
    CMD_ADD_SLOTS, /* CLUSTER ADDSLOTSRANGE first last */
    CMD_MEET,      /* CLUSTER MEET ip port bus_port */
    CMD_REPLICATE, /* CLUSTER REPLICATE id */
    CMD_FORGET,    /* CLUSTER FORGET id */
    CMD_SUSPEND,   /* CONFIG SET cluster-replica-no-failover yes */
    CMD_ARM,       /* CONFIG SET cluster-replica-no-failover no */
    CMD_FAILOVER,  /* CLUSTER FAILOVER: graceful, the master hands over */
    CMD_FAILOVER_FORCE,    /* CLUSTER FAILOVER FORCE: the master is dead, the others vote */
    CMD_FAILOVER_TAKEOVER, /* CLUSTER FAILOVER TAKEOVER: nobody can vote; only fenced (redis.md B5) */
    CMD_SLOT_STABLE,       /* CLUSTER SETSLOT first STABLE */
    CMD_CONFIG_SET,        /* CONFIG SET texts... (name, value, ...) */
    CMD_ASM_IMPORT,        /* CLUSTER MIGRATION IMPORT texts... (first, last, ...); Redis 8.4, to the target */
    CMD_ASM_CANCEL,        /* CLUSTER MIGRATION CANCEL ALL; to the target */
    CMD_SLOTS_MIGRATE,     /* CLUSTER MIGRATESLOTS SLOTSRANGE first last NODE id; Valkey 9, to the source */
    CMD_SLOTS_CANCEL,      /* CLUSTER CANCELSLOTMIGRATIONS; to the source */
    CMD_SAVE,              /* BGSAVE */
    CMD_ACL_SET,           /* ACL SETUSER texts... (user, rules...) */
    CMD_ACL_DELETE,        /* ACL DELUSER texts... */
    CMD_SLOT_IMPORTING, /* CLUSTER SETSLOT first IMPORTING id; to the target */
    CMD_SLOT_MIGRATING, /* CLUSTER SETSLOT first MIGRATING id; to the source */
    CMD_SLOT_NODE,      /* CLUSTER SETSLOT first NODE id; to the target before anybody else */
    CMD_SLOT_KEYS,      /* CLUSTER GETKEYSINSLOT first number */
    CMD_SLOT_COUNT,     /* CLUSTER COUNTKEYSINSLOT first */
    CMD_MIGRATE,        /* MIGRATE ip port "" 0 number texts... ([AUTH2 user password] KEYS key...): an existing key stays */
    CMD_MIGRATE_EQUAL,  /* the same with REPLACE: only for a key whose value was compared and is equal there */
    CMD_DUMP,           /* DUMP text */
    CMD_WEIGH,          /* MEMORY USAGE text */
    CMD_ASKING,         /* ASKING: the next command is for a slot that is being imported */
    CMD_PING,           /* PING */
    CMD_FUNCTION_DUMP,    /* FUNCTION DUMP */
    CMD_FUNCTION_RESTORE, /* FUNCTION RESTORE texts... (what was dumped, REPLACE) */
    N_COMMAND_KINDS,
};

struct command {
    enum command_kind kind;
    size_t member; /* index in expected.members: who is told */
    char ip[64];
    uint16_t port, bus_port;
    char id[NODE_ID_LEN + 1];
    uint64_t epoch;
    struct slot_range range;
    uint32_t number; /* a count, or milliseconds */
    char **texts; /* the list's own */
    size_t n_texts;
    const size_t *text_lens; /* NULL: texts end with a NUL; lent */
};

struct commands {
    struct command *items; /* the list's own; NULL while empty */
    size_t n, cap;
};

#define COMMAND_WORDS_MAX 10
#define COMMAND_TEXTS_MAX 264
#define COMMAND_ARGS_MAX (COMMAND_WORDS_MAX + COMMAND_TEXTS_MAX)
#define COMMAND_ARG_SIZE 64

/* A command in words. Texts are lent from it, the rest is here. */
struct command_words {
    const char *argv[COMMAND_ARGS_MAX];
    size_t len[COMMAND_ARGS_MAX];
    size_t n;
    char made[COMMAND_WORDS_MAX][COMMAND_ARG_SIZE];
};

void commands_done(struct commands *c);
struct command *commands_add(struct commands *c, enum command_kind kind, size_t member); /* lent */

void command_add_text(struct command *c, const char *text); /* a copy; more than COMMAND_TEXTS_MAX abort */

void command_spell(const struct command *c, struct command_words *out);
void command_render(const struct command *c, struct buf *out); /* one line, without the member */
const char *command_name(enum command_kind kind); /* "meet" */

/* What an error reply to a command means. */
enum reply_class {
    REPLY_OK = 0,
    REPLY_ALREADY, /* it was so before: look again */
    REPLY_AGAIN,   /* not yet (gossip, loading): the same step later */
    REPLY_STOP,    /* unexpected: look again, and say so; never go on */
    REPLY_DENIED,  /* NOAUTH, WRONGPASS, NOPERM */
};
enum reply_class command_classify(enum command_kind kind, const char *error);
const char *reply_class_name(enum reply_class c);

#endif
