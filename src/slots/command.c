#include "slots/command.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

/* %-words: i ip, p port, b bus port, n node id, e epoch, f first slot, l last slot, d number, * all texts. */
static const struct spelling {
    const char *name;
    const char *words[COMMAND_WORDS_MAX];
} spellings[N_COMMAND_KINDS] = {
    [CMD_SET_EPOCH] = { "set-epoch", { "CLUSTER", "SET-CONFIG-EPOCH", "%e" } },
    [CMD_ADD_SLOTS] = { "add-slots", { "CLUSTER", "ADDSLOTSRANGE", "%f", "%l" } },
    [CMD_MEET] = { "meet", { "CLUSTER", "MEET", "%i", "%p", "%b" } },
    [CMD_REPLICATE] = { "replicate", { "CLUSTER", "REPLICATE", "%n" } },
    [CMD_FORGET] = { "forget", { "CLUSTER", "FORGET", "%n" } },
    [CMD_SUSPEND] = { "suspend", { "CONFIG", "SET", "cluster-replica-no-failover", "yes" } },
    [CMD_ARM] = { "arm", { "CONFIG", "SET", "cluster-replica-no-failover", "no" } },
    [CMD_FAILOVER] = { "failover", { "CLUSTER", "FAILOVER" } },
    [CMD_FAILOVER_FORCE] = { "failover-force", { "CLUSTER", "FAILOVER", "FORCE" } },
    [CMD_FAILOVER_TAKEOVER] = { "failover-takeover", { "CLUSTER", "FAILOVER", "TAKEOVER" } },
    [CMD_SLOT_STABLE] = { "slot-stable", { "CLUSTER", "SETSLOT", "%f", "STABLE" } },
    [CMD_CONFIG_SET] = { "config-set", { "CONFIG", "SET", "%*" } },
    [CMD_ASM_IMPORT] = { "import", { "CLUSTER", "MIGRATION", "IMPORT", "%*" } },
    [CMD_ASM_CANCEL] = { "cancel-import", { "CLUSTER", "MIGRATION", "CANCEL", "ALL" } },
    [CMD_SLOTS_MIGRATE] = { "migrate-slots", { "CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", "%f", "%l", "NODE", "%n" } },
    [CMD_SLOTS_CANCEL] = { "cancel-migration", { "CLUSTER", "CANCELSLOTMIGRATIONS" } },
    [CMD_SAVE] = { "save", { "BGSAVE" } },
    [CMD_ACL_SET] = { "acl-set", { "ACL", "SETUSER", "%*" } },
    [CMD_ACL_DELETE] = { "acl-delete", { "ACL", "DELUSER", "%*" } },
    [CMD_SLOT_IMPORTING] = { "slot-importing", { "CLUSTER", "SETSLOT", "%f", "IMPORTING", "%n" } },
    [CMD_SLOT_MIGRATING] = { "slot-migrating", { "CLUSTER", "SETSLOT", "%f", "MIGRATING", "%n" } },
    [CMD_SLOT_NODE] = { "slot-node", { "CLUSTER", "SETSLOT", "%f", "NODE", "%n" } },
    [CMD_SLOT_KEYS] = { "slot-keys", { "CLUSTER", "GETKEYSINSLOT", "%f", "%d" } },
    [CMD_SLOT_COUNT] = { "slot-count", { "CLUSTER", "COUNTKEYSINSLOT", "%f" } },
    [CMD_MIGRATE] = { "migrate", { "MIGRATE", "%i", "%p", "", "0", "%d", "%*" } },
    [CMD_MIGRATE_EQUAL] = { "migrate-equal", { "MIGRATE", "%i", "%p", "", "0", "%d", "REPLACE", "%*" } },
    [CMD_FUNCTION_DUMP] = { "function-dump", { "FUNCTION", "DUMP" } },
    [CMD_FUNCTION_RESTORE] = { "function-restore", { "FUNCTION", "RESTORE", "%*" } },
    [CMD_DUMP] = { "dump", { "DUMP", "%*" } },
    [CMD_WEIGH] = { "weigh", { "MEMORY", "USAGE", "%*" } },
    [CMD_ASKING] = { "asking", { "ASKING" } },
    [CMD_PING] = { "ping", { "PING" } },
};

void commands_done(struct commands *c)
{
    for (size_t i = 0; i < c->n; i++) {
        for (size_t k = 0; k < c->items[i].n_texts; k++)
            free(c->items[i].texts[k]);
        free(c->items[i].texts);
    }
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

void command_add_text(struct command *c, const char *text)
{
    if (c->n_texts >= COMMAND_TEXTS_MAX)
        abort(); /* whoever makes lists bounds them */
    if (!c->texts)
        c->texts = xcalloc(COMMAND_TEXTS_MAX, sizeof(*c->texts));
    c->texts[c->n_texts++] = xstrdup(text);
}

static const char *spell(const struct command *c, const char *word, char *out)
{
    unsigned long long n = 0;

    switch (word[0] == '%' ? word[1] : '\0') {
    case 'i': return c->ip;
    case 'n': return c->id;
    case 'p': n = c->port; break;
    case 'b': n = c->bus_port; break;
    case 'e': n = c->epoch; break;
    case 'f': n = c->range.first; break;
    case 'l': n = c->range.last; break;
    case 'd': n = c->number; break;
    default: return word;
    }
    snprintf(out, COMMAND_ARG_SIZE, "%llu", n);
    return out;
}

static void add_texts(const struct command *c, struct command_words *out)
{
    for (size_t k = 0; k < c->n_texts && out->n < COMMAND_ARGS_MAX; k++) {
        out->len[out->n] = c->text_lens ? c->text_lens[k] : strlen(c->texts[k]);
        out->argv[out->n++] = c->texts[k];
    }
}

void command_spell(const struct command *c, struct command_words *out)
{
    const struct spelling *s = &spellings[c->kind];

    out->n = 0;
    for (size_t i = 0; i < COMMAND_WORDS_MAX && s->words[i]; i++) {
        if (strcmp(s->words[i], "%*") == 0) {
            add_texts(c, out);
            continue;
        }
        out->argv[out->n] = spell(c, s->words[i], out->made[i]);
        out->len[out->n] = strlen(out->argv[out->n]);
        out->n++;
    }
}

void command_render(const struct command *c, struct buf *out)
{
    struct command_words w;

    command_spell(c, &w);
    for (size_t i = 0; i < w.n; i++)
        buf_fmt(out, "%s%s", i ? " " : "", i && str_eq(w.argv[i - 1], "masterauth") ? "***" : w.argv[i]);
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
    { CMD_FAILOVER, "You should send CLUSTER FAILOVER to a replica", REPLY_ALREADY },
    { CMD_FAILOVER, "I'm a replica but my master is unknown to me", REPLY_AGAIN },
    { CMD_FAILOVER, "Master is down or failed", REPLY_AGAIN },
    { CMD_FAILOVER_FORCE, "You should send CLUSTER FAILOVER to a replica", REPLY_ALREADY },
    { CMD_FAILOVER_FORCE, "I'm a replica but my master is unknown to me", REPLY_AGAIN },
    { CMD_FAILOVER_TAKEOVER, "You should send CLUSTER FAILOVER to a replica", REPLY_ALREADY },
    { CMD_ASM_IMPORT, "another ASM task is already in progress", REPLY_AGAIN },
    { CMD_ASM_IMPORT, "overlapping import exists", REPLY_ALREADY },
    { CMD_ASM_IMPORT, "this node is already the owner", REPLY_ALREADY },
    { CMD_SLOTS_MIGRATE, "I am already migrating slot", REPLY_ALREADY },
    { CMD_SLOTS_MIGRATE, "Slots are not served by this node", REPLY_AGAIN },
    { CMD_SAVE, "Background save already in progress", REPLY_ALREADY },
    { CMD_SAVE, "Another child process is active", REPLY_AGAIN },
    { CMD_SAVE, "Can't BGSAVE while", REPLY_AGAIN },
    { CMD_SLOT_IMPORTING, "I'm already the owner of hash slot", REPLY_ALREADY },
    { CMD_SLOT_IMPORTING, "NOREPLICAS", REPLY_AGAIN },
    { CMD_SLOT_MIGRATING, "NOREPLICAS", REPLY_AGAIN },
    { CMD_SLOT_NODE, "NOREPLICAS", REPLY_AGAIN },
    { CMD_SLOT_STABLE, "NOREPLICAS", REPLY_AGAIN },
    /* A source that gave its last slot away may have become a replica. */
    { CMD_SLOT_NODE, "Please use SETSLOT only with masters", REPLY_ALREADY },
    { CMD_SLOT_NODE, "I don't know about node", REPLY_AGAIN },
    { CMD_SLOT_NODE, "Unknown node", REPLY_AGAIN },
    { CMD_MIGRATE, "IOERR", REPLY_AGAIN },
    { CMD_MIGRATE, "Target instance replied with error: BUSYKEY", REPLY_AGAIN },
    { CMD_MIGRATE_EQUAL, "IOERR", REPLY_AGAIN },
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
