/*
 * slots/settings.h - the settings of redis.conf: which a running server takes, which need a restart, and
 * what to tell whom.
 *
 * Pure. A setting is live when CONFIG SET takes it on every supported release, and nobody but redis.conf
 * decides it. The others are part of what a pod is made of: settings_restart_hash is in the pod
 * template, so that a live one never restarts anything.
 *
 * A value that no server holds yet is tried on one of them first; what it refuses is kept, with its
 * words, and told to nobody else. Servers show values in a form of their own (bytes, other order,
 * other words): what CONFIG GET shows after a value was taken counts as that value.
 */
#ifndef SLOTS_SETTINGS_H
#define SLOTS_SETTINGS_H

#include "json/json.h"
#include "slots/command.h"
#include "slots/verdict.h"

enum {
    SETTINGS_MAX = 96,
    SETTING_NAME_SIZE = 64,
    SETTING_VALUE_MAX = 1024,
    SETTINGS_KEPT = 12,
    SETTINGS_ASK_MS = 30000,  /* a pod may have started with a file that was older */
    SETTINGS_RETRY_MS = 60000,
};

struct setting {
    char name[SETTING_NAME_SIZE];
    char *value; /* owned */
};

struct settings {
    struct setting *items; /* by name, each once; NULL while empty */
    size_t n;
};

void settings_done(struct settings *s);
/* The last value of a name counts. False, and nothing is added: too long, or too many. */
bool settings_put(struct settings *s, const char *name, size_t name_len, const char *value, size_t value_len);
const char *settings_find(const struct settings *s, const char *name); /* lent; NULL: has none */
uint64_t settings_hash(const struct settings *s);

/* Of a redis.conf as we write it: those that running servers are told; the hash of all others. */
void settings_live(const char *conf, struct settings *out); /* settings_done afterwards */
uint64_t settings_restart_hash(const char *conf);
bool setting_is_live(const char *name);

/* The same value, as far as that can be told from the texts? */
bool setting_is_so(const char *name, const char *wanted, const char *shown);

/* What the caller keeps from pass to pass; zero at first. Losing it costs a repeated CONFIG SET. */
struct settings_memory {
    struct {
        uint64_t name, wanted; /* hashes; 0: free */
        uint64_t shown;        /* how a server shows it; 0: as wanted */
        uint32_t member;       /* who took it first */
        bool taken, refused;
        int64_t at_ms;
        char why[160];
    } items[SETTINGS_KEPT];
    uint64_t asked; /* settings_hash of those that were asked for last */
    int64_t asked_ms;
};

/* Is it time to ask the servers again? */
bool settings_are_due(const struct settings_memory *m, const struct settings *wanted, int64_t now_ms);

struct settings_input {
    const struct expected *x;
    const struct settings *wanted;
    const struct settings *shown; /* one per member, empty: not known; NULL: not asked in this pass */
    int64_t now_ms;
};

struct settings_step {
    struct commands commands; /* CONFIG SET, one setting each; at most 16 */
    bool untested;            /* some value is held by nobody yet: it goes into no file */
    char key[SETTING_NAME_SIZE]; /* the first that was refused; "": none */
    char why[160];
};

void settings_step(const struct settings_input *in, struct settings_memory *m, struct settings_step *out);
void settings_step_done(struct settings_step *s);

/* To be told what became of each command of the step; error "" when it was taken. */
void settings_remember(struct settings_memory *m, const struct command *c, enum reply_class what, const char *error,
                       int64_t now_ms);

/* Live settings of the user's that the servers have taken, kept in the status: {"live":["hz"],"restarts":1}. Servers have no
 * way back to a default, and what it is differs by release: one that is taken out of the spec makes the number higher,
 * and every server is restarted once, without it. */
enum { SETTINGS_GIVEN_MAX = 64 };

struct settings_given {
    char names[SETTINGS_GIVEN_MAX][SETTING_NAME_SIZE];
    size_t n;
    int32_t restarts;
};

cJSON *settings_given_json(const struct settings_given *g); /* NULL: nothing is to be kept */
void settings_given_parse(const cJSON *json, struct settings_given *out); /* what cannot be read is left out */
/* user: the names in the spec; in->wanted: all of redis.conf, so that one which is ours without the user's is told live.
 * True: the number was raised. */
bool settings_given_step(const struct settings_input *in, struct settings_memory *m, const struct settings *user,
                         const struct settings_given *had, struct settings_given *out);

/* Does any server hold it? */
bool settings_are_held(const struct settings_input *in, struct settings_memory *m, const struct setting *s);

#endif
