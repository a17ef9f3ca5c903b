/*
 * One claim of a Redis pod changed or ended: the very one that was decided on.
 */
#include <string.h>

#include "base/log.h"
#include "kube/path.h"
#include "shell.h"

static const struct action *current(const struct pass *p)
{
    return &p->plan.actions[p->next_action];
}

static char *path_of(const struct pass *p)
{
    return kube_path("/api/v1", p->o.ns, "persistentvolumeclaims", current(p)->pod, NULL);
}

/* Its words stay until it takes the size: "spec.redis.storage.size: data-a-redis-0: ...". */
static void remember(struct track *t, const char *claim, const struct err *e, int64_t now_ms)
{
    free(t->volume_problem);
    t->volume_problem = e ? xasprintf("%s: %.180s", claim, e->msg) : NULL;
    t->volume_problem_ms = now_ms;
}

static bool went_on(struct pass *p, const struct kube_reply *reply)
{
    struct err e = reply->err;

    if (e.kind == ERR_NONE)
        return true;
    p->acted = true; /* the next pass looks at what is there by then, and says what was refused */
    if (e.kind == ERR_ABSENT || e.kind == ERR_CONFLICT) {
        act_next(p);
    } else if (act_is_passing(&e)) {
        pass_end(p, &e, -1);
    } else {
        log_warn("claim not changed", F("service", p->key), F("claim", current(p)->pod), F("error", (const char *)e.msg));
        remember(p->track, current(p)->pod, &e, loop_now_ms());
        act_next(p);
    }
    return false;
}

static void on_patched(struct pass *p, const struct kube_reply *reply)
{
    if (!went_on(p, reply))
        return;
    if (json_has(current(p)->body, "spec"))
        remember(p->track, current(p)->pod, NULL, 0);
    cache_put_claim(p->c->cache, reply->body);
    act_wrote(p);
    act_next(p);
}

void claim_patch(struct pass *p)
{
    const struct action *a = current(p);
    AUTO_FREE char *path = kube_path_with(path_of(p), "fieldManager", API_MANAGER);

    pass_write(p, &(struct kube_request){ .method = "PATCH", .path = path, .content_type = KUBE_MERGE_TYPE, .body = a->body },
               on_patched);
}

static void on_deleted(struct pass *p, const struct kube_reply *reply)
{
    if (!went_on(p, reply))
        return;
    cache_put_claim(p->c->cache, reply->body); /* as it ends */
    act_wrote(p);
    act_next(p);
}

void claim_delete(struct pass *p)
{
    AUTO_FREE char *path = path_of(p);
    AUTO_JSON cJSON *body = json_new_obj();

    json_str(body, "apiVersion", "v1");
    json_str(body, "kind", "DeleteOptions");
    json_str(json_obj(body, "preconditions"), "uid", current(p)->pod_uid);
    pass_write(p, &(struct kube_request){ .method = "DELETE", .path = path, .body = body }, on_deleted);
}
