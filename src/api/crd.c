#include "api/crd.h"

#include <string.h>

#include "api/child.h"
#include "base/str.h"
#include "schema.h"

#define PRESERVE "x-kubernetes-preserve-unknown-fields"
#define QUANTITY "^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)(([KMGTPE]i)|[numkMGTPE]|[eE][+-]?[0-9]{1,2})?$"

static cJSON *parse(const char *text)
{
    cJSON *v = NULL;
    struct err e;

    if (json_parse(text, strlen(text), &v, &e) < 0)
        abort(); /* ours, and printed by every test */
    return v;
}

static void add_rule(cJSON *out, const char *cel, const char *message, const char *field)
{
    cJSON *r = json_push_obj(json_arr(out, "x-kubernetes-validations"));

    json_str(r, "rule", cel);
    json_str(r, "message", message);
    json_str(r, "fieldPath", field);
}

static void add_rules(cJSON *out, const struct rule *r)
{
    for (; r && r->cel; r++)
        add_rule(out, r->cel, r->message, r->field);
}

static void print_object(const struct field *f, cJSON *out);

static void print_members(const struct field *f, cJSON *out)
{
    cJSON *props;

    json_str(out, "type", "object");
    if (f->open)
        json_bool(out, PRESERVE, true);
    props = json_obj(out, "properties");
    for (const struct field *s = f->sub; s->name; s++) {
        print_object(s, json_obj(props, s->name));
        if (s->required && !s->def)
            json_push_str(json_arr(out, "required"), s->name);
    }
}

static void print_list(const struct field *f, cJSON *out)
{
    struct field item = { .sub = f->sub, .open = f->open };

    json_str(out, "type", "array");
    if (f->min)
        json_int(out, "minItems", f->min);
    json_int(out, "maxItems", f->max);
    json_str(out, "x-kubernetes-list-type", f->key ? "map" : "atomic");
    if (f->key)
        json_push_str(json_arr(out, "x-kubernetes-list-map-keys"), f->key);
    print_members(&item, json_obj(out, "items"));
}

static void print_any_list(const struct field *f, cJSON *out)
{
    cJSON *items;

    json_str(out, "type", "array");
    json_int(out, "maxItems", f->max);
    json_str(out, "x-kubernetes-list-type", "atomic");
    items = json_obj(out, "items");
    json_str(items, "type", "object");
    json_bool(items, PRESERVE, true);
}

static void print_text_list(const struct field *f, cJSON *out)
{
    cJSON *items;

    json_str(out, "type", "array");
    if (f->min)
        json_int(out, "minItems", f->min);
    json_int(out, "maxItems", f->max);
    json_str(out, "x-kubernetes-list-type", "set");
    items = json_obj(out, "items");
    json_str(items, "type", "string");
    json_int(items, "minLength", 1);
    json_int(items, "maxLength", strtol(f->values, NULL, 10));
    json_str(items, "pattern", f->shape);
}

static void print_any(const struct field *f, cJSON *out)
{
    (void)f;
    json_str(out, "type", "object");
    json_bool(out, PRESERVE, true);
}

static void print_text(const struct field *f, cJSON *out)
{
    json_str(out, "type", "string");
    if (f->min >= 0)
        json_int(out, "minLength", 1);
    json_int(out, "maxLength", f->max);
    json_str(out, "pattern", f->shape);
}

static void print_enum(const struct field *f, cJSON *out)
{
    cJSON *list = json_arr(out, "enum");

    json_str(out, "type", "string");
    for (const char *p = f->values; *p;) {
        size_t n = strcspn(p, " ");
        AUTO_FREE char *word = xstrndup(p, n);

        json_push_str(list, word);
        p += n + (p[n] == ' ');
    }
}

static void print_int(const struct field *f, cJSON *out)
{
    json_str(out, "type", "integer");
    json_str(out, "format", f->max > INT32_MAX ? "int64" : "int32");
    json_int(out, "minimum", f->min);
    json_int(out, "maximum", f->max);
}

static void print_bool(const struct field *f, cJSON *out)
{
    (void)f;
    json_str(out, "type", "boolean");
}

static void print_int_or_text(cJSON *out, const char *pattern)
{
    json_put(out, "anyOf", parse("[{\"type\":\"integer\"},{\"type\":\"string\"}]"));
    json_bool(out, "x-kubernetes-int-or-string", true);
    json_str(out, "pattern", pattern);
}

static void print_quantity(const struct field *f, cJSON *out)
{
    (void)f;
    print_int_or_text(out, QUANTITY);
    json_int(out, "maxLength", 40);
    add_rule(out, "isQuantity(string(self)) && quantity(string(self)).isGreaterThan(quantity('0'))",
             "must be a quantity above zero, such as 500m or 2Gi", NULL);
}

static void print_percent(const struct field *f, cJSON *out)
{
    print_int_or_text(out, SCHEMA_PERCENT);
    json_int(out, "minimum", f->min);
    json_int(out, "maximum", f->max);
    json_int(out, "maxLength", 4);
}

static void print_map(const struct field *f, cJSON *out)
{
    cJSON *values = json_obj(out, "additionalProperties");

    json_str(out, "type", "object");
    json_int(out, "maxProperties", f->max);
    json_str(values, "type", "string");
    json_int(values, "maxLength", strtol(f->values, NULL, 10));
    json_str(values, "pattern", f->shape);
}

static void print_later(const struct field *f, cJSON *out)
{
    json_str(out, "type", f->values);
    if (str_eq(f->values, "object"))
        json_bool(out, PRESERVE, true);
    add_rule(out, "false", f->instead, NULL);
}

static void print_object(const struct field *f, cJSON *out)
{
    static void (*const printers[])(const struct field *, cJSON *) = {
        [T_OBJECT] = print_members,    [T_LIST] = print_list,       [T_TEXT] = print_text, [T_ENUM] = print_enum,
        [T_INT] = print_int,           [T_BOOL] = print_bool,       [T_QUANTITY] = print_quantity,
        [T_PERCENT] = print_percent,   [T_MAP] = print_map,         [T_ANY] = print_any,
        [T_ANY_LIST] = print_any_list, [T_LATER] = print_later,    [T_TEXT_LIST] = print_text_list,
    };

    json_str(out, "description", f->doc ? f->doc : f->instead);
    printers[f->type](f, out);
    if (f->def)
        json_put(out, "default", parse(f->def));
    add_rules(out, f->rules);
}

static cJSON *schema_build(void)
{
    cJSON *root = json_new_obj();
    cJSON *props = json_obj(root, "properties");

    json_str(root, "type", "object");
    json_str(root, "description", "A model served with high availability, with a Redis Cluster of its own if asked for.");
    json_str(json_obj(props, "apiVersion"), "type", "string");
    json_str(json_obj(props, "kind"), "type", "string");
    json_str(json_obj(props, "metadata"), "type", "object");
    print_object(&schema_spec, json_obj(props, "spec"));
    print_object(&schema_status, json_obj(props, "status"));
    json_push_str(json_arr(root, "required"), "spec");
    add_rules(root, schema_root_rules);
    return root;
}

static void add_column(cJSON *list, const char *name, const char *type, const char *path, bool wide)
{
    cJSON *c = json_push_obj(list);

    json_str(c, "name", name);
    json_str(c, "type", type);
    json_str(c, "jsonPath", path);
    if (wide)
        json_int(c, "priority", 1);
}

static void add_columns(cJSON *list)
{
    add_column(list, "Ready", "string", ".status.conditions[?(@.type==\"Ready\")].status", false);
    add_column(list, "Reason", "string", ".status.conditions[?(@.type==\"Ready\")].reason", false);
    add_column(list, "Desired", "integer", ".status.predictor.desired", false);
    add_column(list, "Available", "integer", ".status.readyReplicas", false);
    add_column(list, "Redis", "string", ".status.redis.state", false);
    add_column(list, "Slots", "integer", ".status.redis.slotsOk", false);
    add_column(list, "Held", "string", ".status.conditions[?(@.type==\"ScalingHeld\")].status", false);
    add_column(list, "Age", "date", ".metadata.creationTimestamp", false);
    add_column(list, "URL", "string", ".status.url", true);
    add_column(list, "Revision", "string", ".status.predictor.revision", true);
    add_column(list, "Survives", "string", ".status.survives.node", true);
}

static void add_version(cJSON *list)
{
    cJSON *v = json_push_obj(list);
    cJSON *sub = json_obj(v, "subresources"), *scale = json_obj(sub, "scale");

    json_str(v, "name", "v1alpha1");
    json_bool(v, "served", true);
    json_bool(v, "storage", true);
    json_obj(sub, "status");
    json_str(scale, "specReplicasPath", ".spec.predictor.minReplicas");
    json_str(scale, "statusReplicasPath", ".status.replicas");
    json_str(scale, "labelSelectorPath", ".status.selector");
    add_columns(json_arr(v, "additionalPrinterColumns"));
    json_put(json_obj(v, "schema"), "openAPIV3Schema", schema_build());
}

cJSON *crd_build(void)
{
    cJSON *crd = json_new_obj();
    cJSON *spec;

    json_str(crd, "apiVersion", "apiextensions.k8s.io/v1");
    json_str(crd, "kind", "CustomResourceDefinition");
    json_str(json_obj(crd, "metadata"), "name", API_PLURAL "." API_GROUP);
    spec = json_obj(crd, "spec");
    json_str(spec, "group", API_GROUP);
    json_str(spec, "scope", "Namespaced");
    json_put(spec, "names",
             parse("{\"kind\":\"" API_KIND "\",\"listKind\":\"" API_KIND "List\",\"plural\":\"" API_PLURAL "\","
                   "\"singular\":\"inferenceservice\",\"shortNames\":[\"evs\"],\"categories\":[\"everserve\",\"inference\"]}"));
    add_version(json_arr(spec, "versions"));
    return crd;
}
