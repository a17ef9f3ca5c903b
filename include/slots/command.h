/*
 * slots/command.h - what we may tell a Redis node: the whole list.
 *
 * Pure. Commands are data; command_args is the only place that spells them. What has
 * no kind here cannot be sent: there is no FLUSHALL, no CLUSTER RESET, no
 * CLUSTER FAILOVER TAKEOVER, no DEL.
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
};

struct commands {
    struct command *items; /* the list's own; NULL while empty */
    size_t n, cap;
};

#define COMMAND_ARGS_MAX 6
#define COMMAND_ARG_SIZE 64

void commands_done(struct commands *c);
struct command *commands_add(struct commands *c, enum command_kind kind, size_t member); /* lent */

/* Returns the number of arguments. */
size_t command_args(const struct command *c, char args[COMMAND_ARGS_MAX][COMMAND_ARG_SIZE]);
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
