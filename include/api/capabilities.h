/*
 * api/capabilities.h - what a cluster offers beyond the kinds that every server has.
 *
 * Pure. Learnt from API discovery: one document per capability, whose path is here; what the server
 * answered is read here. Kinds that are absent are neither watched nor applied. Whether an autoscaler
 * may go to zero is told by no document: capability_zero_question is dry-run instead.
 */
#ifndef API_CAPABILITIES_H
#define API_CAPABILITIES_H

#include <stdbool.h>

#include "json/json.h"

enum capability {
    CAP_BUILT_IN,      /* of every server */
    CAP_VPA,           /* autoscaling.k8s.io/v1 VerticalPodAutoscaler */
    CAP_KEDA,          /* keda.sh/v1alpha1 ScaledObject */
    CAP_GATEWAY,       /* gateway.networking.k8s.io/v1 HTTPRoute */
    CAP_DRA,           /* resource.k8s.io/v1 ResourceClaimTemplate */
    CAP_IMAGE_VOLUMES, /* volumes[].image: on by default from 1.35 */
    CAP_SCALE_TO_ZERO, /* an autoscaler's minReplicas 0: feature HPAScaleToZero */
    N_CAPABILITIES,
};

struct capabilities {
    bool vpa, keda, gateway, dra, image_volumes, scale_to_zero;
    bool knows_zero; /* scale_to_zero was learnt; false: not asked, or no clear answer */
    int minor;       /* of the server's version, 36 of 1.36; 0: not known */
};

bool capabilities_have(const struct capabilities *c, enum capability what); /* CAP_BUILT_IN: always */
void capabilities_set(struct capabilities *c, enum capability what, bool there);
bool capabilities_equal(const struct capabilities *a, const struct capabilities *b);

/* What a person would have to install: "the VerticalPodAutoscaler (autoscaling.k8s.io/v1)". Static. */
const char *capability_name(enum capability what);

/* The discovery document that tells; NULL: none does (CAP_BUILT_IN, CAP_SCALE_TO_ZERO). Static. */
const char *capability_path(enum capability what);
/* Takes what that document says over; NULL: there is none (404). Bounded; what is not as it should be counts as absent. */
void capability_read(enum capability what, const cJSON *doc, struct capabilities *c);

/* An autoscaler that may go to zero, to be created with dryRun=All. The caller owns it. */
cJSON *capability_zero_question(const char *ns);
/* status: HTTP's; message: the server's own, may be NULL. False: says nothing about zero. */
bool capability_zero_answer(int status, const char *message, struct capabilities *c);

#endif
