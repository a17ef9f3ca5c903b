/*
 * One watch per kind and namespace; what they see goes to the cache, what changed to the queue.
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "kube/path.h"
#include "ctrl/look.h"
#include "shell.h"

struct watched {
    struct ctrl *c;
    const char *kind;
    const char *ns; /* NULL: all */
    struct kube_watch *watch;
    char trouble[256]; /* the last one, while it lasts */
    enum capability needs; /* CAP_BUILT_IN: runs from the start to the end */
    bool is_optional;      /* may be denied */
    bool is_denied;
    bool is_listed;
    bool is_late;          /* begun while others work already: they do not wait for it */
    enum err_kind kind_of_trouble; /* of trouble */
};

static const struct kind {
    const char *kind, *api_path, *plural;
} kinds[] = {
    { API_KIND, "/apis/" API_VERSION, API_PLURAL },
    { "Pod", "/api/v1", "pods" },
    { "Deployment", "/apis/apps/v1", "deployments" },
    { "StatefulSet", "/apis/apps/v1", "statefulsets" },
    { "Service", "/api/v1", "services" },
    { "ConfigMap", "/api/v1", "configmaps" },
    { "HorizontalPodAutoscaler", "/apis/autoscaling/v2", "horizontalpodautoscalers" },
    { "PodDisruptionBudget", "/apis/policy/v1", "poddisruptionbudgets" },
    { "PersistentVolumeClaim", "/api/v1", "persistentvolumeclaims" },
    { "NetworkPolicy", "/apis/networking.k8s.io/v1", "networkpolicies" },
    { "CronJob", "/apis/batch/v1", "cronjobs" },
    { "Job", "/apis/batch/v1", "jobs" },
};

/* Of no namespace. Who may read only some namespaces may lack this right, and has to do without. */
static const struct kind node = { "Node", "/api/v1", "nodes" };

/* Ours; the other claims are those of Redis pods. */
static bool is_child_claim(const cJSON *obj)
{
    const char *name = json_get_str(obj, "metadata.name");
    char service[256];

    return name && strlen(name) < sizeof(service) && child_of("PersistentVolumeClaim", name, NULL, service) != N_CHILDREN;
}

static void on_object(void *arg, enum kube_event event, const cJSON *obj)
{
    struct watched *w = arg;
    struct cache *cache = w->c->cache;
    bool gone = event == KUBE_DELETED;

    if (str_eq(w->kind, API_KIND))
        (gone ? cache_drop_service : cache_put_service)(cache, obj);
    else if (str_eq(w->kind, "Pod"))
        (gone ? cache_drop_pod : cache_put_pod)(cache, obj);
    else if (str_eq(w->kind, "PersistentVolumeClaim") && !is_child_claim(obj))
        (gone ? cache_drop_claim : cache_put_claim)(cache, obj);
    else if (str_eq(w->kind, "Node"))
        (gone ? cache_drop_node : cache_put_node)(cache, obj);
    else
        (gone ? cache_drop_child : cache_put_child)(cache, w->kind, obj);
}

static void on_list_start(void *arg)
{
    struct watched *w = arg;

    cache_list_start(w->c->cache, w->kind, w->ns);
}

static void on_listed(void *arg)
{
    struct watched *w = arg;

    cache_listed(w->c->cache, w->kind, w->ns);
    if (w->trouble[0])
        log_info("watch works again", F("kind", w->kind), F("namespace", w->ns ? w->ns : "*"));
    w->trouble[0] = '\0';
    if (w->needs && (!w->is_listed || w->is_denied)) /* from now on it is there for everybody */
        ctrl_look_at_all(w->c);
    w->is_listed = true;
    w->kind_of_trouble = ERR_NONE;
    w->is_denied = false;
    ctrl_wake(w->c);
}

static void on_trouble(void *arg, const struct err *e)
{
    struct watched *w = arg;
    bool denied = w->is_optional && e->kind == ERR_DENIED;
    const char *then = str_eq(w->kind, "Node") ? "goes on without zones and drains of nodes" : "goes on without them";

    if (!str_eq(w->trouble, e->msg)) /* said once, not at each try */
        log_warn("watch in trouble", F("kind", w->kind), F("namespace", w->ns ? w->ns : "*"),
                 F("error", (const char *)e->msg),
                 F("then", denied ? then : err_kind_name(e->kind)));
    w->is_denied = denied;
    if (denied && str_eq(w->kind, "Node"))
        cache_forget_hosts(w->c->cache);
    if (w->needs && e->kind == ERR_ABSENT)
        discovery_doubt(w->c->discovery);
    if (w->is_optional)
        ctrl_wake(w->c);
    w->kind_of_trouble = e->kind;
    snprintf(w->trouble, sizeof(w->trouble), "%s", e->msg);
}

/* Claims are made by the StatefulSet's controller, which puts the selector's labels on them. */
static const char *selector_of(const char *kind)
{
    if (str_eq(kind, API_KIND) || str_eq(kind, "Node"))
        return NULL;
    return str_eq(kind, "PersistentVolumeClaim") ? API_CLAIMS : API_MANAGED_BY;
}

static void open_one(struct watched *w, const char *api_path, const char *plural)
{
    static const struct kube_watch_handler handler = { on_object, on_list_start, on_listed, on_trouble };
    AUTO_FREE char *path = kube_path(api_path, w->ns, plural, NULL, NULL);
    struct kube_watch_opts opts = { path, selector_of(w->kind), NULL };

    w->watch = kube_watch_new(w->c->kube, &opts, &handler, w);
}

static void start_one(struct ctrl *c, struct watched *w, const struct kind *k, const char *ns)
{
    *w = (struct watched){ .c = c, .kind = k->kind, .ns = ns, .is_optional = str_eq(k->kind, "Node") };
    open_one(w, k->api_path, k->plural);
}

static const struct child_type *type_of(const char *kind)
{
    for (int i = 0; i < N_CHILDREN; i++)
        if (str_eq(child_types[i].kind, kind))
            return &child_types[i];
    return NULL;
}

/* A place for each kind that may come and go. */
static size_t add_optional(struct ctrl *c, struct watched *out, const char *ns)
{
    size_t n = 0;

    for (int i = 0; i < N_CHILDREN; i++) {
        const struct child_type *t = &child_types[i];

        if (t->needs && type_of(t->kind) == t)
            out[n++] = (struct watched){ .c = c, .kind = t->kind, .ns = ns, .needs = t->needs, .is_optional = true };
    }
    return n;
}

void watches_start(struct ctrl *c)
{
    size_t n_ns = c->cfg.n_namespaces ? c->cfg.n_namespaces : 1;
    size_t n = 0;

    c->watched = xcalloc(n_ns * (COUNT(kinds) + N_CHILDREN) + 1, sizeof(*c->watched));
    start_one(c, &c->watched[n++], &node, NULL);
    for (size_t i = 0; i < n_ns; i++) {
        const char *ns = c->cfg.n_namespaces ? c->cfg.namespaces[i] : NULL;

        for (size_t k = 0; k < COUNT(kinds); k++)
            start_one(c, &c->watched[n++], &kinds[k], ns);
        n += add_optional(c, &c->watched[n], ns);
    }
    c->n_watched = n;
}

/* The kind is gone, and with it every object of it. */
static void close_one(struct watched *w)
{
    kube_watch_free(TAKE(w->watch));
    cache_list_start(w->c->cache, w->kind, w->ns);
    cache_listed(w->c->cache, w->kind, w->ns);
    w->trouble[0] = '\0';
    w->is_denied = w->is_listed = false;
}

void watches_follow(struct ctrl *c, bool first)
{
    const struct capabilities *found = discovery_found(c->discovery);

    for (size_t i = 0; i < c->n_watched; i++) {
        struct watched *w = &c->watched[i];
        const struct child_type *t = w->needs ? type_of(w->kind) : NULL;

        if (!t)
            continue;
        if (capabilities_have(found, w->needs) && !w->watch) {
            w->is_late = !first;
            open_one(w, t->api_path, t->plural);
        } else if (!capabilities_have(found, w->needs) && w->watch) {
            close_one(w);
        }
    }
}

static bool is_watched(const struct watched *w)
{
    return w->watch && kube_watch_is_synced(w->watch) && !w->is_denied;
}

void watches_capabilities(const struct ctrl *c, struct capabilities *out)
{
    *out = *discovery_found(c->discovery);
    for (size_t i = 0; i < c->n_watched; i++)
        if (c->watched[i].needs && !is_watched(&c->watched[i]))
            capabilities_set(out, c->watched[i].needs, false);
}

void watches_free(struct ctrl *c)
{
    for (size_t i = 0; i < c->n_watched; i++)
        kube_watch_free(c->watched[i].watch);
    free(c->watched);
    c->watched = NULL;
    c->n_watched = 0;
}

/* A kind of others must not keep the whole operator from its work: not once it is in trouble, and not when it came late. */
static bool may_be_missed(const struct watched *w)
{
    return w->is_denied || (w->needs && (!w->watch || w->is_late || w->trouble[0]));
}

bool watches_are_synced(const struct ctrl *c, struct buf *why)
{
    bool all = c->n_watched > 0 && discovery_is_done(c->discovery);

    if (!all && why)
        buf_str(why, "API discovery: not complete\n");

    for (size_t i = 0; i < c->n_watched; i++) {
        const struct watched *w = &c->watched[i];

        if (may_be_missed(w) || kube_watch_is_synced(w->watch))
            continue;
        all = false;
        if (why)
            buf_fmt(why, "%s in %s: first list not complete%s%s\n", w->kind, w->ns ? w->ns : "all namespaces",
                    w->trouble[0] ? ": " : "", w->trouble);
    }
    return all;
}

/* Anything but trouble that passes by itself. */
bool ctrl_look_is_hopeless(const struct ctrl *c, struct err *why)
{
    for (size_t i = 0; i < c->n_watched; i++) {
        const struct watched *w = &c->watched[i];

        if (may_be_missed(w) || w->kind_of_trouble == ERR_NONE || w->kind_of_trouble == ERR_CONFLICT ||
            kube_watch_is_synced(w->watch))
            continue;
        (void)err_set(why, w->kind_of_trouble, "%s in %s cannot be listed: %s", w->kind, w->ns ? w->ns : "all namespaces",
                      w->trouble);
        return true;
    }
    return false;
}
