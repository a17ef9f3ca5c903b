#include "e2e/budget.h"

#include <stdio.h>
#include <string.h>

#include "api/child.h"
#include "json/owned.h"
#include "kube/watch.h"

enum { SPECS_KEPT = 4, N_KINDS = 4 };

struct budget {
    struct kube_watch *watches[N_KINDS];
    struct seen {
        struct budget *b;
        const char *kind;
    } seen[N_KINDS];
    cJSON *specs;   /* by service: the last ones, the newest first */
    cJSON *objects; /* by "Kind/name": as last seen */
    char problem[512];
    int n_judged;
};

/* --- what the user allows --- */

/* "25%" or 3, of n. */
static int share_of(const cJSON *v, int n, bool up, int fallback)
{
    const char *text = cJSON_GetStringValue(v);
    int percent = text ? atoi(text) : 0;

    if (!v)
        return fallback;
    if (!text)
        return v->valueint;
    return up ? (n * percent + 99) / 100 : n * percent / 100;
}

static int spared_by_strategy(const cJSON *predictor, int n)
{
    if (str_eq(json_get_str(predictor, "deploymentStrategy.type"), "Recreate"))
        return n;
    return share_of(json_at(predictor, "deploymentStrategy.rollingUpdate.maxUnavailable"), n, false, 0);
}

static int spared_by_budget(const cJSON *predictor, int n)
{
    const cJSON *min = json_at(predictor, "podDisruptionBudget.minAvailable");

    if (min)
        return n - share_of(min, n, true, 0);
    return share_of(json_at(predictor, "podDisruptionBudget.maxUnavailable"), n, true, n >= 2);
}

static int spared(const cJSON *spec, int n)
{
    const cJSON *predictor = json_member(spec, "predictor");
    int a = spared_by_strategy(predictor, n), b = spared_by_budget(predictor, n);

    return a > b ? a : b;
}

static int min_replicas(const cJSON *spec)
{
    return (int)json_get_int(spec, "predictor.minReplicas", 2);
}

static int max_replicas(const cJSON *spec)
{
    return (int)json_get_int(spec, "predictor.maxReplicas", min_replicas(spec));
}

static const cJSON *owner_specs(const struct budget *b, const cJSON *obj)
{
    const cJSON *ref = json_at(obj, "metadata.ownerReferences.0");

    return str_eq(json_get_str(ref, "kind"), API_KIND) ? json_member(b->specs, json_get_str(ref, "name")) : NULL;
}

/* --- what was written --- */

static uint64_t ours_at(const cJSON *obj, const cJSON *fields, const char *path)
{
    AUTO_JSON cJSON *part = owned_project(obj, fields), *box = json_new_obj();

    json_put_dup(box, "it", json_at(part, path));
    return owned_hash(box);
}

/* Did values change that the operator owns now? Then it was the operator who changed them. */
static bool we_changed(const cJSON *was, const cJSON *is, const char *path)
{
    const cJSON *fields = owned_fields(is, API_MANAGER);

    return fields && (!was || ours_at(was, fields, path) != ours_at(is, fields, path));
}

static void complain(struct budget *b, const cJSON *obj, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void complain(struct budget *b, const cJSON *obj, const char *fmt, ...)
{
    va_list ap;
    size_t n;

    if (b->problem[0])
        return;
    snprintf(b->problem, sizeof(b->problem), "%s %s: ", json_get_str(obj, "kind"), json_get_str(obj, "metadata.name"));
    n = strlen(b->problem);
    va_start(ap, fmt);
    vsnprintf(b->problem + n, sizeof(b->problem) - n, fmt, ap);
    va_end(ap);
}

/* --- judged: by the spec that is kindest to it, of those that the operator may have seen --- */

/* The versions of one service serve together. */
static int replicas_together(const struct budget *b, const cJSON *is)
{
    const char *service = json_get_str(json_at(is, "metadata.ownerReferences.0"), "name");
    const cJSON *other;
    int n = (int)json_get_int(is, "spec.replicas", 1);

    cJSON_ArrayForEach(other, b->objects)
        if (str_eq(json_get_str(other, "kind"), "Deployment") &&
            !str_eq(json_get_str(other, "metadata.name"), json_get_str(is, "metadata.name")) &&
            str_eq(json_get_str(json_at(other, "metadata.ownerReferences.0"), "name"), service))
            n += (int)json_get_int(other, "status.readyReplicas", 0);
    return n;
}

static int least_wanted(const cJSON *specs)
{
    int least = INT32_MAX;
    const cJSON *spec;

    cJSON_ArrayForEach(spec, specs)
        least = min_replicas(spec) < least ? min_replicas(spec) : least;
    return least;
}

/* A version on trial is beside what serves: all of it may go, as long as the others are as many as the user wants. */
static bool is_beside(const struct budget *b, const cJSON *is, const cJSON *specs)
{
    const cJSON *component = json_member(json_at(is, "metadata.labels"), "app.kubernetes.io/component");

    return str_eq(cJSON_GetStringValue(component), "canary") &&
           replicas_together(b, is) - (int)json_get_int(is, "spec.replicas", 1) >= least_wanted(specs);
}

static void judge_template(struct budget *b, const cJSON *is, const cJSON *specs)
{
    int n = (int)json_get_int(is, "spec.replicas", 1), goes, best = -1;
    const cJSON *spec;

    goes = str_eq(json_get_str(is, "spec.strategy.type"), "Recreate")
               ? n : share_of(json_at(is, "spec.strategy.rollingUpdate.maxUnavailable"), n, false, n / 4);
    cJSON_ArrayForEach(spec, specs)
        best = spared(spec, n) > best ? spared(spec, n) : best;
    if (best >= 0 && goes > best && !is_beside(b, is, specs))
        complain(b, is, "a rollout may take away %d of %d replicas, the user spares %d", goes, n, best);
}

static void judge_replicas(struct budget *b, const cJSON *was, const cJSON *is, const cJSON *specs)
{
    int from = (int)json_get_int(was, "spec.replicas", 1), to = (int)json_get_int(is, "spec.replicas", 1);
    int least = least_wanted(specs);

    if (to >= from || !owned_has(owned_fields(is, API_MANAGER), "spec.replicas"))
        return;
    b->n_judged++;
    if (replicas_together(b, is) < least)
        complain(b, is, "replicas lowered from %d to %d, the user wants at least %d", from, to, least);
}

static void judge_deployment(struct budget *b, const cJSON *was, const cJSON *is, const cJSON *specs)
{
    if (was)
        judge_replicas(b, was, is, specs);
    if (was && (we_changed(was, is, "spec.template") || we_changed(was, is, "spec.strategy"))) {
        b->n_judged++;
        judge_template(b, is, specs);
    }
}

static void judge_budget(struct budget *b, const cJSON *was, const cJSON *is, const cJSON *specs)
{
    int n = 100, best = -1, allowed;
    bool is_theirs = true;
    const cJSON *spec, *min = json_at(is, "spec.minAvailable");

    if (!we_changed(was, is, "spec") || strstr(json_get_str(is, "metadata.name"), "-redis"))
        return;
    b->n_judged++;
    cJSON_ArrayForEach(spec, specs) {
        int spares = spared_by_budget(json_member(spec, "predictor"), n);

        best = spares > best ? spares : best;
        is_theirs &= json_has(spec, "predictor.podDisruptionBudget");
    }
    allowed = min ? n - share_of(min, n, true, 0) : share_of(json_at(is, "spec.maxUnavailable"), n, true, 0);
    /* minAvailable of ours, during a drain, is a number of pods that are there, not of these hundred */
    if (best >= 0 && (!min || is_theirs) && allowed > best)
        complain(b, is, "allows %d disruptions of %d, the user allows %d", allowed, n, best);
}

static void judge_autoscaler(struct budget *b, const cJSON *was, const cJSON *is, const cJSON *specs)
{
    int least = least_wanted(specs), most = INT32_MAX;
    int min = (int)json_get_int(is, "spec.minReplicas", 1), max = (int)json_get_int(is, "spec.maxReplicas", 1);
    const cJSON *spec;

    if (!we_changed(was, is, "spec") || !json_count(specs))
        return;
    b->n_judged++;
    cJSON_ArrayForEach(spec, specs)
        most = max_replicas(spec) < most ? max_replicas(spec) : most;
    if (min < least)
        complain(b, is, "its minimum is %d, the user's %d", min, least);
    if (max < most)
        complain(b, is, "its maximum is %d, the user's %d", max, most);
}

/* --- watched --- */

static void remember_spec(struct budget *b, const cJSON *obj)
{
    cJSON *list = json_arr(b->specs, json_get_str(obj, "metadata.name"));
    const cJSON *spec = json_member(obj, "spec");

    if (json_equal(cJSON_GetArrayItem(list, 0), spec))
        return;
    cJSON_InsertItemInArray(list, 0, json_dup(spec));
    while (json_count(list) > SPECS_KEPT)
        cJSON_DeleteItemFromArray(list, SPECS_KEPT);
}

static void on_object(void *arg, enum kube_event event, const cJSON *obj)
{
    static const struct {
        const char *kind;
        void (*judge)(struct budget *b, const cJSON *was, const cJSON *is, const cJSON *specs);
    } judges[] = {
        { "Deployment", judge_deployment },
        { "PodDisruptionBudget", judge_budget },
        { "HorizontalPodAutoscaler", judge_autoscaler },
    };
    const struct seen *s = arg;
    struct budget *b = s->b;
    AUTO_FREE char *key = xasprintf("%s/%s", s->kind, json_get_str(obj, "metadata.name"));
    const cJSON *was = json_member(b->objects, key), *specs;
    cJSON *copy;

    if (str_eq(s->kind, API_KIND)) {
        if (event != KUBE_DELETED)
            remember_spec(b, obj);
        return;
    }
    if (event == KUBE_DELETED) {
        json_del(b->objects, key);
        return;
    }
    copy = json_dup(obj);
    json_str(copy, "kind", s->kind);
    if (was && !str_eq(json_get_str(was, "metadata.uid"), json_get_str(obj, "metadata.uid")))
        was = NULL;
    specs = owner_specs(b, copy);
    for (size_t i = 0; specs && i < COUNT(judges); i++)
        if (str_eq(judges[i].kind, s->kind))
            judges[i].judge(b, was, copy, specs);
    json_put(b->objects, key, copy);
}

static void on_nothing(void *arg)
{
    (void)arg;
}

struct budget *budget_start(struct e2e *t)
{
    static const char *const kinds[N_KINDS][2] = {
        { API_KIND, API_PLURAL },
        { "Deployment", "deployments" },
        { "PodDisruptionBudget", "poddisruptionbudgets" },
        { "HorizontalPodAutoscaler", "horizontalpodautoscalers" },
    };
    static const struct kube_watch_handler handler = { on_object, on_nothing, on_nothing, NULL };
    struct budget *b = xcalloc(1, sizeof(*b));

    b->specs = json_new_obj();
    b->objects = json_new_obj();
    for (int i = 0; i < N_KINDS; i++) {
        struct kube_watch_opts o = { e2e_path(t, kinds[i][1]), NULL, NULL };

        b->seen[i] = (struct seen){ b, kinds[i][0] };
        b->watches[i] = kube_watch_new(t->kube, &o, &handler, &b->seen[i]);
    }
    return b;
}

const char *budget_problem(const struct budget *b, int *n_judged)
{
    *n_judged = b->n_judged;
    return b->problem[0] ? b->problem : NULL;
}

void budget_free(struct budget *b)
{
    if (!b)
        return;
    for (int i = 0; i < N_KINDS; i++)
        kube_watch_free(b->watches[i]);
    cJSON_Delete(b->specs);
    cJSON_Delete(b->objects);
    free(b);
}
