/*
 * kube/lease.h - leader election: one holder of a coordination.k8s.io/v1 Lease.
 *
 * Not pure; its decisions are the pure functions of kube/lease_step.h. Only the
 * local monotonic clock judges: another's lease has run out when its record has
 * not changed for 15 s of ours, our own is lost when the last renewal that the
 * server confirmed was sent more than 10 s ago. Losing it is not an end: the
 * lease goes on trying to get it back.
 */
#ifndef KUBE_LEASE_H
#define KUBE_LEASE_H

#include "kube/client.h"

struct lease;

struct lease_opts {
    const char *ns, *name;
    const char *identity;      /* unique among all who ask: pod name and something random */
    int32_t duration_ms;       /* 0: 15 s; whole seconds */
    int32_t renew_deadline_ms; /* 0: 10 s; below duration_ms */
    int32_t retry_ms;          /* 0: 2 s; and up to half of it more */
};

/* Copies opts. Starts at once. on_change comes from the loop; not from lease_free. */
struct lease *lease_new(struct kube *k, const struct lease_opts *opts, void (*on_change)(void *arg, bool held),
                        void *arg);

/* Leaves the record as it is: others wait for it to run out. */
void lease_free(struct lease *l);

/* True while a write may leave: false as soon as the renew deadline has passed, whether or
 * not on_change has come yet. */
bool lease_is_held(const struct lease *l, int64_t now_ms);

/* Gives the lease to whoever asks next, and asks no more; on_change is not called for it.
 * on_released comes once, from the loop,
 * within 5 s, also when nothing was held or the server did not answer. */
void lease_release(struct lease *l, void (*on_released)(void *arg), void *arg);

const char *lease_holder(const struct lease *l); /* as last seen; "": nobody. Lent. */

/* What went wrong last; ERR_NONE while all is well. Lent. */
const struct err *lease_trouble(const struct lease *l);

#endif
