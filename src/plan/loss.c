#include "plan/loss.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

const char *loss_zone_of(const struct placed *p, const struct pod *pod)
{
    for (size_t i = 0; i < p->n_hosts; i++)
        if (pod->node[0] && strcmp(p->hosts[i].name, pod->node) == 0)
            return p->hosts[i].zone;
    return "";
}

typedef const char *place_fn(const struct placed *p, const struct pod *pod);

static const char *node_of(const struct placed *p, const struct pod *pod)
{
    (void)p;
    return pod->node;
}

static bool is_gone(const struct pod *pod)
{
    return pod->deleting || !(pod->serves || pod->of_redis);
}

static void lose_redis_pod(const struct pod *pod, bool *gone)
{
    const char *dash = strrchr(pod->name, '-');
    int64_t n;

    if (dash && str_to_int(dash + 1, 0, COPIES_MAX - 1, &n))
        gone[n] = true;
}

static void lose(const struct placed *p, const char *what, place_fn *place, struct loss *out)
{
    bool gone[COPIES_MAX] = { false };

    *out = (struct loss){ .redis.first_lost = -1 };
    snprintf(out->what, sizeof(out->what), "%s", what);
    for (size_t i = 0; i < p->n_pods; i++) {
        const struct pod *pod = &p->pods[i];
        bool here = !is_gone(pod) && strcmp(place(p, pod), what) == 0;

        if (pod->of_redis && here)
            lose_redis_pod(pod, gone);
        out->redis_gone += pod->of_redis && here;
        out->serving_gone += pod->serves && here;
        out->ready_gone += pod->serves && here && pod->ready;
        out->ready_left += pod->serves && !here && pod->ready && !pod->deleting;
    }
    if (p->copies)
        copies_lose(p->copies, gone, &out->redis);
}

void loss_of_node(const struct placed *p, const char *node, struct loss *out)
{
    lose(p, node, node_of, out);
}

void loss_of_zone(const struct placed *p, const char *zone, struct loss *out)
{
    lose(p, zone, loss_zone_of, out);
}

static bool hurts_redis_more(const struct redis_loss *a, const struct redis_loss *b)
{
    if (a->lost != b->lost)
        return a->lost > b->lost;
    return a->quorum != b->quorum ? !a->quorum : a->masters_gone > b->masters_gone;
}

static bool was_seen(const struct placed *p, size_t before, const char *what, place_fn *place)
{
    for (size_t i = 0; i < before; i++)
        if (!is_gone(&p->pods[i]) && strcmp(place(p, &p->pods[i]), what) == 0)
            return true;
    return false;
}

static void worst(const struct placed *p, place_fn *place, struct worst *out)
{
    struct loss one;

    *out = (struct worst){ .redis.redis.quorum = true };
    for (size_t i = 0; i < p->n_pods; i++) {
        const char *what = is_gone(&p->pods[i]) ? "" : place(p, &p->pods[i]);

        if (!what[0] || was_seen(p, i, what, place))
            continue;
        lose(p, what, place, &one);
        if (!out->serving.what[0] || one.ready_left < out->serving.ready_left)
            out->serving = one;
        if (one.redis_gone && (!out->redis.what[0] || hurts_redis_more(&one.redis, &out->redis.redis)))
            out->redis = one;
    }
}

void loss_worst_node(const struct placed *p, struct worst *out)
{
    worst(p, node_of, out);
}

void loss_worst_zone(const struct placed *p, struct worst *out)
{
    worst(p, loss_zone_of, out);
}
