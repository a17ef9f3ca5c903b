#include "desired/desired.h"

#include "base/version.h"
#include "build.h"

static cJSON *(*const builders[N_CHILDREN])(const struct isvc *, const struct desired_input *) = {
    [CHILD_DEPLOYMENT] = build_deployment,
    [CHILD_SERVICE] = build_service,
    [CHILD_HPA] = build_hpa,
    [CHILD_PDB] = build_pdb,
    [CHILD_CANARY] = build_canary,
    [CHILD_CANARY_SERVICE] = build_canary_service,
    [CHILD_ROUTE] = build_route,
    [CHILD_MODEL_CLAIM] = build_model_claim,
    [CHILD_DEVICE_CLAIM] = build_device_claim,
    [CHILD_SCALEDOBJECT] = build_scaledobject,
    [CHILD_VPA] = build_vpa,
    [CHILD_HEADROOM] = build_headroom,
    [CHILD_REDIS_SECRET] = build_redis_secret,
    [CHILD_REDIS_CONFIGMAP] = build_redis_configmap,
    [CHILD_REDIS_SERVICE] = build_redis_service,
    [CHILD_REDIS_STATEFULSET] = build_redis_statefulset,
    [CHILD_REDIS_PDB] = build_redis_pdb,
    [CHILD_REDIS_NETPOL] = build_redis_netpol,
    [CHILD_BACKUP_CLAIM] = build_backup_claim,
    [CHILD_BACKUP_CRON] = build_backup_cron,
    [CHILD_BACKUP_JOB] = build_backup_job,
};

static const char placeholder[] = "placeholder-the-operator-generates-one";
static const char placeholder_pem[] = "placeholder-the-operator-copies-it";
#define PLACEHOLDER (char *)placeholder
#define PLACEHOLDER_PEM (char *)placeholder_pem
#define NO_HASH "0000000000000000000000000000000000000000000000000000000000000000" /* nobody has its password */
#define PLACEHOLDER_KEY { { PLACEHOLDER, NO_HASH }, { NULL, "" }, { NULL, "" } }
#define PLACEHOLDER_USERS { PLACEHOLDER_KEY, PLACEHOLDER_KEY, PLACEHOLDER_KEY }

static const struct redis_keys plain = { .user = PLACEHOLDER_USERS };
static const struct redis_keys with_tls = {
    .user = PLACEHOLDER_USERS,
    .tls = { PLACEHOLDER_PEM, PLACEHOLDER_PEM, PLACEHOLDER_PEM, "" },
};

struct desired_input desired_input_default(const struct isvc *s)
{
    return (struct desired_input){
        .replicas = s->predictor.autoscaled ? -1 : s->predictor.min_replicas,
        .hpa_min = s->predictor.min_replicas,
        .hpa_max = s->predictor.max_replicas,
        .routed = s->canary.route != NULL,
        .canary_apart = s->canary.route != NULL,
        .redis_may_disrupt = true,
        .redis_nodes = s->redis.nodes,
        .redis_entrypoint = EVERSERVE_IMAGE,
        .model_fetcher = EVERSERVE_IMAGE,
        .headroom_image = EVERSERVE_IMAGE,
        .redis_formed = true,
        .redis_keys = s->redis.tls_secret ? &with_tls : &plain,
    };
}

cJSON *desired_child(enum child c, const struct isvc *s, const struct desired_input *in)
{
    if (child_types[c].of_redis && !s->redis.present)
        return NULL;
    return builders[c](s, in);
}
