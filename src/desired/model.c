/*
 * Where the model's files come from: an image, a claim, or a download into a claim or the pod's own folder.
 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "build.h"
#include "json/quantity.h"

#define VOLUME "everserve-model"
#define PROGRAM "/usr/bin/everserve" /* of our own image */
#define FETCH_DIR "/models"

enum { OWN_GROUP = 65532 }; /* of our own image: a claim's files belong to it, so that the download may write */

static const cJSON *model_of(const struct isvc *s)
{
    return json_member(s->predictor.spec, "model");
}

static bool has_claim(const cJSON *model)
{
    return json_has(model, "claimName") || json_has(model, "storage");
}

/* Each download into a claim has a folder of its own. So a new version never touches files that pods of the old
 * one have open, and a rollback finds them where they were. */
static void folder_of(const struct isvc *s, const cJSON *model, char out[40])
{
    static const char *const parts[] = { "sha256", "fileName", "endpoint" };
    const char *uri = s->predictor.model_uri;
    uint64_t h = str_hash(STR_HASH_INIT, uri, strlen(uri) + 1);

    for (size_t i = 0; i < COUNT(parts); i++) {
        const char *text = json_get_str(model, parts[i]);

        h = str_hash(h, text ? text : "", text ? strlen(text) + 1 : 1);
    }
    snprintf(out, 40, "everserve-%016llx", (unsigned long long)h);
}

static void add_volume(const struct isvc *s, const cJSON *model, cJSON *pod)
{
    cJSON *volume = json_push_obj(json_arr(pod, "volumes")), *source;

    json_str(volume, "name", VOLUME);
    if (json_has(model, "image")) {
        source = json_obj(volume, "image");
        json_str(source, "reference", json_get_str(model, "image.reference"));
        json_str(source, "pullPolicy", json_get_str(model, "image.pullPolicy"));
    } else if (has_claim(model)) {
        AUTO_FREE char *own = xasprintf("%s%s", s->name, child_types[CHILD_MODEL_CLAIM].suffix);
        const char *name = json_get_str(model, "claimName");

        source = json_obj(volume, "persistentVolumeClaim");
        json_str(source, "claimName", name ? name : own);
        if (!s->predictor.model_uri && json_get_bool(model, "readOnly", true))
            json_bool(source, "readOnly", true); /* no false: the server would not keep it */
    } else {
        json_obj(volume, "emptyDir");
    }
}

static void add_mount(const cJSON *model, const char *folder, cJSON *container)
{
    cJSON *mount = json_push_obj(json_arr(container, "volumeMounts"));

    json_str(mount, "name", VOLUME);
    json_str(mount, "mountPath", json_get_str(model, "mountPath"));
    if (json_get_bool(model, "readOnly", true))
        json_bool(mount, "readOnly", true);
    if (folder[0])
        json_str(mount, "subPath", folder);
}

static void push_option(cJSON *command, const char *name, const char *value)
{
    if (!value)
        return;
    json_push_str(command, name);
    json_push_str(command, value);
}

static void add_command(const cJSON *model, const char *folder, cJSON *c)
{
    AUTO_FREE char *dir = xasprintf(FETCH_DIR "%s%s", folder[0] ? "/" : "", folder);
    const cJSON *limit = json_member(model, "sizeLimit");
    AUTO_FREE char *amount = json_scalar_text(limit);
    cJSON *command = json_arr(c, "command");
    int64_t milli;

    json_push_str(command, PROGRAM);
    json_push_str(command, "fetch");
    push_option(command, "--to", dir);
    push_option(command, "--name", json_get_str(model, "fileName"));
    push_option(command, "--sha256", json_get_str(model, "sha256"));
    push_option(command, "--endpoint", json_get_str(model, "endpoint"));
    if (amount && quantity_parse(amount, &milli, NULL) == 0) {
        AUTO_FREE char *bytes = xasprintf("%lld", (long long)(milli / 1000));

        push_option(command, "--max-bytes", bytes);
    }
}

/* The uri goes in a variable: a signed one is a secret that lists of processes should not show. */
static void add_download(const struct isvc *s, const struct desired_input *in, const cJSON *model, const char *folder,
                         cJSON *pod)
{
    cJSON *c = json_new_obj(), *requests;

    json_str(c, "name", VOLUME);
    json_str(c, "image", in->model_fetcher);
    add_command(model, folder, c);
    build_env(json_arr(c, "env"), "MODEL_URI", s->predictor.model_uri);
    if (json_has(model, "secretName"))
        json_str(json_obj(json_push_obj(json_arr(c, "envFrom")), "secretRef"), "name", json_get_str(model, "secretName"));
    requests = json_obj(json_obj(c, "resources"), "requests");
    json_str(requests, "cpu", "100m");
    json_str(requests, "memory", "64Mi");
    build_container_security(c);
    build_mount(c, VOLUME, FETCH_DIR, false);
    /* before the user's own, which may want to see the model */
    cJSON_InsertItemInArray(json_arr(pod, "initContainers"), 0, c);
}

/* Volumes that keep owners belong to root at first. A group of the user's own choice stays. */
static void let_write(cJSON *pod)
{
    cJSON *security = json_obj(pod, "securityContext");

    if (json_has(security, "fsGroup"))
        return;
    json_int(security, "fsGroup", OWN_GROUP);
    if (!json_has(security, "fsGroupChangePolicy"))
        json_str(security, "fsGroupChangePolicy", "OnRootMismatch");
}

#define LOSABLE "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes"

/* What was downloaded can be downloaded again: it keeps no node from being scaled down. */
static void let_go(cJSON *template)
{
    cJSON *annotations = json_obj(json_obj(template, "metadata"), "annotations");

    if (!json_member(annotations, LOSABLE))
        json_str(annotations, LOSABLE, VOLUME);
}

void build_model(const struct isvc *s, const struct desired_input *in, cJSON *template, cJSON *container)
{
    const cJSON *model = model_of(s);
    cJSON *pod = json_obj(template, "spec");
    char folder[40] = "";

    if (!model)
        return;
    if (s->predictor.model_uri && has_claim(model))
        folder_of(s, model, folder);
    add_volume(s, model, pod);
    add_mount(model, folder, container);
    if (s->predictor.model_uri)
        add_download(s, in, model, folder, pod);
    if (folder[0])
        let_write(pod);
    else if (s->predictor.model_uri)
        let_go(template);
}

cJSON *build_model_claim(const struct isvc *s, const struct desired_input *in)
{
    const cJSON *storage = json_member(model_of(s), "storage");
    cJSON *o, *spec, *requests;
    (void)in;

    if (!storage)
        return NULL;
    o = build_child(CHILD_MODEL_CLAIM, s);
    spec = json_obj(o, "spec");
    json_push_str(json_arr(spec, "accessModes"), json_get_str(storage, "accessMode"));
    requests = json_obj(json_obj(spec, "resources"), "requests");
    json_put_dup(requests, "storage", json_member(storage, "size"));
    build_canonical_member(requests, "storage");
    json_str(spec, "storageClassName", json_get_str(storage, "storageClassName"));
    return o;
}
