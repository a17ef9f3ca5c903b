/*
 * Where a slot stands between two masters: each row is what both say of slot 7, and the step that is next.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "slots/handover.h"

#define S "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define T "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define O "cccccccccccccccccccccccccccccccccccccccc"

static const char *const ids[] = { S, T, O };

static const struct row {
    const char *name;
    enum handover_how how;
    const char *slots[3]; /* of source, target and another, with marks */
    unsigned epochs[3];
    enum handover_step want;
} rows[] = {
    { "nothing has been done", HAND_FORWARD, { "0-9", "10-19", "20" }, { 1, 2, 3 }, HAND_IMPORT },
    { "the target imports", HAND_FORWARD, { "0-9", "10-19 [7-<-" S "]", "20" }, { 1, 2, 3 }, HAND_IMPORT },
    { "both have their mark", HAND_FORWARD, { "0-9 [7->-" T "]", "10-19 [7-<-" S "]", "20" }, { 1, 2, 3 }, HAND_IMPORT },
    { "the target has taken it", HAND_FORWARD, { "0-9 [7->-" T "]", "7 10-19", "20" }, { 1, 4, 3 }, HAND_SOURCE },
    { "... with an epoch that does not win", HAND_FORWARD, { "0-9 [7->-" T "]", "7 10-19", "20" }, { 4, 2, 3 }, HAND_REFUSED },
    { "gossip took it from the source, its mark is left", HAND_FORWARD, { "0-6 [7->-" T "]", "7 10-19", "20" }, { 1, 4, 3 },
      HAND_SOURCE },
    { "the target owns it and still imports", HAND_FORWARD, { "0-6", "7 10-19 [7-<-" S "]", "20" }, { 1, 4, 3 }, HAND_TARGET },
    { "done but for the others", HAND_FORWARD, { "0-6", "7 10-19", "20" }, { 1, 4, 3 }, HAND_OTHERS },
    { "the source migrates it to another", HAND_FORWARD, { "0-9 [7->-" O "]", "10-19", "20" }, { 1, 2, 3 }, HAND_REFUSED },
    { "the target imports it from another", HAND_FORWARD, { "0-9", "10-19 [7-<-" O "]", "20" }, { 1, 2, 3 }, HAND_REFUSED },
    { "a third one owns it", HAND_FORWARD, { "0-6", "10-19", "7" }, { 1, 2, 3 }, HAND_REFUSED },
    { "source and another share an epoch", HAND_FORWARD, { "0-9", "10-19", "20" }, { 3, 2, 3 }, HAND_REFUSED },
    { "the target has not heard of the source's epoch", HAND_FORWARD, { "0-9", "10-19", "20" }, { 9, 2, 3 }, HAND_REFUSED },
    { "keys that nobody serves go back", HAND_BACK, { "0-6 [7-<-" T "]", "7 10-19", "20" }, { 1, 2, 3 }, HAND_IMPORT },
    { "also without a mark", HAND_BACK, { "0-6", "7 10-19", "20" }, { 1, 2, 3 }, HAND_IMPORT },
    { "not while its owner migrates it", HAND_BACK, { "0-6 [7-<-" T "]", "7 10-19 [7->-" S "]", "20" }, { 1, 2, 3 }, HAND_REFUSED },
    { "not from its owner", HAND_BACK, { "0-9", "10-19", "20" }, { 1, 2, 3 }, HAND_REFUSED },
    { "an owner's mark that nobody imports", HAND_UNMARK, { "0-9 [7->-" T "]", "10-19", "20" }, { 1, 2, 3 }, HAND_STABLE },
    { "not while somebody imports it", HAND_UNMARK, { "0-9 [7->-" T "]", "10-19 [7-<-" S "]", "20" }, { 1, 2, 3 }, HAND_REFUSED },
    { "an importer counts first", HAND_UNMARK, { "0-6 [7-<-" T "]", "7 10-19", "20" }, { 1, 2, 3 }, HAND_COUNT },
};

static void describe(struct node_view *v, const struct row *r, int self)
{
    struct err e = { 0 };
    char text[1200] = "";

    view_init(v);
    for (int i = 0; i < 3; i++) {
        char line[400];

        snprintf(line, sizeof(line), "%s 10.0.0.%d:6379@16379 %smaster - 0 0 %u connected%s%s\n", ids[i], i + 1,
                 i == self ? "myself," : "", r->epochs[i], i == self ? " " : "", i == self ? r->slots[i] : "");
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s", line);
    }
    if (view_parse_nodes(text, strlen(text), v, &e) < 0 || view_finish(v, &e) < 0)
        fail_msg("%s", e.msg);
    v->reach = REACH_OK;
    v->my_epoch = r->epochs[self];
    v->current_epoch = self == 1 ? 4 : r->epochs[self];
}

static void check(void **state)
{
    const struct row *r = *state;
    struct node_view *views = xcalloc(3, sizeof(*views));
    struct err why = { 0 };
    enum handover_step got;

    for (int i = 0; i < 3; i++)
        describe(&views[i], r, i);
    got = handover_judge(r->how, 7, views, 3, ids, 0, r->how == HAND_UNMARK ? 0 : 1, &why);
    views_free(views, 3);
    assert_int_equal(got, r->want);
    assert_int_equal(why.msg[0] != '\0', r->want == HAND_REFUSED);
}

static void a_stranger_or_a_silent_one_is_refused(void **state)
{
    const char *const others[] = { S, O, T };
    struct node_view *views = xcalloc(3, sizeof(*views));
    struct err why = { 0 };
    (void)state;

    for (int i = 0; i < 3; i++)
        describe(&views[i], &rows[0], i);
    assert_int_equal(handover_judge(HAND_FORWARD, 7, views, 3, others, 0, 1, &why), HAND_REFUSED);
    assert_int_equal(why.kind, ERR_INVALID);
    views[1].reach = REACH_NONE;
    assert_int_equal(handover_judge(HAND_FORWARD, 7, views, 3, ids, 0, 1, &why), HAND_REFUSED);
    assert_int_equal(why.kind, ERR_RETRY);
    assert_int_equal(handover_judge(HAND_FORWARD, 7, views, 3, ids, 0, 0, &why), HAND_REFUSED);
    assert_int_equal(handover_judge(HAND_FORWARD, SLOT_COUNT, views, 3, ids, 0, 2, &why), HAND_REFUSED);
    views_free(views, 3);
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows) + 1] = { cmocka_unit_test(a_stranger_or_a_silent_one_is_refused) };

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i + 1] = (struct CMUnitTest){ rows[i].name, check, NULL, NULL, (void *)(uintptr_t)&rows[i] };
    return cmocka_run_group_tests_name("handing over a slot", tests, NULL, NULL);
}
