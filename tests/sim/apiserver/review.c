#include "sim/apiserver/review.h"

#include <string.h>

#include "base/str.h"
#include "sim/apiserver/auth.h"

static void review_token(struct request *q, cJSON *body)
{
    const char *token = json_get_str(body, "spec.token");
    const struct user *u = token ? users_by_token(q->s->users, token) : NULL;
    cJSON *status = json_obj(body, "status"), *user;

    json_bool(status, "authenticated", u != NULL);
    if (!u) {
        json_str(status, "error", "invalid bearer token");
        return;
    }
    user = json_obj(status, "user");
    json_str(user, "username", u->name);
    json_put_dup(user, "groups", u->groups);
}

static void review_access(struct request *q, cJSON *body, const struct user *u)
{
    const cJSON *res = json_at(body, "spec.resourceAttributes"), *path = json_at(body, "spec.nonResourceAttributes");
    const char *group = json_get_str(res, "group"), *verb = json_get_str(res ? res : path, "verb");
    struct access a = {
        .verb = verb ? verb : "", .group = group ? group : "", .resource = json_get_str(res, "resource"),
        .sub = json_get_str(res, "subresource"), .ns = json_get_str(res, "namespace"),
        .name = json_get_str(res, "name"), .path = json_get_str(path, "path"),
    };
    bool ok = (a.resource || a.path) && auth_allows(q->s, u, &a);

    if (str_empty(a.ns))
        a.ns = NULL;
    json_bool(json_obj(body, "status"), "allowed", ok);
}

static void review_subject(struct request *q, cJSON *body)
{
    const char *name = json_get_str(body, "spec.user");
    struct user u = { .name = (char *)(name ? name : ""), .groups = json_at(body, "spec.groups") };

    review_access(q, body, &u);
}

static void review_whoami(struct request *q, cJSON *body)
{
    cJSON *user = json_obj(json_obj(body, "status"), "userInfo");

    json_str(user, "username", q->user->name);
    json_put_dup(user, "groups", q->user->groups);
}

static void review_self(struct request *q, cJSON *body)
{
    review_access(q, body, q->user);
}

bool review_serve(struct request *q)
{
    static const struct { const char *path; void (*fn)(struct request *, cJSON *); bool open; } rows[] = {
        { "/apis/authentication.k8s.io/v1/tokenreviews", review_token, false },
        { "/apis/authentication.k8s.io/v1/selfsubjectreviews", review_whoami, true },
        { "/apis/authorization.k8s.io/v1/subjectaccessreviews", review_subject, false },
        { "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review_self, true },
    };
    struct refusal r AUTO_REFUSAL = { 0 };
    AUTO_JSON cJSON *body = NULL;
    struct access a = { .verb = "create" };

    for (size_t i = 0; i < COUNT(rows); i++) {
        if (strcmp(q->path, rows[i].path) != 0 || strcmp(q->method, "POST") != 0)
            continue;
        a.group = strstr(q->path, "authentication") ? "authentication.k8s.io" : "authorization.k8s.io";
        a.resource = strrchr(q->path, '/') + 1;
        if (!rows[i].open && !auth_allows(q->s, q->user, &a))
            refuse(&r, 403, "Forbidden", "%s is forbidden: User \"%s\" cannot create it", a.resource, q->user->name);
        if (r.code || request_body(q, &body, &r) < 0) {
            reply_refusal(q, &r);
            return true;
        }
        rows[i].fn(q, body);
        reply_json(q, 201, TAKE(body));
        return true;
    }
    return false;
}
