#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "kube/reflect.h"

static const struct row {
    const char *name;
    enum refl_state from;
    enum refl_event ev;
    enum refl_state want; /* R_NONE: refused */
    enum refl_act act;
} rows[] = {
    { "it begins with the streaming list",                   R_IDLE,      EV_START,       R_STREAMING, ACT_STREAM },
    { "a second start is refused",                           R_WATCHING,  EV_START,       R_NONE,      ACT_NONE },
    { "after the bookmark the same stream is the watch",     R_STREAMING, EV_SYNCED,      R_WATCHING,  ACT_SYNC },
    { "a server without streaming lists is asked for pages", R_STREAMING, EV_UNSUPPORTED, R_LISTING,   ACT_LIST },
    { "so is one whose bookmark never comes",                R_STREAMING, EV_LATE,        R_LISTING,   ACT_LIST },
    { "a streaming list cut short begins anew, later",       R_STREAMING, EV_CLOSED,      R_BACKOFF,   ACT_WAIT },
    { "no connection for the streaming list: later",         R_STREAMING, EV_BUSY,        R_BACKOFF,   ACT_WAIT },
    { "410 during the streaming list: later",                R_STREAMING, EV_GONE,        R_BACKOFF,   ACT_WAIT },
    { "nonsense during the streaming list: later",           R_STREAMING, EV_FAILED,      R_BACKOFF,   ACT_WAIT },
    { "a stream has no pages",                               R_STREAMING, EV_PAGE,        R_NONE,      ACT_NONE },
    { "a page is followed by the next",                      R_LISTING,   EV_PAGE,        R_LISTING,   ACT_NEXT_PAGE },
    { "the last page is followed by a watch",                R_LISTING,   EV_LISTED,      R_WATCHING,  ACT_WATCH },
    { "410 on continue starts over",                         R_LISTING,   EV_GONE,        R_BACKOFF,   ACT_WAIT },
    { "a page that fails starts over",                       R_LISTING,   EV_FAILED,      R_BACKOFF,   ACT_WAIT },
    { "429 to a page starts over",                           R_LISTING,   EV_BUSY,        R_BACKOFF,   ACT_WAIT },
    { "pages have no bookmark",                              R_LISTING,   EV_SYNCED,      R_NONE,      ACT_NONE },
    { "a stream that ends in order is opened again at once", R_WATCHING,  EV_CLOSED,      R_WATCHING,  ACT_WATCH },
    { "a refused connection keeps the place",                R_WATCHING,  EV_BUSY,        R_PAUSED,    ACT_WAIT },
    { "410 Gone forces a fresh list",                        R_WATCHING,  EV_GONE,        R_BACKOFF,   ACT_WAIT },
    { "nonsense in a watch forces a fresh list",             R_WATCHING,  EV_FAILED,      R_BACKOFF,   ACT_WAIT },
    { "a watch cannot finish a list",                        R_WATCHING,  EV_LISTED,      R_NONE,      ACT_NONE },
    { "a watch does not synchronise twice",                  R_WATCHING,  EV_SYNCED,      R_NONE,      ACT_NONE },
    { "a watch is never late",                               R_WATCHING,  EV_LATE,        R_NONE,      ACT_NONE },
    { "after a pause the watch goes on from its place",      R_PAUSED,    EV_TIMER,       R_WATCHING,  ACT_WATCH },
    { "also where lists come in pages",                      R_PAUSED,    EV_TIMER_PAGED, R_WATCHING,  ACT_WATCH },
    { "nothing arrives during a pause",                      R_PAUSED,    EV_CLOSED,      R_NONE,      ACT_NONE },
    { "after a backoff the list streams",                    R_BACKOFF,   EV_TIMER,       R_STREAMING, ACT_STREAM },
    { "or comes in pages where it must",                     R_BACKOFF,   EV_TIMER_PAGED, R_LISTING,   ACT_LIST },
    { "nothing arrives during a backoff",                    R_BACKOFF,   EV_SYNCED,      R_NONE,      ACT_NONE },
};

static void check(void **state)
{
    const struct row *r = *state;
    enum refl_state s = r->from;
    enum refl_act act = ACT_NONE;

    assert_int_equal(refl_step(&s, r->ev, &act), r->want != R_NONE);
    assert_int_equal(s, r->want ? r->want : r->from);
    assert_int_equal(act, r->act);
}

static void waits_double_up_to_half_a_minute(void **state)
{
    static const struct {
        unsigned failures;
        int64_t longest_ms;
    } waits[] = { { 0, 800 }, { 1, 1600 }, { 5, 25600 }, { 6, 30000 }, { 7, 30000 }, { 4000000000u, 30000 } };

    (void)state;
    for (size_t i = 0; i < COUNT(waits); i++) {
        assert_int_equal(refl_wait_ms(waits[i].failures, UINT32_MAX), waits[i].longest_ms);
        assert_int_equal(refl_wait_ms(waits[i].failures, 0), 0);
    }
}

static void a_short_stream_without_events_is_a_failure(void **state)
{
    (void)state;
    assert_int_equal(refl_closed(999, false), EV_FAILED);
    assert_int_equal(refl_closed(999, true), EV_BUSY);
    assert_int_equal(refl_closed(1000, false), EV_CLOSED);
    assert_int_equal(refl_closed(300000, true), EV_CLOSED);
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows) + 2] = {
        [COUNT(rows)] = cmocka_unit_test(waits_double_up_to_half_a_minute),
        [COUNT(rows) + 1] = cmocka_unit_test(a_short_stream_without_events_is_a_failure),
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){ rows[i].name, check, NULL, NULL, (void *)&rows[i] };
    return cmocka_run_group_tests_name("reflector", tests, NULL, NULL);
}
