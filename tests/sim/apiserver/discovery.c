#include "sim/apiserver/discovery.h"

#include <string.h>

#include "base/map.h"
#include "base/str.h"

static const char whole_verbs[] = "create,delete,deletecollection,get,list,patch,update,watch";
static const char part_verbs[] = "get,patch,update";

static void split_into(cJSON *arr, const char *list)
{
    while (*list) {
        size_t n = strcspn(list, ",");
        AUTO_FREE char *one = xstrndup(list, n);

        json_push_str(arr, one);
        list += n + (list[n] == ',');
    }
}

/* ---- resources of a group and version ---- */

static cJSON *add_entry(cJSON *list, const char *name, const char *singular, bool namespaced, const char *kind,
                        const char *verbs)
{
    cJSON *e = json_push_obj(list);

    json_str(e, "name", name);
    json_str(e, "singularName", singular);
    json_bool(e, "namespaced", namespaced);
    json_str(e, "kind", kind);
    split_into(json_arr(e, "verbs"), verbs);
    return e;
}

static void add_part(cJSON *list, const struct resource *res, const char *sub, const char *group, const char *version,
                     const char *kind, const char *verbs)
{
    AUTO_FREE char *name = xasprintf("%s/%s", res->plural, sub);
    cJSON *e = add_entry(list, name, "", resource_is_namespaced(res), kind, verbs);

    if (group) {
        json_str(e, "group", group);
        json_str(e, "version", version);
    }
}

static void add_resource(cJSON *list, const struct resource *res)
{
    cJSON *e = add_entry(list, res->plural, res->singular, resource_is_namespaced(res), res->kind, whole_verbs);

    if (*res->short_names)
        split_into(json_arr(e, "shortNames"), res->short_names);
    if (*res->categories)
        split_into(json_arr(e, "categories"), res->categories);
    json_str(e, "storageVersionHash", "c2ltdWxhdGVk");
    if (res->flags & KIND_STATUS)
        add_part(list, res, "status", NULL, NULL, res->kind, part_verbs);
    if (res->flags & KIND_SCALE)
        add_part(list, res, "scale", "autoscaling", "v1", "Scale", part_verbs);
    if (res->ops && strcmp(res->plural, "pods") == 0) {
        add_part(list, res, "binding", NULL, NULL, "Binding", "create");
        add_part(list, res, "eviction", "policy", "v1", "Eviction", "create");
    }
    if (res->ops && strcmp(res->plural, "namespaces") == 0)
        add_part(list, res, "finalize", NULL, NULL, "Namespace", "update");
    if (res->ops && strcmp(res->plural, "serviceaccounts") == 0)
        add_part(list, res, "token", "authentication.k8s.io", "v1", "TokenRequest", "create");
}

static cJSON *resources_of(const struct server *s, const char *group, const char *version)
{
    cJSON *doc = json_new_obj(), *list;
    bool any = false;

    json_str(doc, "kind", "APIResourceList");
    json_str(doc, "apiVersion", "v1");
    json_fmt(doc, "groupVersion", "%s%s%s", group, *group ? "/" : "", version);
    list = json_arr(doc, "resources");
    for (size_t i = 0; registry_at(s->registry, i); i++) {
        const struct resource *res = registry_at(s->registry, i);

        if (strcmp(res->group, group) || strcmp(res->version, version))
            continue;
        add_resource(list, res);
        any = true;
    }
    if (strcmp(group, "authentication.k8s.io") == 0 && strcmp(version, "v1") == 0) {
        add_entry(list, "selfsubjectreviews", "selfsubjectreview", false, "SelfSubjectReview", "create");
        any = add_entry(list, "tokenreviews", "tokenreview", false, "TokenReview", "create");
    }
    if (strcmp(group, "authorization.k8s.io") == 0 && strcmp(version, "v1") == 0) {
        add_entry(list, "selfsubjectaccessreviews", "selfsubjectaccessreview", false, "SelfSubjectAccessReview", "create");
        any = add_entry(list, "subjectaccessreviews", "subjectaccessreview", false, "SubjectAccessReview", "create");
    }
    if (any)
        return doc;
    cJSON_Delete(doc);
    return NULL;
}

/* ---- groups ---- */

static cJSON *group_entry(cJSON *groups, const char *group)
{
    cJSON *g;

    cJSON_ArrayForEach(g, groups)
        if (str_eq(json_get_str(g, "name"), group))
            return g;
    g = json_push_obj(groups);
    json_str(g, "name", group);
    return g;
}

static void add_version(cJSON *groups, const char *group, const char *version)
{
    cJSON *g = group_entry(groups, group), *v;
    AUTO_FREE char *full = xasprintf("%s/%s", group, version);

    cJSON_ArrayForEach(v, json_member(g, "versions"))
        if (str_eq(json_get_str(v, "version"), version))
            return;
    v = json_push_obj(json_arr(g, "versions"));
    json_str(v, "groupVersion", full);
    json_str(v, "version", version);
    if (!json_member(g, "preferredVersion"))
        json_put_dup(g, "preferredVersion", v);
}

static cJSON *groups_of(const struct server *s)
{
    cJSON *doc = json_new_obj(), *groups;

    json_str(doc, "kind", "APIGroupList");
    json_str(doc, "apiVersion", "v1");
    groups = json_arr(doc, "groups");
    for (size_t i = 0; registry_at(s->registry, i); i++)
        if (*registry_at(s->registry, i)->group)
            add_version(groups, registry_at(s->registry, i)->group, registry_at(s->registry, i)->version);
    add_version(groups, "authentication.k8s.io", "v1");
    add_version(groups, "authorization.k8s.io", "v1");
    return doc;
}

static cJSON *api_versions(void)
{
    cJSON *doc = json_new_obj(), *a;

    json_str(doc, "kind", "APIVersions");
    json_push_str(json_arr(doc, "versions"), "v1");
    a = json_push_obj(json_arr(doc, "serverAddressByClientCIDRs"));
    json_str(a, "clientCIDR", "0.0.0.0/0");
    json_str(a, "serverAddress", "127.0.0.1");
    return doc;
}

static cJSON *version_info(void)
{
    cJSON *v = json_new_obj();

    json_str(v, "major", "1");
    json_str(v, "minor", "35");
    json_str(v, "gitVersion", "v1.35.0+sim");
    json_str(v, "platform", "linux/amd64");
    json_str(v, "goVersion", "none");
    return v;
}

static cJSON *one_group(const struct server *s, const char *name)
{
    AUTO_JSON cJSON *all = groups_of(s);
    cJSON *g;

    cJSON_ArrayForEach(g, json_member(all, "groups"))
        if (str_eq(json_get_str(g, "name"), name)) {
            cJSON *doc = json_dup(g);

            json_str(doc, "kind", "APIGroup");
            json_str(doc, "apiVersion", "v1");
            return doc;
        }
    return NULL;
}

static cJSON *document_of(const struct server *s, const char *path)
{
    AUTO_FREE char *copy = xstrdup(path);
    char *group, *version;
    size_t n = strlen(copy);

    if (n > 1 && copy[n - 1] == '/')
        copy[n - 1] = '\0';
    if (strcmp(copy, "/version") == 0)
        return version_info();
    if (strcmp(copy, "/api") == 0)
        return api_versions();
    if (strcmp(copy, "/apis") == 0)
        return groups_of(s);
    if (strcmp(copy, "/api/v1") == 0)
        return resources_of(s, "", "v1");
    if (!str_has_prefix(copy, "/apis/"))
        return NULL;
    group = copy + strlen("/apis/");
    version = strchr(group, '/');
    if (!version)
        return one_group(s, group);
    *version++ = '\0';
    return strchr(version, '/') ? NULL : resources_of(s, group, version);
}

bool discovery_serve(struct request *q)
{
    cJSON *doc;

    if (openapi_serve(q))
        return true;
    doc = document_of(q->s, q->path);
    if (doc)
        reply_json(q, 200, doc);
    return doc;
}
