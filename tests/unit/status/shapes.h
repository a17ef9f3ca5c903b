/*
 * What the nodes of serving.h offer, for stage.h.
 *
 * devices "2": each has 8 cores, 32Gi and two of nvidia.com/gpu. A serving pod on a node holds one.
 */
#ifndef TESTS_SHAPES_H
#define TESTS_SHAPES_H

#include "cache/cache.h"
#include "serving.h"

static inline void shapes_put(struct cache *c, const char *text, void (*put)(struct cache *c, const cJSON *obj))
{
    cJSON *obj = cJSON_Parse(text);

    put(c, obj);
    cJSON_Delete(obj);
}

static inline void shapes_put_node(struct cache *c, const struct serving *s, size_t i, int devices)
{
    AUTO_FREE char *text = xasprintf("{\"metadata\":{\"name\":\"%s\"},\"status\":{\"allocatable\":{\"cpu\":\"8\",\"memory\":\"32Gi\","
                                     "\"nvidia.com/gpu\":\"%d\"}}}", s->hosts[i].name, devices);

    shapes_put(c, text, cache_put_node);
}

static inline void shapes_put_pod(struct cache *c, const struct serving *s, size_t i)
{
    AUTO_FREE char *text = xasprintf("{\"metadata\":{\"name\":\"%s\",\"namespace\":\"ns\",\"uid\":\"%s\",\"labels\":{"
                                     "\"app.kubernetes.io/instance\":\"fraud\",\"app.kubernetes.io/component\":\"predictor\"}},"
                                     "\"spec\":{\"nodeName\":\"%s\",\"containers\":[{\"resources\":{\"limits\":{\"nvidia.com/gpu\":\"1\"}}}]}}",
                                     s->names[i], s->names[i], s->pods[i].node);

    shapes_put(c, text, cache_put_pod);
}

/* The caller frees it with cache_free. */
static inline struct cache *shapes_cache(const struct serving *s, int devices)
{
    struct cache *c = cache_new(NULL, NULL);

    cache_list_start(c, "Node", NULL);
    for (size_t i = 0; i < s->n_hosts; i++)
        shapes_put_node(c, s, i, devices);
    cache_listed(c, "Node", NULL);
    for (size_t i = 0; i < s->n; i++)
        if (s->pods[i].node[0])
            shapes_put_pod(c, s, i);
    return c;
}

#endif
