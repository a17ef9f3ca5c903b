/*
 * One cluster on each release of Redis and Valkey that tests/tools/servers could get, under the ledger: it
 * forms, heals, grows and shrinks, and rolls. Each release moves slots by the best engine that it has.
 * A release that is missing is skipped by name. Needs simulated nodes.
 */
#include <stdio.h>
#include <string.h>

#include "e2e/operation.h"
#include "e2e/witness.h"

static const struct release {
    const char *server; /* in build/servers */
    const char *image;
} releases[] = {
    { "redis-7.0", "redis:7.0" },
    { "redis-8.0", "redis:8.0" },
    { "redis-8.6", "redis:8.6" },
    { "valkey-8.1", "valkey/valkey:8.1" },
    { "valkey-9.1", "valkey/valkey:9.1" },
};

/* What the pods run is what was asked for: a stand-in would make the row worthless. */
static void check_version(struct e2e *t, const struct release *r)
{
    const char *want = strchr(r->server, '-') + 1, *version = redis_version(t, "fraud");

    E2E_CHECK(t, version && !strncmp(version, want, strlen(want)), NULL, "the pods run %s", version ? version : "nothing");
    e2e_note(t, "%s", version);
}

static void bring_up(struct e2e *t, const struct release *r)
{
    struct ledger_opts o = { .fill = true, .mixed = true };

    e2e_needs_server(t, r->server);
    witness_bring_up(t, operation_service_of(t, r->image));
    check_version(t, r);
    ledger_start_with(t, "fraud", &o);
    e2e_sleep_ms(t, 500);
}

static void forms_and_heals(struct e2e *t)
{
    struct witness v = { 0 };

    bring_up(t, t->row);
    witness_start(t, &v);
    const char *pod = redis_master_pod(t, "fraud");
    E2E_CHECK(t, pod, NULL, "no master found");
    e2e_patch(t, e2e_fmt(t, "pods/%s", pod), "{metadata: {annotations: {sim.everserve.dev/fault: kill}}}");
    int64_t at_ms = loop_now_ms();
    witness_recovery(t, &v, READY_S);
    witness_check_ledger(t, at_ms - 3000, at_ms + 3000);
}

static void one_operation(struct e2e *t, const struct operation *o, int turn, bool is_quiet)
{
    const char *name = e2e_fmt(t, "%s %d", o->name, turn);
    struct redis_pods then;
    int64_t from_ms = loop_now_ms();

    ledger_phase(t, name);
    redis_pods_get(t, "fraud", &then);
    o->begin(t, turn);
    operation_wait_over(t, o, turn, &then, "on this release");
    e2e_note(t, "%s: %.1f s", name, (double)(loop_now_ms() - from_ms) / 1000);
    struct ledger_phase p = ledger_phase_get(t, name);
    E2E_CHECK(t, !is_quiet || p.errors == 0, NULL, "%s: clients saw %s", name, p.error_text);
    e2e_wait_condition(t, "inferenceservices/fraud", "Ready", "True", NULL, READY_S);
}

static void lives(struct e2e *t)
{
    bring_up(t, t->row);
    one_operation(t, &operation_shards, 0, true);
    one_operation(t, &operation_shards, 1, true);
    one_operation(t, &operation_replicas, 0, true);
    one_operation(t, &operation_replicas, 1, true);
    one_operation(t, &operation_roll, 0, false);
    one_operation(t, &operation_heal, 0, false);
    witness_check_ledger(t, 0, 0);
}

#define NEEDS (NEEDS_SIM_NODES | NEEDS_REDIS_CLI)
#define FORMS(name, i) { { name " forms and heals", forms_and_heals, NEEDS }, &releases[i] }
#define LIVES(name, i) { { name " grows, shrinks, rolls and heals", lives, NEEDS | NEEDS_TIME }, &releases[i] }

static const struct e2e_row tests[] = {
    FORMS("Redis 7.0", 0), FORMS("Redis 8.0", 1), FORMS("Redis 8.6", 2), FORMS("Valkey 8.1", 3), FORMS("Valkey 9.1", 4),
    LIVES("Redis 7.0", 0), LIVES("Redis 8.0", 1), LIVES("Redis 8.6", 2), LIVES("Valkey 8.1", 3), LIVES("Valkey 9.1", 4),
};

int main(void)
{
    return e2e_main_rows("redis-versions", tests, COUNT(tests));
}
