/*
 * One cluster on each release of Redis and Valkey that tests/tools/servers could get: it forms
 * and heals, under the ledger. A release that is missing is skipped by name. Needs nodes.
 */
#include <stdio.h>
#include <string.h>

#include "e2e/witness.h"

#define ON_IMAGE(image) \
    "apiVersion: serving.everserve.dev/v1alpha1\n" \
    "kind: InferenceService\n" \
    "metadata: { name: fraud }\n" \
    "spec: {predictor: {containers: [{image: registry.example.com/fraud:v1}]}, redis: {image: '" image "'}}\n"

static const struct release {
    const char *server; /* in build/servers */
    const char *yaml;
} releases[] = {
    { "redis-7.0", ON_IMAGE("redis:7.0") },
    { "redis-8.0", ON_IMAGE("redis:8.0") },
    { "redis-8.6", ON_IMAGE("redis:8.6") },
    { "valkey-8.1", ON_IMAGE("valkey/valkey:8.1") },
    { "valkey-9.1", ON_IMAGE("valkey/valkey:9.1") },
};

/* What the pods run is what was asked for: a stand-in would make the row worthless. */
static void check_version(struct e2e *t, const struct release *r)
{
    const char *want = strchr(r->server, '-') + 1, *version = redis_version(t, "fraud");

    E2E_CHECK(t, version && !strncmp(version, want, strlen(want)), NULL, "the pods run %s", version ? version : "nothing");
    e2e_note(t, "%s", version);
}

static void forms_and_heals(struct e2e *t)
{
    const struct release *r = t->row;
    struct witness v = { 0 };

    e2e_needs_server(t, r->server);
    witness_bring_up(t, r->yaml);
    check_version(t, r);
    witness_start(t, &v);
    ledger_start(t, "fraud");
    e2e_sleep_ms(t, 1000);
    const char *pod = redis_master_pod(t, "fraud");
    E2E_CHECK(t, pod, NULL, "no master found");
    e2e_delete(t, e2e_fmt(t, "pods/%s", pod));
    witness_recovery(t, &v, READY_S);
    witness_check_ledger(t, 0, 0);
}

#define ON(name, i) { { name, forms_and_heals, NEEDS_SIM_NODES | NEEDS_REDIS_CLI }, &releases[i] }

static const struct e2e_row tests[] = {
    ON("Redis 7.0 forms and heals", 0),
    ON("Redis 8.0 forms and heals", 1),
    ON("Redis 8.6 forms and heals", 2),
    ON("Valkey 8.1 forms and heals", 3),
    ON("Valkey 9.1 forms and heals", 4),
};

int main(void)
{
    return e2e_main_rows("redis-versions", tests, COUNT(tests));
}
