/*
 * sim/controllers/runner.h - the shell around the controllers: watches feed the
 * scene, changes become keys, keys become passes, passes become API calls.
 *
 * Not pure. One per process. Speaks nothing but the Kubernetes API.
 */
#ifndef SIM_CONTROLLERS_RUNNER_H
#define SIM_CONTROLLERS_RUNNER_H

#include "kube/client.h"
#include "sim/controllers/sync.h"

struct runner;

/* Lends everything until runner_free. */
struct runner *runner_new(struct loop *l, struct kube *k, const struct sync_options *opts);
/* The end: runner_stop, then kube_free (which drops the calls under way), then runner_free. */
void runner_stop(struct runner *r);
void runner_free(struct runner *r);

void runner_add(struct runner *r, const struct controller *c);
/* Watches what the added controllers ask for, and begins. */
void runner_start(struct runner *r);

/* For discovery (sim/controllers/discover.h). */
struct kube *runner_kube(struct runner *r);
struct loop *runner_loop(struct runner *r);
struct kinds *runner_kinds(struct runner *r);
void runner_watch(struct runner *r, int kind);   /* once more is fine */
void runner_unwatch(struct runner *r, int kind); /* its objects count as deleted */
bool runner_is_watched(const struct runner *r, int kind);
void runner_discovered(struct runner *r); /* KINDS_ALL is complete */

#endif
