/*
 * T12: a slot left half moved, in each of the ways that a move can be cut short, while no operator runs.
 * The next operator closes it, with every key where clients find it; keys that differ are never
 * overwritten. Under the ledger. Needs simulated nodes.
 */
#include <stdio.h>
#include <string.h>

#include "e2e/ledger.h"
#include "e2e/witness.h"

enum { CLOSED_S = 90, STANDS_MS = 8000 };

/* One slot, its owner and another master. */
struct scene {
    const char *key;
    int slot;
    const char *owner_ip, *other_ip, *owner_id, *other_id;
};

static const struct leftover {
    const char *at_owner, *at_other; /* commands; %k key, %s slot, %o id of the owner, %x of the other */
    const char *value;               /* that clients find in the end; NULL: stays open, a person is asked for */
} leftovers[] = {
    { "SET %k one;CLUSTER SETSLOT %s MIGRATING %x", "CLUSTER SETSLOT %s IMPORTING %o", "one" },
    { "CLUSTER SETSLOT %s MIGRATING %x",
      "CLUSTER SETSLOT %s IMPORTING %o;ASKING;SET %k one", "one" },
    { "SET %k one;CLUSTER SETSLOT %s MIGRATING %x", "", "one" },
    { "SET %k one", "CLUSTER SETSLOT %s IMPORTING %o", "one" },
    { "", "CLUSTER SETSLOT %s IMPORTING %o;ASKING;SET %k one", "one" },
    { "SET %k one", "CLUSTER SETSLOT %s IMPORTING %o;ASKING;SET %k one", "one" },
    { "SET %k one;CLUSTER SETSLOT %s MIGRATING %x",
      "CLUSTER SETSLOT %s IMPORTING %o;ASKING;SET %k one", "one" },
    { "SET %k one", "CLUSTER SETSLOT %s IMPORTING %o;ASKING;SET %k two", NULL },
};

static const char *spelled(struct e2e *t, const char *commands, const struct scene *s)
{
    const char *text = "";

    for (; *commands; commands++) {
        if (*commands != '%') {
            text = e2e_fmt(t, "%s%c", text, *commands);
            continue;
        }
        commands++;
        text = *commands == 's' ? e2e_fmt(t, "%s%d", text, s->slot)
                                : e2e_fmt(t, "%s%s", text, *commands == 'k' ? s->key : *commands == 'o' ? s->owner_id : s->other_id);
    }
    return text;
}

static const char *ip_of(struct e2e *t, const char *pod)
{
    return e2e_fmt(t, "%s", json_get_str(e2e_get(t, e2e_fmt(t, "pods/%s", pod)), "status.podIP"));
}

static struct scene scene_set(struct e2e *t, int i)
{
    struct scene s = { .key = e2e_fmt(t, "leftover-%d", i) };
    struct redis_nodes n;

    redis_nodes_get(t, "fraud", &n);
    for (int k = 0; k < n.n_masters; k++) {
        const char *ip = ip_of(t, n.masters[k]), *said = redis_ask(t, "fraud", ip, e2e_fmt(t, "EXISTS %s", s.key));
        bool owns = said && said[0] != '(';
        if (owns)
            s.owner_ip = ip;
        else
            s.other_ip = ip;
    }
    E2E_CHECK(t, s.owner_ip && s.other_ip, NULL, "nobody owns the slot of %s", s.key);
    s.slot = atoi(redis_ask(t, "fraud", s.owner_ip, e2e_fmt(t, "CLUSTER KEYSLOT %s", s.key)));
    s.owner_id = redis_ask(t, "fraud", s.owner_ip, "CLUSTER MYID");
    s.other_id = redis_ask(t, "fraud", s.other_ip, "CLUSTER MYID");
    return s;
}

static void leave(struct e2e *t, const char *ip, const char *commands)
{
    const char *said = *commands ? redis_ask(t, "fraud", ip, commands) : "OK";

    E2E_CHECK(t, str_eq(said, "OK"), NULL, "%s: %s", commands, said ? said : "no answer");
}

/* From whoever serves it. */
static const char *value_of(struct e2e *t, const struct scene *s)
{
    const char *command = e2e_fmt(t, "GET %s", s->key), *said = redis_ask(t, "fraud", s->owner_ip, command);

    return said && !str_has_prefix(said, "(error) MOVED") ? said : redis_ask(t, "fraud", s->other_ip, command);
}

static void stays_open(struct e2e *t, const struct scene *s)
{
    int64_t end_ms = e2e_deadline_ms(CLOSED_S);
    const char *why = "";

    for (; !strstr(why, "slot"); e2e_sleep_ms(t, 300)) {
        const cJSON *isvc = e2e_get(t, "inferenceservices/fraud");
        const cJSON *stalled = e2e_condition(isvc, "Stalled");
        why = str_eq(json_get_str(stalled, "status"), "True") ? e2e_fmt(t, "%s", json_get_str(stalled, "message")) : "";
        E2E_CHECK(t, loop_now_ms() < end_ms, isvc, "no condition speaks of the slot");
    }
    e2e_note(t, "%s", why);
    e2e_sleep_ms(t, STANDS_MS);
    const char *here = redis_ask(t, "fraud", s->owner_ip, e2e_fmt(t, "GET %s", s->key));
    const char *there = redis_ask(t, "fraud", s->other_ip, e2e_fmt(t, "ASKING;GET %s", s->key));
    E2E_CHECK(t, str_eq(here, "one") && str_eq(there, "two"), NULL, "of \"one\" and \"two\" there are left %s and %s", here, there);
    redis_ask(t, "fraud", s->other_ip, e2e_fmt(t, "ASKING;DEL %s", s->key)); /* what a person decides */
}

static void left_half_moved(struct e2e *t)
{
    const struct leftover *l = t->row;
    struct operator *op = witness_bring_up(t, e2e_redis_service);

    ledger_start(t, "fraud");
    operator_kill(op);
    struct scene s = scene_set(t, (int)(l - leftovers));
    leave(t, s.other_ip, spelled(t, l->at_other, &s));
    leave(t, s.owner_ip, spelled(t, l->at_owner, &s));
    operator_ready(t, operator_start(t, NULL));
    if (!l->value)
        stays_open(t, &s);
    const char *why = own_check(t, "fraud", 3, 1, CLOSED_S);
    E2E_CHECK(t, !why, e2e_get(t, "inferenceservices/fraud"), "%s", why);
    E2E_CHECK(t, str_eq(value_of(t, &s), "one"), NULL, "%s holds %s", s.key, value_of(t, &s));
    e2e_wait_condition(t, "inferenceservices/fraud", "RedisReady", "True", "Healthy", READY_S);
    witness_check_ledger(t, 0, 0);
}

#define LEFT(name, i) { { "T12: " name, left_half_moved, NEEDS_SIM_NODES | NEEDS_REDIS_CLI }, &leftovers[i] }
#define LEFT_LONG(name, i) { { "T12: " name, left_half_moved, NEEDS_SIM_NODES | NEEDS_REDIS_CLI | NEEDS_TIME }, &leftovers[i] }

static const struct e2e_row tests[] = {
    LEFT_LONG("both ends marked", 0),
    LEFT("both ends marked, the key already there", 1),
    LEFT_LONG("only the owner marked", 2),
    LEFT_LONG("only the other marked", 3),
    LEFT("only the other marked, and the key is there", 4),
    LEFT_LONG("only the other marked, the same key on both", 5),
    LEFT_LONG("both ends marked, the same key on both", 6),
    LEFT("only the other marked, another value on both", 7),
};

int main(void)
{
    return e2e_main_rows("redis-open-slots", tests, COUNT(tests));
}
