#include "slots/roles.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "slots/roles_match.h"
#include "slots/spread.h"
#include "slots/tell.h"

enum {
    FAILOVER_MS = 7000, /* Redis gives up a manual failover after 5 s */
    LOOK_MS = 200, /* a failover takes a fifth of that */
    QUIET_MS = 15000,     /* between steps that nobody waits for */
    QUIET_MAX_MS = 960000, /* the same, after tries in vain */
};

/* Each larger than a thousand of the one before: what is lower never outweighs what is higher. */
static const int64_t move_cost = 1LL << 2, node_cost = 1LL << 14, zone_cost = 1LL << 26, draining_cost = 1LL << 38,
                     ending_cost = 1LL << 50;

struct roles {
    struct merged m;
    const struct roles_input *in;
    struct roles_memory *mem;
    struct roles_step *out;
    size_t *heir; /* of each owner: who should be master; MERGED_NONE: not an owner */
};

#define stop(r, ...) STEP_STOP((r)->out, __VA_ARGS__)

static const struct member *member(const struct roles *r, size_t i)
{
    return &r->m.x->members[i];
}

static const char *name(const struct roles *r, size_t i)
{
    return merged_name(&r->m, i);
}

static bool is_spoken_for(const struct roles *r, size_t i)
{
    return member(r, i)->reserved || member(r, i)->leaving;
}

/* May this owner give its role away now? */
static bool may_leave(const struct roles *r, size_t owner)
{
    const struct member *p = member(r, owner);

    return p->ending || (!r->in->busy && !is_spoken_for(r, owner) && (p->draining || r->in->quiet));
}

static bool may_take_over(const struct roles *r, size_t i, size_t owner)
{
    const struct member *p = member(r, i);

    return i != owner && r->m.me[i] && p->ready && !p->ending && !is_spoken_for(r, i) &&
           spread_shard_of(&r->m, i) == owner && merged_in_sync(&r->m, i, owner, NULL);
}

static int64_t cost_of(const struct roles *r, size_t i, size_t owner)
{
    const struct member *p = member(r, i);

    return (p->ending ? ending_cost : p->draining ? draining_cost : 0) +
           (i == owner ? 0 : move_cost + (p->outdated ? 1 : 0));
}

/* Numbers for places: the first member there gives its own. */
static size_t place_number(const struct roles *r, size_t i, bool zone, size_t *n)
{
    const char *at = zone ? member(r, i)->zone : member(r, i)->node;

    if (str_empty(at))
        return SIZE_MAX;
    *n = i + 1 > *n ? i + 1 : *n;
    for (size_t k = 0; k < i; k++)
        if (str_eq(zone ? member(r, k)->zone : member(r, k)->node, at))
            return k;
    return i;
}

static void add_choices(const struct roles *r, size_t owner, size_t shard, struct match_choice *list, size_t *n)
{
    bool free_to_go = may_leave(r, owner);

    for (size_t i = 0; i < r->m.n; i++)
        if (i == owner || (free_to_go && may_take_over(r, i, owner)))
            list[(*n)++] = (struct match_choice){ shard, i, cost_of(r, i, owner) };
}

/* Who should be master of each shard, as far as anybody may hand over now. */
static void find_heirs(struct roles *r)
{
    size_t n = r->m.n, shard = 0;
    AUTO_FREE struct match_choice *choices = xcalloc(n + 1, sizeof(*choices));
    AUTO_FREE size_t *owners = xcalloc(n + 1, sizeof(*owners)), *nodes = xcalloc(n + 1, sizeof(*nodes)),
                     *zones = xcalloc(n + 1, sizeof(*zones)), *found = xcalloc(n + 1, sizeof(*found));
    struct match_input in = { .n_members = n, .choices = choices, .node_of = nodes, .zone_of = zones,
                              .share = spread_share(r->m.n_owners), .node_cost = node_cost, .zone_cost = zone_cost };

    for (size_t i = 0; i < n; i++) {
        nodes[i] = place_number(r, i, false, &in.n_nodes);
        zones[i] = place_number(r, i, true, &in.n_zones);
        r->heir[i] = MERGED_NONE;
        if (!merged_owns(&r->m, i))
            continue;
        owners[in.n_shards] = i;
        add_choices(r, i, in.n_shards++, choices, &in.n_choices);
    }
    match_shards(&in, found);
    for (; shard < in.n_shards; shard++)
        r->heir[owners[shard]] = found[shard];
}

static bool wants_to_go(const struct roles *r, size_t i)
{
    return r->heir[i] != MERGED_NONE && r->heir[i] != i;
}

/* Whose server waits comes first, then whose node goes. */
static size_t most_urgent(const struct roles *r)
{
    size_t best = MERGED_NONE;
    int best_rank = -1;

    for (size_t i = 0; i < r->m.n; i++) {
        int rank = member(r, i)->ending ? 2 : member(r, i)->draining;

        if (wants_to_go(r, i) && rank > best_rank) {
            best = i;
            best_rank = rank;
        }
    }
    return best;
}

static void remember(struct roles *r, size_t who, bool waiting)
{
    const char *id = r->m.me[who]->id;
    struct roles_memory *mem = r->mem;

    mem->tries = str_eq(mem->told, id) ? mem->tries + 1 : 0;
    mem->last_ms = r->in->now_ms ? r->in->now_ms : 1;
    mem->waiting = waiting;
    snprintf(mem->told, sizeof(mem->told), "%s", id);
}

static int64_t quiet_left_ms(const struct roles *r)
{
    int tries = r->mem->tries < 6 ? r->mem->tries : 6;
    int64_t need_ms = (int64_t)QUIET_MS << tries;

    if (!r->mem->last_ms || r->in->now_ms < r->mem->last_ms)
        return 0;
    need_ms = need_ms < QUIET_MAX_MS ? need_ms : QUIET_MAX_MS;
    return r->mem->last_ms + need_ms - r->in->now_ms;
}

/* A failover that was asked for: over when the heir owns slots, or when Redis has given it up. */
static bool rule_under_way(struct roles *r)
{
    size_t heir = r->mem->waiting ? merged_find(&r->m, r->mem->told) : MERGED_NONE;
    int64_t age_ms = r->in->now_ms - r->mem->last_ms;

    if (heir == MERGED_NONE || age_ms < 0 || age_ms >= FAILOVER_MS)
        return false;
    if (!merged_owns(&r->m, heir))
        return stop(r, ROLES_WAIT, LOOK_MS, "waiting for %s to take over", name(r, heir));
    r->mem->waiting = false;
    r->mem->told[0] = '\0';
    r->mem->tries = 0;
    return false;
}

/* An election needs most masters; a slot half moved could be lost between two owners. */
static bool rule_not_now(struct roles *r)
{
    const struct verdict *v = r->in->v;

    return v->state == REDIS_UNKNOWN || !v->holds[P_CLOSED] || (!v->serving && !v->holds[P_QUORUM]);
}

static bool is_needed(const struct roles *r)
{
    char why[sizeof(r->in->v->evidence[0])];

    for (size_t i = 0; i < r->m.n; i++)
        if (merged_owns(&r->m, i) && member(r, i)->draining)
            return true;
    return r->in->quiet && !spread_masters(&r->m, why);
}

static bool rule_hand_over(struct roles *r)
{
    size_t owner, heir;

    if (!is_needed(r))
        return false;
    find_heirs(r);
    owner = most_urgent(r);
    if (owner == MERGED_NONE)
        return false;
    heir = r->heir[owner];
    r->out->urgent = member(r, owner)->ending;
    if (!r->out->urgent && quiet_left_ms(r) > 0 && (!member(r, owner)->draining || r->mem->tries > 0))
        return false;
    commands_add(&r->out->commands, CMD_FAILOVER, heir);
    remember(r, heir, true);
    return stop(r, ROLES_FAILOVER, LOOK_MS, "%s hands over to %s: %s", name(r, owner), name(r, heir),
                r->out->urgent                ? "its pod ends"
                : member(r, owner)->draining ? "its node is about to go"
                                              : "too many masters are in one place");
}

static bool may_swap(const struct roles *r, size_t i)
{
    const struct member *p = member(r, i);
    size_t owner = r->m.me[i] && !merged_owns(&r->m, i) ? spread_shard_of(&r->m, i) : MERGED_NONE;

    return owner != MERGED_NONE && !p->draining && !p->outdated && !is_spoken_for(r, i) && !is_spoken_for(r, owner);
}

/* What both shards gain when these two replicas change places. */
static int64_t gain(const struct roles *r, size_t a, size_t b)
{
    size_t in_a = spread_shard_of(&r->m, a), in_b = spread_shard_of(&r->m, b);

    return spread_cost(&r->m, in_a, MERGED_NONE, MERGED_NONE) + spread_cost(&r->m, in_b, MERGED_NONE, MERGED_NONE) -
           spread_cost(&r->m, in_a, a, b) - spread_cost(&r->m, in_b, b, a);
}

static bool anyone_drains(const struct roles *r)
{
    for (size_t i = 0; i < r->m.n; i++)
        if (member(r, i)->draining)
            return true;
    return false;
}

/* The best exchange for the replica at a, if one is worth two copies. */
static size_t best_partner(const struct roles *r, size_t a, int64_t *best_gain)
{
    size_t best = MERGED_NONE;

    for (size_t b = 0; b < r->m.n; b++) {
        int64_t g;

        if (!may_swap(r, b) || spread_shard_of(&r->m, b) == spread_shard_of(&r->m, a))
            continue;
        g = gain(r, a, b);
        if (g > *best_gain) {
            best = b;
            *best_gain = g;
        }
    }
    return best;
}

/* Only the first half; then one shard has a replica too many and the other one too few, and
 * healing moves the one that sits worst. */
static bool rule_swap(struct roles *r)
{
    size_t from = MERGED_NONE, to = MERGED_NONE;
    int64_t best_gain = SPREAD_WORTH_A_COPY - 1;

    if (!r->in->quiet || quiet_left_ms(r) > 0 || anyone_drains(r))
        return false;
    for (size_t a = 0; a < r->m.n; a++) {
        size_t shard = may_swap(r, a) ? spread_shard_of(&r->m, a) : MERGED_NONE, b;

        if (shard == MERGED_NONE || spread_cost(&r->m, shard, MERGED_NONE, MERGED_NONE) < SPREAD_WORTH_A_COPY)
            continue;
        b = best_partner(r, a, &best_gain);
        if (b != MERGED_NONE) {
            from = a;
            to = spread_shard_of(&r->m, b);
        }
    }
    if (from == MERGED_NONE || !tell_knows(&r->m, from, to))
        return false;
    remember(r, from, false);
    /* in order, and in one step: healing would arm it again */
    commands_add(&r->out->commands, CMD_SUSPEND, from);
    tell_id(&r->out->commands, CMD_REPLICATE, from, r->m.me[to]->id);
    return stop(r, ROLES_MOVE, LOOK_MS, "%s sits where its shard has a copy already: it goes to %s", name(r, from),
                name(r, to));
}

void roles_step(const struct roles_input *in, struct roles_memory *mem, struct roles_step *out)
{
    static bool (*const rules[])(struct roles *) = { rule_under_way, rule_not_now, rule_hand_over, rule_swap };
    struct roles r = { .in = in, .mem = mem, .out = out };

    roles_step_done(out);
    merged_init(&r.m, in->x, in->views, in->x->n_members);
    r.heir = xcalloc(r.m.n + 1, sizeof(*r.heir));
    for (size_t i = 0; i < COUNT(rules); i++)
        if (rules[i](&r))
            break;
    free(r.heir);
    merged_done(&r.m);
}

void roles_step_init(struct roles_step *s)
{
    memset(s, 0, sizeof(*s));
}

void roles_step_done(struct roles_step *s)
{
    commands_done(&s->commands);
    roles_step_init(s);
}

const char *roles_action_name(enum roles_action a)
{
    static const char *const names[] = { "none", "wait", "failover", "move" };

    return names[a];
}
