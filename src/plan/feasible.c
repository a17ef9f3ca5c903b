/*
 * A rollout that finds no room for a pod more: where one can be spared, an old one goes first, one at a time.
 *
 * Whether there is room is the scheduler's word: it knows taints, affinity, volumes, claims of devices and what other
 * pods ask. A node that an autoscaler is bringing is waited for. What a sum proves (fit.c) is not waited for.
 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "rules.h"

static int32_t share_of(const cJSON *v, int32_t wanted)
{
    double share;

    if (cJSON_IsNumber(v))
        return v->valueint;
    share = cJSON_IsString(v) ? strtod(v->valuestring, NULL) : 0;
    return (int32_t)((share * wanted + 99) / 100); /* both bounds are rounded up */
}

int32_t budget_minimum(const struct isvc *s, int32_t wanted)
{
    const cJSON *user = json_member(s->predictor.spec, "podDisruptionBudget");
    const cJSON *least = json_member(user, "minAvailable"), *most = json_member(user, "maxUnavailable");
    int32_t n = least ? share_of(least, wanted) : most ? wanted - share_of(most, wanted) : wanted > 1 ? wanted - 1 : wanted;

    return n < 0 ? 0 : n;
}

static struct replacing replacing_before(const struct observed *o)
{
    const cJSON *was = json_at(o->status, "predictor.replacing");
    struct replacing r = { .generation = json_get_int(was, "generation", 0), .since_ms = json_get_int(was, "sinceMs", 0) };

    return r.generation == o->generation && r.since_ms > 0 ? r : (struct replacing){ 0 };
}

static bool is_rolled_out(const struct record *dep)
{
    return dep->observed_generation >= dep->generation && dep->updated >= dep->replicas && dep->unavailable <= 0;
}

/* Of those that find no node the one that waits longest; NULL: all have one. */
static const struct pod *unplaced(const struct observed *o)
{
    const struct pod *found = NULL;

    for (size_t i = 0; i < o->n_pods; i++) {
        const struct pod *p = &o->pods[i];

        if (p->serves && !p->on_trial && !p->deleting && p->unschedulable_ms && (!found || p->unschedulable_ms < found->unschedulable_ms))
            found = p;
    }
    return found;
}

/* What ends holds its room until it is gone. */
static bool one_is_going(const struct observed *o)
{
    for (size_t i = 0; i < o->n_pods; i++)
        if (o->pods[i].serves && o->pods[i].deleting)
            return true;
    return false;
}

/* Devices are counted in whole ones: names with a slash. */
static int64_t devices(const cJSON *template, const char *name)
{
    const cJSON *c, *v;
    int64_t n = 0;

    cJSON_ArrayForEach(c, json_at(template, "spec.containers"))
    {
        v = json_member(json_at(c, "resources.limits"), name);
        n += cJSON_IsNumber(v) ? v->valueint : cJSON_IsString(v) ? strtol(v->valuestring, NULL, 10) : 0;
    }
    return n;
}

/* Something that the new pods ask for, and an old one would not leave behind; NULL: nothing. */
static const char *device_short(const cJSON *old, const cJSON *new)
{
    const cJSON *c, *v;

    cJSON_ArrayForEach(c, json_at(new, "spec.containers"))
        cJSON_ArrayForEach(v, json_at(c, "resources.limits"))
            if (strchr(v->string, '/') && devices(new, v->string) > devices(old, v->string))
                return v->string;
    return NULL;
}

/* NULL: yes. */
static const char *why_none_is_spared(const struct walk *w, const struct record *dep, const cJSON *old)
{
    const struct isvc *s = w->o->svc;
    const cJSON *strategy = json_member(s->predictor.spec, "deploymentStrategy");

    if (json_has(strategy, "rollingUpdate.maxSurge") || json_has(strategy, "rollingUpdate.maxUnavailable"))
        return "spec.predictor.deploymentStrategy says how many may go, and is left";
    if (old && w->spec_template && device_short(old, w->spec_template))
        return "an old one has no such device to leave";
    if (w->p->replicas_wanted < 2)
        return "the only replica is not given up for it";
    if (dep->ready - 1 < budget_minimum(s, w->p->replicas_wanted))
        return "too few are ready to spare one";
    return NULL;
}

static bool has_lasted(struct walk *w, int64_t since_ms, int64_t for_ms)
{
    int64_t left_ms = since_ms + for_ms - w->o->wall_ms;

    if (left_ms > 0)
        walk_look_again(w, left_ms);
    return left_ms <= 0;
}

static enum verdict_of_rule replace_one(struct walk *w, const struct replacing *r)
{
    w->p->replacing = *r;
    w->in.replace_one = true;
    w->feasible = FEASIBLE_REPLACING;
    return walk_say(w, RULE_HOLD, "RolloutReplacing",
                    "no node has room for a new pod beside the old ones: they are replaced one at a time%s%.120s",
                    r->why[0] ? "; " : "", r->why);
}

static enum verdict_of_rule begin(struct walk *w, const struct record *dep, const char *no_room)
{
    struct replacing r = { w->o->generation, w->o->wall_ms, "" };
    bool waits;
    const cJSON *old = walk_last_good(w, &waits);
    const char *why = why_none_is_spared(w, dep, old);

    if (waits) { /* being read: the next pass knows what an old one would leave */
        w->feasible = FEASIBLE_WAITS;
        return RULE_PASS;
    }
    if (why) {
        w->feasible = INFEASIBLE;
        return walk_say(w, RULE_HOLD, "RolloutInfeasible", "no node takes a new pod (%.100s), and %s: free or add a node",
                        no_room, why);
    }
    snprintf(r.why, sizeof(r.why), "%s", no_room);
    w->p->status_first = true; /* a restart goes on with it */
    return replace_one(w, &r);
}

static enum verdict_of_rule go_on(struct walk *w, const struct replacing *r, const struct pod *p)
{
    enum verdict_of_rule how = replace_one(w, r);
    int64_t since_ms = p && p->unschedulable_ms > r->since_ms ? p->unschedulable_ms : r->since_ms;

    if (!p || one_is_going(w->o) || !has_lasted(w, since_ms, walk_patience_ms(w)))
        return how;
    w->feasible = INFEASIBLE;
    return walk_say(w, RULE_HOLD, "RolloutInfeasible", "no node takes a new pod, not even in the place of an old one: %.120s",
                    p->message);
}

/* The old pods would go for nothing. */
static enum verdict_of_rule give_up(struct walk *w, const struct replacing *before)
{
    enum { AGAIN_MS = 30000 }; /* what nodes offer is not told */

    if (before->generation)
        (void)replace_one(w, before); /* as it is */
    w->feasible = INFEASIBLE;
    walk_look_again(w, AGAIN_MS);
    return RULE_PASS; /* said by rule_placeable */
}

/* After the children: whose name of a child is taken is more than where its pods could run. */
enum verdict_of_rule rule_placeable(struct walk *w)
{
    if (!w->p->fits_nowhere[0])
        return RULE_PASS;
    return walk_say(w, RULE_HOLD, "FitsNoNode", "%.240s", w->p->fits_nowhere);
}

static bool is_on_trial(const struct walk *w)
{
    struct canary_state s;

    canary_parse(json_at(w->o->status, "predictor.canary"), &s);
    return w->o->svc->canary.present && !(s.phase == CANARY_PROMOTING && str_eq(s.revision, w->spec_revision));
}

static bool is_new(const struct walk *w)
{
    const struct rollout_outcome *r = &w->p->rollout;

    return w->spec_template && !r->failed[0] && r->last_good[0] && !str_eq(r->last_good, w->spec_revision);
}

/* The Deployment is at rest, and about to be given another template. */
static bool is_about_to_roll(struct walk *w, const struct replacing *before)
{
    bool so;

    if (!is_new(w) || is_on_trial(w))
        return false;
    w->in.replace_one = before->generation != 0;
    so = walk_holds_the_spec(w);
    w->in.replace_one = false;
    return !so;
}

/* The user's own strategy may need no room, or may not be changed. */
static bool is_users_choice(const struct walk *w)
{
    const cJSON *strategy = json_member(w->o->svc->predictor.spec, "deploymentStrategy");

    return json_has(strategy, "rollingUpdate") || str_eq(json_get_str(strategy, "type"), "Recreate");
}

/* Before the surge, or as soon as it waits. */
static enum verdict_of_rule reckon(struct walk *w, const struct record *dep, bool *knows)
{
    char why[120];

    *knows = w->p->replicas_wanted > 0 && !is_users_choice(w) && walk_devices_are_taken(w, why, sizeof(why));
    return *knows ? begin(w, dep, why) : RULE_PASS;
}

/* The scheduler did not come to look at nodes. */
static bool lacks_its_claim(const struct pod *p)
{
    return strstr(p->message, "persistentvolumeclaim \"") || strstr(p->message, "unbound immediate PersistentVolumeClaims");
}

/* All of its word is about what nodes are, nothing about what is on them. */
static bool is_turned_away(const struct pod *p)
{
    static const char *const turned[] = { "node affinity", "untolerated taint" };
    static const char *const full[] = { "Insufficient", "Too many pods", "free ports", "anti-affinity", "affinity rules",
                                        "topology spread", "claim", "allocate", "volume count", "volume limit" };
    const char *word = p->detail ? p->detail : p->message;
    bool says_so = false;

    for (size_t i = 0; i < COUNT(turned); i++)
        says_so |= strstr(word, turned[i]) != NULL;
    for (size_t i = 0; i < COUNT(full); i++)
        says_so &= !strstr(word, full[i]);
    return says_so && str_has_suffix(word, "."); /* or else it was cut */
}

/* Where an old pod's leaving changes nothing; NULL: it may. */
static const char *where_to_look(const struct pod *p)
{
    return lacks_its_claim(p) ? "model and volumes" : is_turned_away(p) ? "nodeSelector, affinity and tolerations" : NULL;
}

static enum verdict_of_rule keep_old(struct walk *w, const struct pod *p)
{
    w->feasible = INFEASIBLE;
    return walk_say(w, RULE_HOLD, "RolloutInfeasible", "no node takes a new pod (%.107s), and no old one goes for it: see spec.predictor.%s",
                    p->message, where_to_look(p));
}

static enum verdict_of_rule wait_for_room(struct walk *w, const struct record *dep, const struct pod *p)
{
    bool rolls = dep->updated < dep->replicas && dep->observed_generation >= dep->generation, knows = false;
    enum verdict_of_rule how = rolls ? reckon(w, dep, &knows) : RULE_PASS;

    if (knows)
        return how;
    if (!has_lasted(w, p->unschedulable_ms, walk_patience_ms(w))) {
        w->feasible = FEASIBLE_WAITS;
        return RULE_PASS;
    }
    if (rolls)
        return where_to_look(p) ? keep_old(w, p) : begin(w, dep, p->message);
    w->feasible = INFEASIBLE; /* not a rollout, or its first: nothing old makes room */
    return RULE_PASS;
}

enum verdict_of_rule rule_feasible(struct walk *w)
{
    const struct record *dep = w->o->child[CHILD_DEPLOYMENT];
    const struct replacing before = replacing_before(w->o);
    const struct pod *p = unplaced(w->o);
    bool begins = dep && is_rolled_out(dep) && is_about_to_roll(w, &before), knows;

    if ((dep && !begins && is_rolled_out(dep)) || w->p->rollout.failed[0]) {
        if (is_new(w) && is_on_trial(w) && w->p->replicas_wanted > 0)
            (void)walk_fits_nowhere(w); /* a condition says so; how the trial goes is the canary's to say */
        w->p->status_first |= dep && before.generation; /* over: or else the write that ends it would look like a new beginning */
        return RULE_PASS;
    }
    if (w->p->replicas_wanted > 0 && walk_fits_nowhere(w))
        return give_up(w, &before);
    if (!dep)
        return RULE_PASS;
    if (before.generation)
        return go_on(w, &before, p);
    if (begins)
        return reckon(w, dep, &knows);
    return p ? wait_for_room(w, dep, p) : RULE_PASS;
}
