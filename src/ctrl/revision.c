/*
 * Templates of the serving pods: which one the Deployment's pods are of, and the ControllerRevisions that keep the good
 * ones. Read when the plan asks, kept in the track.
 */
#include <stdio.h>
#include <string.h>

#include "api/names.h"
#include "base/log.h"
#include "base/str.h"
#include "json/owned.h"
#include "kube/path.h"
#include "shell.h"

static const struct action *current(const struct pass *p)
{
    return &p->plan.actions[p->next_action];
}

void revision_forget(struct revision_track *t)
{
    cJSON_Delete(t->template);
    t->template = NULL;
    if (t->state == KEPT_HELD)
        t->state = KEPT_THERE;
}

static void remember(struct pass *p, enum kept_state state, cJSON *template)
{
    struct revision_track *t = &p->track->revision;

    revision_forget(t);
    memcpy(t->kept, current(p)->pod, sizeof(t->kept) - 1);
    t->state = state;
    t->template = template;
    p->acted = true; /* the next pass decides with it */
}

/* True when the pass goes on. Trouble that may pass ends it; a refusal stands until the operator starts again. */
static bool went_on(struct pass *p, const struct err *from, const char *what)
{
    struct err e = *from;

    if (e.kind == ERR_NONE || e.kind == ERR_ABSENT)
        return true;
    err_wrap(&e, "%s", what);
    log_warn("action failed", F("service", p->key), F("error", (const char *)e.msg), F("then", err_kind_name(e.kind)));
    if (!act_is_passing(&e))
        return true;
    pass_end(p, &e, -1);
    return false;
}

static char *list_path(const struct pass *p, const char *plural)
{
    AUTO_FREE char *selector = names_selector_text(&p->svc, COMPONENT_PREDICTOR);

    return kube_path_with(kube_path(REVISION_API_PATH, p->o.ns, plural, NULL, NULL), "labelSelector", selector);
}

static char *revision_path(const struct pass *p)
{
    char name[ISVC_NAME_MAX + 1 + TEMPLATE_HASH_SIZE];

    revision_name(p->o.name, current(p)->pod, name);
    return kube_path(REVISION_API_PATH, p->o.ns, REVISION_PLURAL, name, NULL);
}

static const char *controller_uid(const cJSON *obj)
{
    const cJSON *ref;

    cJSON_ArrayForEach(ref, json_at(obj, "metadata.ownerReferences"))
        if (json_get_bool(ref, "controller", false))
            return json_get_str(ref, "uid");
    return NULL;
}

static const char *number_of(const cJSON *obj)
{
    return cJSON_GetStringValue(json_member(json_at(obj, "metadata.annotations"), "deployment.kubernetes.io/revision"));
}

static const cJSON *newest_set(const cJSON *list, const struct record *d)
{
    const cJSON *set;
    char want[16];

    snprintf(want, sizeof(want), "%d", d->revision_no);
    cJSON_ArrayForEach(set, json_member(list, "items"))
        if (str_eq(controller_uid(set), d->uid) && str_eq(number_of(set), want))
            return set;
    return NULL;
}

static void on_sets(struct pass *p, const struct kube_reply *reply)
{
    struct revision_track *t = &p->track->revision;
    const struct record *d = p->o.child[CHILD_DEPLOYMENT];
    const cJSON *set;
    const char *hash;

    if (!went_on(p, &reply->err, "ReplicaSets"))
        return;
    pass_refresh(p); /* the number may be another by now */
    d = p->o.child[CHILD_DEPLOYMENT];
    set = d ? newest_set(reply->body, d) : NULL;
    hash = cJSON_GetStringValue(json_member(json_at(set, "metadata.labels"), "pod-template-hash"));
    if (!hash || !str_copy(t->newest, sizeof(t->newest), hash))
        t->newest[0] = '\0';
    if (d) {
        t->newest_of = d->revision_no;
        memcpy(t->newest_uid, d->uid, sizeof(t->newest_uid));
        p->acted = true;
    }
    act_next(p);
}

void revision_find(struct pass *p)
{
    AUTO_FREE char *path = list_path(p, "replicasets");

    pass_send(p, &(struct kube_request){ .method = "GET", .path = path }, on_sets);
}

static void on_made_again(struct pass *p, const struct kube_reply *reply)
{
    if (act_is_passing(&reply->err)) { /* tried again before anything is made of it */
        revision_forget(&p->track->revision);
        p->track->revision.state = KEPT_UNKNOWN;
    }
    if (!went_on(p, &reply->err, "ControllerRevision"))
        return;
    if (reply->err.kind == ERR_NONE) {
        act_wrote(p);
        log_info("template kept again: its ControllerRevision was gone", F("service", p->key),
                 F("hash", (const char *)current(p)->pod));
    }
    act_next(p); /* refused: held in memory all the same */
}

static void make_again(struct pass *p, cJSON *template)
{
    AUTO_JSON cJSON *body = revision_build(&p->svc, template);
    AUTO_FREE char *path = revision_path(p);
    AUTO_FREE char *query = kube_path_apply(path, API_MANAGER, false);

    remember(p, KEPT_HELD, template);
    if (p->c->cfg.look)
        act_next(p);
    else
        pass_write(p, &(struct kube_request){ .method = "PATCH", .path = query, .content_type = KUBE_APPLY_TYPE, .body = body },
                   on_made_again);
}

/* What of the living template the user's spec made. NULL: it cannot be told. The caller's. */
static cJSON *living_template(const struct pass *p, const cJSON *deployment)
{
    const cJSON *fields = owned_fields(deployment, API_MANAGER);
    AUTO_JSON cJSON *ours = fields ? owned_project(deployment, fields) : NULL;
    cJSON *template = json_dup(json_at(ours, "spec.template")), *notes = json_at(template, "metadata.annotations");

    json_del(notes, ANNOTATION_CREDENTIALS);
    if (notes && !json_count(notes))
        json_del(json_member(template, "metadata"), "annotations");
    if (cJSON_IsObject(template) && str_eq(controller_uid(deployment), p->o.uid))
        return template;
    cJSON_Delete(template);
    return NULL;
}

/* The hash is the proof that this is what was kept. */
static void on_living(struct pass *p, const struct kube_reply *reply)
{
    cJSON *template;
    char hash[TEMPLATE_HASH_SIZE];

    if (!went_on(p, &reply->err, "Deployment"))
        return;
    template = reply->err.kind == ERR_NONE ? living_template(p, reply->body) : NULL;
    if (template)
        template_hash(template, hash);
    if (template && str_eq(hash, current(p)->pod)) {
        make_again(p, template);
        return;
    }
    cJSON_Delete(template);
    remember(p, KEPT_ABSENT, NULL);
    act_next(p);
}

/* Somebody deleted it: what serves may be what it kept. */
static void look_at_living(struct pass *p)
{
    AUTO_FREE char *path = kube_path(child_types[CHILD_DEPLOYMENT].api_path, p->o.ns, child_types[CHILD_DEPLOYMENT].plural, p->o.name,
                                     NULL);

    pass_send(p, &(struct kube_request){ .method = "GET", .path = path }, on_living);
}

static void on_read(struct pass *p, const struct kube_reply *reply)
{
    const cJSON *template = revision_template(reply->body, current(p)->pod);

    if (!went_on(p, &reply->err, "ControllerRevision"))
        return;
    if (reply->err.kind == ERR_ABSENT) {
        look_at_living(p);
        return;
    }
    if (reply->err.kind != ERR_NONE || !template || !str_eq(controller_uid(reply->body), p->o.uid))
        remember(p, KEPT_ABSENT, NULL);
    else
        remember(p, KEPT_HELD, json_dup(template));
    act_next(p);
}

void revision_read(struct pass *p)
{
    AUTO_FREE char *path = revision_path(p);

    pass_send(p, &(struct kube_request){ .method = "GET", .path = path }, on_read);
}

static void on_kept(struct pass *p, const struct kube_reply *reply)
{
    if (!went_on(p, &reply->err, "ControllerRevision"))
        return;
    remember(p, reply->err.kind == ERR_NONE ? KEPT_THERE : KEPT_REFUSED, NULL);
    p->track->revision.has_older = reply->err.kind == ERR_NONE;
    if (reply->err.kind == ERR_NONE)
        act_wrote(p);
    act_next(p);
}

static void on_before_keep(struct pass *p, const struct kube_reply *reply)
{
    AUTO_FREE char *path = revision_path(p);
    AUTO_FREE char *query = kube_path_apply(path, API_MANAGER, false);

    if (!went_on(p, &reply->err, "ControllerRevision"))
        return;
    if (reply->err.kind == ERR_ABSENT) {
        pass_write(p, &(struct kube_request){ .method = "PATCH", .path = query, .content_type = KUBE_APPLY_TYPE,
                                              .body = current(p)->body }, on_kept);
        return;
    }
    /* never changed: it is what we want, or in the way */
    if (reply->err.kind == ERR_NONE && str_eq(controller_uid(reply->body), p->o.uid) &&
        revision_template(reply->body, current(p)->pod)) {
        remember(p, KEPT_THERE, NULL);
        p->track->revision.has_older = true;
    } else {
        if (reply->err.kind == ERR_NONE)
            log_warn("template not kept: its name is taken", F("service", p->key), F("hash", (const char *)current(p)->pod));
        remember(p, KEPT_REFUSED, NULL);
    }
    act_next(p);
}

void revision_keep(struct pass *p)
{
    AUTO_FREE char *path = revision_path(p);

    pass_send(p, &(struct kube_request){ .method = "GET", .path = path }, on_before_keep);
}

static const cJSON *older_one(const struct pass *p, const cJSON *list)
{
    char kept[ISVC_NAME_MAX + 1 + TEMPLATE_HASH_SIZE];
    const cJSON *item;

    revision_name(p->o.name, current(p)->pod, kept);
    cJSON_ArrayForEach(item, json_member(list, "items"))
        if (str_eq(controller_uid(item), p->o.uid) && !str_eq(json_get_str(item, "metadata.name"), kept) &&
            !json_has(item, "metadata.deletionTimestamp"))
            return item;
    return NULL;
}

static void on_pruned(struct pass *p, const struct kube_reply *reply)
{
    if (!went_on(p, &reply->err, "ControllerRevision"))
        return;
    if (reply->err.kind == ERR_NONE)
        act_wrote(p); /* looked for again, until there is none */
    else
        p->track->revision.has_older = false;
    act_next(p);
}

static void on_older(struct pass *p, const struct kube_reply *reply)
{
    const cJSON *old = older_one(p, reply->body);
    AUTO_FREE char *path = NULL;
    AUTO_JSON cJSON *body = json_new_obj();

    if (!went_on(p, &reply->err, "ControllerRevisions"))
        return;
    if (!old) {
        p->track->revision.has_older = false;
        act_next(p);
        return;
    }
    path = kube_path(REVISION_API_PATH, p->o.ns, REVISION_PLURAL, json_get_str(old, "metadata.name"), NULL);
    json_str(body, "apiVersion", "v1");
    json_str(body, "kind", "DeleteOptions");
    json_str(json_obj(body, "preconditions"), "uid", json_get_str(old, "metadata.uid"));
    pass_write(p, &(struct kube_request){ .method = "DELETE", .path = path, .body = body }, on_pruned);
}

void revision_prune(struct pass *p)
{
    AUTO_FREE char *path = list_path(p, REVISION_PLURAL);

    pass_send(p, &(struct kube_request){ .method = "GET", .path = path }, on_older);
}
