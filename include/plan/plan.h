/*
 * plan/plan.h - what to do next for one InferenceService: the page to read first.
 *
 * Pure. plan_step walks an ordered table of named rules over what was just observed. A rule
 * passes, holds (its reason is remembered if it is the first, and the walk goes on) or stops the
 * walk. The first reason becomes the Ready condition, the event and the log line. A plan is a value:
 * a bounded list of actions and the time to look again; plan_render prints it.
 *
 * Three results, not two: an unhealthy Redis must be said, but must not keep a deleted Service
 * from coming back.
 */
#ifndef PLAN_PLAN_H
#define PLAN_PLAN_H

#include "plan/canary.h"
#include "plan/loss.h"
#include "plan/observed.h"

enum action_kind {
    ACT_APPLY,  /* make the child so; looks at the live object first, never takes a foreign one */
    ACT_DELETE, /* the child should not exist */
    ACT_REDIS,  /* one step of commands to Redis nodes: plan.redis.commands */
    ACT_POD_DELETE, /* this very pod ends, and its StatefulSet makes a new one */
    ACT_MOVE,   /* a batch of slots: plan.redis.moves */
    ACT_FUNCTIONS, /* plan.redis.moves: each target gets the functions of the first source */
    ACT_CLAIM_PATCH,  /* this very claim of a Redis pod: body */
    ACT_CLAIM_DELETE,
    ACT_REVISION_FIND,  /* which pod-template-hash is the Deployment's present one: its ReplicaSets say */
    ACT_REVISION_READ,  /* the ControllerRevision of that hash */
    ACT_REVISION_KEEP,  /* make it, and keep it: body */
    ACT_REVISION_PRUNE, /* all of ours but that one go */
    ACT_ORPHAN, /* the child ends, what it made stays: it is made anew, and takes that over */
};

enum { POD_NAME_SIZE = 254 };

struct action {
    enum action_kind kind;
    enum child child;        /* of APPLY, DELETE, ORPHAN */
    cJSON *body;             /* of APPLY, CLAIM_PATCH, REVISION_KEEP; owned */
    bool create_only;        /* of APPLY: when it is there after all, look again instead */
    int32_t replicas_seen;   /* of APPLY: spec.replicas that this was decided on; -1: none was there */
    bool hand_over_replicas; /* of APPLY: API_MANAGER_INIT takes spec.replicas over first */
    char pod[POD_NAME_SIZE], pod_uid[UID_SIZE]; /* of POD_DELETE, CLAIM_*: its name; another one of that name is left alone; of REVISION_*: the hash */
    const char *why;         /* static text */
};

enum { PLAN_CLAIMS_MAX = 8, PLAN_ACTIONS_MAX = N_CHILDREN + 6 + PLAN_CLAIMS_MAX };

/* What the gate decided: becomes the condition ScalingHeld and status.scaling. */
struct gate_result {
    bool held_up, held_down;
    bool opened;              /* a step up goes ahead after maxHoldSeconds without health */
    char reason[256];
    int64_t up_since_wall_ms; /* when the hold began; 0: none */
    int64_t down_since_wall_ms;
};

/* Nodes with serving pods are about to go; since_ms 0: none is. For status.scaling.drain. */
struct drain {
    int32_t wanted;   /* replicas, without the extra ones */
    int32_t extra;    /* that start first */
    int64_t since_ms; /* wall */
    bool gave_up;     /* they could not: nothing waits for them any more, until the nodes are gone or back */
    char nodes[160];  /* names, for people */
    char reason[240]; /* of gave_up */
};

/* A rollout without room for a pod more; generation 0: none. For status.predictor.replacing. */
struct replacing {
    int64_t generation; /* of the resource, that it is for */
    int64_t since_ms;   /* wall */
    char why[160];      /* the scheduler's word, or what a sum proves, when it begins */
};

/* What the worst loss of a node, and of a zone, would leave: for status.survives and the condition Survivable. */
struct survives {
    bool known;            /* nodes can be read */
    bool starting;         /* fewer are ready than wanted: no judgement yet */
    int32_t wanted;
    struct worst node, zone;
    struct copies copies;  /* who holds which shard of Redis; n 0: not known */
    const char *reason;    /* static: the loss that would be an outage; NULL: none would */
    char message[256];
};

/* How far a change of passwords is, for status.redis.users. */
struct redis_report_users {
    const char *phase; /* static; NULL: nothing is under way */
    int32_t rotation;
};

struct redis_report_cert {
    char fingerprint[KEY_HASH_SIZE]; /* of what the nodes present; "": no TLS, or not known */
    int64_t not_after_s;
    const char *phase;   /* static; NULL: nothing is under way */
    bool expires_soon;
    char message[256]; /* why it cannot be used, or must be renewed; "" */
};

struct redis_outcome {
    bool wanted;
    bool judged;              /* verdict counts */
    enum redis_state state;   /* the verdict's, or Forming */
    struct verdict verdict;
    struct settle settle;     /* to hand in again at the next pass */
    struct heal_memory heal;  /* the same */
    struct roles_memory roles; /* the same */
    struct settings_memory settings; /* the same */
    bool bootstrapped;        /* to be written to status ... */
    struct form_plan plan;    /* ... with this; owned */
    struct entrypoint entrypoint; /* to be written to status */
    struct backup_state backup;   /* likewise */
    struct settings_given given;  /* likewise */
    char backup_name[40];         /* of the one that is to be taken now, or is */
    struct roll_plan roll;    /* likewise */
    size_t n_outdated;        /* pods that are to be restarted */
    bool mending;             /* ACT_REDIS is part of the plan, or we wait for Redis itself */
    bool keep_pods;           /* nobody else may evict a pod now: a roll or a resize needs all that are there */
    const char *step;         /* "meet": static; NULL: none */
    char reason[256];
    struct commands commands; /* of ACT_REDIS; owned */
    struct resize_plan resize; /* to be written to status; owned */
    struct resize_move *moves; /* of ACT_MOVE, ACT_FUNCTIONS; owned */
    size_t n_moves;
    struct redis_moving moving;     /* to hand in again at the next pass ... */
    struct redis_progress progress; /* ... and this */
    bool keys_change;         /* the Secret of the plan holds ... */
    struct redis_keys keys;   /* ... these; owned */
    uint64_t reloading;     /* ACT_REDIS has every node load this cert_hash; 0: it does not */
    struct redis_report_users users;
    struct redis_report_cert certificate;
};

/* Which templates serve: becomes status.predictor and the condition RolledBack. */
struct rollout_outcome {
    bool known;  /* the spec was looked at */
    char revision[TEMPLATE_HASH_SIZE];  /* what the Deployment should hold */
    char last_good[TEMPLATE_HASH_SIZE]; /* "": none was ever good */
    char failed[TEMPLATE_HASH_SIZE];    /* "": none; not tried again until the spec's template is another */
    char reason[24];                    /* of failed, a CamelCase word ... */
    char message[256];                  /* ... and a sentence */
    bool needs_kept;                    /* the kept template may be needed at the next pass */
    struct rollout_memory memory;       /* to hand in again at the next pass */
};

/* A version on trial: becomes status.predictor.canary and the condition CanaryRouted. */
struct canary_outcome {
    struct canary_state state;
    int32_t ready;  /* of its pods */
    int32_t weight; /* of a hundred requests, by the route */
    bool apart;     /* it listens on other ports than what serves: no requests reach it */
};

struct plan {
    struct action actions[PLAN_ACTIONS_MAX];
    size_t n_actions;
    bool status_first;     /* the status must be durable before the actions */
    int64_t look_again_ms; /* from now, at the latest; -1: only when something changes */
    const char *rule;      /* the first that did not pass; NULL: all did */
    const char *reason;    /* its CamelCase word: static; "Ready" when all passed */
    char message[256];
    bool stalled;          /* nothing will change until a person changes something */
    unsigned missing;      /* 1u << enum capability: wanted, not there, and therefore asked for sooner */
    bool stopped;          /* a rule ended the walk: what the later ones look at was not looked at */
    struct redis_outcome redis;
    struct gate_result gate;
    struct frozen frozen;
    struct scaling_floor floor;
    struct entrypoint headroom; /* to be written to status; image "": there is none */
    struct canary_outcome canary;
    struct entrypoint fetcher; /* of models: to be written to status */
    struct drain drain;
    struct replacing replacing;
    char fits_nowhere[280]; /* a sentence: why no node could ever hold a pod of the template that is wanted; "": nothing says so */
    struct rollout_outcome rollout;
    struct survives survives;
    int32_t replicas_wanted; /* what the predictor should run; -1: not known */
    struct desired_input in; /* what the children were built from, once the gate has decided; its keys are lent */
};

/* Probing goes on at this pace; events bring a pass at once. */
enum { PROBE_HEALTHY_MS = 3000, PROBE_OTHERWISE_MS = 500, FOREIGN_AGAIN_MS = 30000, SECRET_AGAIN_MS = 10000 };

void plan_step(const struct observed *o, struct plan *out); /* plan_done afterwards */
void plan_done(struct plan *p);

/* One line: the rule, its reason, the actions. Never a secret. Caller frees. */
char *plan_render(const struct plan *p);
/* One of its actions: "apply[Service: differs]". */
void plan_render_action(const struct plan *p, const struct action *a, struct buf *out);

#endif
