/*
 * e2e/ledger.h - what Redis acknowledged, and whether it still holds it.
 *
 * A process of its own writes numbered keys, one after the other, following MOVED
 * and ASK, and notes each OK in memory shared with the test; ledger_check reads all of
 * them back. A write without an answer is neither promised nor forbidden. The
 * values carry a checksum: a wrong value is worse than none.
 *
 * Also the referee: `redis-cli --cluster check`, which shares no code with us.
 * Addresses change when pods restart: ledger_look tells the writer the new ones.
 */
#ifndef E2E_LEDGER_H
#define E2E_LEDGER_H

#include "e2e/harness.h"

enum { LEDGER_KEYS_MAX = 400000 };

struct ledger_result {
    int64_t acked;
    int64_t lost;          /* acknowledged, and absent now */
    int64_t wrong;         /* present with another value */
    int64_t first_lost_ms; /* when the first and last lost keys were acknowledged (loop_now_ms); 0: none */
    int64_t last_lost_ms;
    int64_t longest_gap_ms; /* the longest time without any acknowledgement */
};

/* Starts writing to the Redis of this service, whose pods must run. One at a time. */
void ledger_start(struct e2e *t, const char *service);
void ledger_look(struct e2e *t);    /* reads the pods' addresses anew */
int64_t ledger_acked(struct e2e *t);
void ledger_wait_progress(struct e2e *t, int bound_s); /* until a write begun from now on is acknowledged */
void ledger_stop(struct e2e *t);    /* the writer ends; the book stays */
struct ledger_result ledger_check(struct e2e *t); /* after ledger_stop; needs every slot served */
void ledger_end(struct e2e *t);     /* for the harness */

/* The Redis pods of a service that have an address. */
struct redis_pods {
    char names[32][64];
    char ips[32][64];
    char uids[32][40];
    int n;
};
void redis_pods_get(struct e2e *t, const char *service, struct redis_pods *out);
const char *redis_password(struct e2e *t, const char *service);

/* "8.0.2", of the first pod that answers (Valkey's own, not the Redis that it claims to be); NULL: none. Lent. */
const char *redis_version(struct e2e *t, const char *service);

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

#endif
