/* The picture of the slots, and the report, as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "paper.h"
#include "slots/report_map.h"
#include "slots/report.h"
#include "json/json.h"

static struct paper p;
static struct node_view *views;
static struct verdict v;
static struct buf out;

static int setup(void **state)
{
    (void)state;
    paper_init(&p, 4, 1);
    buf_init(&out, 1 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    views_free(views, (size_t)p.n);
    views = NULL;
    buf_done(&out);
    return 0;
}

static void draw(int width, bool colours)
{
    struct report_owners owners;
    struct merged m;

    merged_init(&m, &p.x, views, p.x.n_members);
    report_owners_init(&owners, &m);
    buf_clear(&out);
    report_map(&m, &owners, width, colours, &out);
    report_owners_done(&owners);
    merged_done(&m);
}

static void report(int width, bool colours)
{
    verdict_judge(&p.x, views, (size_t)p.n, &v);
    buf_clear(&out);
    report_table(&(struct report_look){ &p.x, views, &v, true, width, colours }, &out);
}

static void expect(const char *words)
{
    if (!strstr(buf_text(&out), words))
        fail_msg("no '%s' in:\n%s", words, buf_text(&out));
}

static size_t widest_line(void)
{
    size_t most = 0;

    for (const char *t = buf_text(&out); *t; t += strcspn(t, "\n") + 1)
        most = strcspn(t, "\n") > most ? strcspn(t, "\n") : most;
    return most;
}

static void letters_follow_the_slots(void **state)
{
    (void)state;
    views = paper_look(&p);
    draw(30, false);
    assert_string_equal(buf_text(&out), "      0  AAAAAAAAAAAAAAAA\n"
                                        "   2048  AAAAAAAAAAAAAAAA\n"
                                        "   4096  BBBBBBBBBBBBBBBB\n"
                                        "   6144  BBBBBBBBBBBBBBBB\n"
                                        "   8192  CCCCCCCCCCCCCCCC\n"
                                        "  10240  CCCCCCCCCCCCCCCC\n"
                                        "  12288  DDDDDDDDDDDDDDDD\n"
                                        "  14336  DDDDDDDDDDDDDDDD\n"
                                        "         each character: 128 slots\n");
}

static void what_is_wrong_is_never_averaged_away(void **state)
{
    struct open_slot open = { .slot = 4096, .importing = false };
    (void)state;

    views = paper_look(&p);
    views[1].open = xcalloc(1, sizeof(open));
    views[1].open[0] = open;
    views[1].n_open = 1;
    views[2].state_ok = false;
    views[0].ranges[views[0].rows[0].first_range].last = 4095 + 1; /* claims one that B owns, too */
    draw(30, false);
    expect("   4096  !BBB");
    expect("   8192  ----------------\n  10240  ----------------\n");
    views[0].ranges[views[0].rows[0].first_range].last = 4095;
    draw(30, false);
    expect("   4096  ~BBB");
}

static void it_fits_the_terminal(void **state)
{
    static const int widths[] = { 20, 40, 80, 100, 137, 200 };
    (void)state;

    views = paper_look(&p);
    for (size_t i = 1; i < COUNT(widths); i++) {
        report(widths[i], false);
        assert_in_range(widest_line(), 1, (size_t)widths[i]);
    }
}

static void nothing_is_cut_off(void **state)
{
    (void)state;
    p.behind[5] = true;
    views = paper_look(&p);
    report(40, false);
    expect("Degraded");
    expect("down\n"); /* the evidence's last word */
    report(0, false);
    expect("redis-1 has 0 of 1 replicas in sync: redis-5: link to its master is down");
}

static void colours_only_when_asked(void **state)
{
    (void)state;
    views = paper_look(&p);
    report(80, false);
    assert_null(strchr(buf_text(&out), '\033'));
    report(80, true);
    expect("\033[1;32mHealthy: 16384 of 16384");
    expect("A\033[0m\n"); /* ended at each line's end */
}

static void a_fact_for_all_that_holds(void **state)
{
    (void)state;
    views = paper_look(&p);
    report(0, false);
    expect("P1   reach      yes  8 of 8 answer\n");
    expect("P4   ownership  yes  16384 slots, each claimed once, by 4 masters\n");
    expect("P6   epochs     yes  4 different ones, 1 to 4\n");
    expect("P11  spread     yes  0 hosts, at most 0 of 4 masters on one; zones were not told (--zones)\n");
    expect("P14  settled    NO   not seen for long enough\n");
}

static void json_names_slots_and_what_is_not_served(void **state)
{
    AUTO_JSON cJSON *root = NULL;
    struct err e;
    (void)state;

    views = paper_look(&p);
    views[2].state_ok = false;
    verdict_judge(&p.x, views, (size_t)p.n, &v);
    report_json(&(struct report_look){ &p.x, views, &v, false, 0, false }, false, &out);
    assert_int_equal(json_parse(buf_text(&out), out.len, &root, &e), 0);
    assert_int_equal(json_count(json_at(root, "slots")), 4);
    assert_int_equal(json_get_int(root, "slots.1.first", -1), 4096);
    assert_int_equal(json_get_int(root, "slotsNotServed.0.first", -1), 8192);
    assert_int_equal(json_get_int(root, "slotsNotServed.0.last", -1), 12287);
    assert_string_equal(json_get_str(root, "nodes.7.role"), "replica");
    assert_int_equal(json_count(json_at(root, "predicates")), N_PREDICATES - 1);
    assert_ptr_equal(strchr(buf_text(&out), '\n'), buf_text(&out) + out.len - 1); /* one line */
}

int main(void)
{
#define ROW(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        ROW(letters_follow_the_slots), ROW(what_is_wrong_is_never_averaged_away), ROW(it_fits_the_terminal),
        ROW(nothing_is_cut_off),       ROW(colours_only_when_asked),              ROW(a_fact_for_all_that_holds),
        ROW(json_names_slots_and_what_is_not_served),
    };

    return cmocka_run_group_tests_name("check, as it looks", tests, NULL, NULL);
}
