/*
 * Nodes that are about to go: the serving pods on them get successors before they may leave.
 *
 * How many is counted from where pods are, at each pass. Only what a look cannot show is kept in the status: how many
 * were wanted before (an autoscaler's number contains ours later), since when, and that it was given up.
 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "rules.h"

enum { PATIENCE_MS = 60000, GIVE_UP_AFTER = 5 /* times the patience: a new node takes some minutes */, CLOCK_MS = 1000 };

int64_t walk_patience_ms(const struct walk *w)
{
    return w->o->patience_ms > 0 ? w->o->patience_ms : PATIENCE_MS;
}

const struct host *walk_host(const struct walk *w, const char *name)
{
    for (size_t i = 0; name[0] && i < w->o->n_hosts; i++)
        if (str_eq(w->o->hosts[i].name, name))
            return &w->o->hosts[i];
    return NULL;
}

static struct drain drain_before(const struct observed *o)
{
    const cJSON *was = json_at(o->status, "scaling.drain");
    int64_t wanted = json_get_int(was, "wanted", 0), since_ms = json_get_int(was, "sinceMs", 0);

    if (wanted <= 0 || wanted > INT32_MAX || since_ms <= 0)
        return (struct drain){ 0 };
    return (struct drain){ .wanted = (int32_t)wanted, .since_ms = since_ms, .gave_up = json_get_bool(was, "gaveUp", false) };
}

static void name_node(struct drain *d, const char *name)
{
    size_t n = strlen(d->nodes), len = strlen(name);

    for (const char *at = d->nodes; (at = strstr(at, name)) != NULL; at += len)
        if ((at == d->nodes || at[-1] == ' ') && (at[len] == ',' || !at[len]))
            return; /* named; node-1 is not node-10 */
    if (n < sizeof(d->nodes) - 1)
        snprintf(d->nodes + n, sizeof(d->nodes) - n, "%s%s", n ? ", " : "", name);
}

static int32_t count_leaving(const struct walk *w, struct drain *d)
{
    int32_t n = 0;

    for (size_t i = 0; i < w->o->n_pods; i++) {
        const struct pod *p = &w->o->pods[i];
        const struct host *h = p->serves && !p->deleting ? walk_host(w, p->node) : NULL;

        if (!h || !h->cordoned)
            continue;
        n++;
        name_node(d, h->name);
    }
    return n;
}

/* When is this pod's time over? INT64_MAX: it is ready, or not one of those that the drain made. */
static int64_t deadline_ms(const struct walk *w, const struct drain *d, const struct pod *p)
{
    if (!p->serves || p->deleting || p->ready || p->created_ms < d->since_ms - CLOCK_MS)
        return INT64_MAX;
    if (p->unschedulable_ms)
        return p->unschedulable_ms + GIVE_UP_AFTER * walk_patience_ms(w);
    return p->created_ms + w->o->svc->predictor.progress_deadline_s * 1000LL;
}

/* A drain must end some time, also where its successors cannot start. */
static bool is_hopeless(struct walk *w, struct drain *d)
{
    for (size_t i = 0; i < w->o->n_pods; i++) {
        const struct pod *p = &w->o->pods[i];
        int64_t due_ms = deadline_ms(w, d, p);

        if (due_ms == INT64_MAX)
            continue;
        if (due_ms > w->o->wall_ms) {
            walk_look_again(w, due_ms - w->o->wall_ms);
            continue;
        }
        snprintf(d->reason, sizeof(d->reason), "%.60s %s%.120s", p->name,
                 p->unschedulable_ms ? "finds no node: " : "does not become ready", p->unschedulable_ms ? p->message : "");
        return true;
    }
    return false;
}

int32_t drain_surge(struct walk *w, int32_t wanted)
{
    const struct record *dep = w->o->child[CHILD_DEPLOYMENT];
    const struct drain before = drain_before(w->o);
    struct drain *d = &w->p->drain;
    int32_t leaving = wanted > 0 ? count_leaving(w, d) : 0;

    if (!leaving || !dep)
        return 0;
    d->wanted = wanted;
    d->extra = leaving < wanted ? leaving : wanted;
    d->since_ms = before.since_ms ? before.since_ms : w->o->wall_ms;
    d->gave_up = before.gave_up || (dep->ready < wanted + d->extra && is_hopeless(w, d));
    /* the pods that say so go as soon as it is given up; and those that come later are told by when it began */
    w->p->status_first |= !before.since_ms || d->gave_up != before.gave_up;
    if (d->gave_up) {
        d->extra = 0;
        return 0;
    }
    w->surge = d->extra;
    w->in.budget_min = wanted;
    return d->extra;
}

int32_t drain_autoscaled(struct walk *w, const struct record *dep)
{
    const struct drain before = drain_before(w->o);
    int32_t live = dep && dep->spec_replicas > 0 ? dep->spec_replicas : 0;
    int32_t most = w->o->svc->predictor.max_replicas;
    /* one node after the other, faster than the autoscaler goes down again, must not add up */
    int32_t wanted = before.wanted ? before.wanted : live < most ? live : most;

    if (!drain_surge(w, wanted))
        return live;
    if (live > wanted + w->surge) { /* the load asks for more than it did: of that, one may be missing as ever */
        w->in.budget_min = live - 1;
        return live;
    }
    return live < wanted ? live : wanted;
}
