/*
 * kube/client_impl.h - the client's inside, for watch and tests of this room.
 *
 * Not pure.
 */
#ifndef KUBE_CLIENT_IMPL_H
#define KUBE_CLIENT_IMPL_H

#include "http/http.h"
#include "kube/client.h"

enum { KUBE_REPLY_MAX_BYTES = 8 * 1024 * 1024 };

/* As kube_new, over these transports (taken) instead of libcurl's. */
struct kube *kube_new_over(struct loop *l, struct kube_config *cfg, struct http_transport *const lanes[N_KUBE_LANES]);

/* GET whose 2xx body comes piece by piece; on_end as on_reply. A stream that has no end
 * after timeout_ms ends with ERR_RETRY. on_data: false gives the stream up. */
struct kube_call *kube_stream(struct kube *k, const char *path, int32_t timeout_ms,
                              bool (*on_data)(void *arg, const char *data, size_t len),
                              void (*on_end)(void *arg, const struct kube_reply *reply), void *arg);

struct loop *kube_loop(struct kube *k); /* lent */

#endif
