/*
 * api/names.h - labels, selectors, owner references and addresses of children.
 *
 * Pure. Trees returned are the caller's.
 */
#ifndef API_NAMES_H
#define API_NAMES_H

#include "api/isvc.h"

#define LABEL_NAME "app.kubernetes.io/name"
#define LABEL_INSTANCE "app.kubernetes.io/instance"
#define LABEL_COMPONENT "app.kubernetes.io/component"
#define LABEL_PART_OF "app.kubernetes.io/part-of"
#define LABEL_MANAGED_BY "app.kubernetes.io/managed-by"

#define REDIS_CLAIM_PREFIX "data-" /* and the pod's name */
#define ANNOTATION_CREDENTIALS "everserve.dev/redis-credentials" /* of serving pods: how often their password changed */
#define NAME_VALUE "inferenceservice"      /* LABEL_NAME of every child and pod */
#define COMPONENT_PREDICTOR "predictor"
#define COMPONENT_CANARY "canary" /* of the canary's children; its pods are COMPONENT_PREDICTOR, too ... */
#define NAME_CANARY "inferenceservice-canary" /* ... and have this LABEL_NAME */
#define LABEL_REVISION "serving.everserve.dev/revision" /* of the canary's pods: whose template theirs is */
#define COMPONENT_REDIS "redis"
#define COMPONENT_HEADROOM "headroom"

enum { REDIS_PORT = 6379, REDIS_BUS_PORT = 16379, REDIS_NODE_TIMEOUT_MS = 5000 };

/* All five labels. */
cJSON *names_labels(const struct isvc *s, const char *component);

/* What selectors use: name, instance, component. These never change: selectors are immutable. */
cJSON *names_selector(const struct isvc *s, const char *component);

/* The canary's pods alone. The selector of the Deployment that serves cannot change and asks for NAME_VALUE: two
 * Deployments whose selectors overlap would count, and adopt, each other's pods. */
cJSON *names_canary_selector(const struct isvc *s);

/* All pods that serve, the canary's included: what both have and Redis pods lack. For selectors that may change. */
cJSON *names_serving_selector(const struct isvc *s);

/* The same as text, "a=b,c=d", for status.selector and list calls. Caller frees. */
char *names_selector_text(const struct isvc *s, const char *component);

/* metadata.ownerReferences: controller and blockOwnerDeletion true. NULL without a uid. */
cJSON *names_owner_references(const struct isvc *s);

#endif
