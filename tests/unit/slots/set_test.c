#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "slots/set.h"

static const struct row {
    const char *name;
    const char *text;
    int count; /* -1: refused */
    const char *back; /* NULL: as text */
} rows[] = {
    { "nothing is the empty set", "", 0, "none" },
    { "one slot", "7", 1, NULL },
    { "both ends belong to a range", "0-5460", 5461, NULL },
    { "all slots", "0-16383", 16384, NULL },
    { "ranges that touch become one", "0-9 10-19", 20, "0-19" },
    { "order does not matter", "9 3-4", 3, "3-4 9" },
    { "the first slot beyond the last is refused", "16384", -1, NULL },
    { "a range that runs backwards is refused", "9-8", -1, NULL },
    { "a slot named twice is refused", "5-9 7", -1, NULL },
    { "a sign is refused", "-5", -1, NULL },
    { "a range without an end is refused", "5-", -1, NULL },
    { "words are refused", "all", -1, NULL },
    { "more digits than any number has are refused", "00000000000000000000000000000000001", -1, NULL },
};

static void check(void **state)
{
    const struct row *r = *state;
    struct slot_set s, again;
    struct err e;
    char text[64];

    assert_int_equal(slot_set_parse(r->text, &s, &e), r->count < 0 ? -ERR_INVALID : 0);
    if (r->count < 0)
        return;
    assert_int_equal(slot_set_count(&s), r->count);
    assert_string_equal(slot_set_render(&s, text, sizeof(text)), r->back ? r->back : r->text);
    if (r->count == 0)
        return;
    assert_int_equal(slot_set_parse(text, &again, &e), 0);
    assert_true(slot_set_equal(&s, &again));
}

static void shares_cover_everything_once(void **state)
{
    (void)state;

    for (int n = 1; n <= 200; n++) {
        struct slot_set all = { { 0 } };
        int total = 0, least = SLOT_COUNT, most = 0;

        for (int i = 0; i < n; i++) {
            struct slot_range r = slot_share(i, n);
            int size = r.last - r.first + 1;

            slot_set_add(&all, r);
            total += size;
            least = size < least ? size : least;
            most = size > most ? size : most;
        }
        assert_int_equal(slot_set_count(&all), SLOT_COUNT);
        assert_int_equal(total, SLOT_COUNT);
        assert_true(most - least <= 1);
    }
}

static void a_long_set_is_cut_to_fit(void **state)
{
    struct slot_set s = { { 0 } };
    char text[16];
    (void)state;

    for (uint16_t i = 0; i < 100; i += 2)
        slot_set_add(&s, (struct slot_range){ i, i });
    assert_string_equal(slot_set_render(&s, text, sizeof(text)), "0 2 4 6 8 10...");
}

static void sets_add_and_subtract(void **state)
{
    struct slot_set a = { { 0 } }, b = { { 0 } };
    struct slot_range r = { 0, 0 };
    (void)state;

    slot_set_add(&a, (struct slot_range){ 60, 70 });
    slot_set_add(&b, (struct slot_range){ 64, 80 });
    slot_set_union(&a, &b);
    assert_int_equal(slot_set_count(&a), 21);
    slot_set_del(&b, (struct slot_range){ 64, 65 });
    slot_set_minus(&a, &b);
    assert_true(slot_set_next(&a, 0, &r));
    assert_int_equal(r.first, 60);
    assert_int_equal(r.last, 65);
    assert_false(slot_set_next(&a, 66, &r));
    assert_false(slot_set_has(&a, SLOT_COUNT));
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows) + 3] = {
        cmocka_unit_test(shares_cover_everything_once),
        cmocka_unit_test(a_long_set_is_cut_to_fit),
        cmocka_unit_test(sets_add_and_subtract),
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i + 3] = (struct CMUnitTest){ rows[i].name, check, NULL, NULL, (void *)(uintptr_t)&rows[i] };
    return cmocka_run_group_tests_name("slot sets", tests, NULL, NULL);
}
