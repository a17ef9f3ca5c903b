/*
 * One pod ended: the very one that was decided on, never its successor of the same name.
 */
#include "base/log.h"
#include "kube/path.h"
#include "shell.h"

static void on_deleted(struct pass *p, const struct kube_reply *reply)
{
    const struct action *a = &p->plan.actions[p->next_action];
    struct err e = reply->err;

    if (e.kind == ERR_ABSENT || e.kind == ERR_CONFLICT) {
        p->acted = true; /* it is gone already, or another one is there: looked at again */
        act_next(p);
        return;
    }
    if (e.kind != ERR_NONE) {
        err_wrap(&e, "pod %s", a->pod);
        log_warn("pod not deleted", F("service", p->key), F("pod", (const char *)a->pod), F("error", (const char *)e.msg));
        p->failed = e;
        if (act_is_passing(&e))
            pass_end(p, &e, -1);
        else
            act_next(p);
        return;
    }
    /* the answer is the pod as it ends: a pass that comes before the event must not think it alive */
    cache_put_pod(p->c->cache, reply->body);
    act_wrote(p);
    act_next(p);
}

void pod_delete(struct pass *p)
{
    const struct action *a = &p->plan.actions[p->next_action];
    AUTO_FREE char *path = kube_path("/api/v1", p->o.ns, "pods", a->pod, NULL);
    AUTO_JSON cJSON *body = json_new_obj();

    json_str(body, "apiVersion", "v1");
    json_str(body, "kind", "DeleteOptions");
    json_str(json_obj(body, "preconditions"), "uid", a->pod_uid);
    pass_write(p, &(struct kube_request){ .method = "DELETE", .path = path, .body = body }, on_deleted);
}
