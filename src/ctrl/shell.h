/*
 * What the files of this room share.
 */
#ifndef SRC_CTRL_SHELL_H
#define SRC_CTRL_SHELL_H

#include <sys/queue.h>

#include "base/map.h"
#include "cache/cache.h"
#include "ctrl/ctrl.h"
#include "kube/lease.h"
#include "kube/watch.h"
#include "plan/plan.h"
#include "queue/queue.h"
#include "redis/apply.h"
#include "redis/config.h"
#include "redis/functions.h"
#include "redis/move.h"
#include "redis/probe.h"
#include "serve/metrics.h"
#include "status/decisions.h"
#include "status/status.h"

/* A child as the server would not have it: not sent again in this form for a while. */
struct refusal {
    uint64_t hash; /* of what was sent */
    int64_t at_ms;
    struct err err;
};

/* Templates of the serving pods, as far as they were looked up: struct rollout_seen. */
struct revision_track {
    char newest[REVISION_SIZE], newest_uid[UID_SIZE];
    int32_t newest_of;
    char kept[TEMPLATE_HASH_SIZE];
    enum kept_state state;
    cJSON *template; /* of KEPT_HELD; owned */
    bool has_older;
    struct rollout_memory memory;
};

/* Children that could not be written. */
struct obstacles {
    char *foreign[N_CHILDREN]; /* whose they are; NULL: ours, or not there */
    int64_t foreign_ms[N_CHILDREN];
    struct refusal *refused[N_CHILDREN]; /* NULL: none */
};

/* What is kept of Redis: most services have none. */
struct redis_track {
    struct redis_keys keys; /* what the Secret holds, or should; wiped when freed */
    struct given given;     /* what the Secrets that the spec names hold; owned */
    struct redis_key fresh[N_REDIS_USERS]; /* made when one is needed; used up when the Secret took it */
    struct heal_memory heal;
    struct redis_moving moving;
};

/* What is kept of a key between passes; losing it costs a look, never a decision. */
struct track {
    char uid[UID_SIZE];
    struct redis_track *redis; /* NULL: nothing yet */
    bool password_is_known;   /* the servers run with them */
    bool password_is_doubted; /* another led since: a Secret that is there says better */
    uint64_t reloaded;        /* hash of the certificate and authorities that every node took; 0: none */
    enum secret_state secret;
    struct record *secret_record; /* of SECRET_HELD */
    char *secret_problem;         /* of SECRET_BAD */
    char *volume_problem;         /* NULL: none */
    int64_t volume_problem_ms;
    int64_t secret_read_ms; /* 0: read it again */
    struct settle settle;
    struct redis_progress progress;
    struct roles_memory roles;
    struct settings_memory *settings; /* NULL: nothing yet */
    struct obstacles *obstacles; /* NULL: there was none yet */
    struct revision_track revision;
    cJSON *decisions; /* that the next status will tell; NULL: none */
    uint64_t status_sent, status_kept; /* hashes: what was written, and what the server made of it */
    uint64_t said; /* hash of the last line logged: not said twice */
    struct {       /* as last decided, for /metrics */
        bool ready, has_redis, held_up, held_down;
        enum redis_state redis;
        int32_t slots_ok;
        int percent; /* of a resize; -1: none runs */
    } shown;
};

enum {
    REFUSED_AGAIN_MS = 30000, /* what the server refuses is tried again so late ... */
    PASSING_AGAIN_MS = 5000,  /* ... and what failed several times in a row, but may pass (429, 5xx, conflicts), so late */
};

enum counter {
    RECONCILE_SUCCESS,
    RECONCILE_ERROR,
    RECONCILE_REQUEUE,
    RECONCILE_REQUEUE_AFTER,
    N_RECONCILE_RESULTS,
};

struct ctrl_metrics {
    struct metrics *registry;
    struct metric *reconcile[N_RECONCILE_RESULTS];
    struct metric *reconcile_errors, *reconcile_time, *active_workers, *max_workers;
    struct metric *queue_time, *work_time, *leader, *writes, *skipped_writes, *redis_commands, *probes;
    struct metric *slots_moved, *keys_moved, *bytes_moved;
};

struct watched;
struct events;
struct discovery;

struct ctrl {
    struct loop *loop;
    struct kube *kube;
    struct ctrl_config cfg;
    struct cache *cache;
    struct queue *queue;
    struct loop_timer *timer;
    struct map *tracks;
    struct map *missing_hosts; /* hosts.c: since when, by name; owned */
    struct watched *watched; /* watches.c */
    size_t n_watched;
    struct discovery *discovery; /* NULL: not started */
    struct lease *lease; /* NULL without election */
    uint64_t said_of_lease; /* a hash; 0: nothing */
    struct events *events;
    struct ctrl_metrics m;
    int32_t n_passes;
    LIST_HEAD(pass_list, pass) passes;
    int32_t n_untrimmed; /* passes since free memory was last given back */
    bool stopping;
    void (*on_stopped)(void *arg);
    void *stopped_arg;
    struct loop_timer *stop_timer;
};

/* ctrl.c */
bool ctrl_may_write(const struct ctrl *c);
void ctrl_wake(struct ctrl *c); /* something may be due */
void ctrl_pass_ended(struct ctrl *c);
void ctrl_look_at_all(struct ctrl *c); /* every key gets a pass */

/* track.c */
struct track *track_of(struct ctrl *c, const char *key, const char *uid);
struct redis_track *track_redis(struct track *t); /* never NULL */
void track_forget(struct ctrl *c, const char *key);
void track_free(void *t);
/* Another may have led meanwhile: what only the leader knows is read again. */
void tracks_doubt(struct ctrl *c);
struct record *track_secret_record(struct track *t); /* made when there is none yet */
struct settings_memory *track_settings(struct track *t);     /* the same */
void track_set_foreign(struct track *t, enum child child, const char *whose, int64_t now_ms);
const char *track_foreign(const struct track *t, enum child child, int64_t now_ms); /* lately; NULL: nobody's. Lent */
/* err NULL: it was taken after all. */
void track_set_refused(struct track *t, enum child child, uint64_t hash, const struct err *err, int64_t now_ms);
/* How this form of the child was refused lately; NULL: it was not. Lent. */
const struct err *track_refusal(const struct track *t, enum child child, uint64_t hash, int64_t now_ms);

/* watches.c */
void watches_start(struct ctrl *c);
void watches_free(struct ctrl *c);
bool watches_are_synced(const struct ctrl *c, struct buf *why);
/* Begins and ends the watches of kinds that come and go. first: nobody works yet, they are waited for. */
void watches_follow(struct ctrl *c, bool first);
/* What was found, without what cannot be watched (yet). */
void watches_capabilities(const struct ctrl *c, struct capabilities *out);

/* discovery.c: starts at once */
struct discovery *discovery_new(struct ctrl *c);
void discovery_free(struct discovery *d); /* NULL is fine */
bool discovery_is_done(const struct discovery *d); /* everything was asked for once */
const struct capabilities *discovery_found(const struct discovery *d); /* lent */
void discovery_doubt(struct discovery *d); /* something may have gone */
/* A service of ns wants these (1u << enum capability), and does not find them. */
void discovery_missing(struct discovery *d, const char *ns, unsigned missing);

/* pass.c: observes, decides, hands to act.c, ends */
struct pass;
typedef void pass_reply_fn(struct pass *p, const struct kube_reply *reply);

struct pass {
    struct ctrl *c;
    char *key;
    struct track *track;
    cJSON *doc;
    struct isvc svc;
    bool svc_ok;
    struct member *members;
    struct redis_target *targets; /* one per member; their names are owned */
    struct pod *pods;
    size_t n_pods;
    struct claim *claims;
    size_t n_claims;
    struct host *hosts; /* that the pods run on; NULL: nodes cannot be read */
    size_t n_hosts;
    struct node_view *views;
    struct settings *shown; /* one per member; NULL: not asked */
    size_t n_views;
    struct observed o;
    struct plan plan;
    int64_t started_ms;
    size_t next_action;
    unsigned n_lookups; /* of who only looks */
    unsigned n_writes;
    uint64_t wrote;               /* bit i: action i changed something */
    bool acted;                   /* something was written: the next pass says how it stands */
    struct err failed;            /* the first child that could not be made so, or what ended the actions early */
    uint64_t status_hash;         /* of status_next, before its decisions were added */
    cJSON *status_next, *status_now; /* about to be written; written in this pass */
    bool status_merged;           /* the CRD takes no apply of it: merged instead */
    void (*then)(struct pass *p); /* after the Secret is read, or the status written */
    /* what is being waited for: one of them at most */
    struct kube_call *call;
    pass_reply_fn *on_reply;
    struct redis_probe *probe;
    struct redis_apply *apply;
    struct redis_config *config;
    struct redis_move *move;
    struct redis_functions *functions;
    LIST_ENTRY(pass) link;
};
/* As kube_send, but knows how to give up. */
void pass_send(struct pass *p, const struct kube_request *req, pass_reply_fn *on_reply);
/* The same for a write: without the lease the pass ends instead. */
void pass_write(struct pass *p, const struct kube_request *req, pass_reply_fn *on_reply);
/* False: without the lease the pass has ended. Asked before anything is changed. */
bool pass_leads(struct pass *p);
/* The lease is lost: passes that are telling Redis something end at once, as in a crash. Another leader may be deciding
 * before a large key has moved. */
void passes_leave_redis(struct ctrl *c);
/* Gives up all passes, in the middle of whatever they wait for. */
void passes_cancel(struct ctrl *c);
void pass_start(struct ctrl *c, const char *key); /* key is parked by the caller */
/* Takes the newest records of children: what was looked up may have taken a while. */
void pass_refresh(struct pass *p);
void pass_decide(struct pass *p); /* by what is known now */
/* kind ERR_NONE: again_ms from now at the latest, -1 only on change. */
void pass_end(struct pass *p, const struct err *e, int64_t again_ms);

/* hosts.c: where the pods run */
void hosts_locate(struct pass *p);

/* secret.c: reads <name>-redis and the Secrets that the spec names, then goes on with then(p) */
void secret_read(struct pass *p, void (*then)(struct pass *p));
void secret_applied(struct pass *p); /* the plan's keys are what the Secret holds now */

/* access.c: how Redis is reached. out lends from p and its track. */
struct access {
    struct redis_auth auth;
    struct redis_login others[REDIS_LOGINS_MAX - 1];
    char service[512];
};
void access_init(const struct pass *p, struct access *out);
void access_targets(struct pass *p); /* p->targets of p->members */
void access_done(struct pass *p);

/* keys.c: texts of a Secret. NULL: absent, empty, too long, not text. Caller wipes or frees. */
char *secret_text(const cJSON *secret, const char *key, size_t max_bytes);
char *secret_password(const cJSON *secret, const char *key); /* also NULL when not one printable word */
void secret_wipe(char **text);
bool keys_read(const cJSON *secret, struct redis_keys *out); /* false: no password; out is as it was */
void cert_read(const cJSON *secret, struct redis_cert *out);
void key_set_text(struct redis_key *k, const char *text); /* with its hash */
void key_generate(struct redis_key *k);

/* settings.c: asks the servers how they are set, when it is time, then goes on with then(p) */
void settings_look(struct pass *p, void (*then)(struct pass *p));
void settings_drop(struct pass *p);

/* act.c: carries out p->plan from p->next_action on, then pass_end */
void act_run(struct pass *p);
void act_next(struct pass *p); /* the current action is done */
void act_wrote(struct pass *p); /* the current action changed something */
bool act_is_passing(const struct err *e); /* trouble that may be over at the next look */
int64_t refused_for_ms(const struct err *e); /* how long it is not tried again */

/* move.c: the current action, then act_next */
void move_slots(struct pass *p);
void move_functions(struct pass *p);

/* child.c: the current action, then act_next */
void child_apply(struct pass *p);
void child_delete(struct pass *p); /* also ACT_ORPHAN */

/* pod.c: the current action, then act_next */
void pod_delete(struct pass *p);

/* revision.c: the current action, then act_next */
void revision_find(struct pass *p);
void revision_read(struct pass *p);
void revision_keep(struct pass *p);
void revision_prune(struct pass *p);
void revision_forget(struct revision_track *t); /* the template: it can be read again */

/* claim.c: the current action, then act_next */
void claim_patch(struct pass *p);
void claim_delete(struct pass *p);

/* report.c: the status, when it changed; then goes on */
void report(struct pass *p, void (*then)(struct pass *p));
/* What this pass has written so far is told with the next status that is written anyway. */
void report_remember(struct pass *p);
void report_failure(struct pass *p, void (*then)(struct pass *p)); /* p->failed is the reason */
void report_fight(struct pass *p, void (*then)(struct pass *p));

/* event.c */
struct events *events_new(struct ctrl *c);
void events_free(struct events *e);
void events_emit(struct events *e, const struct observed *o, const struct status_event *ev);

/* metrics.c */
void ctrl_metrics_init(struct ctrl_metrics *m);

#endif
