/*
 * kube/watch_impl.h - a watch in a hurry, for tests of this room.
 *
 * Not pure.
 */
#ifndef KUBE_WATCH_IMPL_H
#define KUBE_WATCH_IMPL_H

#include "kube/watch.h"

/* No backoff, and no wait for initial objects, is longer than this; what a server asks for still is. */
void kube_watch_hurry(struct kube_watch *w, int64_t wait_max_ms);

#endif
