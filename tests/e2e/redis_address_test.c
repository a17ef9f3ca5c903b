/*
 * T8: the addresses of dead pods are taken over by pods of another cluster, while those who knew the dead
 * still call there. Nobody is taken in, nobody copies a stranger, and both clusters are whole in the end.
 * T7 at its hardest: all pods come back at once with other addresses, without a word before. Under the
 * ledger. Needs simulated nodes.
 */
#include <stdio.h>
#include <string.h>

#include "e2e/operation.h"
#include "e2e/witness.h"

enum { NODE_TIMEOUT_MS = 5000, RECOVERY_S = 120, OTHERS = 3 };

static const char other[] =
    "apiVersion: serving.everserve.dev/v1alpha1\n"
    "kind: InferenceService\n"
    "metadata: { name: other }\n"
    "spec: {predictor: {containers: [{image: registry.example.com/fraud:v1}]}, redis: {replicasPerShard: 0}}\n";

static const char *ip_of(struct e2e *t, const char *pod)
{
    const char *ip = json_get_str(e2e_get(t, e2e_fmt(t, "pods/%s", pod)), "status.podIP");

    return ip ? e2e_fmt(t, "%s", ip) : "";
}

static void wait_renewed(struct e2e *t, const char *pod, const char *uid)
{
    for (int64_t end_ms = e2e_deadline_ms(60);; e2e_sleep_ms(t, 50)) {
        const cJSON *now = e2e_get(t, e2e_fmt(t, "pods/%s", pod));
        const char *has = json_get_str(now, "metadata.uid");
        if (has && !str_eq(has, uid) && json_get_str(now, "status.podIP"))
            return;
        E2E_CHECK(t, loop_now_ms() < end_ms, now, "%s does not come back", pod);
    }
}

/* At once, without a word to anybody; with its volume when asked. */
static void lose_pod(struct e2e *t, const char *pod, bool volume)
{
    const char *uid = e2e_fmt(t, "%s", json_get_str(e2e_get(t, e2e_fmt(t, "pods/%s", pod)), "metadata.uid"));

    if (volume)
        e2e_delete(t, e2e_fmt(t, "persistentvolumeclaims/data-%s", pod));
    e2e_delete(t, e2e_fmt(t, "pods/%s?gracePeriodSeconds=0", pod));
    wait_renewed(t, pod, uid);
}

static void write_others(struct e2e *t)
{
    for (int i = 0; i < OTHERS; i++)
        for (int k = 0; k < 20; k++) /* most are MOVED: what is taken stays */
            redis_ask(t, "other", ip_of(t, e2e_fmt(t, "other-redis-%d", i)), e2e_fmt(t, "SET key:%d value:%d", k, k));
}

static int count_others(struct e2e *t)
{
    int n = 0;

    for (int k = 0; k < 20; k++)
        for (int i = 0; i < OTHERS; i++) {
            const char *said = redis_ask(t, "other", ip_of(t, e2e_fmt(t, "other-redis-%d", i)), e2e_fmt(t, "GET key:%d", k));
            n += str_eq(said, e2e_fmt(t, "value:%d", k));
        }
    return n;
}

/* No node of one knows an id of the other. */
static void check_strangers(struct e2e *t, const char *when)
{
    static const char *const services[] = { "fraud", "other" };

    for (int s = 0; s < 2; s++) {
        struct redis_pods ours, theirs;
        redis_pods_get(t, services[s], &ours);
        redis_pods_get(t, services[!s], &theirs);
        for (int k = 0; k < theirs.n; k++) {
            const char *id = redis_ask(t, services[!s], theirs.ips[k], "CLUSTER MYID");
            for (int i = 0; id && i < ours.n; i++) {
                const char *nodes = redis_ask(t, services[s], ours.ips[i], "CLUSTER NODES");
                E2E_CHECK(t, !nodes || !strstr(nodes, id), NULL, "%s: %s knows %s:\n%s", when, ours.names[i], theirs.names[k], nodes);
            }
        }
    }
}

static void taken_over(struct e2e *t)
{
    struct operator *op = witness_bring_up(t, operation_service);
    struct redis_nodes n;

    e2e_apply(t, "%s", other);
    e2e_wait_condition(t, "inferenceservices/other", "RedisReady", "True", "Healthy", READY_S);
    write_others(t);
    E2E_CHECK(t, count_others(t) == 20, NULL, "the other cluster has %d keys of 20", count_others(t));
    ledger_start(t, "fraud");
    e2e_sleep_ms(t, 500);
    operator_kill(op); /* nobody tells anybody */
    redis_nodes_get(t, "fraud", &n);
    const char *lost[] = { e2e_fmt(t, "%s", n.masters[0]), e2e_fmt(t, "%s", n.replicas[0]) };
    const char *ips[] = { ip_of(t, lost[0]), ip_of(t, lost[1]) };
    int64_t from_ms = loop_now_ms();
    lose_pod(t, lost[1], true);
    lose_pod(t, lost[0], false);
    for (int i = 0; i < 2; i++) {
        e2e_patch(t, e2e_fmt(t, "persistentvolumeclaims/data-other-redis-%d", i),
                  e2e_fmt(t, "{metadata: {annotations: {sim.everserve.dev/address: %s}}}", ips[i]));
        lose_pod(t, e2e_fmt(t, "other-redis-%d", i), false);
        E2E_CHECK(t, str_eq(ip_of(t, e2e_fmt(t, "other-redis-%d", i)), ips[i]), NULL, "other-redis-%d is not at %s", i, ips[i]);
    }
    e2e_sleep_ms(t, NODE_TIMEOUT_MS);
    check_strangers(t, "before the operator is back");
    operator_ready(t, operator_start(t, NULL));
    for (int s = 0; s < 2; s++) {
        const char *service = s ? "other" : "fraud", *why;
        for (int64_t end_ms = e2e_deadline_ms(RECOVERY_S); (why = own_check(t, service, 3, s ? 0 : 1, 0)); e2e_sleep_ms(t, 200)) {
            E2E_CHECK(t, loop_now_ms() < end_ms, e2e_get(t, e2e_fmt(t, "inferenceservices/%s", service)), "%s: %s", service, why);
            ledger_look(t);
        }
        e2e_wait_condition(t, e2e_fmt(t, "inferenceservices/%s", service), "RedisReady", "True", "Healthy", RECOVERY_S);
    }
    e2e_note(t, "both whole %.1f s after the first pod was lost", (double)(loop_now_ms() - from_ms) / 1000);
    check_strangers(t, "in the end");
    E2E_CHECK(t, count_others(t) == 20, NULL, "the other cluster has %d keys of 20", count_others(t));
    witness_check_ledger(t, from_ms - 3000, from_ms + 3000); /* one master ended without a word */
}

static void all_at_once(struct e2e *t)
{
    struct witness v = { 0 };
    struct redis_pods before, after;

    witness_bring_up(t, operation_service);
    witness_start(t, &v);
    ledger_start(t, "fraud");
    e2e_sleep_ms(t, 1000);
    redis_pods_get(t, "fraud", &before);
    int64_t from_ms = loop_now_ms();
    for (int i = 0; i < before.n; i++)
        e2e_delete(t, e2e_fmt(t, "pods/%s?gracePeriodSeconds=0", before.names[i]));
    witness_recovery(t, &v, RECOVERY_S);
    redis_pods_get(t, "fraud", &after);
    for (int i = 0; i < after.n; i++)
        E2E_CHECK(t, !str_eq(before.ips[i], after.ips[i]), NULL, "%s is at its old address", after.names[i]);
    witness_check_ledger(t, from_ms - 3000, from_ms + 3000);
}

#define NEEDS (NEEDS_SIM_NODES | NEEDS_REDIS_CLI)

static const struct e2e_test tests[] = {
    { "T8: addresses of dead pods taken over by another cluster's", taken_over, NEEDS },
    { "T7: all pods end at once without a word, and have new addresses", all_at_once, NEEDS },
};

int main(void)
{
    return e2e_main("redis-address", tests, COUNT(tests));
}
