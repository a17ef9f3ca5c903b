#include "sim/apiserver/crd.h"

#include <string.h>

#include "base/str.h"
#include "sim/apiserver/commit.h"
#include "sim/apiserver/watch.h"

static struct resource *definitions(struct server *s)
{
    return registry_find(s->registry, "apiextensions.k8s.io", "v1", "customresourcedefinitions");
}

static void add_condition(cJSON *status, const char *type, const char *reason, const char *message)
{
    cJSON *c = json_push_obj(json_arr(status, "conditions"));
    char now[32];

    str_rfc3339(loop_wall_ms(), false, now);
    json_str(c, "type", type);
    json_str(c, "status", "True");
    json_str(c, "lastTransitionTime", now);
    json_str(c, "reason", reason);
    json_str(c, "message", message);
}

static bool is_established(const cJSON *crd)
{
    return json_has(crd, "status.conditions");
}

static void write_status(struct server *s, const cJSON *crd)
{
    cJSON *next = json_dup(crd), *status = json_obj(next, "status");
    const cJSON *v;

    json_put_dup(status, "acceptedNames", json_at(crd, "spec.names"));
    add_condition(status, "NamesAccepted", "NoConflicts", "no conflicts found");
    add_condition(status, "Established", "InitialNamesAccepted", "the initial names have been accepted");
    cJSON_ArrayForEach(v, json_at(crd, "spec.versions"))
        if (json_get_bool(v, "storage", false))
            json_push_str(json_arr(status, "storedVersions"), json_get_str(v, "name"));
    commit_system(s, definitions(s), next); /* comes back here through crd_changed */
}

static bool is_current(const struct server *s, const cJSON *crd)
{
    const cJSON *v;
    size_t served = 0, found = 0;

    cJSON_ArrayForEach(v, json_at(crd, "spec.versions"))
        served += json_get_bool(v, "served", false);
    for (size_t i = 0; registry_at(s->registry, i); i++) {
        const struct resource *res = registry_at(s->registry, i);

        if (!res->ops && str_eq(res->group, json_get_str(crd, "spec.group")) &&
            str_eq(res->plural, json_get_str(crd, "spec.names.plural")))
            found += json_equal(res->crd_copy, json_member(crd, "spec"));
    }
    return served == found;
}

static void end_watches(struct server *s, const char *group, const char *plural)
{
    for (size_t i = 0; registry_at(s->registry, i); i++) {
        const struct resource *res = registry_at(s->registry, i);

        if (!res->ops && str_eq(res->group, group) && str_eq(res->plural, plural))
            watch_end_resource(s, res);
    }
}

static void drop_orphans(struct server *s)
{
    const struct resource *all = definitions(s);

    for (size_t i = 0; registry_at(s->registry, i); i++) {
        struct resource *res = registry_at(s->registry, i);
        AUTO_FREE char *name = resource_name(res), *group = NULL, *plural = NULL;

        if (res->ops || collection_get(all->items, NULL, name))
            continue;
        group = xstrdup(res->group);
        plural = xstrdup(res->plural);
        end_watches(s, group, plural);
        registry_drop_custom(s->registry, group, plural);
        store_drop_collection(s->store, name);
        i = (size_t)-1;
    }
}

void crd_changed(struct server *s)
{
    const struct resource *all = definitions(s);

    drop_orphans(s);
    for (size_t i = 0; i < all->items->n; i++) {
        const cJSON *crd = all->items->items[i]->tree;

        if (!is_established(crd)) {
            write_status(s, crd);
            return;
        }
        if (is_current(s, crd))
            continue;
        end_watches(s, json_get_str(crd, "spec.group"), json_get_str(crd, "spec.names.plural"));
        registry_add_custom(s->registry, crd);
    }
}
