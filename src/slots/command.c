#include "slots/command.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

/* %-words: i ip, p port, b bus port, n node id, e epoch, f first slot, l last slot. */
static const struct spelling {
    const char *name;
    const char *words[COMMAND_ARGS_MAX];
} spellings[N_COMMAND_KINDS] = {
    [CMD_SET_EPOCH] = { "set-epoch", { "CLUSTER", "SET-CONFIG-EPOCH", "%e" } },
    [CMD_ADD_SLOTS] = { "add-slots", { "CLUSTER", "ADDSLOTSRANGE", "%f", "%l" } },
    [CMD_MEET] = { "meet", { "CLUSTER", "MEET", "%i", "%p", "%b" } },
    [CMD_REPLICATE] = { "replicate", { "CLUSTER", "REPLICATE", "%n" } },
    [CMD_FORGET] = { "forget", { "CLUSTER", "FORGET", "%n" } },
    [CMD_SUSPEND] = { "suspend", { "CONFIG", "SET", "cluster-replica-no-failover", "yes" } },
    [CMD_ARM] = { "arm", { "CONFIG", "SET", "cluster-replica-no-failover", "no" } },
};

void commands_done(struct commands *c)
{
    free(c->items);
    memset(c, 0, sizeof(*c));
}

struct command *commands_add(struct commands *c, enum command_kind kind, size_t member)
{
    c->items = xgrow(c->items, &c->cap, c->n + 1, sizeof(*c->items));
    memset(&c->items[c->n], 0, sizeof(*c->items));
    c->items[c->n].kind = kind;
    c->items[c->n].member = member;
    return &c->items[c->n++];
}

static void spell(const struct command *c, const char *word, char *out)
{
    unsigned long long n = 0;

    if (word[0] != '%' || word[1] == 'i' || word[1] == 'n') {
        snprintf(out, COMMAND_ARG_SIZE, "%s", word[0] != '%' ? word : word[1] == 'i' ? c->ip : c->id);
        return;
    }
    switch (word[1]) {
    case 'p': n = c->port; break;
    case 'b': n = c->bus_port; break;
    case 'e': n = c->epoch; break;
    case 'f': n = c->range.first; break;
    case 'l': n = c->range.last; break;
    }
    snprintf(out, COMMAND_ARG_SIZE, "%llu", n);
}

size_t command_args(const struct command *c, char args[COMMAND_ARGS_MAX][COMMAND_ARG_SIZE])
{
    const struct spelling *s = &spellings[c->kind];
    size_t n = 0;

    for (; n < COMMAND_ARGS_MAX && s->words[n]; n++)
        spell(c, s->words[n], args[n]);
    return n;
}

void command_render(const struct command *c, struct buf *out)
{
    char args[COMMAND_ARGS_MAX][COMMAND_ARG_SIZE];
    size_t n = command_args(c, args);

    for (size_t i = 0; i < n; i++)
        buf_fmt(out, "%s%s", i ? " " : "", args[i]);
}

const char *command_name(enum command_kind kind)
{
    return spellings[kind].name;
}

#define ANY N_COMMAND_KINDS

static const struct {
    enum command_kind kind;
    const char *prefix; /* of the reply, without "ERR " */
    enum reply_class what;
} replies[] = {
    { ANY, "NOAUTH", REPLY_DENIED },
    { ANY, "WRONGPASS", REPLY_DENIED },
    { ANY, "NOPERM", REPLY_DENIED },
    { ANY, "LOADING", REPLY_AGAIN },
    { ANY, "BUSY", REPLY_AGAIN },
    { ANY, "MASTERDOWN", REPLY_AGAIN },
    { CMD_SET_EPOCH, "The user can assign a config epoch only", REPLY_ALREADY },
    { CMD_SET_EPOCH, "Node config epoch is already non-zero", REPLY_ALREADY },
    { CMD_ADD_SLOTS, "Slot ", REPLY_ALREADY }, /* "... is already busy" */
    { CMD_REPLICATE, "Unknown node", REPLY_AGAIN },
    { CMD_REPLICATE, "I can only replicate a master", REPLY_AGAIN },
    { CMD_FORGET, "Unknown node", REPLY_ALREADY },
};

enum reply_class command_classify(enum command_kind kind, const char *error)
{
    if (str_empty(error))
        return REPLY_OK;
    if (str_has_prefix(error, "ERR "))
        error += 4;
    for (size_t i = 0; i < COUNT(replies); i++)
        if ((replies[i].kind == ANY || replies[i].kind == kind) && str_has_prefix(error, replies[i].prefix))
            return replies[i].what;
    return REPLY_STOP;
}

const char *reply_class_name(enum reply_class c)
{
    static const char *const names[] = { "ok", "already", "again", "stop", "denied" };

    return names[c];
}
