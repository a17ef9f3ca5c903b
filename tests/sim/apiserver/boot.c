#include "sim/apiserver/boot.h"

#include <string.h>

#include "sim/apiserver/auth.h"
#include "sim/apiserver/commit.h"
#include "sim/apiserver/delete.h"
#include "sim/apiserver/faults.h"
#include "sim/apiserver/http.h"
#include "sim/apiserver/watch.h"

static void make(struct server *s, const char *group, const char *plural, const char *ns, const char *text)
{
    struct refusal r AUTO_REFUSAL = { 0 };
    struct write w = { .s = s, .ns = ns, .manager = "kube-apiserver" };

    w.res = registry_find(s->registry, group, "v1", plural);
    if (json_parse(text, strlen(text), &w.next, &(struct err){ 0 }) < 0 || commit(&w, &r) < 0)
        abort();
    write_done(&w);
}

static void make_cluster_content(struct server *s)
{
    static const char *const namespaces[] = { "default", "kube-system", "kube-public", "kube-node-lease" };

    for (size_t i = 0; i < COUNT(namespaces); i++) {
        AUTO_FREE char *text = xasprintf("{\"metadata\":{\"name\":\"%s\"}}", namespaces[i]);

        make(s, "", "namespaces", NULL, text);
    }
    make(s, "", "services", "default",
         "{\"metadata\":{\"name\":\"kubernetes\",\"labels\":{\"component\":\"apiserver\",\"provider\":\"kubernetes\"}},"
         "\"spec\":{\"clusterIP\":\"10.96.0.1\",\"ports\":[{\"name\":\"https\",\"port\":443,\"targetPort\":6443}]}}");
    make(s, "scheduling.k8s.io", "priorityclasses", NULL,
         "{\"metadata\":{\"name\":\"system-cluster-critical\"},\"value\":2000000000}");
    make(s, "scheduling.k8s.io", "priorityclasses", NULL,
         "{\"metadata\":{\"name\":\"system-node-critical\"},\"value\":2000001000}");
    make(s, "rbac.authorization.k8s.io", "clusterroles", NULL,
         "{\"metadata\":{\"name\":\"cluster-admin\"},\"rules\":[{\"apiGroups\":[\"*\"],\"resources\":[\"*\"],\"verbs\":[\"*\"]},"
         "{\"nonResourceURLs\":[\"*\"],\"verbs\":[\"*\"]}]}");
}

struct server *boot_server(void)
{
    struct server *s = xcalloc(1, sizeof(*s));

    s->loop = loop_new();
    s->store = store_new(watch_broadcast, s);
    s->registry = registry_new(s->store);
    s->users = users_new();
    s->faults = faults_new();
    s->tick = loop_timer_new(s->loop, delete_tick, s);
    if (!users_add(s->users, "admintoken=admin:system:masters"))
        abort();
    make_cluster_content(s);
    return s;
}

void boot_stop(struct server *s)
{
    http_stop(s);
    loop_timer_free(s->tick);
    faults_free(s->faults);
    users_free(s->users);
    registry_free(s->registry);
    store_free(s->store);
    loop_free(s->loop);
    free(s);
}
