/*
 * kube/watch.h - one collection, kept up to date: streaming list, then watch.
 *
 * Not pure; its decisions are the pure table in kube/reflect.h. Streaming list
 * (sendInitialEvents) when the server can, paged list otherwise; resumes after
 * the last resourceVersion, bookmarks included; 410 lists again; a silent
 * stream is cut; backoff 800 ms x 2, full jitter, cap 30 s.
 * Objects are parsed one at a time, lent to the callback, and freed.
 */
#ifndef KUBE_WATCH_H
#define KUBE_WATCH_H

#include "kube/client.h"

struct kube_watch;

enum kube_event { KUBE_ADDED, KUBE_MODIFIED, KUBE_DELETED };

struct kube_watch_handler {
    /* KUBE_ADDED stands for "present": the same object may come again after a relist. */
    void (*on_object)(void *arg, enum kube_event event, const cJSON *obj);
    /* A list begins: what is not seen before on_listed does not exist any more. */
    void (*on_list_start)(void *arg);
    void (*on_listed)(void *arg);
    /* Something went wrong; it is being retried. May be NULL. */
    void (*on_trouble)(void *arg, const struct err *e);
};

struct kube_watch_opts {
    const char *path;           /* "/apis/apps/v1/deployments" or ".../namespaces/x/deployments" */
    const char *label_selector; /* unescaped; NULL: all */
    const char *field_selector; /* unescaped; NULL: all */
};

/* Copies opts. Starts at once. */
struct kube_watch *kube_watch_new(struct kube *k, const struct kube_watch_opts *opts,
                                  const struct kube_watch_handler *h, void *arg);
void kube_watch_free(struct kube_watch *w);
bool kube_watch_is_synced(const struct kube_watch *w); /* the first list is complete */

#endif
