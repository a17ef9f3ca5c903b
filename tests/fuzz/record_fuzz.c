/* Objects of Kubernetes as a watch brings them, of each kind that is remembered; and what API discovery says. */
#include <assert.h>
#include <string.h>

#include "api/capabilities.h"
#include "base/str.h"
#include "cache/cache.h"
#include "desired/revision.h"
#include "fuzz.h"

static void read_children(const cJSON *obj)
{
    for (int c = 0; c < N_CHILDREN; c++) {
        struct record r;

        if (!record_from((enum child)c, obj, &r))
            continue;
        assert(r.uid[0] && strlen(r.mark) < sizeof(r.mark) && strlen(r.update_revision) < REVISION_SIZE);
        assert(r.claim_bytes >= 0 && !record_differs(&r, &r));
    }
}

static void read_others(const cJSON *obj)
{
    struct pod pod;
    struct claim claim;
    struct host host;

    if (pod_from(obj, &pod)) {
        assert(pod.name[0] && pod.uid[0] && !strchr(pod.message, '\n') && !pod_differs(&pod, &pod));
        pod_done(&pod);
    }
    if (claim_from(obj, &claim)) {
        assert(claim.requested >= 0 && claim.capacity >= 0);
        claim_done(&claim);
    }
    if (host_from(obj, &host))
        assert(!host_differs(&host, &host));
}

/* There, there again, listed without it: nothing may be left. */
static void remember(const cJSON *obj)
{
    static const char *const kinds[] = { API_KIND, "Pod", "Deployment", "PersistentVolumeClaim" };
    struct cache *cache = cache_new(NULL, NULL);

    for (int round = 0; round < 2; round++) {
        cache_put_service(cache, obj);
        cache_put_pod(cache, obj);
        cache_put_child(cache, "Deployment", obj);
        cache_put_claim(cache, obj);
        cache_put_node(cache, obj);
    }
    for (size_t i = 0; i < COUNT(kinds); i++) {
        cache_list_start(cache, kinds[i], NULL);
        cache_listed(cache, kinds[i], NULL);
    }
    cache_drop_node(cache, obj);
    cache_free(cache);
}

static void discover(const cJSON *obj)
{
    struct capabilities c = { .minor = 0 };

    for (int what = 0; what < N_CAPABILITIES; what++)
        if (capability_path((enum capability)what))
            capability_read((enum capability)what, obj, &c);
    assert(c.minor >= 0);
    (void)revision_template(obj, "0123456789");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_JSON cJSON *obj = NULL;

    if (json_parse((const char *)data, size, &obj, NULL) < 0)
        return 0;
    read_children(obj);
    read_others(obj);
    remember(obj);
    discover(obj);
    return 0;
}
