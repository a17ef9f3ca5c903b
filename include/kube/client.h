/*
 * kube/client.h - one Kubernetes API server as a service: requests out, replies
 * in, over one loop.
 *
 * Not pure. Replies are bounded (8 MiB), parsed, and lent to the callback.
 * Errors are mapped once, here: 404 ABSENT, 409 CONFLICT, 401/403 DENIED, 400/405/413/415/422
 * INVALID, 410, 429/5xx/network RETRY with Retry-After; the
 * message is the server's own Status.message, shortened.
 */
#ifndef KUBE_CLIENT_H
#define KUBE_CLIENT_H

#include <stdbool.h>

#include "base/err.h"
#include "json/json.h"
#include "loop/loop.h"

struct kube;
struct kube_config; /* kube/config.h: kubeconfig or in-cluster */
struct kube_call;

/* Requests of different lanes never wait for each other (own connections). */
enum kube_lane { KUBE_LANE_MAIN, KUBE_LANE_WATCH, KUBE_LANE_LEASE, N_KUBE_LANES };

struct kube_request {
    enum kube_lane lane;
    const char *method;       /* "GET", "PATCH" ... */
    const char *path;         /* "/api/v1/namespaces/x/pods?limit=1": escaped by the caller, see kube/path.h */
    const char *content_type; /* NULL: application/json */
    const cJSON *body;        /* lent until kube_send returns; NULL: none */
    int32_t timeout_ms;       /* 0: 30 s */
};

struct kube_reply {
    int status;        /* HTTP status; 0: none came */
    bool too_long;     /* more than the bound: ask for less */
    const cJSON *body; /* lent; NULL when none, or not JSON */
    struct err err;    /* ERR_NONE on 2xx */
};

/* Takes cfg. */
struct kube *kube_new(struct loop *l, struct kube_config *cfg, struct err *e);
/* Cancels what is under way, without calling back. Not from a callback of this client. */
void kube_free(struct kube *k);

/* on_reply is called exactly once, from the loop, unless cancelled first. */
struct kube_call *kube_send(struct kube *k, const struct kube_request *req,
                            void (*on_reply)(void *arg, const struct kube_reply *reply), void *arg);
void kube_cancel(struct kube_call *c); /* NULL is fine; not after on_reply */

/* Ends every write (all but GET) of the main lane that is waiting or under way: nothing more of it
 * leaves. Their on_reply come from the loop with ERR_RETRY and why. For when the lease is lost. */
void kube_abort_writes(struct kube *k, const char *why);

/* For /metrics: requests so far by method and status; called for each row. */
void kube_each_count(struct kube *k, void (*row)(void *arg, const char *method, int status, int64_t n), void *arg);

/* Host and port as in the config: a metric label. Lent. */
const char *kube_host(const struct kube *k);

#endif
