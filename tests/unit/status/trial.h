/* The pods of a version on trial, for stage.h: as many as its Deployment asks for, made anew with each revision. */
#ifndef TESTS_TRIAL_H
#define TESTS_TRIAL_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/names.h"
#include "base/str.h"
#include "cache/record.h"

enum { TRIAL_PODS_MAX = 4 };

struct trial_pods {
    int n, ready, born;
    char revision[REVISION_SIZE];
    int32_t restarts, exit_code; /* of the first; it waits for ... */
    char waiting[32];
    char node[8]; /* "": of nobody */
};

static inline void trial_end(struct trial_pods *t)
{
    *t = (struct trial_pods){ .born = t->born };
}

static inline void trial_take(struct trial_pods *t, const cJSON *deployment)
{
    const cJSON *labels = json_at(deployment, "spec.template.metadata.labels");
    const char *revision = cJSON_GetStringValue(json_member(labels, LABEL_REVISION));

    if (!str_eq(revision, t->revision)) {
        trial_end(t);
        t->born++;
        snprintf(t->revision, sizeof(t->revision), "%s", revision);
    }
    t->n = (int)json_get_int(deployment, "spec.replicas", 0);
    if (t->n > TRIAL_PODS_MAX)
        t->n = TRIAL_PODS_MAX;
    t->ready = t->ready < t->n ? t->ready : t->n;
}

static inline int trial_put_pods(const struct trial_pods *t, struct pod *out)
{
    for (int i = 0; i < t->n; i++) {
        free(out[i].name);
        out[i] = (struct pod){ .name = xasprintf("fraud-canary-%d-%d", t->born, i), .serves = true, .on_trial = true,
                               .ready = i < t->ready, .running = true };
        snprintf(out[i].uid, sizeof(out[i].uid), "t-%d-%d", t->born, i);
        memcpy(out[i].revision, t->revision, sizeof(out[i].revision));
        memcpy(out[i].node, t->node, sizeof(t->node));
    }
    if (t->n) {
        out[0].restarts = t->restarts;
        out[0].exit_code = t->exit_code;
        memcpy(out[0].waiting, t->waiting, sizeof(out[0].waiting));
    }
    return t->n;
}

/* "ready 1", "restarts 2", "exit 1", "waits ImagePullBackOff" */
static inline void trial_tell(struct trial_pods *t, const char *arg)
{
    char what[16] = "", value[32] = "";

    sscanf(arg, "%15s %31s", what, value);
    if (str_eq(what, "ready"))
        t->ready = atoi(value);
    else if (str_eq(what, "restarts"))
        t->restarts = atoi(value);
    else if (str_eq(what, "exit"))
        t->exit_code = atoi(value);
    else if (str_eq(what, "waits"))
        memcpy(t->waiting, value, sizeof(t->waiting));
    else
        fail_msg("the canary knows no \"%s\"", arg);
}

#endif
