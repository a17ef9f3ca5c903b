/*
 * redis/mover.h - the parts of a batch of slot moves (redis/move.h), for themselves.
 *
 *   move.c          a batch: looks, opens links, shares out lanes, ends
 *   move_share.c    which slots move, and in which lane
 *   move_lane.c     one pair of masters: a window of slots through the steps of slots/handover.h
 *   move_keys.c     the keys of one slot, by weight
 *   move_compare.c  keys that may be on both sides
 *   move_ping.c     what others feel meanwhile
 *
 * A batch ends from its timer only, never within a callback: after move_over nothing is sent and every
 * callback returns at once.
 */
#ifndef REDIS_MOVER_H
#define REDIS_MOVER_H

#include "redis/link.h"
#include "redis/move.h"
#include "slots/handover.h"

#define MOVE_CONNECT_MS 2000
#define MOVE_REPLY_MAX (40u << 20) /* a DUMP to compare is the largest; more than MOVE_COMPARE_MAX is not asked */
#define MOVE_COMPARE_MAX (24 << 20)
#define MOVE_CHUNK_MAX (4 << 20)   /* one MIGRATE, unless a single key is larger */
#define MOVE_BIG_KEY (64 << 20)    /* moves with nothing beside it in its lane */
#define MOVE_BYTES_PER_MS 20000    /* at worst; how long a big key may silence its ends */
#define MOVE_TRIES 3               /* of a slot, after errors that leave its keys in doubt */
#define MOVE_WAYS 16               /* connections to a node whose SETSLOT waits for its replicas (Valkey 8) */

struct lane;
struct pings;
struct redis_move;

struct node {
    struct redis_move *m;
    struct redis_target at;
    char id[NODE_ID_LEN + 1];
    struct link *link; /* NULL: not needed, or lost */
    struct link *ways[MOVE_WAYS]; /* for SETSLOT: each waits on its own; n_ways 0: over link */
    size_t n_ways;
    struct link_watch watch;
    bool setslot_waits;
    bool is_worked; /* a source or a target */
    size_t login;      /* of the batch's, by the user that it took when it was looked at */
    bool is_right;     /* answered, with its id */
    size_t n_told;     /* HAND_OTHERS: replies awaited */
};

/* A slot on its way. */
struct work {
    struct lane *lane; /* NULL: refused */
    size_t index;      /* in the batch */
    struct move_slot what;
    enum handover_step from;
    bool out;   /* given up in this window; its state says why */
    bool clean; /* the source counted no key */
    int tries;
    struct keys *keys; /* while they move */
};

struct redis_move {
    struct loop *loop;
    struct loop_timer *timer;
    struct redis_probe *probe; /* while looking */
    struct node *nodes;
    size_t n_nodes;
    struct work *works;
    enum move_state *states;
    size_t n_works;
    struct lane *lanes;
    size_t n_lanes, n_running;
    struct pings *pings;
    struct redis_login logins[REDIS_LOGINS_MAX]; /* copies */
    size_t n_logins;
    struct redis_auth auth; /* what every node's has in common */
    char *sni;
    SSL_CTX *tls;
    struct move_limits limits;
    struct move_report report;
    int64_t begun_ms, idle_until_ms; /* 0: lanes have started */
    struct lane *committing; /* two targets that raise their epochs at once may choose the same one */
    bool stopping;           /* no slot is begun any more */
    bool over;
    int n_sent;
    redis_move_done done;
    void *arg;
};

/* move.c */
void move_send(struct redis_move *m, size_t member, const struct command *c, link_reply on_reply, void *arg);
/* Tells all masters but source and target; nobody waits for it but the end of the batch. */
void move_tell_others(struct redis_move *m, const struct work *w);
/* All masters wait that long for a silent one. A big key silences both of its ends. */
void move_node_timeout(struct redis_move *m, int64_t ms);
/* The first one is reported; no slot is begun afterwards. w may be NULL. */
void move_error(struct redis_move *m, const struct work *w, size_t member, enum reply_class what, const char *error);
void move_lane_idle(struct redis_move *m, struct lane *lane); /* has no slot left, may not begin one, or is dead */
/* One connection lost is a node lost. */
void move_node_lost(struct redis_move *m, size_t member, bool denied, const char *why);
struct redis_auth move_auth(const struct redis_move *m, size_t member); /* lent */
const char *move_id(const struct redis_move *m, size_t member);
const struct redis_target *move_target(const struct redis_move *m, size_t member);

/* move_share.c */
void move_share_out(struct redis_move *m, const struct node_view *views);

/* move_lane.c: one lane per way, source and target. */
struct lane {
    struct redis_move *m;
    enum move_how how;
    size_t source, target;
    size_t *queue, n_queue, next; /* indexes of works */
    size_t window[PACE_SLOTS_MAX], n_window;
    enum handover_step step;
    size_t n_awaited;
    size_t cursor;   /* the next of the window */
    size_t n_moving; /* HAND_KEYS: how many are at it */
    struct work *big;        /* has a big key on its way, or waiting to be alone */
    struct loop_timer *timer; /* the next window, or the step that it waited for */
    bool takes;              /* some slot changes its owner in this batch */
    bool running, dead, waits; /* waits: for committing */
};
void lane_init(struct lane *lane);
void lane_start(struct lane *lane); /* begins windows until move_lane_idle */
void lane_die(struct lane *lane);   /* a link is lost: what is open stays open */
void lane_keys_done(struct lane *lane, struct work *w);
void lane_give_up(struct work *w, enum move_state state); /* in this batch */
void lane_done(struct lane *lane);

/* move_keys.c */
struct keys {
    struct redis_move *m;
    struct work *w;
    char *bytes; /* all names */
    char **texts;
    size_t *lens;
    int64_t *weights; /* 0: gone */
    size_t n, at, n_weighed, n_moving, n_asked;
    bool full;  /* as many as asked for: there may be more */
    bool mend;  /* some may be on both sides: compare one by one */
    bool patient; /* the masters wait longer than usual, for a big key */
    bool large; /* the key under comparison is too large for it */
    unsigned char digest[32];
};
void keys_start(struct work *w);
void keys_next(struct keys *k);
void keys_free(struct keys *k); /* NULL is fine */
/* n from k->at; with equal, REPLACE. */
void keys_migrate(struct keys *k, size_t n, bool equal);
void keys_skip(struct keys *k); /* the one at k->at is not there any more */
bool keys_refused(struct keys *k, size_t member, enum command_kind kind, const redisReply *r); /* true: given up */

/* move_compare.c */
void keys_compare(struct keys *k); /* the one at k->at; ends in keys_migrate, keys_skip or a conflict */

/* move_ping.c */
struct pings *pings_new(struct redis_move *m);
void pings_add(struct pings *p, size_t member, struct link_watch *w);
void pings_tick(struct pings *p); /* every 10 ms or so */
void pings_sum(const struct pings *p, int64_t *mean_us, int64_t *worst_us);
int64_t pings_tail(struct pings *p); /* of this window: the worst but one in a hundred; 0: none */
void pings_reset(struct pings *p);
void pings_free(struct pings *p); /* NULL is fine */

#endif
