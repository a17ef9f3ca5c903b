#include "cache/demand.h"

#include <string.h>

#include "base/str.h"
#include "json/quantity.h"

uint32_t demand_id(const char *text)
{
    return (uint32_t)str_hash(STR_HASH_INIT, text, strlen(text));
}

bool demand_is_device(const char *resource)
{
    return strchr(resource, '/') != NULL;
}

bool demand_has_device(const struct demand *d)
{
    for (size_t i = 0; i < d->n; i++)
        if (demand_is_device(d->amounts[i].resource))
            return true;
    return false;
}

bool demand_milli(const cJSON *value, int64_t *milli)
{
    const double most = 9e15; /* and exact below */
    struct err e;

    if (cJSON_IsString(value))
        return quantity_parse(value->valuestring, milli, &e) == 0;
    if (!cJSON_IsNumber(value) || value->valuedouble < 0 || value->valuedouble > most / 1000)
        return false;
    *milli = (int64_t)(value->valuedouble * 1000);
    return true;
}

static struct demand_amount *amount_of(struct demand *d, const char *resource)
{
    uint32_t id = demand_id(resource);

    for (size_t i = 0; i < d->n; i++)
        if (d->amounts[i].id == id)
            return &d->amounts[i];
    if (d->n == DEMAND_MAX)
        return NULL;
    d->amounts[d->n] = (struct demand_amount){ .resource = resource, .id = id };
    return &d->amounts[d->n++];
}

/* How what one container asks goes into what the pod asks. */
typedef void merge_fn(struct demand_amount *sum, int64_t milli);

static void merge_add(struct demand_amount *sum, int64_t milli)
{
    sum->milli = sum->milli > INT64_MAX - milli ? INT64_MAX : sum->milli + milli;
}

static void merge_most(struct demand_amount *sum, int64_t milli)
{
    sum->milli = sum->milli > milli ? sum->milli : milli;
}

static void merge_set(struct demand_amount *sum, int64_t milli)
{
    sum->milli = milli;
}

static void merge(struct demand *d, const cJSON *amounts, const cJSON *but_not, merge_fn *how)
{
    const cJSON *v;
    int64_t milli;

    cJSON_ArrayForEach(v, amounts)
    {
        struct demand_amount *sum = v->string && !json_member(but_not, v->string) && demand_milli(v, &milli) && milli > 0
                                        ? amount_of(d, v->string) : NULL;

        if (sum)
            how(sum, milli);
    }
}

/* A limit without a request is the request. */
static void merge_container(struct demand *d, const cJSON *container, merge_fn *how)
{
    const cJSON *requests = json_at(container, "resources.requests");

    merge(d, requests, NULL, how);
    merge(d, json_at(container, "resources.limits"), requests, how);
}

static bool is_sidecar(const cJSON *init)
{
    return str_eq(json_get_str(init, "restartPolicy"), "Always");
}

void demand_from(const cJSON *spec, struct demand *out)
{
    const cJSON *c;

    *out = (struct demand){ .selector = json_member(spec, "nodeSelector"), .tolerations = json_member(spec, "tolerations") };
    cJSON_ArrayForEach(c, json_member(spec, "containers"))
        merge_container(out, c, merge_add);
    cJSON_ArrayForEach(c, json_member(spec, "initContainers"))
        if (is_sidecar(c))
            merge_container(out, c, merge_add);
    cJSON_ArrayForEach(c, json_member(spec, "initContainers"))
        if (!is_sidecar(c))
            merge_container(out, c, merge_most);
    merge(out, json_at(spec, "resources.requests"), NULL, merge_set);
}

void demand_forget(struct demand *d, const char *resource)
{
    uint32_t id = demand_id(resource);

    for (size_t i = 0; i < d->n; i++)
        if (d->amounts[i].id == id) {
            d->amounts[i] = d->amounts[--d->n];
            return;
        }
}
