#include "desired/revision.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/str.h"
#include "build.h"
#include "json/owned.h"

cJSON *template_build(const struct isvc *s, const struct desired_input *in)
{
    return build_serving_pod(s, in);
}

void template_hash(const cJSON *template, char out[TEMPLATE_HASH_SIZE])
{
    const uint64_t forty_bits = (UINT64_C(1) << 40) - 1;

    snprintf(out, TEMPLATE_HASH_SIZE, "%010" PRIx64, owned_hash_any_order(template) & forty_bits);
}

void revision_name(const char *service, const char *hash, char out[ISVC_NAME_MAX + 1 + TEMPLATE_HASH_SIZE])
{
    snprintf(out, ISVC_NAME_MAX + 1 + TEMPLATE_HASH_SIZE, "%.63s-%s", service, hash);
}

cJSON *revision_build(const struct isvc *s, const cJSON *template)
{
    char hash[TEMPLATE_HASH_SIZE], name[ISVC_NAME_MAX + 1 + TEMPLATE_HASH_SIZE];
    cJSON *o = json_new_obj(), *meta = json_obj(o, "metadata");

    template_hash(template, hash);
    revision_name(s->name, hash, name);
    json_str(o, "apiVersion", "apps/v1");
    json_str(o, "kind", "ControllerRevision");
    json_str(meta, "name", name);
    json_str(meta, "namespace", s->ns);
    json_put(meta, "labels", names_labels(s, COMPONENT_PREDICTOR));
    json_put(meta, "ownerReferences", names_owner_references(s));
    json_put_dup(json_obj(json_obj(o, "data"), "spec"), "template", template);
    json_int(o, "revision", 1); /* required; the name says which one it is */
    return o;
}

const cJSON *revision_template(const cJSON *live, const char *hash)
{
    const cJSON *template = json_at(live, "data.spec.template");
    char is[TEMPLATE_HASH_SIZE];

    if (!cJSON_IsObject(template))
        return NULL;
    template_hash(template, is);
    return str_eq(is, hash) ? template : NULL;
}
