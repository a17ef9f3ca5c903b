/*
 * e2e/ledger.h - what Redis acknowledged, and whether it still holds it.
 *
 * A process of its own with several writers, each with slots of its own, so that a shard
 * that stands still does not hide the others. Each is a cluster client of the plainest kind
 * (MOVED, ASK and TRYAGAIN are followed). Keys are written in turn, again and again; a value
 * holds the number of its write, a checksum, and filling of mixed sizes when asked for. Every
 * acknowledged write is noted in memory shared with the test. ledger_check reads all keys back:
 * a key may hold its last acknowledged write or a later one that was tried, nothing older.
 * A write without an answer is neither promised nor forbidden.
 *
 * Also the referee: `redis-cli --cluster check`, which shares no code with us, and an own
 * check of what redis-cli does not ask. Addresses change when pods restart: ledger_look tells
 * the writers the new ones.
 */
#ifndef E2E_LEDGER_H
#define E2E_LEDGER_H

#include "e2e/harness.h"

struct ledger_opts {
    int n_keys;         /* at most LEDGER_KEYS_MAX; 0: 5000 */
    bool mixed;         /* values from 64 bytes to 100 KB, 2.3 KB in the mean, instead of 40 bytes */
    int64_t big_bytes;  /* one more key of this size, written once at the start; 0: none */
    bool fill;          /* all keys are written once before ledger_start returns */
    int pause_us;       /* of each writer after each write; 0: 6000, which is about 900 writes/s in all */
};

enum { LEDGER_KEYS_MAX = 600000, LEDGER_PHASES = 8 };

struct ledger_result {
    int64_t acked;
    int64_t lost;          /* acknowledged, and absent or older now */
    int64_t wrong;         /* present with another value */
    int64_t first_lost_ms; /* when the first and last lost writes were acknowledged (loop_now_ms); 0: none */
    int64_t last_lost_ms;
    int64_t longest_gap_ms; /* the longest time without any acknowledgement at one writer, of all phases */
};

/* What clients saw in one phase. */
struct ledger_phase {
    char name[32];
    int64_t acked;
    int64_t p50_us, p99_us, max_us; /* of acknowledged writes, redirections included */
    int64_t longest_gap_ms;         /* at one writer */
    int64_t moved, asked, tried_again;
    int64_t errors;                 /* of any other kind; connections that ended count too */
    char error_text[256];           /* "CLUSTERDOWN 12, timeout 3" */
};

/* Starts writing to the Redis of this service, whose pods must run. One at a time. NULL opts: defaults. */
void ledger_start(struct e2e *t, const char *service);
void ledger_start_with(struct e2e *t, const char *service, const struct ledger_opts *o);
void ledger_look(struct e2e *t);    /* reads the pods' addresses and the password anew */
int64_t ledger_acked(struct e2e *t);
void ledger_wait_progress(struct e2e *t, int bound_s); /* until each writer had a write begun from now on acknowledged */
void ledger_phase(struct e2e *t, const char *name);    /* what follows counts as another phase; the first is "start" */
struct ledger_phase ledger_phase_get(struct e2e *t, const char *name);
void ledger_note_phases(struct e2e *t); /* a line for each */
void ledger_stop(struct e2e *t);    /* the writers end; the book stays */
struct ledger_result ledger_check(struct e2e *t); /* after ledger_stop; needs every slot served */
void ledger_end(struct e2e *t);     /* for the harness */

/* The Redis pods of a service that have an address, and are not being deleted. */
struct redis_pods {
    char names[32][64];
    char ips[32][64];
    char uids[32][40];
    int n;
    int n_ending; /* pods that are */
};
void redis_pods_get(struct e2e *t, const char *service, struct redis_pods *out);
const char *redis_secret(struct e2e *t, const char *service, const char *key); /* a text of its Secret; "": none */
const char *redis_password(struct e2e *t, const char *service); /* of applications */
/* "AUTH everserve ...": what applications may not do, the operator's user may. Lent. */
const char *redis_admin(struct e2e *t, const char *service);

/* "8.0.2", of the first pod that answers (Valkey's own, not the Redis that it claims to be); NULL: none. Lent. */
const char *redis_version(struct e2e *t, const char *service);

/* Commands of words to one pod, separated by ";" (\001 in a word: a space): the last answer as text ("(error) ..." for
 * errors, a list's words with spaces between them), NULL: none came. Lent. */
const char *redis_ask(struct e2e *t, const char *service, const char *ip, const char *commands);

/* The pod that is a master with slots now, by asking; NULL: none found. Lent. */
const char *redis_master_pod(struct e2e *t, const char *service);

/* Who is what, each by its own row: masters that own slots, replicas. Names are pods'. */
struct redis_nodes {
    char masters[32][64], replicas[32][64];
    int n_masters, n_replicas;
};
void redis_nodes_get(struct e2e *t, const char *service, struct redis_nodes *out);

/* The referee's opinion, asked of the first pod that answers it; out (NULL is fine) holds its words. */
bool referee_is_content(struct e2e *t, const char *service, const char **out);

/* Ours, by own rows: no pod is being deleted, every slot claimed once, nothing open, all agree on owners, epochs differ, every
 * replica's link is up to its owner's address. n_masters 0: any number. Looks again for bound_s: links of
 * the bus come back a moment later than gossip. NULL: all well; else what is not, lent. */
const char *own_check(struct e2e *t, const char *service, int n_masters, int n_replicas, int bound_s);

#endif
