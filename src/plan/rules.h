/*
 * What the rules share: the walk so far.
 */
#ifndef SRC_PLAN_RULES_H
#define SRC_PLAN_RULES_H

#include "plan/plan.h"
#include "plan/rollout.h"

enum verdict_of_rule { RULE_PASS, RULE_HOLD, RULE_STOP };

/* Does a rollout find room for its new pods? feasible.c */
enum feasibility {
    FEASIBLE,           /* nothing says otherwise */
    FEASIBLE_WAITS,     /* a new pod has found no node, but not for long: one may be on its way */
    FEASIBLE_REPLACING, /* the old pods make room, one at a time: not yet a reason to roll back */
    INFEASIBLE,         /* no room, and nothing to be spared, or it did not help: the rollout has failed */
};

struct walk {
    const struct observed *o;
    struct plan *p;
    struct desired_input in; /* filled by the gate for the children */
    bool leave_redis_set;    /* the StatefulSet alone: the server would refuse what is wanted of it */
    bool leave_redis_pods;   /* what Redis pods are made of (ConfigMap, StatefulSet) stays as it is */
    int32_t surge;           /* replicas beyond those that are wanted, while nodes are drained; drain.c */
    enum feasibility feasible; /* set by feasible.c; INFEASIBLE is what a rollback for want of a node waits for */
    bool leave_deployment;   /* the same for the Deployment: something is looked up first */
    cJSON *spec_template;    /* what the spec makes of the serving pods, owned; NULL before rule_rollout */
    char spec_revision[TEMPLATE_HASH_SIZE];
    struct diagnosis diagnosis; /* of the template that is being rolled out */
    bool leave_trial;        /* all children of a trial as they are: what the spec makes of them is not known now */
    bool leave_canary;       /* the canary stays until no request goes to it any more */
    char backup_word[48];    /* a backup that a step waits for; "": none */
    /* the reason of the rule that is running */
    const char *reason;
    char message[256];
    bool stalled;
};

/* Sets the reason; returns how. */
enum verdict_of_rule walk_say(struct walk *w, enum verdict_of_rule how, const char *reason, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
enum verdict_of_rule walk_stall(struct walk *w, enum verdict_of_rule how, const char *reason, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
struct action *walk_act(struct walk *w, enum action_kind kind, const char *why);
void walk_look_again(struct walk *w, int64_t in_ms);

/* Takes the pass's one step on Redis: commands move over (none: just waiting), step is static text. Ask
 * w->p->redis.mending first: who comes later waits for the next pass. */
void walk_redis_step(struct walk *w, struct commands *cmds, const char *step, int again_ms);
/* How many pods the StatefulSet is to have: the seats, which are durable before it follows them. Without a plan, as with
 * a status that was lost, nobody has proved that those who are there hold nothing: then it only grows. redis.c */
int32_t walk_redis_nodes(const struct walk *w);
/* Nothing is being told to Redis in this pass. A resize that waits counts as nothing: its pods may come only with
 * a setting that was tried, and its new nodes need their users before slots move. */
bool walk_redis_has_room(const struct walk *w); /* redis.c */

/* Serving pods are left alone until Redis is healthy for the first time. children.c */
bool walk_waits_for_redis(const struct walk *w);
/* A server without dynamic resource allocation drops claims silently: pods would start without accelerators. model.c */
bool walk_lacks_claims(struct walk *w);
/* Is there nothing to send of this child? */
bool walk_child_is_so(const struct walk *w, enum child c, const cJSON *body); /* children.c */

/* scaling.c: of the gate. What scales, as it is now: of the kind that is wanted, else of the one that still does; may be NULL. */
const struct record *scaling_record(const struct walk *w);
bool scaling_is_unmade(struct walk *w); /* KEDA is wanted, and not there */
/* How low the autoscaler may go: minReplicas, but 0 only where that is possible. */
int32_t scaling_least(struct walk *w);
/* What stays although the autoscaler would go lower, because it was blind lately; 0: nothing. running: replicas
 * that the load asked for. Fills p->floor. */
int32_t scaling_floor(struct walk *w, int32_t running);
/* How many a Deployment that is autoscaled begins with. */
int32_t scaling_first(const struct walk *w, int32_t least);

/* The spec wants something that the cluster may not offer: is it there? When not, it is asked for sooner. */
bool walk_has(struct walk *w, enum capability what); /* plan.c */

/* The Redis pod of this name; NULL: there is none. redis_roll.c */
const struct pod *walk_redis_pod(const struct observed *o, const char *name);

/* What the PodDisruptionBudget of Redis should say. */
bool budget_allows(const struct walk *w); /* budget.c */

/* Before a step that cannot be taken back: passes when a backup for this word is complete, or when none are
 * configured; then servers that keep snapshots are told to write one. Holds until then. redis_backup.c */
enum verdict_of_rule walk_save_first(struct walk *w, const char *word);

/* The ready pods that the budget asks for when so many are wanted: the user's, else all but one, but never none. */
int32_t budget_minimum(const struct isvc *s, int32_t wanted); /* feasible.c */

/* fit.c: no node could ever hold a pod of the spec's template: fills p->fits_nowhere. */
bool walk_fits_nowhere(struct walk *w);
/* Every device that one more pod of it would need is in use, and why says by whom. May ask for the last good template first. */
bool walk_devices_are_taken(struct walk *w, char *why, size_t size);
bool walk_holds_the_spec(struct walk *w); /* the Deployment, template and all; rollout.c */

int64_t walk_patience_ms(const struct walk *w); /* with a pod that finds no node; drain.c */
const struct host *walk_host(const struct walk *w, const char *name); /* NULL: not known; drain.c */

/* How many replicas beyond those wanted, because nodes with serving pods are about to go: sets surge, the budget and
 * the plan's drain. drain.c */
int32_t drain_surge(struct walk *w, int32_t wanted);
/* The same where an autoscaler has the number: returns what is wanted without the surge. */
int32_t drain_autoscaled(struct walk *w, const struct record *dep);

enum verdict_of_rule rule_paused(struct walk *w);       /* paused.c */
enum verdict_of_rule rule_redis_mend(struct walk *w);   /* redis.c */
enum verdict_of_rule rule_redis_drain(struct walk *w);  /* redis_roles.c: what cannot wait, also beside a bad spec */
enum verdict_of_rule rule_redis_roles(struct walk *w);  /* redis_roles.c */
enum verdict_of_rule rule_redis_resume(struct walk *w); /* redis_resize.c: a resize that runs, beside a bad spec */
enum verdict_of_rule rule_redis_resize(struct walk *w); /* redis_resize.c */
/* What was put into the Secret has reached the files of every pod by now. */
bool walk_files_have_followed(const struct walk *w); /* redis_secret.c */

enum verdict_of_rule rule_redis_secret(struct walk *w); /* redis_secret.c */
enum verdict_of_rule rule_redis_users(struct walk *w);  /* redis_users.c */
enum verdict_of_rule rule_redis_tls(struct walk *w);    /* redis_users.c */
enum verdict_of_rule rule_redis_ready(struct walk *w);  /* redis.c */
enum verdict_of_rule rule_redis_entry(struct walk *w);  /* redis_entry.c */
enum verdict_of_rule rule_redis_settings(struct walk *w); /* redis_settings.c */
enum verdict_of_rule rule_redis_removed(struct walk *w);  /* redis_settings.c */
enum verdict_of_rule rule_redis_volumes(struct walk *w); /* redis_volumes.c */
enum verdict_of_rule rule_redis_backup(struct walk *w); /* redis_backup.c */
enum verdict_of_rule rule_redis_image(struct walk *w);  /* redis_roll.c */
enum verdict_of_rule rule_redis_roll(struct walk *w);   /* redis_roll.c */
enum verdict_of_rule rule_model(struct walk *w);        /* model.c */
/* The last good template where it is not the spec's: in memory, or NULL. waits: it is being read, and the Deployment
 * left alone meanwhile; not waits: there is none. rollout.c */
const cJSON *walk_last_good(struct walk *w, bool *waits);
/* The spec's template has failed: said in the status before anything else, and not tried again. rollout.c */
void walk_fail_template(struct walk *w, const char *reason, const char *text);
/* Containers that need a Redis which is not there are not to blame. rollout.c */
bool walk_crashes_count(const struct walk *w);
/* A trouble of the spec's template that may pass is given a tenth of the deadline, from when it was first seen. rollout.c */
bool walk_grace_is_over(struct walk *w, const struct diagnosis *d);
enum verdict_of_rule rule_template(struct walk *w);     /* rollout.c: before feasible.c and canary.c */
enum verdict_of_rule rule_rollout(struct walk *w);      /* rollout.c: before the children */
enum verdict_of_rule rule_keep(struct walk *w);         /* rollout_keep.c: after them */
enum verdict_of_rule rule_headroom(struct walk *w);     /* scaling.c */
enum verdict_of_rule rule_scaling(struct walk *w);      /* scaling.c */
bool walk_leaves_canary(const struct walk *w, enum child c); /* canary.c */
enum verdict_of_rule rule_canary(struct walk *w);       /* canary.c: after the rollout, before the children */
enum verdict_of_rule rule_gate(struct walk *w);         /* gate.c */
enum verdict_of_rule rule_feasible(struct walk *w);     /* feasible.c */
enum verdict_of_rule rule_placeable(struct walk *w);
enum verdict_of_rule rule_survives(struct walk *w);     /* survives.c */
enum verdict_of_rule rule_children(struct walk *w);     /* children.c */
enum verdict_of_rule rule_predictor(struct walk *w);    /* ready.c */

#endif
