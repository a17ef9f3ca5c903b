#include "base/str.h"
#include "build.h"
#include "slots/settings.h"

enum {
    REDIS_UID = 999,  /* of the official images; any number does, for the files belong to the group */
    GRACE_S = 60,     /* time to hand writes over to replicas and to write the last snapshot */
    SECRET_MODE = 0440,
};

static void add_placement(const struct isvc *s, cJSON *pod)
{
    static const char *const keys[] = { "nodeSelector", "affinity", "tolerations", "priorityClassName" };

    for (size_t i = 0; i < COUNT(keys); i++)
        json_put_dup(pod, keys[i], json_member(s->redis.spec, keys[i]));
    build_spread(pod, s, COMPONENT_REDIS, false);
}

void build_redis_security(cJSON *pod)
{
    cJSON *sc = json_obj(pod, "securityContext");

    json_bool(sc, "runAsNonRoot", true);
    json_int(sc, "runAsUser", REDIS_UID);
    json_int(sc, "runAsGroup", REDIS_UID);
    json_int(sc, "fsGroup", REDIS_UID);
    json_str(json_obj(sc, "seccompProfile"), "type", "RuntimeDefault");
    json_bool(pod, "automountServiceAccountToken", false);
    json_bool(pod, "enableServiceLinks", false);
}

void build_container_security(cJSON *c)
{
    cJSON *sc = json_obj(c, "securityContext");

    json_bool(sc, "allowPrivilegeEscalation", false);
    json_bool(sc, "readOnlyRootFilesystem", true);
    json_push_str(json_arr(json_obj(sc, "capabilities"), "drop"), "ALL");
}

static cJSON *add_probe(cJSON *c, const char *key, int period_s, int timeout_s, int failures)
{
    cJSON *probe = json_obj(c, key);

    json_int(probe, "periodSeconds", period_s);
    json_int(probe, "timeoutSeconds", timeout_s);
    json_int(probe, "failureThreshold", failures);
    return json_arr(json_obj(probe, "exec"), "command");
}

/* The probes' user may say PING and nothing else, and takes any password: a rotation cannot break a probe. Nor can a
 * certificate that has expired: a server that lives is not killed for it, so theirs is the one place that does not look.
 *
 * Ready means that this server answers, not that the cluster is well. Were readiness tied to the cluster's
 * state, a cluster not yet formed would never be ready, and one lost shard would take all nodes out of
 * service and block every eviction. The slot verdict is the operator's, and guards what it does itself. */
static void add_probes(const struct isvc *s, cJSON *c, bool tls)
{
    AUTO_FREE char *ping = xasprintf("REDISCLI_AUTH=none %s%s --user " REDIS_PROBE_USER " ping",
                                     s->redis.is_valkey ? "valkey-cli" : "redis-cli", tls ? " --tls --insecure" : "");
    AUTO_FREE char *ready = xasprintf("%s | grep -q PONG", ping);
    cJSON *command = add_probe(c, "readinessProbe", 2, 3, 3);

    json_push_str(command, "sh");
    json_push_str(command, "-c");
    json_push_str(command, ready);
    /* any answer is a sign of life, also that it still loads its data */
    command = add_probe(c, "livenessProbe", 10, 5, 6);
    json_push_str(command, "sh");
    json_push_str(command, "-c");
    json_push_str(command, ping);
    json_int(json_member(c, "livenessProbe"), "initialDelaySeconds", 20);
}

void build_mount(cJSON *c, const char *name, const char *path, bool read_only)
{
    cJSON *m = json_push_obj(json_arr(c, "volumeMounts"));

    json_str(m, "name", name);
    json_str(m, "mountPath", path);
    if (read_only)
        json_bool(m, "readOnly", true);
}

static void add_command(const struct isvc *s, cJSON *c, bool tls)
{
    const char *server = s->redis.is_valkey ? "valkey-server" : "redis-server";
    AUTO_FREE char *host = xasprintf("$(POD_NAME).%s-redis.%s.svc", s->name, s->ns);
    cJSON *command;

    command = json_arr(c, "command");
    build_redis_fence(s, tls, command);
    json_push_str(command, server);
    json_push_str(command, REDIS_CONF_DIR "/redis.conf");
    /* the address changes with every restart, so it cannot stand in the file */
    json_push_str(command, "--cluster-announce-ip");
    json_push_str(command, "$(POD_IP)");
    if (!tls)
        return;
    json_push_str(command, "--cluster-announce-hostname");
    json_push_str(command, host);
}

static void add_container(const struct isvc *s, cJSON *pod, const char *secret, bool tls)
{
    cJSON *c = json_push_obj(json_arr(pod, "containers")), *p, *env;

    json_str(c, "name", "redis");
    json_str(c, "image", s->redis.image);
    add_command(s, c, tls);
    env = json_arr(c, "env");
    build_env_field(env, "POD_IP", "status.podIP");
    if (tls)
        build_env_field(env, "POD_NAME", "metadata.name");
    build_env_secret(env, "REDISCLI_AUTH", secret, "password");
    p = json_push_obj(json_arr(c, "ports"));
    json_str(p, "name", "redis");
    json_int(p, "containerPort", REDIS_PORT);
    json_str(p, "protocol", "TCP");
    p = json_push_obj(json_arr(c, "ports"));
    json_str(p, "name", "bus");
    json_int(p, "containerPort", REDIS_BUS_PORT);
    json_str(p, "protocol", "TCP");
    json_put_dup(c, "resources", json_member(s->redis.spec, "resources"));
    add_probes(s, c, tls);
    build_redis_stop_hook(c);
    build_container_security(c);
    build_mount(c, "data", REDIS_DATA_DIR, false);
    build_mount(c, "config", REDIS_CONF_DIR, true);
    build_mount(c, "auth", REDIS_AUTH_DIR, true);
    build_mount(c, "entry", REDIS_ENTRY_DIR, true);
    if (tls)
        build_mount(c, "tls", REDIS_TLS_DIR, true);
}

static void add_file(cJSON *source, const char *key, const char *path)
{
    cJSON *file = json_push_obj(json_arr(source, "items"));

    json_str(file, "key", key);
    json_str(file, "path", path);
}

void build_redis_tls_volume(cJSON *list, const char *secret)
{
    static const char *const files[] = { "tls.crt", "tls.key", "ca.crt" };
    cJSON *v = json_push_obj(list);

    json_str(v, "name", "tls");
    json_str(json_obj(v, "secret"), "secretName", secret);
    json_int(json_obj(v, "secret"), "defaultMode", SECRET_MODE);
    for (size_t i = 0; i < COUNT(files); i++)
        add_file(json_obj(v, "secret"), files[i], files[i]);
}

static void add_volumes(const struct isvc *s, cJSON *pod, const char *secret, bool tls)
{
    cJSON *list = json_arr(pod, "volumes"), *v;

    v = json_push_obj(list);
    json_str(v, "name", "config");
    json_str(json_obj(v, "configMap"), "name", secret); /* Secret and ConfigMap share the name */
    v = json_push_obj(list);
    json_str(v, "name", "auth");
    json_str(json_obj(v, "secret"), "secretName", secret);
    json_int(json_obj(v, "secret"), "defaultMode", SECRET_MODE);
    add_file(json_obj(v, "secret"), "auth.conf", "auth.conf");
    add_file(json_obj(v, "secret"), redis_key_name(USER_REPLICA, KEY_NOW), "password");
    if (tls)
        build_redis_tls_volume(list, secret);
    if (!s->redis.ephemeral)
        return;
    v = json_push_obj(list);
    json_str(v, "name", "data");
    json_put_dup(json_obj(v, "emptyDir"), "sizeLimit", json_at(s->redis.spec, "storage.size"));
}

/* The list is atomic: it must read as the server writes it, down to the empty status. */
static void add_claims(const struct isvc *s, cJSON *spec)
{
    const cJSON *storage = json_member(s->redis.spec, "storage");
    cJSON *claim = json_push_obj(json_arr(spec, "volumeClaimTemplates")), *cs, *requests;

    json_str(claim, "apiVersion", "v1");
    json_str(claim, "kind", "PersistentVolumeClaim");
    json_str(json_obj(claim, "metadata"), "name", "data");
    cs = json_obj(claim, "spec");
    json_push_str(json_arr(cs, "accessModes"), "ReadWriteOnce");
    requests = json_obj(json_obj(cs, "resources"), "requests");
    json_put_dup(requests, "storage", json_member(storage, "size"));
    build_canonical_member(requests, "storage");
    json_str(cs, "storageClassName", json_get_str(storage, "storageClassName"));
    json_str(cs, "volumeMode", "Filesystem");
    json_str(json_obj(claim, "status"), "phase", "Pending");
}

static void add_retention(const struct isvc *s, cJSON *spec)
{
    cJSON *p = json_obj(spec, "persistentVolumeClaimRetentionPolicy");

    json_str(p, "whenDeleted", s->redis.delete_volumes ? "Delete" : "Retain");
    json_str(p, "whenScaled", "Retain");
}

/* Settings that only a start reads are part of what a pod is made of. */
static void add_settings(const struct isvc *s, const struct desired_input *in, cJSON *meta)
{
    AUTO_JSON cJSON *config = build_redis_configmap(s, in);
    const cJSON *conf = json_member(json_member(config, "data"), "redis.conf");
    uint64_t hash = settings_restart_hash(conf->valuestring);

    if (in->redis_restarts)
        hash = str_hash(hash, (const char *)&in->redis_restarts, sizeof(in->redis_restarts));
    json_fmt(json_obj(meta, "annotations"), API_GROUP "/settings", "%016llx", (unsigned long long)hash);
}

cJSON *build_redis_statefulset(const struct isvc *s, const struct desired_input *in)
{
    cJSON *o = build_child(CHILD_REDIS_STATEFULSET, s);
    cJSON *spec = json_obj(o, "spec"), *pod;
    char name[ISVC_NAME_MAX + 8];

    build_redis_name(s, name);
    json_int(spec, "replicas", in->redis_nodes);
    json_str(spec, "serviceName", name);
    json_str(spec, "podManagementPolicy", "Parallel");
    /* a node is restarted when its shard can spare it, which only the operator knows */
    json_str(json_obj(spec, "updateStrategy"), "type", "OnDelete");
    build_selector(spec, s, COMPONENT_REDIS);
    json_put(json_obj(json_obj(spec, "template"), "metadata"), "labels", names_labels(s, COMPONENT_REDIS));
    add_settings(s, in, json_obj(json_obj(spec, "template"), "metadata"));
    pod = json_obj(json_obj(spec, "template"), "spec");
    json_int(pod, "terminationGracePeriodSeconds", GRACE_S);
    build_redis_security(pod);
    add_placement(s, pod);
    add_container(s, pod, name, build_uses_tls(s, in));
    add_volumes(s, pod, name, build_uses_tls(s, in));
    build_redis_entry(s, in, pod);
    build_redis_restore(s, in, pod);
    build_canonical_pod(pod);
    if (!s->redis.ephemeral)
        add_claims(s, spec);
    add_retention(s, spec);
    return o;
}
