#include "api/capabilities.h"

#include <stddef.h>
#include <string.h>

#include "base/str.h"

enum { RESOURCES_MAX = 2000, IMAGE_VOLUMES_MINOR = 35 };

#define ZERO_NAME "everserve-asks-for-zero"

static const struct known {
    const char *name, *path;
    const char *plural; /* NULL: the document itself is the answer */
    size_t at;
} known[N_CAPABILITIES] = {
    [CAP_VPA] = { "the VerticalPodAutoscaler (autoscaling.k8s.io/v1)", "/apis/autoscaling.k8s.io/v1",
                  "verticalpodautoscalers", offsetof(struct capabilities, vpa) },
    [CAP_KEDA] = { "KEDA (keda.sh/v1alpha1)", "/apis/keda.sh/v1alpha1", "scaledobjects", offsetof(struct capabilities, keda) },
    [CAP_GATEWAY] = { "the Gateway API (gateway.networking.k8s.io/v1)", "/apis/gateway.networking.k8s.io/v1", "httproutes",
                      offsetof(struct capabilities, gateway) },
    [CAP_DRA] = { "dynamic resource allocation (resource.k8s.io/v1)", "/apis/resource.k8s.io/v1", "resourceclaimtemplates",
                  offsetof(struct capabilities, dra) },
    [CAP_IMAGE_VOLUMES] = { "image volumes (Kubernetes 1.35)", "/version", NULL, offsetof(struct capabilities, image_volumes) },
    [CAP_SCALE_TO_ZERO] = { "the feature HPAScaleToZero", NULL, NULL, offsetof(struct capabilities, scale_to_zero) },
};

static bool is_known(enum capability what)
{
    return what > CAP_BUILT_IN && what < N_CAPABILITIES;
}

bool capabilities_have(const struct capabilities *c, enum capability what)
{
    return !is_known(what) || *(const bool *)((const char *)c + known[what].at);
}

void capabilities_set(struct capabilities *c, enum capability what, bool there)
{
    if (is_known(what))
        *(bool *)((char *)c + known[what].at) = there;
}

bool capabilities_equal(const struct capabilities *a, const struct capabilities *b)
{
    for (int i = 0; i < N_CAPABILITIES; i++)
        if (capabilities_have(a, (enum capability)i) != capabilities_have(b, (enum capability)i))
            return false;
    return a->knows_zero == b->knows_zero && a->minor == b->minor;
}

const char *capability_name(enum capability what)
{
    return is_known(what) ? known[what].name : "Kubernetes";
}

const char *capability_path(enum capability what)
{
    return is_known(what) ? known[what].path : NULL;
}

static bool lists(const cJSON *doc, const char *plural)
{
    const cJSON *r;
    int n = 0;

    cJSON_ArrayForEach(r, json_member(doc, "resources"))
        if (n++ >= RESOURCES_MAX)
            return false;
        else if (str_eq(json_get_str(r, "name"), plural))
            return true;
    return false;
}

/* "36", and "36+" of those who build their own. */
static int minor_of(const cJSON *version)
{
    const char *text = json_get_str(version, "minor");
    char digits[8];
    size_t n = text ? strspn(text, "0123456789") : 0;
    int64_t v = 0;

    if (!n || n >= sizeof(digits) || !str_eq(json_get_str(version, "major"), "1"))
        return 0;
    memcpy(digits, text, n);
    digits[n] = '\0';
    return str_to_int(digits, 0, 9999, &v) ? (int)v : 0;
}

void capability_read(enum capability what, const cJSON *doc, struct capabilities *c)
{
    if (!is_known(what) || !known[what].path)
        return;
    if (what == CAP_IMAGE_VOLUMES) {
        c->minor = minor_of(doc);
        c->image_volumes = c->minor >= IMAGE_VOLUMES_MINOR;
    } else if (known[what].plural) {
        capabilities_set(c, what, lists(doc, known[what].plural));
    } else {
        capabilities_set(c, what, str_eq(json_get_str(doc, "kind"), "APIGroup"));
    }
}

cJSON *capability_zero_question(const char *ns)
{
    cJSON *o = json_new_obj(), *meta = json_obj(o, "metadata"), *spec = json_obj(o, "spec"), *target, *metric;

    json_str(o, "apiVersion", "autoscaling/v2");
    json_str(o, "kind", "HorizontalPodAutoscaler");
    json_str(meta, "name", ZERO_NAME);
    json_str(meta, "namespace", ns);
    target = json_obj(spec, "scaleTargetRef");
    json_str(target, "apiVersion", "apps/v1");
    json_str(target, "kind", "Deployment");
    json_str(target, "name", ZERO_NAME);
    json_int(spec, "minReplicas", 0);
    json_int(spec, "maxReplicas", 1);
    metric = json_push_obj(json_arr(spec, "metrics"));
    json_str(metric, "type", "External");
    metric = json_obj(metric, "external");
    json_str(json_obj(metric, "metric"), "name", "zero");
    json_str(json_obj(metric, "target"), "type", "Value");
    json_str(json_obj(metric, "target"), "value", "1");
    return o;
}

bool capability_zero_answer(int status, const char *message, struct capabilities *c)
{
    bool allowed = status >= 200 && status < 300;

    if (!allowed && !(status == 422 && message && strstr(message, "minReplicas")))
        return false;
    c->scale_to_zero = allowed;
    c->knows_zero = true;
    return true;
}
