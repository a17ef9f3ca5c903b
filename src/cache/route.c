#include "route.h"

#include <stdio.h>

#include "base/str.h"

static bool is_parent(const cJSON *ref, const cJSON *of_status, const char *ns)
{
    static const char *const texts[] = { "name", "sectionName" };
    const char *a = json_get_str(ref, "namespace"), *b = json_get_str(of_status, "namespace");

    for (size_t i = 0; i < COUNT(texts); i++)
        if (!str_eq(json_get_str(ref, texts[i]), json_get_str(of_status, texts[i])))
            return false;
    return json_get_int(ref, "port", 0) == json_get_int(of_status, "port", 0) && str_eq(a ? a : ns, b ? b : ns);
}

/* Why a Gateway does not pass requests on; NULL: it has not said that. */
static const char *refusal(const cJSON *parent)
{
    static const char *const types[] = { "Accepted", "ResolvedRefs" };
    const char *reason;

    for (size_t i = 0; i < COUNT(types); i++)
        if (json_condition_is(parent, types[i], "False")) {
            reason = json_get_str(json_condition(parent, types[i]), "reason");
            return reason ? reason : types[i];
        }
    return NULL;
}

/* What one Gateway says, by whichever controller. */
static void read_parent(const cJSON *obj, const cJSON *ref, uint8_t number, struct record *out)
{
    const char *ns = json_get_str(obj, "metadata.namespace"), *why = NULL;
    const cJSON *p;
    bool accepted = false;

    cJSON_ArrayForEach(p, json_at(obj, "status.parents"))
        if (is_parent(ref, json_member(p, "parentRef"), ns ? ns : "")) {
            why = why ? why : refusal(p);
            accepted |= json_condition_is(p, "Accepted", "True");
        }
    out->route_accepted += accepted && !why;
    if (!why || out->route_refuser)
        return;
    out->route_refuser = number;
    snprintf(out->mark, sizeof(out->mark), "%s", why);
    str_utf8_fix(out->mark);
}

void route_read(const cJSON *obj, struct record *out)
{
    enum { PARENTS_MAX = 32 };
    const cJSON *ref;

    cJSON_ArrayForEach(ref, json_at(obj, "spec.parentRefs"))
        if (out->route_parents < PARENTS_MAX)
            read_parent(obj, ref, ++out->route_parents, out);
}
