/*
 * plan/rollout.h - why the pods of a template do not get ready: said by the pods themselves.
 *
 * Pure. Sources: the kubelet's reasons of waiting containers (pkg/kubelet/images/types.go, kuberuntime).
 */
#ifndef PLAN_ROLLOUT_H
#define PLAN_ROLLOUT_H

#include "cache/record.h"

enum rollout_grace {
    GRACE_NONE,     /* nothing is wrong */
    GRACE_DEADLINE, /* may still come right: only the deadline of the rollout ends it */
    GRACE_SHORT,    /* may pass: a tenth of the deadline */
    GRACE_OVER,     /* will never work */
};

struct diagnosis {
    enum rollout_grace grace;
    const char *reason; /* CamelCase, static: CrashLoop, ImagePull, ContainerConfig, Unschedulable, NotReady; NULL: none */
    char text[200];     /* which pod, and what it says */
    bool failed;        /* grace is used up: the template has failed */
};

enum { ROLLOUT_RESTARTS = 3 }; /* so many restarts after a failure are a crash loop */

/* The worst of the serving pods of this pod-template-hash (NULL: of all). While one of them is ready, nothing is
 * worse than GRACE_DEADLINE: others may be where something is wrong. crashes_count: false while something that the
 * containers need is known to be down. */
void rollout_diagnose(const struct pod *pods, size_t n, const char *template_hash, bool crashes_count, struct diagnosis *out);

#endif
