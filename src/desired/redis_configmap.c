#include "build.h"

enum { CONF_BYTES_MAX = 128 << 10 };

static const char fixed[] =
    "# Written by everserve. Settings of your own belong into spec.redis.config.\n"
    "bind * -::*\n"
    /* the password and the NetworkPolicy protect; protected mode would only refuse the other pods */
    "protected-mode no\n"
    "dir " REDIS_DATA_DIR "\n"
    "repl-backlog-size 16mb\n"
    "cluster-enabled yes\n"
    "cluster-config-file nodes.conf\n"
    "cluster-require-full-coverage yes\n"
    "cluster-allow-reads-when-down no\n"
    /* an emptied master must not turn itself into somebody's replica behind our back */
    "cluster-allow-replica-migration no\n"
    /* 0 would promote a replica in the middle of its first copy, with no keys */
    "cluster-replica-validity-factor 10\n"
    /* until the operator has seen it in sync: whoever starts has an old copy or none */
    "cluster-replica-no-failover yes\n";

/* Clients are known by their password, not by a certificate: each of them would need a key of its own. On the
 * bus a server asks for the other's certificate whatever tls-auth-clients says. Redirections name hosts, because
 * no certificate holds a pod's address. */
static const char with_tls[] =
    "port 0\n"
    "tls-port 6379\n"
    "tls-replication yes\n"
    "tls-cluster yes\n"
    "tls-auth-clients no\n"
    "tls-cert-file " REDIS_TLS_DIR "/tls.crt\n"
    "tls-key-file " REDIS_TLS_DIR "/tls.key\n"
    "tls-ca-cert-file " REDIS_TLS_DIR "/ca.crt\n"
    "cluster-preferred-endpoint-type hostname\n";

static void add_persistence(struct buf *b, const struct isvc_redis *r)
{
    bool own_save = json_member(json_member(r->spec, "config"), "save") != NULL;

    buf_fmt(b, "appendonly %s\n", r->persistence == REDIS_APPEND_ONLY ? "yes" : "no");
    /* save lines add up: the user's own replaces ours */
    if (!own_save)
        buf_fmt(b, "save %s\n", r->persistence == REDIS_SNAPSHOT ? "3600 1 300 100 60 10000" : "\"\"");
}

/* A full copy waits 5 s for more replicas to share it; ours are known, so it starts when all are there. */
static void add_replication(struct buf *b, const struct isvc_redis *r)
{
    if (r->replicas_per_shard)
        buf_fmt(b, "repl-diskless-sync-max-replicas %d\n", (int)r->replicas_per_shard);
}

static void add_memory(struct buf *b, const struct isvc_redis *r)
{
    if (r->max_memory_bytes)
        buf_fmt(b, "maxmemory %lld\n", (long long)r->max_memory_bytes);
    buf_fmt(b, "maxmemory-policy %s\n", json_get_str(r->spec, "maxMemoryPolicy"));
}

static void add_user(struct buf *b, const struct isvc_redis *r)
{
    const cJSON *v;

    cJSON_ArrayForEach(v, json_member(r->spec, "config"))
        buf_fmt(b, "%s %s\n", v->string, *v->valuestring ? v->valuestring : "\"\"");
}

cJSON *build_redis_configmap(const struct isvc *s, const struct desired_input *in)
{
    cJSON *o = build_child(CHILD_REDIS_CONFIGMAP, s);
    AUTO_BUF struct buf b;

    buf_init(&b, CONF_BYTES_MAX);
    buf_str(&b, fixed);
    buf_fmt(&b, "cluster-node-timeout %d\n", (int)REDIS_NODE_TIMEOUT_MS);
    buf_str(&b, build_uses_tls(s, in) ? with_tls : "port 6379\n");
    add_persistence(&b, &s->redis);
    add_replication(&b, &s->redis);
    add_memory(&b, &s->redis);
    add_user(&b, &s->redis);
    buf_str(&b, "include " REDIS_AUTH_DIR "/auth.conf\n");
    json_str(json_obj(o, "data"), "redis.conf", buf_text(&b));
    build_redis_stop(build_uses_tls(s, in), json_obj(o, "data"));
    if (s->redis.restore.claim_name && !in->redis_formed) /* while this is there, pods below that number are filled */
        json_fmt(json_obj(o, "data"), "restore", "%d\n", (int)s->redis.shards);
    return o;
}
