/*
 * sim/apiserver/valid.h - validation of built-in kinds, as far as a controller can trip over it.
 *
 * Pure. Causes go into r; old is NULL on create.
 */
#ifndef SIM_APISERVER_VALID_H
#define SIM_APISERVER_VALID_H

#include "sim/apiserver/refusal.h"

/* NULL: fine; else what is wrong. Static text. */
const char *valid_dns_label(const char *s);
const char *valid_dns_subdomain(const char *s);
const char *valid_label_key(const char *s);
const char *valid_label_value(const char *s);

void valid_pod_spec(const cJSON *spec, const char *at, struct refusal *r);
void valid_pod(const cJSON *obj, const cJSON *old, struct refusal *r);
void valid_deployment(const cJSON *obj, const cJSON *old, struct refusal *r);
void valid_replica_set(const cJSON *obj, const cJSON *old, struct refusal *r);
void valid_stateful_set(const cJSON *obj, const cJSON *old, struct refusal *r);
void valid_daemon_set(const cJSON *obj, const cJSON *old, struct refusal *r);
void valid_autoscaler(const cJSON *obj, const cJSON *old, struct refusal *r);
void valid_budget(const cJSON *obj, const cJSON *old, struct refusal *r);
void valid_service(const cJSON *obj, const cJSON *old, struct refusal *r);
void valid_config_map(const cJSON *obj, const cJSON *old, struct refusal *r);
void valid_secret(const cJSON *obj, const cJSON *old, struct refusal *r);
void valid_claim(const cJSON *obj, const cJSON *old, struct refusal *r);
void valid_lease(const cJSON *obj, const cJSON *old, struct refusal *r);
void valid_binding(const cJSON *obj, const cJSON *old, struct refusal *r);
void valid_revision(const cJSON *obj, const cJSON *old, struct refusal *r);
void valid_event(const cJSON *obj, const cJSON *old, struct refusal *r); /* events.k8s.io */
void valid_crd(const cJSON *obj, const cJSON *old, struct refusal *r);

/* "at" may not be negative. */
void valid_not_negative(const cJSON *obj, const char *path, struct refusal *r);
/* The member at path may not differ from old's. */
void valid_immutable(const cJSON *obj, const cJSON *old, const char *path, struct refusal *r);

#endif
