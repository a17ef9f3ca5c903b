/*
 * What a sum can prove of a rollout's room before the scheduler is asked: a pod that no node could ever hold, and
 * devices that are all taken.
 *
 * It knows less than the scheduler, so its "yes" counts for nothing, and its "no" stops no write: a node may come.
 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "rules.h"

static void print_amount(const struct demand_amount *a, int64_t milli, char *out, size_t size)
{
    static const char *const units[] = { "", "Ki", "Mi", "Gi", "Ti", "Pi" };
    bool counted = str_eq(a->resource, "cpu") || demand_is_device(a->resource);
    double n = (double)milli / 1000;
    size_t u = 0;

    if (milli % 1000 || counted) {
        snprintf(out, size, milli % 1000 ? "%lldm" : "%lld", (long long)(milli % 1000 ? milli : milli / 1000));
        return;
    }
    for (; n >= 1024 && u + 1 < COUNT(units); u++)
        n /= 1024;
    snprintf(out, size, n == (double)(int64_t)n ? "%.0f%s" : "%.1f%s", n, units[u]);
}

/* A scheduler of somebody else may divide what the kubelet counts; a VerticalPodAutoscaler says how large pods are. */
static bool is_reckonable(const struct walk *w)
{
    const char *scheduler = json_get_str(w->spec_template, "spec.schedulerName");

    return w->o->nodes && w->spec_template && (!scheduler || str_eq(scheduler, "default-scheduler"));
}

static void demand_of(const struct walk *w, struct demand *out)
{
    const cJSON *vertical = json_member(w->o->svc->predictor.spec, "verticalScaling");
    const char *mode = json_get_str(vertical, "mode");

    demand_from(json_member(w->spec_template, "spec"), out);
    if (!vertical || !mode || str_eq(mode, "Off"))
        return;
    demand_forget(out, "cpu");
    demand_forget(out, "memory");
}

static void say_no_node(const struct demand *d, const struct fit *f, char *out, size_t size)
{
    const cJSON *v;
    size_t n = 0;

    if (f->n_selected) {
        snprintf(out, size, "each node with the labels that it selects has a taint that it does not tolerate");
        return;
    }
    n = (size_t)snprintf(out, size, "no node has the labels that it selects:");
    cJSON_ArrayForEach(v, d->selector)
        if (n < size && cJSON_IsString(v))
            n += (size_t)snprintf(out + n, size - n, " %.80s=%.60s", v->string, v->valuestring);
}

static void say_lacking(const struct fit *f, char *out, size_t size)
{
    const struct demand_amount *a = f->lacking;
    char asked[32], most[32];

    if (!a) {
        snprintf(out, size, "no node that it may run on has all that it asks for together");
        return;
    }
    print_amount(a, a->milli, asked, sizeof(asked));
    print_amount(a, f->most_milli, most, sizeof(most));
    if (f->node[0])
        snprintf(out, size, "it asks for %.60s %s, the largest node that it may run on (%.50s) has %s", a->resource, asked,
                 f->node, most);
    else
        snprintf(out, size, "it asks for %.63s %s, no node that it may run on has any", a->resource, asked);
}

/* Devices that no node counts, and that our pods have all the same: a driver hands them out by claims. */
static bool comes_from_elsewhere(const struct walk *w, const struct fit *f)
{
    if (!f->lacking || f->node[0])
        return false;
    for (size_t i = 0; i < w->o->n_pods; i++)
        if (w->o->pods[i].device == f->lacking->id && w->o->pods[i].node[0])
            return true;
    return false;
}

bool walk_fits_nowhere(struct walk *w)
{
    static const char says[] = "no node can hold a pod of this version: ";
    char *out = w->p->fits_nowhere, *why = out + sizeof(says) - 1;
    const size_t size = sizeof(w->p->fits_nowhere) - (sizeof(says) - 1);
    struct demand d;
    struct fit f;

    if (!is_reckonable(w))
        return false;
    demand_of(w, &d);
    cache_fit(w->o->nodes, &d, &f);
    if (f.fits || comes_from_elsewhere(w, &f))
        return false;
    memcpy(out, says, sizeof(says));
    if (f.n_nodes)
        say_lacking(&f, why, size);
    else
        say_no_node(&d, &f, why, size);
    str_utf8_fix(out);
    return true;
}

/* --- devices --- */

/* The new pods have the priority of the old ones: they cannot make room by preemption. */
static bool priority_of(const struct walk *w, const cJSON *old, int32_t *out)
{
    bool any = false;

    if (!str_eq(json_get_str(old, "spec.priorityClassName"), json_get_str(w->spec_template, "spec.priorityClassName")))
        return false;
    for (size_t i = 0; i < w->o->n_pods; i++) {
        const struct pod *p = &w->o->pods[i];

        if (!p->serves || (any && p->priority <= *out))
            continue;
        *out = p->priority;
        any = true;
    }
    return any;
}

/* Placeholders hold devices, and give them up at once. */
static bool has_headroom(const struct walk *w)
{
    return json_has(w->o->svc->predictor.spec, "headroom");
}

bool walk_devices_are_taken(struct walk *w, char *why, size_t size)
{
    struct taken taken;
    struct demand d;
    int32_t priority = 0;
    const cJSON *old;
    bool waits;

    if (!is_reckonable(w) || has_headroom(w) || !w->p->rollout.last_good[0])
        return false;
    demand_of(w, &d);
    if (!demand_has_device(&d))
        return false;
    old = walk_last_good(w, &waits);
    if (!old || !priority_of(w, old, &priority) || !cache_devices_are_taken(w->o->nodes, &d, priority, &taken))
        return false;
    snprintf(why, size, "serving pods leave fewer than %lld %.60s on each of %zu node%s", (long long)(taken.what->milli / 1000),
             taken.what->resource, taken.n_nodes, taken.n_nodes == 1 ? "" : "s");
    return true;
}
