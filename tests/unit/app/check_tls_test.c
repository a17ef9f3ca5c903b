/*
 * everserve check over TLS, on a real cluster of 3 x 0 that speaks nothing else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "check_run.h"

static struct lab lab;
static char address[32];

static int group_setup(void **state)
{
    struct err e = { 0 };
    (void)state;

    lab_open(&lab);
    if (!lab_use_tls(&lab))
        return -1;
    lab_start(&lab, 3, 0, "secret");
    if (!lab_all_up(&lab) || form_plan_make(&lab.x, lab.views, &lab.plan, &e) < 0 || lab_form(&lab, false) != FORM_DONE)
        return -1;
    snprintf(address, sizeof(address), "127.0.0.1:%u", lab.members[0].port);
    setenv("REDISCLI_AUTH", "secret", 1);
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    lab_stop(&lab);
    return 0;
}

static const struct row {
    const char *name;
    bool tls, ca;
    const char *sni;
    int want;
    const char *words;
    bool no_pair; /* the servers ask for a certificate of the client */
} rows[] = {
    { "with its authority and its name", true, true, "lab", 0, "Healthy", false },
    { "an address is no name: the chain alone is verified", true, true, NULL, 0, "Healthy", false },
    { "another name is refused", true, true, "elsewhere", 2, "Unknown", false },
    { "an authority that is not known is refused", true, false, "lab", 2, "Unknown", false },
    { "without a certificate of its own", true, true, "lab", 2, "Unknown", true },
    { "without TLS nobody answers", false, false, NULL, 2, "Unknown", false },
};

static void ask(void **state)
{
    const struct row *r = *state;
    const char *args[16], *pair[2] = { "tls.crt", "tls.key" };
    char files[2][96];
    int n = 0;

    if (r->tls)
        args[n++] = "--tls";
    for (int i = 0; i < 2; i++) {
        snprintf(files[i], sizeof(files[i]), "%s/%s", lab.dir, pair[i]);
        if (r->tls && !r->no_pair) {
            args[n++] = i ? "--key" : "--cert";
            args[n++] = files[i];
        }
    }
    if (r->ca) {
        args[n++] = "--cacert";
        args[n++] = lab.ca;
    }
    if (r->sni) {
        args[n++] = "--sni";
        args[n++] = r->sni;
    }
    args[n++] = address;
    args[n] = NULL;
    if (check(args) != r->want)
        fail_msg("%s", said);
    if (!strstr(said, r->words))
        fail_msg("no '%s' in:\n%s", r->words, said);
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows)];

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){ rows[i].name, ask, NULL, NULL, (void *)(uintptr_t)&rows[i] };
    if (!lab_has_redis()) {
        puts("SKIP check over TLS: redis-server or redis-cli is not on PATH");
        return 0;
    }
    return cmocka_run_group_tests_name("check over TLS", tests, group_setup, group_teardown);
}
