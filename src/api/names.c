#include "api/names.h"

#include "api/child.h"
#include "base/str.h"

cJSON *names_selector(const struct isvc *s, const char *component)
{
    cJSON *o = json_new_obj();

    json_str(o, LABEL_NAME, NAME_VALUE);
    json_str(o, LABEL_INSTANCE, s->name);
    json_str(o, LABEL_COMPONENT, component);
    return o;
}

cJSON *names_canary_selector(const struct isvc *s)
{
    cJSON *o = names_selector(s, COMPONENT_PREDICTOR);

    json_str(o, LABEL_NAME, NAME_CANARY);
    return o;
}

cJSON *names_serving_selector(const struct isvc *s)
{
    cJSON *o = names_labels(s, COMPONENT_PREDICTOR);

    json_del(o, LABEL_NAME);
    return o;
}

cJSON *names_labels(const struct isvc *s, const char *component)
{
    cJSON *o = names_selector(s, component);

    json_str(o, LABEL_PART_OF, "everserve");
    json_str(o, LABEL_MANAGED_BY, "everserve");
    return o;
}

char *names_selector_text(const struct isvc *s, const char *component)
{
    return xasprintf("%s=%s,%s=%s,%s=%s", LABEL_NAME, NAME_VALUE, LABEL_INSTANCE, s->name, LABEL_COMPONENT, component);
}

cJSON *names_owner_references(const struct isvc *s)
{
    cJSON *list, *ref;

    if (str_empty(s->uid))
        return NULL;
    list = json_new_arr();
    ref = json_push_obj(list);
    json_str(ref, "apiVersion", API_VERSION);
    json_str(ref, "kind", API_KIND);
    json_str(ref, "name", s->name);
    json_str(ref, "uid", s->uid);
    json_bool(ref, "controller", true);
    json_bool(ref, "blockOwnerDeletion", true);
    return list;
}
