/*
 * rules.h - the rules over several fields, as CEL for the server and as C for us. Pure data.
 */
#ifndef API_RULES_H
#define API_RULES_H

#include "schema.h"

extern const struct rule rules_spec[];
extern const struct rule rules_canary[];
extern const struct rule rules_predictor[];
extern const struct rule rules_labels[];
extern const struct rule rules_autoscaling[]; /* rules_scaling.c */
extern const struct rule rules_metrics[];     /* the same */
extern const struct rule rules_vertical[];    /* the same */
extern const struct rule rules_strategy[];
extern const struct rule rules_budget[];
extern const struct rule rules_autoscaling[];
extern const struct rule rules_rollout[];
extern const struct rule rules_accelerator[];   /* rules_model.c */
extern const struct rule rules_claim[];         /* likewise */
extern const struct rule rules_model[];         /* rules_model.c */
extern const struct rule rules_model_storage[]; /* likewise */
extern const struct rule rules_shards[];
extern const struct rule rules_storage[];
extern const struct rule rules_auth[];
extern const struct rule rules_backup[];
extern const struct rule rules_redis_config[];

/* Of spec.predictor; rules_scaling.c */
bool rule_zero_can_be_left(const cJSON *self);
bool rule_idle_is_below(const cJSON *self);
bool rule_gpu_metric_is_used(const cJSON *self);
bool rule_value_is_of_metrics(const cJSON *self);
bool rule_vertical_stands_alone(const cJSON *self);

#endif
