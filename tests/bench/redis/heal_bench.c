/*
 * How long failures last, beside the node timeout: 3 masters with a replica each, real servers, healed as the
 * operator does it.
 *
 *   BENCH_RUNS=3
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/redis/lab.h"

static struct lab lab;

static void must(bool good, const char *what)
{
    if (good)
        return;
    printf("failed: %s: %s\n", what, lab.error);
    lab_stop(&lab);
    exit(1);
}

static void start(void)
{
    struct err e = { 0 };

    lab_open(&lab);
    lab_start(&lab, 3, 1, "");
    must(lab_all_up(&lab) && form_plan_make(&lab.x, lab.views, &lab.plan, &e) == 0 && lab_form(&lab, false) == FORM_DONE,
         "forming");
}

static size_t a_master(void)
{
    for (size_t i = 0; i < lab.n; i++)
        if (view_owns_slots(&lab.views[i]))
            return i;
    return 0;
}

static int64_t until(bool (*good)(void))
{
    int64_t begun = loop_now_ms();

    for (int i = 0; i < 3000; i++) {
        lab_look(&lab);
        if (good())
            return loop_now_ms() - begun;
        usleep(10000);
    }
    return -1;
}

static bool is_served(void)
{
    return lab.v.slots_ok == SLOT_COUNT && lab.v.state != REDIS_DOWN && lab.v.state != REDIS_UNKNOWN &&
           lab.v.state != REDIS_PARTIAL;
}

static void fail_over(int run)
{
    size_t victim = a_master();
    int64_t served, begun;
    bool healed;

    lab_kill(&lab, victim);
    served = until(is_served);
    lab_launch(&lab, victim, lab.members[victim].port);
    begun = loop_now_ms();
    healed = lab_heal(&lab, 60, false);
    printf("| a master is killed (%d) | %d ms | %lld ms | %lld ms after its return |\n", run, LAB_NODE_TIMEOUT_MS, (long long)served,
           healed ? (long long)(loop_now_ms() - begun) : -1);
}

static void new_addresses(int run)
{
    int64_t begun;
    bool healed;

    for (size_t i = 0; i < lab.n; i++)
        lab_kill(&lab, i);
    begun = loop_now_ms();
    for (size_t i = 0; i < lab.n; i++)
        lab_launch(&lab, i, port_take());
    healed = lab_heal(&lab, 60, false);
    printf("| all addresses change at once (%d) | %d ms | | %lld ms after the servers' start |\n", run, LAB_NODE_TIMEOUT_MS,
           healed ? (long long)(loop_now_ms() - begun) : -1);
}

int main(void)
{
    const char *text = getenv("BENCH_RUNS");
    int runs = text ? (int)strtol(text, NULL, 10) : 3;

    start();
    printf("\n| 3 x 2 | node timeout | every slot served again | Healthy |\n|---|---|---|---|\n");
    for (int i = 1; i <= runs; i++)
        fail_over(i);
    for (int i = 1; i <= runs; i++)
        new_addresses(i);
    lab_stop(&lab);
    return 0;
}
