#include "sim/apiserver/auth.h"

#include <event2/http.h>
#include <string.h>

#include "base/map.h"
#include "base/str.h"

struct users {
    struct map *by_token;
    struct user anonymous;
};

static void user_free(void *p)
{
    struct user *u = p;

    free(u->token);
    free(u->name);
    cJSON_Delete(u->groups);
    free(u);
}

struct users *users_new(void)
{
    struct users *u = xcalloc(1, sizeof(*u));

    u->by_token = map_new();
    u->anonymous.name = xstrdup("system:anonymous");
    u->anonymous.groups = json_new_arr();
    json_push_str(u->anonymous.groups, "system:unauthenticated");
    return u;
}

void users_free(struct users *u)
{
    if (!u)
        return;
    map_free(u->by_token, user_free);
    free(u->anonymous.name);
    cJSON_Delete(u->anonymous.groups);
    free(u);
}

static struct user *add(struct users *u, char *token, char *name)
{
    struct user *x = xcalloc(1, sizeof(*x)), *before;

    x->token = token;
    x->name = name;
    x->groups = json_new_arr();
    json_push_str(x->groups, "system:authenticated");
    before = map_put(u->by_token, token, x);
    if (before)
        user_free(before);
    return x;
}

static void add_account_groups(struct user *x)
{
    static const char prefix[] = "system:serviceaccount:";
    AUTO_FREE char *group = NULL;
    const char *ns = x->name + strlen(prefix);

    if (!str_has_prefix(x->name, prefix))
        return;
    group = xasprintf("system:serviceaccounts:%.*s", (int)strcspn(ns, ":"), ns);
    json_push_str(x->groups, "system:serviceaccounts");
    json_push_str(x->groups, group);
}

bool users_add(struct users *u, const char *spec)
{
    const char *eq = strchr(spec, '='), *groups;
    struct user *x;
    size_t n;

    if (!eq || eq == spec || !eq[1])
        return false;
    /* a service account's name has colons of its own */
    groups = strchr(eq + 1, ':');
    if (str_has_prefix(eq + 1, "system:"))
        groups = NULL;
    n = groups ? (size_t)(groups - eq - 1) : strlen(eq + 1);
    x = add(u, xstrndup(spec, (size_t)(eq - spec)), xstrndup(eq + 1, n));
    add_account_groups(x);
    for (const char *g = groups ? groups + 1 : ""; *g; g += *g == ',') {
        AUTO_FREE char *one = xstrndup(g, strcspn(g, ","));

        json_push_str(x->groups, one);
        g += strcspn(g, ",");
    }
    return true;
}

const char *users_add_account(struct users *u, const char *ns, const char *name)
{
    char secret[41];
    struct user *x;

    str_random_hex(secret, 40);
    x = add(u, xasprintf("sa-%s", secret), xasprintf("system:serviceaccount:%s:%s", ns, name));
    add_account_groups(x);
    return x->token;
}

const struct user *users_by_token(const struct users *u, const char *token)
{
    return map_get(u->by_token, token);
}

const struct user *auth_user(struct request *q, struct refusal *r)
{
    const char *h = evhttp_find_header(evhttp_request_get_input_headers(q->ev), "Authorization");
    const struct user *u;

    if (!h) /* kubectl sends no token in the clear: there, silence is the admin */
        return q->s->is_plain ? users_by_token(q->s->users, "admintoken") : &q->s->users->anonymous;
    u = str_has_prefix(h, "Bearer ") ? users_by_token(q->s->users, h + strlen("Bearer ")) : NULL;
    if (!u)
        refuse(r, 401, "Unauthorized", "Unauthorized");
    return u;
}

/* ---- RBAC ---- */

static bool has(const cJSON *list, const char *text)
{
    const cJSON *x;

    cJSON_ArrayForEach(x, list)
        if (cJSON_IsString(x) && (str_eq(x->valuestring, text) || str_eq(x->valuestring, "*")))
            return true;
    return false;
}

static bool path_covered(const cJSON *urls, const char *path)
{
    const cJSON *u;

    cJSON_ArrayForEach(u, urls) {
        size_t n = strlen(u->valuestring);

        if (str_eq(u->valuestring, path) || (n && u->valuestring[n - 1] == '*' && !strncmp(u->valuestring, path, n - 1)))
            return true;
    }
    return false;
}

static bool resource_covered(const cJSON *resources, const struct access *a)
{
    AUTO_FREE char *full = NULL, *any = NULL;

    if (str_empty(a->sub))
        return has(resources, a->resource);
    full = xasprintf("%s/%s", a->resource, a->sub);
    any = xasprintf("*/%s", a->sub);
    return has(resources, full) || has(resources, any);
}

static bool rule_covers(const cJSON *rule, const struct access *a)
{
    const cJSON *names = json_member(rule, "resourceNames");

    if (!has(json_member(rule, "verbs"), a->verb))
        return false;
    if (a->path)
        return path_covered(json_member(rule, "nonResourceURLs"), a->path);
    return has(json_member(rule, "apiGroups"), a->group) && resource_covered(json_member(rule, "resources"), a) &&
           (!json_count(names) || (a->name && has(names, a->name)));
}

static bool is_subject(const cJSON *s, const struct user *u, const char *ns)
{
    const char *kind = json_get_str(s, "kind"), *name = json_get_str(s, "name"), *own = json_get_str(s, "namespace");
    AUTO_FREE char *account = NULL;

    if (str_eq(kind, "User"))
        return str_eq(name, u->name);
    if (str_eq(kind, "Group")) {
        const cJSON *g;

        cJSON_ArrayForEach(g, u->groups)
            if (str_eq(g->valuestring, name))
                return true;
        return false;
    }
    account = xasprintf("system:serviceaccount:%s:%s", own ? own : ns ? ns : "", name ? name : "");
    return str_eq(account, u->name);
}

static const cJSON *role_of(struct server *s, const cJSON *binding, const char *ns)
{
    bool cluster = str_eq(json_get_str(binding, "roleRef.kind"), "ClusterRole");
    const char *name = json_get_str(binding, "roleRef.name");
    struct collection *c = store_collection(s->store, cluster ? "clusterroles.rbac.authorization.k8s.io"
                                                              : "roles.rbac.authorization.k8s.io");
    const struct object *role = name ? collection_get(c, cluster ? NULL : ns, name) : NULL;

    return role ? role->tree : NULL;
}

static bool binding_allows(struct server *s, const cJSON *binding, const char *ns, const struct user *u,
                           const struct access *a)
{
    const cJSON *x, *rule;
    bool mine = false;

    cJSON_ArrayForEach(x, json_member(binding, "subjects"))
        mine = mine || is_subject(x, u, ns);
    if (!mine)
        return false;
    cJSON_ArrayForEach(rule, json_member(role_of(s, binding, ns), "rules"))
        if (rule_covers(rule, a))
            return true;
    return false;
}

static bool any_allows(struct server *s, const char *collection, const char *ns, const struct user *u,
                       const struct access *a)
{
    struct collection *c = store_collection(s->store, collection);
    size_t first, n = collection_range(c, ns, &first);

    for (size_t i = first; i < first + n; i++)
        if (binding_allows(s, c->items[i]->tree, ns, u, a))
            return true;
    return false;
}

bool auth_allows(struct server *s, const struct user *u, const struct access *a)
{
    const cJSON *g;

    cJSON_ArrayForEach(g, u->groups)
        if (str_eq(g->valuestring, "system:masters"))
            return true;
    return any_allows(s, "clusterrolebindings.rbac.authorization.k8s.io", NULL, u, a) ||
           (a->ns && any_allows(s, "rolebindings.rbac.authorization.k8s.io", a->ns, u, a));
}

static bool is_public(const struct request *q)
{
    static const char *const prefixes[] = { "/version", "/readyz", "/livez", "/healthz", "/api", "/openapi" };
    bool anonymous = str_eq(q->user->name, "system:anonymous");

    for (size_t i = 0; i < COUNT(prefixes); i++)
        if (str_has_prefix(q->path, prefixes[i]))
            return !anonymous || i < 4;
    return false;
}

int auth_check(struct request *q, struct refusal *r)
{
    struct access a = { .verb = q->verb, .ns = q->ns, .name = q->name, .sub = q->sub };
    AUTO_FREE char *where = NULL;

    if (!q->res) {
        a = (struct access){ .verb = "get", .path = q->path };
        if (is_public(q) || auth_allows(q->s, q->user, &a))
            return 0;
        return refuse(r, 403, "Forbidden", "forbidden: User \"%s\" cannot get path \"%s\"", q->user->name, q->path);
    }
    a.group = q->res->group;
    a.resource = q->res->plural;
    if (auth_allows(q->s, q->user, &a))
        return 0;
    where = q->ns ? xasprintf("in the namespace \"%s\"", q->ns) : xstrdup("at the cluster scope");
    refuse(r, 403, "Forbidden", "%s%s%s is forbidden: User \"%s\" cannot %s resource \"%s%s%s\" in API group \"%s\" %s",
           q->res->plural, q->name ? " " : "", q->name ? q->name : "", q->user->name, q->verb, q->res->plural,
           q->sub ? "/" : "", q->sub ? q->sub : "", q->res->group, where);
    refusal_about(r, q->res->group, q->res->plural, q->name);
    return -1;
}
