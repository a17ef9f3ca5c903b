#include "sim/controllers/autoscale.h"

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

static int64_t divide_up(int64_t a, int64_t b)
{
    return b > 0 ? (a + b - 1) / b : 0;
}

static bool is_within(int64_t current, int64_t target, int64_t tolerance_milli)
{
    int64_t off = current > target ? current - target : target - current;

    return off * 1000 <= target * tolerance_milli;
}

/* Pods that are not ready have no load yet: they damp a step up, and have no say in a step down. */
int64_t autoscale_by_ratio(const struct autoscale_pods *p, int64_t current_milli, int64_t target_milli,
                           int64_t tolerance_milli)
{
    int64_t pods = p->ready, load = current_milli * p->ready, wish;

    if (p->ready == 0 || target_milli <= 0 || is_within(current_milli, target_milli, tolerance_milli))
        return p->wanted;
    if (current_milli > target_milli && p->unready > 0) {
        pods += p->unready;
        if (load <= target_milli * pods || is_within(load / pods, target_milli, tolerance_milli))
            return p->wanted;
    }
    wish = divide_up(load, target_milli);
    if ((current_milli > target_milli && wish < p->wanted) || (current_milli < target_milli && wish > p->wanted))
        return p->wanted;
    return wish;
}

int64_t autoscale_by_total(const struct autoscale_pods *p, int64_t total_milli, int64_t target_milli,
                           int64_t tolerance_milli)
{
    if (target_milli <= 0 || (p->wanted > 0 && is_within(total_milli / p->wanted, target_milli, tolerance_milli)))
        return p->wanted;
    return divide_up(total_milli, target_milli);
}

static void note(struct autoscale_note *ring, size_t *n, int64_t at_ms, int64_t replicas)
{
    ring[*n % AUTOSCALE_MEMORY_MAX] = (struct autoscale_note){ at_ms, replicas };
    (*n)++;
}

/* Of the same wish again only the last time matters: windows look back from now. */
static void note_wish(struct autoscale_memory *m, int64_t at_ms, int64_t replicas)
{
    struct autoscale_note *last = m->n_wishes ? &m->wishes[(m->n_wishes - 1) % AUTOSCALE_MEMORY_MAX] : NULL;

    if (last && last->replicas == replicas)
        last->at_ms = at_ms;
    else
        note(m->wishes, &m->n_wishes, at_ms, replicas);
}

void autoscale_note_step(struct autoscale_memory *m, int64_t from, int64_t to, int64_t now_ms)
{
    note(m->steps, &m->n_steps, now_ms, to - from);
}

/* The lowest wish of the upward window, the highest of the downward one: between them nothing moves. */
static int64_t stabilize(const struct autoscale_behavior *b, const struct autoscale_memory *m, int64_t current,
                         int64_t wish, int64_t now_ms)
{
    int64_t up = wish, down = wish;

    for (size_t i = 0; i < MIN(m->n_wishes, AUTOSCALE_MEMORY_MAX); i++) {
        const struct autoscale_note *w = &m->wishes[i];

        if (w->at_ms > now_ms - b->up.window_ms)
            up = MIN(up, w->replicas);
        if (w->at_ms > now_ms - b->down.window_ms)
            down = MAX(down, w->replicas);
    }
    if (current < up)
        return up;
    return current > down ? down : current;
}

/* What the target had when the policy's period began. */
static int64_t replicas_before(const struct autoscale_memory *m, int64_t current, int64_t period_ms, int64_t now_ms)
{
    for (size_t i = 0; i < MIN(m->n_steps, AUTOSCALE_MEMORY_MAX); i++)
        if (m->steps[i].at_ms > now_ms - period_ms)
            current -= m->steps[i].replicas;
    return current;
}

static int64_t policy_limit(const struct autoscale_policy *p, int64_t before, bool up)
{
    if (!p->percent)
        return up ? before + p->value : before - p->value;
    return up ? divide_up(before * (100 + p->value), 100) : before * (100 - p->value) / 100;
}

/* How far this direction may go now. */
static int64_t limit_of(const struct autoscale_rules *r, const struct autoscale_memory *m, int64_t current, bool up,
                        int64_t now_ms)
{
    int64_t limit = current;
    bool farthest = (r->select == SELECT_MAX) == up; /* the greater number is wanted */

    if (r->select == SELECT_DISABLED)
        return current;
    for (size_t i = 0; i < r->n; i++) {
        int64_t before = replicas_before(m, current, r->policies[i].period_ms, now_ms);
        int64_t one = policy_limit(&r->policies[i], before, up);

        if (i == 0)
            limit = one;
        else
            limit = farthest ? MAX(limit, one) : MIN(limit, one);
    }
    return up ? MAX(limit, current) : MIN(limit, current);
}

static void cut_up(const struct autoscale_behavior *b, int64_t limit, struct autoscale_verdict *v)
{
    int64_t most = MIN(limit, b->max);

    if (v->replicas <= most)
        return;
    v->replicas = most;
    v->limit = limit < b->max ? "ScaleUpLimit" : "TooManyReplicas";
}

static void cut_down(const struct autoscale_behavior *b, int64_t limit, struct autoscale_verdict *v)
{
    int64_t least = MAX(limit, b->min);

    if (v->replicas >= least)
        return;
    v->replicas = least;
    v->limit = limit > b->min ? "ScaleDownLimit" : "TooFewReplicas";
}

struct autoscale_verdict autoscale_behave(const struct autoscale_behavior *b, struct autoscale_memory *m,
                                          int64_t current, int64_t wish, int64_t now_ms)
{
    struct autoscale_verdict v = { 0 };

    if (m->n_wishes == 0) /* what it had before we came counts as wished for */
        note_wish(m, now_ms, current);
    v.replicas = stabilize(b, m, current, wish, now_ms);
    note_wish(m, now_ms, wish);
    v.stabilized = v.replicas != wish;
    if (v.replicas > current)
        cut_up(b, limit_of(&b->up, m, current, true, now_ms), &v);
    else if (v.replicas < current)
        cut_down(b, limit_of(&b->down, m, current, false, now_ms), &v);
    if (!v.limit && v.replicas == current && wish > b->max)
        v.limit = "TooManyReplicas";
    if (!v.limit && v.replicas == current && wish < b->min)
        v.limit = "TooFewReplicas";
    return v;
}
