/*
 * slots/view.h - what one Redis node says, as a value: its own state and the
 * rows of its CLUSTER NODES.
 *
 * Pure. view_init / view_done; the arrays are the view's own. Everything read
 * here was written by somebody else: at most 1,000 rows, lines of at most 64 KiB,
 * names and numbers within limits, otherwise ERR_INVALID with a message and the view
 * is left as it was. Fields that a server does not send keep their zero value (-1 where said).
 *
 * Sources: redis cluster_legacy.c (clusterGenNodeDescription, genClusterInfoString),
 * server.c (genRedisInfoString). pfail is spelled "fail?". An address may have an
 * empty ip (before the first MEET), IPv6 without brackets, ",hostname" and more ",key=value"
 * after it. RESP3 may prefix "txt:". Marks of a moving slot ("[7->-id]", "[7-<-id]")
 * are shown by the owner of the row only.
 */
#ifndef SLOTS_VIEW_H
#define SLOTS_VIEW_H

#include "slots/set.h"

#define VIEW_ROWS_MAX 1000
#define VIEW_LINKS_MAX 64 /* replicas connected to one master */
#define VIEW_USERS_MAX 64
#define VIEW_HASHES_MAX 8
#define NODE_ID_LEN 40

enum node_flag {
    NODE_MYSELF = 1 << 0,
    NODE_MASTER = 1 << 1,
    NODE_REPLICA = 1 << 2,
    NODE_PFAIL = 1 << 3,
    NODE_FAIL = 1 << 4,
    NODE_HANDSHAKE = 1 << 5,
    NODE_NOADDR = 1 << 6,
    NODE_NOFAILOVER = 1 << 7, /* cluster-replica-no-failover yes: not armed */
};

struct open_slot {
    uint16_t slot;
    bool importing; /* false: migrating away */
    char peer[NODE_ID_LEN + 1];
};

struct view_row {
    char id[NODE_ID_LEN + 1];
    char ip[64]; /* "" when unknown */
    uint16_t port, bus_port;
    char hostname[256]; /* "" when not announced */
    unsigned flags;     /* enum node_flag */
    char master_id[NODE_ID_LEN + 1]; /* "" for a master */
    int64_t ping_sent_ms, pong_received_ms; /* that node's wall clock; 0: none pending, never */
    uint64_t epoch;
    bool connected; /* link-state; always true for myself */
    size_t first_range, n_ranges; /* in view.ranges, as sent */
    size_t first_open, n_open;    /* in view.open; myself's row only */
};

/* slaveN: of INFO replication, seen by the master */
struct replica_link {
    char ip[64];
    uint16_t port;
    bool online; /* state=online */
    int64_t offset, lag_s;
};

/* A line of ACL LIST. */
struct view_user {
    char name[64];
    bool on, nopass;
    char hashes[VIEW_HASHES_MAX][65]; /* SHA-256 in hex, of its passwords */
    size_t n_hashes;
    char *rules; /* owned; the words about commands, keys and channels, in their order */
};

/* A migration that servers carry out by themselves: CLUSTER MIGRATION STATUS (Redis 8.4), CLUSTER
 * GETSLOTMIGRATIONS (Valkey 9). */
enum job_state { JOB_RUNNING, JOB_DONE, JOB_FAILED, JOB_CANCELED };

#define VIEW_JOBS_MAX 32

struct view_job {
    char id[NODE_ID_LEN + 1];
    bool importing; /* false: from this node */
    enum job_state state;
    char source[NODE_ID_LEN + 1], target[NODE_ID_LEN + 1];
    struct slot_set slots;
    char message[160]; /* why it failed, as the server says; printable */
};

enum view_reach {
    REACH_NONE = 0, /* not asked, or no answer: refused, timeout, broken */
    REACH_DENIED,   /* NOAUTH, WRONGPASS, NOPERM */
    REACH_LOADING,  /* answers, but reads its data set first */
    REACH_OK,       /* every question answered */
};

struct node_view {
    char address[80]; /* host:port asked */
    enum view_reach reach;
    bool refused;    /* nobody listens there: stronger than silence */
    char error[256]; /* why reach is not OK */
    char certificate[65]; /* SHA-256 in hex of the one it showed; "" without TLS */

    /* CLUSTER MYID, MYSHARDID */
    char id[NODE_ID_LEN + 1];
    char shard_id[NODE_ID_LEN + 1]; /* "" before 7.2 */

    /* INFO */
    char version[32]; /* of Redis or Valkey */
    bool is_valkey;
    char run_id[NODE_ID_LEN + 1];
    char replid[NODE_ID_LEN + 1], replid2[NODE_ID_LEN + 1]; /* whose history its data is; the one before */
    int64_t uptime_s;
    int64_t keys; /* all databases; -1 unknown */
    int64_t used_memory, max_memory;
    int64_t libraries;     /* of functions; 0 before 7.0 */
    int64_t dataset_bytes; /* used_memory less what the server itself needs */
    bool is_replica;
    char master_host[256];
    uint16_t master_port;
    bool master_link_up, sync_in_progress;
    int64_t link_down_s; /* since when the link to its master is down; -1: up, or never was */
    int64_t offset; /* master: master_repl_offset; replica: what it has read */
    struct replica_link *links;
    size_t n_links;
    bool loading, aof_enabled, rdb_saving, rdb_save_failed, aof_write_failed;

    /* CLUSTER INFO */
    bool state_ok;
    int slots_assigned, slots_ok, slots_pfail, slots_fail;
    int known_nodes, size;
    uint64_t current_epoch, my_epoch;
    int migration_tasks; /* running: cluster_slot_migration_active_tasks + active_trim_running, or jobs_running */

    /* the running ones first, then the newest of those that have ended; at most VIEW_JOBS_MAX */
    struct view_job *jobs;
    size_t n_jobs;
    int jobs_running; /* all of them */

    /* ACL LIST, CONFIG GET masteruser masterauth; only when asked */
    bool users_known;
    struct view_user *users;
    size_t n_users;
    char master_user[64];
    char master_auth[65]; /* SHA-256 in hex; "": none */
    char login[64];       /* the user that the asker is to this node */

    /* CLUSTER NODES */
    struct view_row *rows;
    size_t n_rows;
    struct slot_range *ranges;
    size_t n_ranges;
    struct open_slot *open;
    size_t n_open;
};

void view_init(struct node_view *v);
void view_done(struct node_view *v); /* leaves it as view_init does */
void views_free(struct node_view *views, size_t n); /* an array from xcalloc; NULL is fine */

int view_parse_nodes(const char *text, size_t len, struct node_view *v, struct err *e) MUST_USE;
int view_parse_cluster_info(const char *text, size_t len, struct node_view *v, struct err *e) MUST_USE;
/* Any sections of INFO: server, replication, persistence, memory, keyspace. */
int view_parse_info(const char *text, size_t len, struct node_view *v, struct err *e) MUST_USE;
/* A reply to MYID or MYSHARDID; out holds NODE_ID_LEN + 1. */
int view_parse_id(const char *text, size_t len, char *out, struct err *e) MUST_USE;

/* One line of ACL LIST, added to users. */
int view_parse_user(const char *text, size_t len, struct node_view *v, struct err *e) MUST_USE;
const struct view_user *view_user_find(const struct node_view *v, const char *name); /* lent; NULL: none */

/* Which list of migrations it has, by its version: INFO comes first. */
enum view_jobs_kind { JOBS_NONE, JOBS_REDIS, JOBS_VALKEY };
enum view_jobs_kind view_jobs_kind(const struct node_view *v);

struct view_pair {
    const char *key, *value; /* lent; no NUL at their end */
    size_t key_len, value_len;
};
/* One item of that list, a map in pairs. */
int view_add_job(struct node_view *v, const struct view_pair *pairs, size_t n, struct err *e) MUST_USE;

/* Checks what only the whole answer shows: one myself row, its id is MYID. */
int view_finish(struct node_view *v, struct err *e) MUST_USE;

/* Lent; NULL when there is none. */
const struct view_row *view_myself(const struct node_view *v);
const struct view_row *view_find(const struct node_view *v, const char *id);
struct slot_set view_row_slots(const struct node_view *v, const struct view_row *r);
bool view_owns_slots(const struct node_view *v); /* by its own row, which says master */
/* Knows nobody, owns nothing, holds no key, epoch 0. why may be NULL. */
bool view_is_fresh(const struct node_view *v, struct err *why);

#endif
