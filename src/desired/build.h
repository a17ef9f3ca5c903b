/*
 * build.h - what the builders of children share. Pure, private to the room.
 */
#ifndef DESIRED_BUILD_H
#define DESIRED_BUILD_H

#include "api/names.h"
#include "desired/desired.h"

#define REDIS_CONF_DIR "/etc/everserve"
#define REDIS_AUTH_DIR "/etc/everserve-auth"
#define REDIS_POD_PASSWORD_FILE REDIS_AUTH_DIR "/password" /* of redis_user_name(USER_REPLICA) */
#define REDIS_DATA_DIR "/data"
#define REDIS_STOP_FILE "stop.sh"
#define REDIS_ENTRY_DIR "/everserve"

/* One per child; the table is in desired.c. Same contract as desired_child. */
cJSON *build_deployment(const struct isvc *s, const struct desired_input *in);
cJSON *build_service(const struct isvc *s, const struct desired_input *in);
cJSON *build_hpa(const struct isvc *s, const struct desired_input *in);
cJSON *build_pdb(const struct isvc *s, const struct desired_input *in);
cJSON *build_canary(const struct isvc *s, const struct desired_input *in);
cJSON *build_canary_service(const struct isvc *s, const struct desired_input *in);
cJSON *build_route(const struct isvc *s, const struct desired_input *in);
cJSON *build_scaledobject(const struct isvc *s, const struct desired_input *in);
cJSON *build_vpa(const struct isvc *s, const struct desired_input *in);
cJSON *build_headroom(const struct isvc *s, const struct desired_input *in);
cJSON *build_redis_secret(const struct isvc *s, const struct desired_input *in);
cJSON *build_redis_configmap(const struct isvc *s, const struct desired_input *in);
cJSON *build_redis_service(const struct isvc *s, const struct desired_input *in);
cJSON *build_redis_statefulset(const struct isvc *s, const struct desired_input *in);
cJSON *build_redis_pdb(const struct isvc *s, const struct desired_input *in);
cJSON *build_redis_netpol(const struct isvc *s, const struct desired_input *in);
cJSON *build_backup_claim(const struct isvc *s, const struct desired_input *in);
cJSON *build_backup_cron(const struct isvc *s, const struct desired_input *in);
cJSON *build_backup_job(const struct isvc *s, const struct desired_input *in);

cJSON *build_model_claim(const struct isvc *s, const struct desired_input *in); /* model.c */
cJSON *build_device_claim(const struct isvc *s, const struct desired_input *in); /* accelerator.c */

/* The number of the password that pods must have taken up, on whichever template serves. */
void build_credentials(const struct isvc *s, const struct desired_input *in, cJSON *template);

/* The template of the serving pods as the spec says: labels, annotations, spec. */
cJSON *build_serving_pod(const struct isvc *s, const struct desired_input *in);

/* The Service that has the pods of this selector (taken), on the ports of this template (NULL: the spec's). service.c */
cJSON *build_service_of(enum child c, const struct isvc *s, const cJSON *template, cJSON *selector);
enum { SERVICE_PORT = 80 }; /* the first of every such Service */
/* What spec.predictor.model and .accelerator add to the pod and to its first container. model.c, accelerator.c */
void build_model(const struct isvc *s, const struct desired_input *in, cJSON *template, cJSON *container);
void build_accelerator(const struct isvc *s, cJSON *pod, cJSON *container);

/* apiVersion, kind, metadata with name, labels and owner. */
cJSON *build_child(enum child c, const struct isvc *s);

/* spec.selector.matchLabels of that component. */
void build_selector(cJSON *spec, const struct isvc *s, const char *component);

/* Spread over nodes and zones, as far as there are any. by_revision: each revision of a Deployment on its own. */
void build_spread(cJSON *pod_spec, const struct isvc *s, const char *component, bool by_revision);

/* env += { name, value }, { name, valueFrom.secretKeyRef } and { name, valueFrom.fieldRef }, unless it has the name. */
void build_env(cJSON *env, const char *name, const char *value);
void build_env_secret(cJSON *env, const char *name, const char *secret, const char *key);
void build_env_field(cJSON *env, const char *name, const char *field);

/* A member of volumeMounts, and what every container of a Redis pod may do. redis_statefulset.c */
void build_mount(cJSON *container, const char *name, const char *path, bool read_only);
void build_container_security(cJSON *container);

#define BUILD_ENTRY_PROGRAM "/usr/bin/everserve-entry" /* of our own image */
#define BACKUP_DIR "/backup"
#define BACKUP_ANNOTATION "serving.everserve.dev/backup" /* of the Job: the backup's name */

/* The program of ours that a Redis container starts through: what brings it into the pod, and the command's
 * front, up to the server's own. redis_fence.c */
void build_redis_entry(const struct isvc *s, const struct desired_input *in, cJSON *pod);
void build_redis_fence(const struct isvc *s, bool tls, cJSON *command);
/* How that program reaches the servers: for any of its commands that asks them. The password is not part of it. */
void build_redis_reach(const struct isvc *s, bool tls, cJSON *command);
void build_redis_tls_volume(cJSON *volumes, const char *secret); /* redis_statefulset.c */
const char *build_persistence(const struct isvc_redis *r); /* "AppendOnly": as the spec and that program spell it */
void build_redis_restore(const struct isvc *s, const struct desired_input *in, cJSON *pod); /* redis_backup.c */
void build_redis_security(cJSON *pod); /* redis_statefulset.c */

/* What an autoscaler of whatever kind scales; and o.behavior as the spec has it, without steps down when hold_down. hpa.c */
void build_scale_target(cJSON *target, const struct isvc *s);
void build_behavior(cJSON *o, const struct isvc *s, bool hold_down);

/* Does this cluster speak TLS? What its Secret holds decides; the spec only before there is one. */
bool build_uses_tls(const struct isvc *s, const struct desired_input *in);

/* A master hands over before its pod ends: the script in the ConfigMap, and the container's preStop that runs it. */
void build_redis_stop(bool tls, cJSON *config_data);
void build_redis_stop_hook(cJSON *container);

/* <name>-redis. */
void build_redis_name(const struct isvc *s, char out[ISVC_NAME_MAX + 8]);

/* What the server would store: the canonical quantity of one member; in a pod those of requests and limits, and
 * defaults inside atomic values of env. What cannot be read is left for the server to refuse. */
void build_canonical_member(cJSON *obj, const char *key);
void build_canonical_pod(cJSON *pod_spec);

#endif
