/*
 * sim/apiserver/fill.h - the defaults of built-in kinds.
 *
 * Pure; in place, and done twice changes nothing more. Source: the defaulting
 * functions of Kubernetes' API packages, and what a real server answers.
 */
#ifndef SIM_APISERVER_FILL_H
#define SIM_APISERVER_FILL_H

#include "json/json.h"

void fill_pod_spec(cJSON *spec, bool is_pod);
void fill_pod(cJSON *obj);
void fill_deployment(cJSON *obj);
void fill_replica_set(cJSON *obj);
void fill_stateful_set(cJSON *obj);
void fill_job(cJSON *obj);
void fill_cron_job(cJSON *obj);
void fill_daemon_set(cJSON *obj);
void fill_autoscaler(cJSON *obj);
void fill_service(cJSON *obj);
void fill_namespace(cJSON *obj);
void fill_claim(cJSON *obj);
void fill_volume(cJSON *obj);
void fill_secret(cJSON *obj);
void fill_network_policy(cJSON *obj);
void fill_storage_class(cJSON *obj);
void fill_binding(cJSON *obj);
void fill_slice(cJSON *obj);
void fill_crd(cJSON *obj);

void fill_budget(cJSON *obj);
void fill_priority_class(cJSON *obj);
void fill_ingress(cJSON *obj);
void fill_node(cJSON *obj);

/* What the server adds on top of what was asked for: admission, finalizers, address families. */
void settle_pod(cJSON *obj, const cJSON *old);
void settle_namespace(cJSON *obj, const cJSON *old);
void settle_claim(cJSON *obj, const cJSON *old);
void settle_volume(cJSON *obj, const cJSON *old);
void settle_event(cJSON *obj, const cJSON *old);
void settle_service(cJSON *obj, const cJSON *old);

/* Sets a member only when it is absent. */
void fill_str(cJSON *obj, const char *key, const char *value);
void fill_int(cJSON *obj, const char *key, int64_t value);
void fill_bool(cJSON *obj, const char *key, bool value);

#endif
