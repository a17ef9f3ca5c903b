#include "api/isvc.h"

#include <string.h>

#include "api/child.h"
#include "base/str.h"
#include "json/quantity.h"
#include "schema.h"

enum { TEXT_BYTES_MAX = 1 << 20, NODES_MAX = 100000, DEPTH_MAX = 90, PORT_DEFAULT = 8080 };

struct size {
    size_t bytes;
    size_t nodes;
};

static bool is_utf8(const char *s)
{
    uint32_t c;

    for (size_t n; s && *s; s += n) {
        n = str_utf8_next(s, &c);
        if (!n)
            return false;
    }
    return true;
}

/* What is passed through must fit into a pod template and into one request to the server. */
static int check_size(const cJSON *v, struct size *z, int depth, struct err *e)
{
    z->nodes++;
    z->bytes += (v->valuestring ? strlen(v->valuestring) : 0) + (v->string ? strlen(v->string) : 0);
    if (depth > DEPTH_MAX)
        return err_set(e, ERR_INVALID, "spec: nested deeper than %d levels", DEPTH_MAX);
    if (z->bytes > TEXT_BYTES_MAX || z->nodes > NODES_MAX)
        return err_set(e, ERR_INVALID, "spec: larger than 1 MiB or %d values", NODES_MAX);
    if (!is_utf8(v->valuestring) || !is_utf8(v->string))
        return err_set(e, ERR_INVALID, "spec: holds a text that is not UTF-8");
    for (const cJSON *c = v->child; c; c = c->next)
        if (check_size(c, z, depth + 1, e) < 0)
            return -ERR_INVALID;
    return 0;
}

static int check_identity(const cJSON *obj, struct err *e)
{
    const char *ns = json_get_str(obj, "metadata.namespace");

    if (!cJSON_IsObject(obj))
        return err_set(e, ERR_INVALID, "not an object");
    if (!str_eq(json_get_str(obj, "apiVersion"), API_VERSION))
        return err_set(e, ERR_INVALID, "apiVersion: must be %s", API_VERSION);
    if (!str_eq(json_get_str(obj, "kind"), API_KIND))
        return err_set(e, ERR_INVALID, "kind: must be %s", API_KIND);
    if (!ns || strlen(ns) > 63 || !schema_shape_fits("^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", ns))
        return err_set(e, ERR_INVALID, "metadata.namespace: must be the name of a namespace");
    return 0;
}

static int check_root_rules(const cJSON *obj, struct err *e)
{
    for (const struct rule *r = schema_root_rules; r->cel; r++)
        if (!r->holds(obj))
            return err_set(e, ERR_INVALID, "%s", r->message);
    return 0;
}

static int32_t get_int(const cJSON *obj, const char *path, int32_t fallback)
{
    return (int32_t)json_get_int(obj, path, fallback);
}

static const char *get_text(const cJSON *obj, const char *path)
{
    const char *s = json_get_str(obj, path);

    return s ? s : "";
}

static void decode_predictor(struct isvc *s)
{
    const cJSON *spec = json_at(s->root, "spec.predictor");
    struct isvc_predictor *p = &s->predictor;

    p->spec = spec;
    p->min_replicas = get_int(spec, "minReplicas", 0);
    p->max_replicas = get_int(spec, "maxReplicas", p->min_replicas);
    p->autoscaled = p->max_replicas > p->min_replicas;
    p->keda = p->autoscaled ? json_at(spec, "autoScaling.keda") : NULL;
    p->vertical = json_member(spec, "verticalScaling");
    p->headroom = json_member(spec, "headroom");
    p->of_shortcut = !json_has(spec, "autoScaling.metrics") && !p->keda;
    p->port = get_int(spec, "containers.0.ports.0.containerPort", PORT_DEFAULT);
    p->model_uri = json_get_str(spec, "model.uri");
    if (!p->model_uri)
        p->model_uri = json_get_str(spec, "model.storageUri");
    p->progress_deadline_s = get_int(s->root, "spec.rollout.progressDeadlineSeconds", 0);
    p->min_ready_s = get_int(s->root, "spec.rollout.minReadySeconds", 0);
    p->auto_rollback = str_eq(json_get_str(s->root, "spec.rollout.autoRollback"), "Enabled");
}

static void decode_canary(struct isvc *s)
{
    const cJSON *c = json_at(s->root, "spec.rollout.canary");

    if (!c)
        return;
    s->canary = (struct isvc_canary){ .present = true,
                                      .replicas = get_int(c, "replicas", 0),
                                      .percent = get_int(c, "percent", 0),
                                      .bake_s = get_int(c, "bakeSeconds", 0),
                                      .by_hand = str_eq(json_get_str(c, "promote"), "Manual"),
                                      .promote_revision = json_get_str(c, "promoteRevision"),
                                      .route = json_member(c, "route"),
                                      .weight = get_int(c, "route.weight", 0) };
}

static void decode_gate(struct isvc *s)
{
    const cJSON *gate = json_at(s->root, "spec.scaling.gate");

    s->gate.hold_up = str_eq(json_get_str(gate, "scaleUp"), "Hold");
    s->gate.hold_down = true;
    s->gate.max_hold_s = get_int(gate, "maxHoldSeconds", 0);
}

static enum redis_persistence persistence_of(const char *name)
{
    return str_eq(name, "AppendOnly") ? REDIS_APPEND_ONLY
           : str_eq(name, "Snapshot") ? REDIS_SNAPSHOT
                                      : REDIS_NO_PERSISTENCE;
}

/* Room for the copy-on-write of a fork, replication buffers and fragmentation. */
static int64_t max_memory(const cJSON *spec)
{
    const cJSON *limit = json_at(spec, "resources.limits.memory");
    AUTO_FREE char *amount = json_scalar_text(limit);
    int64_t milli;

    if (!amount || quantity_parse(amount, &milli, NULL) < 0)
        return 0;
    return milli / 4000 * 3;
}

static void decode_backup(struct isvc_redis *r)
{
    const cJSON *b = json_member(r->spec, "backup");

    r->backup = (struct isvc_backup){ .present = b != NULL,
                                      .schedule = json_get_str(b, "schedule"),
                                      .claim_name = json_get_str(b, "claimName"),
                                      .now = json_get_str(b, "now"),
                                      .keep = get_int(b, "keep", 0),
                                      .storage = json_member(b, "storage") };
    r->restore = (struct isvc_restore){ json_get_str(r->spec, "restore.claimName"), json_get_str(r->spec, "restore.path") };
}

static void decode_redis(struct isvc *s)
{
    const cJSON *spec = json_at(s->root, "spec.redis");
    struct isvc_redis *r = &s->redis;

    if (!spec)
        return;
    r->present = true;
    r->spec = spec;
    r->shards = get_int(spec, "shards", 0);
    r->replicas_per_shard = get_int(spec, "replicasPerShard", 0);
    r->nodes = r->shards * (1 + r->replicas_per_shard);
    r->image = get_text(spec, "image");
    r->is_valkey = strstr(r->image, "valkey") != NULL;
    r->persistence = persistence_of(json_get_str(spec, "persistence"));
    r->ephemeral = json_get_bool(spec, "storage.ephemeral", false);
    r->is_awaited = str_eq(json_get_str(spec, "waitFor"), "Healthy");
    r->delete_volumes = str_eq(json_get_str(spec, "deletion"), "Delete");
    r->keep_removed_h = get_int(spec, "storage.keepRemovedHours", 0);
    r->secret_name = json_get_str(spec, "auth.secretName");
    r->rotate = json_get_str(spec, "auth.rotate");
    r->tls_secret = json_get_str(spec, "tls.secretName");
    r->accept_loss = json_get_str(spec, "acceptDataLossForSlots");
    decode_backup(r);
    r->max_memory_bytes = max_memory(spec);
}

static void decode_metadata(struct isvc *s)
{
    const cJSON *meta = json_member(s->root, "metadata");

    s->ns = get_text(meta, "namespace");
    s->name = get_text(meta, "name");
    s->uid = get_text(meta, "uid");
    s->generation = json_get_int(meta, "generation", 0);
    s->deleting = json_has(meta, "deletionTimestamp");
}

/* The status and managedFields can be large and are nobody's business here. */
static cJSON *copy_of(const cJSON *obj)
{
    static const char *const kept[] = { "namespace", "name", "uid", "resourceVersion", "generation", "deletionTimestamp" };
    const cJSON *from = json_member(obj, "metadata");
    cJSON *root = json_new_obj(), *meta = json_obj(root, "metadata");

    for (size_t i = 0; i < COUNT(kept); i++)
        json_put_dup(meta, kept[i], json_member(from, kept[i]));
    json_put_dup(root, "spec", json_member(obj, "spec"));
    return root;
}

int isvc_decode(const cJSON *obj, struct isvc *out, struct err *e)
{
    const cJSON *spec = json_member(obj, "spec");
    AUTO_JSON cJSON *root = NULL;
    struct size z = { 0 };

    if (check_identity(obj, e) < 0)
        return -ERR_INVALID;
    if (!spec)
        return err_set(e, ERR_INVALID, "spec: is required");
    if (check_size(spec, &z, 0, e) < 0)
        return -ERR_INVALID;
    root = copy_of(obj);
    if (schema_apply(&schema_spec, json_member(root, "spec"), e) < 0 || check_root_rules(root, e) < 0)
        return -ERR_INVALID;
    *out = (struct isvc){ .root = TAKE(root) };
    decode_metadata(out);
    decode_predictor(out);
    decode_canary(out);
    decode_gate(out);
    decode_redis(out);
    return 0;
}

void isvc_done(struct isvc *s)
{
    cJSON_Delete(s->root);
    *s = (struct isvc){ 0 };
}
