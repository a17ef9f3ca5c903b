#include "simulate_say.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

static bool is_there(const struct simulation *s, const struct pod *p)
{
    if (p->deleting || !(p->serves || p->of_redis))
        return false;
    return s->how == IF_ZONE_LOST ? str_eq(loss_zone_of(&s->at, p), s->what) : str_eq(p->node, s->what);
}

static int32_t share_of(const cJSON *v, int32_t of)
{
    double percent = cJSON_IsString(v) ? strtod(v->valuestring, NULL) : 0;

    return cJSON_IsNumber(v) ? v->valueint : (int32_t)((percent * of + 99) / 100);
}

/* With as many more ready as the operator starts: does the budget let one go? */
static bool is_refused_for_ever(const struct simulation *s)
{
    const cJSON *user = json_member(s->svc->predictor.spec, "podDisruptionBudget");
    const cJSON *least = json_member(user, "minAvailable"), *most = json_member(user, "maxUnavailable");
    int32_t all = s->wanted + s->surge;

    if (least)
        return all - share_of(least, all) < 1;
    return most && share_of(most, all) < 1;
}

static bool master_goes(const struct simulation *s, const struct pod *p, size_t *ordinal)
{
    const char *dash = strrchr(p->name, '-');
    int64_t n;

    if (!p->of_redis || !is_there(s, p) || !s->at.copies || !dash || !str_to_int(dash + 1, 0, COPIES_MAX - 1, &n))
        return false;
    *ordinal = (size_t)n;
    return *ordinal < s->at.copies->n && s->at.copies->owner[n] == (int16_t)n;
}

static bool has_replica(const struct simulation *s, size_t master)
{
    for (size_t i = 0; i < s->at.copies->n; i++)
        if (i != master && s->at.copies->owner[i] == (int16_t)master)
            return true;
    return false;
}

/* A drain waits for copies; where there are none to wait for, slots are away while their pod moves. */
static bool moves_an_only_copy(const struct simulation *s)
{
    for (size_t i = 0; i < s->at.n_pods; i++) {
        size_t master;

        if (master_goes(s, &s->at.pods[i], &master) && !has_replica(s, master))
            return true;
    }
    return false;
}

void simulation_judge(struct simulation *s)
{
    const struct redis_loss *r = &s->loss.redis;
    bool drained = s->how == IF_DRAIN;

    (s->how == IF_ZONE_LOST ? loss_of_zone : loss_of_node)(&s->at, s->what, &s->loss);
    s->ready = s->loss.ready_gone + s->loss.ready_left;
    s->surge = !drained ? 0 : s->loss.serving_gone < s->wanted ? s->loss.serving_gone : s->wanted;
    s->refused_for_ever = s->surge && is_refused_for_ever(s);
    if (!s->loss.serving_gone && !s->loss.redis_gone)
        s->verdict = SIM_NOTHING;
    else if (s->refused_for_ever)
        s->verdict = SIM_BLOCKED;
    else if (drained ? moves_an_only_copy(s) : (s->loss.serving_gone && !s->loss.ready_left) || r->lost)
        s->verdict = SIM_OUTAGE;
    else
        s->verdict = SIM_SURVIVES;
}

static const char *verdict_name(enum simulated v)
{
    static const char *const names[] = { "NotConcerned", "Survives", "Outage", "Blocked" };

    return names[v];
}

static const char *how_name(enum what_if how)
{
    static const char *const names[] = { "drain", "loseNode", "loseZone" };

    return names[how];
}

/* The replica with the lowest number that stays; -1: none. Which one it will be is Redis' own choice where there are more. */
static int successor_of(const struct simulation *s, size_t master)
{
    const struct copies *c = s->at.copies;

    for (size_t i = 0; i < c->n; i++) {
        bool stays = false;

        for (size_t k = 0; k < s->at.n_pods; k++) {
            const struct pod *p = &s->at.pods[k];
            const char *dash = strrchr(p->name, '-');

            stays |= p->of_redis && dash && strtol(dash + 1, NULL, 10) == (long)i && !p->deleting && !is_there(s, p);
        }
        if (stays && i != master && c->owner[i] == (int16_t)master)
            return (int)i;
    }
    return -1;
}

static void put_budget(cJSON *out, const char *key, const struct budget_now *b)
{
    cJSON *o;

    if (!b->there)
        return;
    o = json_obj(out, key);
    json_int(o, "allowedNow", b->allowed);
    json_int(o, "healthy", b->healthy);
    json_int(o, "desired", b->desired);
}

static void put_redis(const struct simulation *s, cJSON *out)
{
    const struct redis_loss *r = &s->loss.redis;
    cJSON *redis, *failovers;

    if (!s->loss.redis_gone)
        return;
    redis = json_obj(out, "redis");
    json_int(redis, "shards", r->shards);
    json_int(redis, "shardsLost", r->lost);
    json_bool(redis, "majority", r->quorum);
    failovers = json_arr(redis, "failovers");
    for (size_t i = 0; i < s->at.n_pods; i++) {
        size_t master;
        cJSON *f;

        if (!master_goes(s, &s->at.pods[i], &master))
            continue;
        f = json_push_obj(failovers);
        json_str(f, "from", s->at.pods[i].name);
        if (successor_of(s, master) >= 0)
            json_fmt(f, "to", "%s-redis-%d", s->svc->name, successor_of(s, master));
    }
}

cJSON *simulation_json(const struct simulation *s)
{
    cJSON *out = json_new_obj(), *pods;

    json_str(out, "service", s->key);
    json_str(out, "if", how_name(s->how));
    json_str(out, "what", s->what);
    json_str(out, "verdict", verdict_name(s->verdict));
    pods = json_arr(out, "pods");
    for (size_t i = 0; i < s->at.n_pods; i++)
        if (is_there(s, &s->at.pods[i]))
            json_push_str(pods, s->at.pods[i].name);
    json_int(out, "wanted", s->wanted);
    json_int(out, "readyNow", s->ready);
    json_int(out, "readyLeft", s->loss.ready_left);
    if (s->how == IF_DRAIN)
        json_int(out, "startedFirst", s->surge);
    put_budget(out, "budget", &s->budget);
    put_budget(out, "redisBudget", &s->redis_budget);
    put_redis(s, out);
    return out;
}

static void print_pods(const struct simulation *s, bool of_redis, FILE *out)
{
    bool first = true;

    for (size_t i = 0; i < s->at.n_pods; i++)
        if (s->at.pods[i].of_redis == of_redis && is_there(s, &s->at.pods[i])) {
            fprintf(out, "%s%s", first ? "" : ", ", s->at.pods[i].name);
            first = false;
        }
}

static void print_serving_drain(const struct simulation *s, FILE *out)
{
    fprintf(out, "  first     %d more start elsewhere; %s\n", s->surge,
           s->refused_for_ever ? "but podDisruptionBudget lets none go, whatever is ready: the drain hangs"
                               : "each pod may go when its successor is ready");
    if (!s->budget.there)
        fprintf(out, "  budget    none: until the node is cordoned nothing keeps a replica from being evicted\n");
    else
        fprintf(out, "  budget    an eviction right now, before the successors: %s (%lld healthy, %lld needed)\n",
               s->budget.allowed > 0 ? "granted" : "refused", (long long)s->budget.healthy, (long long)s->budget.desired);
}

static void print_serving(const struct simulation *s, FILE *out)
{
    if (!s->loss.serving_gone) {
        fprintf(out, "  serving   none of its %d ready replicas is there\n", s->ready);
        return;
    }
    fprintf(out, "  serving   ");
    print_pods(s, false, out);
    if (s->how == IF_DRAIN) {
        fprintf(out, ": evicted\n");
        print_serving_drain(s, out);
        return;
    }
    fprintf(out, ": gone; %d of %d replicas remain ready\n", s->loss.ready_left, s->wanted);
}

static void print_failover(const struct simulation *s, const struct pod *p, size_t master, FILE *out)
{
    int to = successor_of(s, master);

    if (to < 0 && s->how == IF_DRAIN && has_replica(s, master))
        fprintf(out, "            %s is a master with its replicas on the same node: one of them moves first, and takes over\n", p->name);
    else if (to < 0)
        fprintf(out, "            %s is a master without a replica elsewhere: its slots are not served until it is back\n", p->name);
    else
        fprintf(out, "            %s is a master: %s-redis-%d %s\n", p->name, s->svc->name, to,
               s->how == IF_DRAIN ? "takes over before the pod ends" : "takes over after the node timeout");
}

static void print_redis(const struct simulation *s, FILE *out)
{
    const struct redis_loss *r = &s->loss.redis;

    if (!s->loss.redis_gone)
        return;
    fprintf(out, "  redis     ");
    print_pods(s, true, out);
    fprintf(out, ": %s\n", s->how == IF_DRAIN ? "evicted one at a time, each when the shards have their copies" : "gone");
    for (size_t i = 0; i < s->at.n_pods; i++) {
        size_t master;

        if (master_goes(s, &s->at.pods[i], &master))
            print_failover(s, &s->at.pods[i], master, out);
    }
    if (!r->shards)
        fprintf(out, "            who holds which shard is not known yet\n");
    else if (s->how != IF_DRAIN)
        fprintf(out, "            %d of %d shards keep a copy; %s\n", r->shards - r->lost, r->shards,
               r->quorum ? "most masters remain and elect" : "most masters are gone: nobody is elected, the operator promotes");
    if (s->how == IF_DRAIN && s->redis_budget.there)
        fprintf(out, "            its budget %s an eviction right now\n", s->redis_budget.allowed > 0 ? "grants" : "refuses");
}

void simulation_print(const struct simulation *s, FILE *out)
{
    static const char *const verdicts[] = { "not concerned", "survives", "OUTAGE", "BLOCKED" };
    static const char *const hows[] = { "drain of node", "loss of node", "loss of zone" };

    fprintf(out, "%s, %s %s: %s\n", s->key, hows[s->how], s->what, verdicts[s->verdict]);
    if (s->verdict == SIM_NOTHING)
        return;
    print_serving(s, out);
    print_redis(s, out);
}
