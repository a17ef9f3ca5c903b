/*
 * e2e/harness.h - a scenario's hold on a live cluster: its own namespace,
 * objects by short names, bounded waits, a log of what went wrong.
 *
 * Not pure. Every call blocks, but the loop turns meanwhile: watches that a
 * scenario opened go on. A failure prints the last object seen and the tail of
 * each operator's log. What the harness hands out is lent, and freed with the
 * test; a failed assertion jumps out, so nothing here expects to be released.
 *
 * A resource is named by `what`: "deployments/fraud" lies in the test's
 * namespace, "nodes/n1" or "namespaces/x" in none, "/apis/..." is a whole path;
 * a subresource or a query may follow ("pods?labelSelector=a%3Db").
 *
 * Environment: KUBECONFIG (required), E2E_BINARY (build/everserve), E2E_LONG=1
 * for the slow scenarios, E2E_SLOW=n multiplies every bound, E2E_ONLY=glob of names,
 * E2E_LIST=1 prints the number of each instead, E2E_ROW=n runs that one,
 * E2E_LOGS=folder for the operators' logs.
 */
#ifndef E2E_HARNESS_H
#define E2E_HARNESS_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdbool.h>

#include "base/str.h"
#include "json/json.h"
#include "kube/client.h"
#include "kube/watch.h"
#include "loop/loop.h"

enum { E2E_MAX_OPERATORS = 4, E2E_MAX_WIRES = 4, E2E_MAX_WATCHES = 4 };

struct operator;
struct wire;
struct relay;

struct e2e {
    const char *test;
    const void *row;              /* of struct e2e_row */
    char ns[64];
    struct loop *loop;
    struct kube *kube;
    bool failed;                  /* until the scenario has returned */
    bool has_sim;                 /* the API server is ours: counts and faults work */
    bool has_sim_nodes;           /* ours, from tests/sim/node */
    bool has_nodes;               /* some node is Ready: pods run */
    cJSON *kept;                  /* array of everything lent out */
    struct operator *operators[E2E_MAX_OPERATORS];
    struct wire *wires[E2E_MAX_WIRES];
    struct relay *relay;
    struct kube_watch *watches[E2E_MAX_WATCHES];
    struct budget *budget;        /* e2e/budget.h; watches every test, ended with it */
    void *ledger;                 /* e2e/ledger.h; ended with the test */
    const char *redis_image;      /* of what e2e/operation.h forms; NULL: the usual one */
    const char *redis_ca;         /* Redis is spoken to over TLS, with this authority's file; NULL: without (e2e/secure.h) */
};

/* What a scenario cannot do without; missing: skipped, by name and reason. */
enum e2e_needs {
    NEEDS_SIM = 1,     /* counts and faults of the simulated API server */
    NEEDS_NODES = 2,   /* pods that run, at addresses that we reach */
    NEEDS_KUBECTL = 4,
    NEEDS_TIME = 8,    /* minutes: only with E2E_LONG=1 */
    NEEDS_REDIS_CLI = 16,
    NEEDS_SIM_NODES = 32, /* nodes and pods that break when their annotation says so */
};

struct e2e_test {
    const char *name;
    void (*run)(struct e2e *t);
    unsigned needs;
};

/* Runs the tests as a cmocka group; the program's exit code. */
int e2e_main(const char *group, const struct e2e_test *tests, size_t n);

/* The same for one function over a table: each row is a test, and finds itself as t->row. */
struct e2e_row {
    struct e2e_test test;
    const void *row;
};
int e2e_main_rows(const char *group, const struct e2e_row *rows, size_t n);

/* Skips the test when this machine lacks that release of Redis or Valkey ("valkey-9.1", tests/servers.h). */
void e2e_needs_server(struct e2e *t, const char *release);

/* For the benchmark, which is no test: connect and make a namespace; NULL and a message otherwise. */
struct e2e *e2e_open(const char *name);
void e2e_close(struct e2e *t);

/* Ends the test with a message, the object (NULL is fine) and the operators' logs. */
void e2e_fail(struct e2e *t, const cJSON *last, const char *fmt, ...)
    __attribute__((format(printf, 3, 4), noreturn));
#define E2E_CHECK(t, cond, obj, ...) ((cond) ? (void)0 : e2e_fail((t), (obj), __VA_ARGS__))

/* A watch that ends with the scenario, also a failed one: nothing writes to its variables afterwards. */
struct kube_watch *e2e_watch(struct e2e *t, const struct kube_watch_opts *o, const struct kube_watch_handler *h, void *arg);
void e2e_unwatch(struct e2e *t, struct kube_watch *w);

/* printf whose result lives as long as the test. */
const char *e2e_fmt(struct e2e *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* One request, any outcome: the HTTP status, 0 when no answer came. body and out may be NULL;
 * out is lent. content_type NULL: application/json. */
int e2e_send(struct e2e *t, const char *method, const char *what, const char *content_type, const cJSON *body,
             const cJSON **out);

const cJSON *e2e_get(struct e2e *t, const char *what); /* NULL: absent. Any other trouble ends the test. */
void e2e_forget(struct e2e *t, const cJSON *obj); /* frees what was lent before the test's end; NULL is fine */
const cJSON *e2e_list(struct e2e *t, const char *what); /* the array of items */

/* One or more YAML documents, applied as manager "e2e" with force; the namespace is filled in.
 * e2e_try_apply: the HTTP status of the first that is refused, 200 when none is. */
void e2e_apply(struct e2e *t, const char *yaml_fmt, ...) __attribute__((format(printf, 2, 3)));
int e2e_try_apply(struct e2e *t, const cJSON **out, const char *yaml_fmt, ...) __attribute__((format(printf, 3, 4)));
void e2e_patch(struct e2e *t, const char *what, const char *merge_patch_yaml); /* merge patch, must succeed */
void e2e_delete(struct e2e *t, const char *what); /* absent is fine */

/* Waiting. Bounds are for slow machines, never a measurement. */
int64_t e2e_deadline_ms(int bound_s); /* loop_now_ms then, with E2E_SLOW */
void e2e_sleep_ms(struct e2e *t, int64_t ms); /* the loop turns */
const cJSON *e2e_wait(struct e2e *t, const char *what, bool (*is_so)(const cJSON *obj, const void *arg),
                      const void *arg, int bound_s, const char *message);
/* Until the value at the dotted path prints as this JSON: "3", "\"Healthy\"", "null" for absent. */
const cJSON *e2e_wait_value(struct e2e *t, const char *what, const char *path, const char *json, int bound_s);
const cJSON *e2e_wait_present(struct e2e *t, const char *what, int bound_s);
void e2e_wait_absent(struct e2e *t, const char *what, int bound_s);
/* Until status.conditions holds this type and status (and reason, unless NULL), for the current generation. */
const cJSON *e2e_wait_condition(struct e2e *t, const char *what, const char *type, const char *status,
                                const char *reason, int bound_s);

const cJSON *e2e_condition(const cJSON *obj, const char *type); /* NULL: none */

/* A fact worth keeping, printed with the test: never asserted. */
void e2e_note(struct e2e *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "/apis/apps/v1/namespaces/x/deployments/fraud" of "deployments/fraud"; lent. */
const char *e2e_path(struct e2e *t, const char *what);

/* A program's whole output (at most 1 MiB) and exit code; argv ends with NULL; input may be NULL. */
int e2e_run(struct e2e *t, const char *const argv[], const char *input, const char **output);

/* The usual resource: no Redis, or 3 x 2; 2 replicas. */
extern const char e2e_plain_service[];
extern const char e2e_redis_service[];

#endif
