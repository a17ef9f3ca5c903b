#include "sim/node/pods.h"

#include "base/str.h"
#include "kube/watch.h"
#include "sim/node/claims.h"

struct pods {
    struct world *w;
    struct nodes *nodes;
    struct kube_watch *watch;
    struct map *seen; /* uids of the list under way */
    bool is_listing;
};

static void on_object(void *arg, enum kube_event event, const cJSON *obj)
{
    struct pods *s = arg;
    struct node *n = nodes_find(s->nodes, json_get_str(obj, "spec.nodeName"));
    const char *uid = json_get_str(obj, "metadata.uid");

    if (!n || !uid || !json_get_str(obj, "metadata.name") || !json_get_str(obj, "metadata.namespace"))
        return;
    struct pod *p = map_get(s->w->pods, uid);
    if (s->is_listing)
        map_put(s->seen, uid, s);
    if (event == KUBE_DELETED) {
        if (p)
            pod_gone(p);
        return;
    }
    if (p)
        pod_update(p, obj);
    else
        map_put(s->w->pods, uid, pod_new(n, obj));
}

static void on_list_start(void *arg)
{
    struct pods *s = arg;

    map_free(s->seen, NULL);
    s->seen = map_new();
    s->is_listing = true;
}

static void on_listed(void *arg)
{
    struct pods *s = arg;

    s->is_listing = false;
    for (struct map_iter i = map_first(s->w->pods); i.key; map_next(&i)) {
        if (!map_get(s->seen, i.key))
            pod_gone(i.value);
        pod_touch(i.value);
    }
    claims_sweep(s->w);
}

struct pods *pods_new(struct world *w, struct nodes *nodes)
{
    static const struct kube_watch_handler handler = { on_object, on_list_start, on_listed, NULL };
    struct pods *s = xcalloc(1, sizeof(*s));

    s->w = w;
    s->nodes = nodes;
    s->seen = map_new();
    s->watch = kube_watch_new(w->kube, &(struct kube_watch_opts){ .path = "/api/v1/pods" }, &handler, s);
    return s;
}

void pods_free(struct pods *s)
{
    if (!s)
        return;
    kube_watch_free(s->watch);
    for (struct map_iter i = map_first(s->w->pods); i.key; map_next(&i)) {
        struct pod *p = map_take(s->w->pods, i.key);
        pod_free(p);
    }
    map_free(s->seen, NULL);
    free(s);
}

bool pods_is_synced(const struct pods *s)
{
    return kube_watch_is_synced(s->watch);
}
