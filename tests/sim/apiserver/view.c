#include "sim/apiserver/view.h"

#include <string.h>

#include "base/str.h"

bool view_is_stored(const struct resource *res, const struct object *o)
{
    AUTO_FREE char *head = NULL;

    if (res->to_served)
        return false;
    if (res->ops)
        return true;
    head = xasprintf("{\"kind\":\"%s\",\"apiVersion\":\"%s/%s\",", res->kind, res->group, res->version);
    return str_has_prefix(object_text((struct object *)o), head);
}

void view_to_served(const struct resource *res, cJSON *obj)
{
    AUTO_FREE char *api_version = NULL;

    if (res->to_served) {
        res->to_served(obj);
    } else if (!res->ops) {
        api_version = resource_api_version(res);
        json_str(obj, "apiVersion", api_version);
    }
}

void view_to_stored(const struct resource *res, cJSON *obj)
{
    if (res->to_stored)
        res->to_stored(obj);
}

cJSON *view_tree(const struct resource *res, struct object *o)
{
    cJSON *tree = NULL;

    object_text(o);
    if (json_parse(o->text, o->text_len, &tree, &(struct err){ 0 }) < 0)
        abort();
    view_to_served(res, tree);
    return tree;
}
