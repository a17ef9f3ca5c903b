/* An InferenceService as YAML from a user: a decoded value within its bounds, or a refusal that says why. */
#include <assert.h>

#include "api/isvc.h"
#include "fuzz.h"
#include "json/yaml.h"

static void decode(const cJSON *doc)
{
    struct isvc s = { 0 };
    struct err e = { 0 };

    if (isvc_decode(doc, &s, &e) < 0) {
        assert(e.kind == ERR_INVALID && e.msg[0] && !s.root);
        return;
    }
    assert(s.name && s.name[0] && s.predictor.min_replicas >= 0 && s.predictor.max_replicas >= s.predictor.min_replicas);
    if (s.redis.present)
        assert(s.redis.nodes == s.redis.shards * (1 + s.redis.replicas_per_shard));
    isvc_done(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cJSON *docs = NULL;
    struct err e = { 0 };

    if (yaml_parse((const char *)data, size, &docs, &e) < 0)
        return 0;
    for (const cJSON *d = docs->child; d; d = d->next)
        decode(d);
    cJSON_Delete(docs);
    return 0;
}
