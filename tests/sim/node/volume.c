#include "sim/node/volume.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "sim/node/files.h"

static const char *pod_ns(const struct volume_site *v)
{
    const char *ns = json_get_str(v->src.pod, "metadata.namespace");

    return ns ? ns : "default";
}

static int file_mode(const cJSON *item, const cJSON *source)
{
    return (int)json_get_int(item, "mode", json_get_int(source, "defaultMode", 0644)) & 0777;
}

/* One key of a ConfigMap or Secret; false: no such key. */
static bool key_bytes(const cJSON *obj, bool secret, const char *key, char **data, size_t *len)
{
    const cJSON *plain = json_member(json_member(obj, "data"), key);
    const cJSON *binary = json_member(json_member(obj, "binaryData"), key);

    if (cJSON_IsString(plain) && !secret) {
        *data = xstrdup(plain->valuestring);
        *len = strlen(*data);
        return true;
    }
    const cJSON *coded = secret ? plain : binary;
    *data = cJSON_IsString(coded) ? env_base64(coded->valuestring, len) : NULL;
    return *data != NULL;
}

static int add_key(struct files_set *set, const cJSON *obj, bool secret, const cJSON *item, const cJSON *source, struct err *e)
{
    const char *key = json_get_str(item, "key"), *path = json_get_str(item, "path");
    char *data;
    size_t len;

    if (key && key_bytes(obj, secret, key, &data, &len))
        return files_add(set, path ? path : key, data, len, file_mode(item, source), e);
    if (json_get_bool(source, "optional", false))
        return 0;
    return err_set(e, ERR_ABSENT, "references non-existent key: %s", key ? key : "");
}

static int add_all_keys(struct files_set *set, const cJSON *obj, bool secret, const cJSON *source, struct err *e)
{
    static const char *const maps[] = { "data", "binaryData" };
    const cJSON *i;

    for (size_t m = 0; m < COUNT(maps); m++)
        cJSON_ArrayForEach(i, json_member(obj, maps[m])) {
            char *data;
            size_t len;
            if (key_bytes(obj, secret, i->string, &data, &len) &&
                files_add(set, i->string, data, len, file_mode(NULL, source), e) < 0)
                return -(int)e->kind;
        }
    return 0;
}

static int add_object(const struct volume_site *v, struct files_set *set, const char *kind, const char *name,
                      const cJSON *source, struct err *e)
{
    bool secret = str_eq(kind, "secrets");
    const cJSON *obj = v->src.lookup(v->src.arg, kind, pod_ns(v), name ? name : ""), *items = json_member(source, "items"), *i;

    if (!obj && json_get_bool(source, "optional", false))
        return 0;
    if (!obj)
        return err_set(e, ERR_ABSENT, "%s \"%s\" not found", secret ? "secret" : "configmap", name ? name : "");
    if (json_count(items) == 0)
        return add_all_keys(set, obj, secret, source, e);
    cJSON_ArrayForEach(i, items)
        if (add_key(set, obj, secret, i, source, e) < 0)
            return -(int)e->kind;
    return 0;
}

static const cJSON *container_of(const struct volume_site *v, const char *name)
{
    const cJSON *i;

    cJSON_ArrayForEach(i, json_at(v->src.pod, "spec.containers"))
        if (name && str_eq(json_get_str(i, "name"), name))
            return i;
    return NULL;
}

static int add_downward(const struct volume_site *v, struct files_set *set, const cJSON *source, struct err *e)
{
    const cJSON *i;

    cJSON_ArrayForEach(i, json_member(source, "items")) {
        const char *field = json_get_str(i, "fieldRef.fieldPath"), *res = json_get_str(i, "resourceFieldRef.resource");
        const cJSON *c = container_of(v, json_get_str(i, "resourceFieldRef.containerName"));
        char *text = field ? env_field(&v->src, field) : res ? env_resource(c, res, json_get_str(i, "resourceFieldRef.divisor")) : NULL;
        const char *path = json_get_str(i, "path");

        if (text && files_add(set, path, text, strlen(text), file_mode(i, source), e) < 0)
            return -(int)e->kind;
    }
    return 0;
}

static int add_source(const struct volume_site *v, struct files_set *set, const cJSON *from, struct err *e)
{
    const cJSON *s;
    char *token;

    if ((s = json_member(from, "configMap")))
        return add_object(v, set, "configmaps", json_get_str(s, "name"), s, e);
    if ((s = json_member(from, "secret")))
        return add_object(v, set, "secrets", json_get_str(s, json_has(s, "secretName") ? "secretName" : "name"), s, e);
    if ((s = json_member(from, "downwardAPI")))
        return add_downward(v, set, s, e);
    if ((s = json_member(from, "serviceAccountToken"))) { /* pods that speak to the API bring their own token */
        token = xstrdup("none");
        return files_add(set, json_get_str(s, "path"), token, strlen(token), 0644, e);
    }
    return err_set(e, ERR_INVALID, "a volume source that simulated nodes do not have");
}

static int sync_files(const struct volume_site *v, const cJSON *volume, const char *dir, struct err *e)
{
    struct files_set set = { 0 };
    const cJSON *i, *projected = json_member(volume, "projected");
    int rc = 0;

    cJSON_ArrayForEach(i, json_member(projected, "sources"))
        if (rc == 0)
            rc = add_source(v, &set, i, e);
    if (!projected)
        rc = add_source(v, &set, volume, e);
    if (rc == 0)
        rc = files_sync(dir, &set, e);
    files_set_done(&set);
    return rc;
}

char *volume_claim_name(const cJSON *claim)
{
    const char *ns = json_get_str(claim, "metadata.namespace"), *name = json_get_str(claim, "metadata.name");
    const char *uid = json_get_str(claim, "metadata.uid");

    return xasprintf("%s_%s_%s", ns ? ns : "", name ? name : "", uid ? uid : "");
}

/* Where the volume lies on the host; caller frees. */
static int folder_of(const struct volume_site *v, const cJSON *volume, char **dir, struct err *e)
{
    const char *name = json_get_str(volume, "name");
    const char *claim = json_get_str(volume, "persistentVolumeClaim.claimName");
    AUTO_FREE char *ephemeral = json_has(volume, "ephemeral")
        ? xasprintf("%s-%s", json_get_str(v->src.pod, "metadata.name"), name ? name : "") : NULL;

    if (!claim && !ephemeral) {
        *dir = xasprintf("%s/volumes/%s", v->pod_dir, name ? name : "");
        return 0;
    }
    const cJSON *obj = v->src.lookup(v->src.arg, "persistentvolumeclaims", pod_ns(v), claim ? claim : ephemeral);
    if (!obj)
        return err_set(e, ERR_ABSENT, "persistentvolumeclaim \"%s\" not found", claim ? claim : ephemeral);
    if (!str_eq(json_get_str(obj, "status.phase"), "Bound"))
        return err_set(e, ERR_ABSENT, "persistentvolumeclaim \"%s\" is not bound", claim ? claim : ephemeral);
    AUTO_FREE char *folder = volume_claim_name(obj);
    *dir = xasprintf("%s/%s", v->claims_dir, folder);
    return 0;
}

static bool is_plain_folder(const cJSON *volume)
{
    return json_has(volume, "emptyDir") || json_has(volume, "persistentVolumeClaim") || json_has(volume, "ephemeral");
}

int volume_sync_all(const struct volume_site *v, struct err *e)
{
    const cJSON *i;

    cJSON_ArrayForEach(i, json_at(v->src.pod, "spec.volumes")) {
        AUTO_FREE char *dir = NULL;
        int rc = folder_of(v, i, &dir, e);

        if (rc == 0)
            rc = is_plain_folder(i) ? files_mkdir(dir, 0777, e) : sync_files(v, i, dir, e);
        if (rc < 0)
            return err_wrap(e, "volume \"%s\"", json_get_str(i, "name"));
    }
    return 0;
}

static const cJSON *volume_named(const struct volume_site *v, const char *name)
{
    const cJSON *i;

    cJSON_ArrayForEach(i, json_at(v->src.pod, "spec.volumes"))
        if (name && str_eq(json_get_str(i, "name"), name))
            return i;
    return NULL;
}

/* dir/sub with every link resolved; must not lead out of dir. A sub that is not there becomes a folder. */
static int sub_path(const char *dir, const char *sub, char **source, struct err *e)
{
    AUTO_FREE char *path = xasprintf("%s%s%s", dir, str_empty(sub) ? "" : "/", sub ? sub : "");
    char real[PATH_MAX], base[PATH_MAX];

    if (!str_empty(sub) && strstr(sub, ".."))
        return err_set(e, ERR_INVALID, "subPath %s", sub);
    if (!realpath(path, real) && (files_mkdir(path, 0777, e) < 0 || !realpath(path, real)))
        return err_set(e, ERR_RETRY, "volume folder %s", path);
    if (!realpath(dir, base) || !str_has_prefix(real, base))
        return err_set(e, ERR_INVALID, "subPath %s leads out of its volume", sub ? sub : "");
    *source = xstrdup(real);
    return 0;
}

static int mount_one(const struct volume_site *v, const cJSON *m, const struct map *vars, struct run_mount *out, struct err *e)
{
    const cJSON *volume = volume_named(v, json_get_str(m, "name"));
    const char *expr = json_get_str(m, "subPathExpr"), *path = json_get_str(m, "mountPath");
    AUTO_FREE char *expanded = expr ? env_expand(expr, vars) : NULL, *dir = NULL;
    const char *sub = expanded ? expanded : json_get_str(m, "subPath");

    if (!volume || !path || path[0] != '/' || path[1] == 0)
        return err_set(e, ERR_INVALID, "volumeMount \"%s\" at \"%s\"", json_get_str(m, "name"), path ? path : "");
    if (folder_of(v, volume, &dir, e) < 0 || sub_path(dir, sub, &out->source, e) < 0)
        return -(int)e->kind;
    out->path = xstrdup(path);
    out->read_only = json_get_bool(m, "readOnly", false) || !is_plain_folder(volume);
    return 0;
}

static int by_length(const void *a, const void *b)
{
    size_t x = strlen(((const struct run_mount *)a)->path), y = strlen(((const struct run_mount *)b)->path);

    return x < y ? -1 : x > y;
}

int volume_mounts(const struct volume_site *v, const cJSON *container, const struct map *vars,
                  struct run_mount **mounts, size_t *n, struct err *e)
{
    const cJSON *i, *list = json_member(container, "volumeMounts");
    struct run_mount *out = xcalloc((size_t)json_count(list) + 1, sizeof(*out));
    size_t at = 0;
    int rc = 0;

    cJSON_ArrayForEach(i, list)
        if (rc == 0)
            rc = mount_one(v, i, vars, &out[at++], e);
    if (rc < 0) {
        volume_mounts_free(out, at);
        return rc;
    }
    qsort(out, at, sizeof(*out), by_length);
    *mounts = out;
    *n = at;
    return 0;
}

void volume_mounts_free(struct run_mount *mounts, size_t n)
{
    for (size_t i = 0; mounts && i < n; i++) {
        free(mounts[i].source);
        free(mounts[i].path);
    }
    free(mounts);
}
