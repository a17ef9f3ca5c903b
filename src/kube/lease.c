#include "kube/lease.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "client_impl.h"
#include "kube/path.h"
#include "lease_step.h"

enum {
    DURATION_MS = 15000,
    RENEW_DEADLINE_MS = 10000,
    RETRY_MS = 2000,
    RELEASE_MS = 1600, /* three calls at most stay within the 5 s that are promised */
};

struct lease {
    struct kube *kube;
    struct lease_state state;
    char *ns, *name, *identity, *collection, *path;
    int32_t retry_ms;
    int32_t call_ms; /* half the renew deadline, so that a lost reply leaves time for another try */
    cJSON *live; /* the object as last seen or written; NULL: unknown or absent */
    struct kube_call *call;
    int64_t sent_ms;
    struct loop_timer *retry, *deadline;
    bool told; /* what on_change last said */
    void (*on_change)(void *arg, bool held);
    void *arg;
    bool releasing;
    int n_tries; /* to release */
    void (*on_released)(void *arg);
    void *released_arg;
    struct err trouble;
};

static void look(void *arg);
static void write_record(struct lease *l, enum lease_act act);

bool lease_is_held(const struct lease *l, int64_t now_ms)
{
    return !l->releasing && lease_state_holds(&l->state, now_ms);
}

const char *lease_holder(const struct lease *l)
{
    const char *holder = json_get_str(l->live, "spec.holderIdentity");

    return holder ? holder : "";
}

const struct err *lease_trouble(const struct lease *l)
{
    return &l->trouble;
}

/* The one place that tells of a change. Last in its caller: on_change may free the lease. */
static void tell(struct lease *l)
{
    int64_t now = loop_now_ms();
    bool held = lease_is_held(l, now);

    if (held)
        loop_timer_set(l->deadline, l->state.renewed_ms + l->state.renew_deadline_ms - now);
    else
        loop_timer_off(l->deadline);
    if (held == l->told)
        return;
    l->told = held;
    l->on_change(l->arg, held);
}

static void on_deadline(void *arg)
{
    struct lease *l = arg;

    if (!lease_state_holds(&l->state, loop_now_ms()))
        l->state.held = false;
    tell(l);
}

static void try_later(struct lease *l)
{
    loop_timer_set(l->retry, l->retry_ms + (int64_t)arc4random_uniform((uint32_t)l->retry_ms / 2 + 1));
}

static void keep(struct lease *l, const cJSON *live)
{
    cJSON_Delete(l->live);
    l->live = json_dup(live);
}

static void on_wrote(void *arg, const struct kube_reply *r)
{
    struct lease *l = arg;

    l->call = NULL;
    l->trouble = r->err;
    if (r->err.kind == ERR_CONFLICT || r->err.kind == ERR_ABSENT) {
        keep(l, NULL);
        loop_timer_set(l->retry, 0); /* somebody was faster: look at once */
        return;
    }
    if (r->err.kind == ERR_NONE) {
        keep(l, r->body);
        lease_wrote(&l->state, l->sent_ms);
    }
    try_later(l);
    tell(l);
}

static void write_record(struct lease *l, enum lease_act act)
{
    AUTO_JSON cJSON *obj = NULL;
    char now[32];

    str_rfc3339(loop_wall_ms(), true, now);
    obj = lease_object(l->live, act, l->ns, l->name, &l->state, now);
    l->sent_ms = loop_now_ms();
    l->call = kube_send(l->kube,
                        &(struct kube_request){ .lane = KUBE_LANE_LEASE,
                                                .method = act == LEASE_CREATE ? "POST" : "PUT",
                                                .path = act == LEASE_CREATE ? l->collection : l->path,
                                                .body = obj,
                                                .timeout_ms = l->call_ms },
                        on_wrote, l);
}

static void on_seen(void *arg, const struct kube_reply *r)
{
    struct lease *l = arg;
    struct lease_record rec;
    enum lease_act act;

    l->call = NULL;
    l->trouble = r->err;
    if (r->err.kind == ERR_ABSENT)
        l->trouble = (struct err){ 0 };
    else if (r->err.kind) {
        try_later(l);
        return;
    }
    keep(l, r->err.kind == ERR_NONE ? r->body : NULL);
    lease_record_read(l->live, &rec);
    act = lease_step(&l->state, l->live ? &rec : NULL, loop_now_ms());
    if (act == LEASE_WAIT)
        try_later(l);
    else
        write_record(l, act);
    tell(l);
}

/* A holder that knows the record writes at once; the server refuses if it has changed. */
static void look(void *arg)
{
    struct lease *l = arg;

    if (l->live && lease_state_holds(&l->state, loop_now_ms())) {
        write_record(l, LEASE_RENEW);
        return;
    }
    l->call = kube_send(l->kube,
                        &(struct kube_request){
                            .lane = KUBE_LANE_LEASE, .method = "GET", .path = l->path, .timeout_ms = l->call_ms },
                        on_seen, l);
}

struct lease *lease_new(struct kube *k, const struct lease_opts *o, void (*on_change)(void *arg, bool held), void *arg)
{
    static const char api[] = "/apis/coordination.k8s.io/v1";
    struct lease *l = xcalloc(1, sizeof(*l));

    l->kube = k;
    l->ns = xstrdup(o->ns);
    l->name = xstrdup(o->name);
    l->identity = xstrdup(o->identity);
    l->collection = kube_path(api, o->ns, "leases", NULL, NULL);
    l->path = kube_path(api, o->ns, "leases", o->name, NULL);
    l->retry_ms = o->retry_ms ? o->retry_ms : RETRY_MS;
    l->state = (struct lease_state){ .identity = l->identity,
                                     .duration_ms = o->duration_ms ? o->duration_ms : DURATION_MS,
                                     .renew_deadline_ms =
                                         o->renew_deadline_ms ? o->renew_deadline_ms : RENEW_DEADLINE_MS };
    l->call_ms = (int32_t)l->state.renew_deadline_ms / 2;
    l->on_change = on_change;
    l->arg = arg;
    l->retry = loop_timer_new(kube_loop(k), look, l);
    l->deadline = loop_timer_new(kube_loop(k), on_deadline, l);
    loop_timer_set(l->retry, 0);
    return l;
}

void lease_free(struct lease *l)
{
    if (!l)
        return;
    kube_cancel(l->call);
    loop_timer_free(l->retry);
    loop_timer_free(l->deadline);
    cJSON_Delete(l->live);
    free(l->ns);
    free(l->name);
    free(l->identity);
    free(l->collection);
    free(l->path);
    free(l);
}

static void give_back(struct lease *l);

static void on_seen_again(void *arg, const struct kube_reply *r)
{
    struct lease *l = arg;

    l->call = NULL;
    l->trouble = r->err;
    keep(l, r->err.kind == ERR_NONE ? r->body : NULL);
    if (str_eq(lease_holder(l), l->identity))
        give_back(l);
    else
        l->on_released(l->released_arg);
}

/* A conflict: the renewal that was cancelled had arrived. Then once more, on top of it. */
static void on_gave_back(void *arg, const struct kube_reply *r)
{
    struct lease *l = arg;

    l->call = NULL;
    l->trouble = r->err;
    if (r->err.kind != ERR_CONFLICT || l->n_tries++) {
        l->on_released(l->released_arg);
        return;
    }
    l->call = kube_send(l->kube,
                        &(struct kube_request){
                            .lane = KUBE_LANE_LEASE, .method = "GET", .path = l->path, .timeout_ms = RELEASE_MS },
                        on_seen_again, l);
}

static void on_nothing_to_give(void *arg)
{
    struct lease *l = arg;

    l->on_released(l->released_arg);
}

static void give_back(struct lease *l)
{
    AUTO_JSON cJSON *obj = NULL;
    char now[32];

    str_rfc3339(loop_wall_ms(), true, now);
    obj = lease_object_released(l->live, now);
    l->call = kube_send(l->kube,
                        &(struct kube_request){ .lane = KUBE_LANE_LEASE,
                                                .method = "PUT",
                                                .path = l->path,
                                                .body = obj,
                                                .timeout_ms = RELEASE_MS },
                        on_gave_back, l);
}

void lease_release(struct lease *l, void (*on_released)(void *arg), void *arg)
{
    bool was_held = l->live && lease_is_held(l, loop_now_ms());

    kube_cancel(TAKE(l->call));
    loop_timer_off(l->retry);
    loop_timer_off(l->deadline);
    l->releasing = true;
    l->on_released = on_released;
    l->released_arg = arg;
    if (was_held) {
        give_back(l);
        return;
    }
    loop_timer_free(l->retry);
    l->retry = loop_timer_new(kube_loop(l->kube), on_nothing_to_give, l);
    loop_timer_set(l->retry, 0);
}
