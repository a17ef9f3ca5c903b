#include <stdio.h>

#include "base/str.h"
#include "build.h"

enum {
    DRAIN_S = 10,          /* until every client has noticed that the pod leaves the endpoints */
    GRACE_S = 60,
    START_PERIOD_S = 5,
    START_FAILURES = 360,  /* half an hour: large models load slowly, and killing them never helps */
};

#define REDIS_CA_VOLUME "everserve-redis-ca"
#define REDIS_CA_DIR "/etc/everserve-redis"

/* Members of spec.predictor that are ours; all others are the pod spec's. */
static bool is_ours(const char *key)
{
    static const char *const ours[] = {
        "minReplicas",        "maxReplicas",         "scaleMetric", "scaleTarget", "scaleMetricType", "autoScaling",
        "deploymentStrategy", "podDisruptionBudget", "labels",      "annotations", "accelerator",     "model",
        "gpuMetric",          "verticalScaling",     "headroom",
    };

    for (size_t i = 0; i < COUNT(ours); i++)
        if (str_eq(key, ours[i]))
            return true;
    return false;
}

static cJSON *pod_spec_of(const cJSON *predictor)
{
    cJSON *spec = json_new_obj();

    for (const cJSON *v = predictor->child; v; v = v->next)
        if (!is_ours(v->string))
            json_put_dup(spec, v->string, v);
    return spec;
}

static void add_port(const struct isvc *s, cJSON *container)
{
    cJSON *ports = json_arr(container, "ports"), *p;

    if (json_count(ports) == 0) {
        p = json_push_obj(ports);
        json_str(p, "name", "http");
        json_int(p, "containerPort", s->predictor.port);
    }
    cJSON_ArrayForEach(p, ports)
        if (!json_has(p, "protocol"))
            json_str(p, "protocol", "TCP");
}

static void add_probe(cJSON *container, const char *key, int port, int period_s, int failures)
{
    cJSON *probe;

    if (json_has(container, key))
        return;
    probe = json_obj(container, key);
    json_int(json_obj(probe, "tcpSocket"), "port", port);
    json_int(probe, "periodSeconds", period_s);
    json_int(probe, "failureThreshold", failures);
}

/* A connection is all that every server has in common: no path is known to answer 200. */
static void add_probes(const struct isvc *s, cJSON *container)
{
    add_probe(container, "startupProbe", s->predictor.port, START_PERIOD_S, START_FAILURES);
    add_probe(container, "readinessProbe", s->predictor.port, 5, 3);
    add_probe(container, "livenessProbe", s->predictor.port, 10, 6);
}

/* New requests still arrive for some seconds after the pod has left the endpoints. The sleep action needs
 * no shell in the image (Kubernetes 1.30 or later). */
static void add_drain(const struct isvc *s, cJSON *container)
{
    int64_t grace_s = json_get_int(s->predictor.spec, "terminationGracePeriodSeconds", GRACE_S);
    /* the server refuses a sleep that takes all of the grace: then half of it is for clients, half for requests */
    int64_t sleep_s = grace_s > DRAIN_S ? DRAIN_S : grace_s / 2;
    cJSON *lifecycle = json_obj(container, "lifecycle");

    if (!json_has(lifecycle, "preStop") && sleep_s > 0)
        json_int(json_obj(json_obj(lifecycle, "preStop"), "sleep"), "seconds", sleep_s);
}

static void add_redis_env(const struct isvc *s, cJSON *container)
{
    char secret[ISVC_NAME_MAX + 8], hosts[1024] = "";
    cJSON *env = json_arr(container, "env");
    size_t n = 0;

    build_redis_name(s, secret);
    /* three seeds at most, so that a change of size does not restart the models */
    for (int i = 0; i < s->redis.nodes && i < 3; i++)
        n += (size_t)snprintf(hosts + n, sizeof(hosts) - n, "%s%s-%d.%s.%s.svc:%d", i ? "," : "", secret, i, secret,
                              s->ns, REDIS_PORT);
    build_env_secret(env, "REDIS_PASSWORD", secret, "password");
    build_env_secret(env, "REDIS_URL", secret, "url");
    build_env(env, "REDIS_HOSTS", hosts);
}

/* A file, not a variable: it follows the Secret while the container runs. */
static void add_redis_ca(const struct isvc *s, cJSON *spec, cJSON *containers)
{
    char secret[ISVC_NAME_MAX + 8];
    cJSON *volume = json_push_obj(json_arr(spec, "volumes")), *file, *c, *mount;

    build_redis_name(s, secret);
    json_str(volume, "name", REDIS_CA_VOLUME);
    json_str(json_obj(volume, "secret"), "secretName", secret);
    file = json_push_obj(json_arr(json_obj(volume, "secret"), "items"));
    json_str(file, "key", "ca.crt");
    json_str(file, "path", "ca.crt");
    cJSON_ArrayForEach(c, containers) {
        mount = json_push_obj(json_arr(c, "volumeMounts"));
        json_str(mount, "name", REDIS_CA_VOLUME);
        json_str(mount, "mountPath", REDIS_CA_DIR);
        json_bool(mount, "readOnly", true);
        build_env(json_arr(c, "env"), "REDIS_CA_FILE", REDIS_CA_DIR "/ca.crt");
    }
}

static void add_env(const struct isvc *s, cJSON *containers)
{
    char port[16];
    cJSON *c;

    snprintf(port, sizeof(port), "%d", s->predictor.port);
    build_env(json_arr(containers->child, "env"), "PORT", port);
    if (s->redis.present)
        cJSON_ArrayForEach(c, containers)
            add_redis_env(s, c);
}

static cJSON *labels_of(const struct isvc *s)
{
    cJSON *labels = json_dup(json_member(s->predictor.spec, "labels"));
    cJSON *own = names_labels(s, COMPONENT_PREDICTOR);

    if (!labels)
        return own;
    for (const cJSON *v = own->child; v; v = v->next)
        json_put_dup(labels, v->string, v);
    cJSON_Delete(own);
    return labels;
}

cJSON *build_serving_pod(const struct isvc *s, const struct desired_input *in)
{
    cJSON *pod = json_new_obj(), *meta = json_obj(pod, "metadata");
    cJSON *spec = pod_spec_of(s->predictor.spec);
    cJSON *containers = json_member(spec, "containers"), *first = containers->child;

    json_put(meta, "labels", labels_of(s));
    json_put_dup(meta, "annotations", json_member(s->predictor.spec, "annotations"));
    json_put(pod, "spec", spec);
    add_port(s, first);
    add_probes(s, first);
    add_drain(s, first);
    add_env(s, containers);
    if (s->redis.present && build_uses_tls(s, in))
        add_redis_ca(s, spec, containers);
    build_model(s, in, pod, first);
    build_accelerator(s, spec, first);
    if (!json_has(spec, "terminationGracePeriodSeconds"))
        json_int(spec, "terminationGracePeriodSeconds", GRACE_S);
    /* Left out, an earlier name could never be taken back: the server keeps a copy of it in the
     * old field serviceAccount, which nobody owns, and restores it from there. */
    if (!json_has(spec, "serviceAccountName"))
        json_str(spec, "serviceAccountName", "default");
    if (!json_has(spec, "topologySpreadConstraints"))
        build_spread(spec, s, COMPONENT_PREDICTOR, true);
    build_canonical_pod(spec);
    return pod;
}
