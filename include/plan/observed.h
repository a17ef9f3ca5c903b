/*
 * plan/observed.h - everything a decision may look at, gathered before it is made.
 *
 * Pure values. All pointers are lent for the length of one plan_step, but for what
 * latch_done and members_free give back.
 */
#ifndef PLAN_OBSERVED_H
#define PLAN_OBSERVED_H

#include "api/capabilities.h"
#include "api/isvc.h"
#include "cache/host.h"
#include "cache/record.h"
#include "cache/room.h"
#include "desired/desired.h"
#include "desired/revision.h"
#include "slots/form.h"
#include "slots/roll.h"
#include "slots/heal.h"
#include "slots/roles.h"
#include "slots/settings.h"
#include "slots/pace.h"
#include "slots/resize.h"
#include "slots/verdict.h"

enum secret_state {
    SECRET_UNKNOWN, /* not read yet */
    SECRET_ABSENT,  /* there is none: password is a fresh one, or the one remembered */
    SECRET_HELD,
    SECRET_BAD, /* there, but unusable; or the one the spec names is; problem says how */
};

/* The image of ours that Redis pods (the start fence) or serving pods (the download of models) contain, and the rest
 * of their template, hashed, that it was chosen for. It stays when the operator's own image changes: else every upgrade of the operator would restart
 * every server. */
struct entrypoint {
    char image[512]; /* "": not chosen yet */
    char template[17];
};

/* What came of backups: status.redis.backup. */
struct backup_state {
    int64_t last_ms;     /* wall; 0: none yet */
    char last_path[320]; /* on the claim */
    char error[160];
    char token[72];      /* the last spec.redis.backup.now that was served */
};

/* What must survive a restart of the operator, read from the status. */
struct latch {
    bool bootstrapped;
    struct form_plan plan; /* owned; seats NULL: none */
    struct roll_plan roll;
    struct resize_plan resize; /* owned; shards 0: none runs */
    struct entrypoint entrypoint;
    struct entrypoint fetcher;
    struct backup_state backup;
    struct settings_given given;
};

/* How slots moved lately; kept from pass to pass, losing it costs time. */
struct redis_moving {
    struct pace pace;      /* keys 0: not begun */
    int64_t keys_per_second, slots_per_second; /* of the last batch */
    int64_t not_before_ms; /* after a failure */
    int left;              /* slots, when the servers were last told to move some; 0: not yet */
    int64_t told_ms;       /* ... and when */
    int conflict_slot;     /* plus 1: a key is on both sides with different values; 0: none */
    char conflict_owner[64], conflict_other[64]; /* the pods of its owner and of the other side */
    char error[160];       /* of the last batch; "" */
};

struct redis_progress {
    const char *what; /* static; NULL: nothing is under way */
    int percent;      /* -1: not known */
    int64_t keys_per_second, eta_s; /* eta -1: not known */
    int64_t at_ms;    /* when it was taken: it is told once a second */
};

/* The number of replicas an autoscaler had chosen when it was switched off. It stands until
 * minReplicas changes: switching off must not throw capacity away. */
struct frozen {
    int32_t replicas; /* 0: none */
    int32_t min_replicas;
    bool settling; /* spec.replicas is not ours again yet: the autoscaler may have had a last word */
};

/* What ran when the autoscaler went blind: it stays until the autoscaler has read its metrics for some minutes. */
struct scaling_floor {
    int32_t replicas;        /* 0: none */
    int64_t seeing_since_ms; /* wall; 0: it is still blind, or has not said yet that it is not */
    bool blind;              /* now; not in the status */
};

/* What people put into the Secrets that the spec names. Owned by whoever reads them. */
struct given {
    bool known;            /* they were looked at */
    struct redis_key password;
    char *password_problem; /* a sentence; NULL: none, or no such Secret is named */
    struct redis_cert tls;
    char *tls_problem;
    int64_t held_not_after_s; /* of the keys' certificate; 0: none */
    bool same_tls, same_ca;  /* as the keys' */
    bool held_verifies;      /* the keys' authorities verify tls.crt */
    bool verifies_held;      /* tls.ca verifies the keys' certificate */
    char *both_ca;           /* the authorities of both; NULL: not needed */
};

void given_done(struct given *g);

struct redis_seen {
    struct latch latch;
    struct expected expected;      /* members are lent to plan_step; n_members 0: no Redis */
    const struct node_view *views; /* one per member; NULL: not asked in this pass */
    const char *blocked;           /* why nobody could be asked: a sentence; NULL: asked, or nobody there */
    struct settle settle;          /* from the last pass */
    struct heal_memory heal;       /* the same */
    struct roles_memory roles;     /* the same */
    struct settings_memory settings; /* the same */
    const struct settings *shown;  /* one per member; NULL: not asked in this pass */
    struct redis_moving moving;    /* the same */
    struct redis_progress progress; /* the same */
    enum secret_state secret;
    bool password_is_known;        /* by the running servers: held, or remembered */
    const struct redis_keys *keys; /* what the Secret holds, or should hold at first; NULL: cannot be known */
    const struct given *given;     /* what the Secrets that the spec names hold; NULL: not looked at */
    const struct redis_key *fresh; /* N_REDIS_USERS new passwords, to be used at most once; NULL: none at hand */
    uint64_t reloaded;             /* cert_hash of what every node loaded last; 0: not known */
    int64_t file_delay_ms;         /* how long a changed Secret may take to reach the files in the pods; 0: the default */
    const char *problem;           /* of SECRET_BAD */
};

enum kept_state {
    KEPT_UNKNOWN, /* not looked at */
    KEPT_THERE,   /* it exists, its content was not read */
    KEPT_HELD,    /* template is what it holds */
    KEPT_ABSENT,  /* it is gone, or holds something else */
    KEPT_REFUSED, /* the server, or somebody else's object of that name, is in the way */
};

/* Since when the new template is in a trouble that may pass; losing it costs time. */
struct rollout_memory {
    char revision[TEMPLATE_HASH_SIZE];
    int64_t since_ms; /* monotonic; 0: it is in none */
};

/* What is known of revisions of the serving pods: looked up when a rule asks, kept from pass to pass. */
struct rollout_seen {
    char newest[REVISION_SIZE];     /* pod-template-hash of the Deployment's present template; "": not known ... */
    int32_t newest_of;              /* ... found for this number of the Deployment's revision ... */
    char newest_uid[UID_SIZE];      /* ... with this uid */
    char kept[TEMPLATE_HASH_SIZE];  /* the ControllerRevision that state and template speak of; "": none yet */
    enum kept_state state;
    const cJSON *template;          /* of KEPT_HELD; lent */
    bool has_older;                 /* there may be older ones of ours than that */
    struct rollout_memory memory;
};

struct observed {
    const char *ns, *name, *uid;
    int64_t generation;
    bool deleting;
    bool paused;                   /* spec.managementPolicy, also of a spec that is wrong otherwise */
    const struct isvc *svc;        /* NULL: spec_err says why */
    struct err spec_err;
    struct err latch_err;          /* not ERR_NONE: status.redis cannot be read; svc is NULL then */
    const cJSON *status;           /* as last read; NULL: none */
    const struct record *child[N_CHILDREN];
    const char *foreign[N_CHILDREN]; /* a GET found an object that is not ours: a sentence; NULL: none */
    const struct pod *pods;
    size_t n_pods;
    const struct host *hosts;   /* that the pods run on; NULL: nodes cannot be read */
    size_t n_hosts;
    size_t n_places;            /* nodes that the whole cluster has, and the zones they are in; 0: not known */
    size_t n_zones;
    const struct cache *nodes;  /* asked whether they have room (cache/room.h); NULL: nodes cannot be read */
    int64_t patience_ms;        /* how long a pod may find no node before something is done about it; 0: the default */
    const struct claim *claims; /* of Redis pods, those that are no more included */
    size_t n_claims;
    const char *volume_problem; /* how the server refused to let a volume grow: a sentence; NULL: it did not */
    bool volume_may_try;        /* again, by now */
    int64_t created_ms;         /* the resource, since 1970 */
    struct redis_seen redis;
    struct rollout_seen rollout;
    struct capabilities caps; /* what the cluster offers, and what of it may be watched */
    const char *image; /* the operator's own; NULL: as it was built */
    int64_t now_ms;  /* monotonic */
    int64_t wall_ms; /* since 1970 */
};

/* Reading status.redis; a damaged one is an error, never "not bootstrapped". */
int latch_from_status(const cJSON *status, struct latch *out, struct err *e) MUST_USE;
void latch_done(struct latch *l);

/* Who should be in the cluster: by the plan once there is one, else by the spec. Pods that do not
 * exist have no address. svc may be NULL when a plan is there. Returns NULL and n 0 without
 * Redis. The caller frees with members_free; texts lend from pods and latch. */
struct member *members_expected(const char *name, const struct isvc *svc, const struct latch *latch,
                                const struct pod *pods, size_t n_pods, struct expected *out);
/* Sets zone, draining, ending, node_gone, fenced. hosts: those that the pods run on, as far as they exist;
 * NULL: nodes cannot be read. zone lends from hosts. */
void members_locate(struct member *m, size_t n, const struct pod *pods, size_t n_pods, const struct host *hosts,
                    size_t n_hosts);
/* Sets outdated, by the revision that the StatefulSet would make now (set NULL: nobody is), and rolling. */
void members_mark_roll(struct member *m, size_t n, const struct pod *pods, size_t n_pods, const struct record *set,
                       const struct roll_plan *roll);
void members_free(struct member *m, size_t n);

/* Sets outdated where a volume waits for its pod to restart before it has its new size. */
void members_mark_volumes(struct member *m, size_t n, const struct pod *pods, size_t n_pods, const struct claim *claims,
                          size_t n_claims, int64_t wall_ms);

/* What running servers should be told of the redis.conf of this service; settings_done afterwards. */
void redis_settings_wanted(const struct isvc *s, struct settings *out);

#endif
