/*
 * sim/controllers/items.h - questions asked of any Kubernetes object, and of pods.
 *
 * Pure. Items are lent JSON trees; text that is returned is lent from them.
 */
#ifndef SIM_CONTROLLERS_ITEMS_H
#define SIM_CONTROLLERS_ITEMS_H

#include "json/json.h"

const char *item_name(const cJSON *o); /* never NULL */
const char *item_ns(const cJSON *o);   /* never NULL; "" for cluster-wide objects */
const char *item_uid(const cJSON *o);  /* never NULL */
char *item_key(const cJSON *o);        /* "ns/name", or "name"; caller frees */
const char *item_label(const cJSON *o, const char *key);
const char *item_annotation(const cJSON *o, const char *key);
bool item_is_deleting(const cJSON *o);
bool item_has_finalizer(const cJSON *o, const char *name);
int64_t item_created_ms(const cJSON *o); /* 0: unknown */
/* The server's spec is at the generation its controller last saw. */
bool item_is_observed(const cJSON *o);

const cJSON *item_controller(const cJSON *o); /* the owner reference with controller: true, or NULL */
bool item_is_controlled_by(const cJSON *o, const cJSON *owner);
/* A controller's owner reference to o. */
cJSON *item_new_owner_ref(const char *api, const char *kind, const cJSON *o);

/* "2026-01-02T03:04:05Z", fractions allowed, to ms since 1970; 0: not a time. */
int64_t time_from_text(const char *text);
/* RFC 3339 in seconds. out: 32 bytes. */
void time_to_text(int64_t wall_ms, char *out);

/* An IntOrString against a total: "25%" rounded up or down; fallback when absent or malformed. */
int64_t int_or_percent(const cJSON *v, int64_t total, bool round_up, int64_t fallback);

/* A metav1.LabelSelector; NULL matches nothing, an empty one everything. */
bool selector_matches(const cJSON *selector, const cJSON *labels);
const cJSON *item_labels(const cJSON *o);

/* A hash of the value that takes no notice of the order of members, as 10 characters
 * that spell no words. out: 11 bytes. */
void hash_name(const cJSON *v, const char *without_label, char *out);

/* Pods. */
const cJSON *cond_find(const cJSON *o, const char *type); /* in status.conditions */
bool pod_is_ready(const cJSON *pod);
bool pod_is_available(const cJSON *pod, int64_t min_ready_s, int64_t now_ms);
bool pod_is_finished(const cJSON *pod); /* Succeeded or Failed */
bool pod_is_active(const cJSON *pod);   /* neither finished nor being deleted */
int64_t pod_restarts(const cJSON *pod);

#endif
