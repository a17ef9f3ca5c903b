/*
 * Slots left half moved, each case: what is done about it. Marks as servers show them: "1[7>2" is member 1
 * migrating slot 7 to member 2, "2[7<1" member 2 importing it from member 1. Slot 7 is member 0's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "paper.h"
#include "slots/heal.h"

enum { NOBODY_KNOWN = 9 }; /* an id that is no member's */

static const struct row {
    const char *name, *marks;
    bool conflict;          /* slot 7 has two values for a key */
    int promoted;           /* this replica took its master's place; 0: none did */
    int silent;             /* this member does not answer; 0: all do */
    bool resizing;
    const char *want;
} rows[] = {
    { "nothing open, nothing done", "", false, 0, 0, false, "none" },
    { "both ends are ready: carried on", "0[7>1 1[7<0", false, 0, 0, false, "move 7 onward 0>1" },
    { "several slots in one step", "0[7>1 1[7<0 0[8>2 2[8<0", false, 0, 0, false, "move 7 onward 0>1 8 onward 0>2" },
    { "nobody gives and takes in one step", "0[7>1 1[7<0 1[8<0 2[9<0", false, 0, 0, false, "move 7 onward 0>1" },
    { "only the owner says migrating: taken up again, what went over is not lost", "0[7>1", false, 0, 0, false,
      "mark importing 7@1 migrating 7@0" },
    { "only the target says importing: keys go back to the owner", "1[7<0", false, 0, 0, false, "move 7 back 1>0" },
    { "a second importer gives to the first, the owner would send keys there", "0[7>1 1[7<0 2[7<0", false, 0, 0, false,
      "move 7 back 2>1" },
    { "two importers and no mark on the owner: one at a time", "1[7<0 2[7<0", false, 0, 0, false, "move 7 back 1>0" },
    { "the owner imports what it owns", "0[7<1", false, 0, 0, false, "stable stable 7@0" },
    { "who does not own it says migrating to the owner: the last word of a move", "1[7>0", false, 0, 0, false,
      "move 7 onward 1>0" },
    { "who does not own it says migrating elsewhere: it may hold keys", "1[7>2", false, 0, 0, false,
      "stable stable 7@1 importing 7@1" },
    { "marks that do not fit: the owner's counts", "0[7>2 1[7<0", false, 0, 0, false, "mark importing 7@2 migrating 7@0" },
    { "the target failed over: on to its successor", "0[7>1", false, 4, 0, false, "mark importing 7@4 migrating 7@0" },
    { "the source failed over, the target imports from the old one", "1[7<0", false, 3, 0, false, "move 7 back 1>3" },
    { "the target is gone for good: closed", "0[7>9", false, 0, 0, false, "stable stable 7@0" },
    { "the target may be the one who is silent: nothing is closed", "0[7>9", false, 0, 5, false, "wait" },
    { "different values: a person decides", "0[7>1 1[7<0", true, 0, 0, false, "refuse" },
    { "one slot in conflict does not stop the others", "0[7>1 1[7<0 0[8>1 1[8<0", true, 0, 0, false, "move 8 onward 0>1" },
    { "during a resize of ours nothing is touched", "0[7>1 1[7<0", false, 0, 0, true, "wait" },
    { "the importer names somebody who owns nothing of it: to the owner", "1[7<2 1[8<2", false, 0, 0, false, "move 7 back 1>0 8 back 1>0" },
    { "while slots are down nothing is touched", "0[7>1 1[7<0", false, 0, 2, false, "wait" },
};

static void add_mark(struct node_view *v, struct view_row *me, unsigned slot, bool importing, int peer)
{
    struct open_slot *o = &v->open[v->n_open++];

    o->slot = (uint16_t)slot;
    o->importing = importing;
    paper_id(peer, o->peer);
    me->n_open++;
}

static void add_marks(struct node_view *views, const char *marks)
{
    unsigned at, slot, peer;
    char way;

    for (int used = 0; sscanf(marks, " %u[%u%c%u%n", &at, &slot, &way, &peer, &used) == 4; marks += used) {
        if (!views[at].open)
            views[at].open = xcalloc(8, sizeof(*views[at].open));
        add_mark(&views[at], &views[at].rows[at], slot, way == '<', (int)peer == NOBODY_KNOWN ? 30 : (int)peer);
    }
}

static void describe(const struct heal_step *s, struct buf *out)
{
    static const char *const hows[] = { "onward", "back" };
    static const char *const names[N_COMMAND_KINDS] = { [CMD_SLOT_STABLE] = "stable", [CMD_SLOT_IMPORTING] = "importing",
                                                        [CMD_SLOT_MIGRATING] = "migrating" };

    buf_str(out, heal_action_name(s->action));
    for (size_t i = 0; i < s->n_moves; i++)
        buf_fmt(out, " %u %s %zu>%zu", s->moves[i].slot, hows[s->moves[i].how], s->moves[i].source, s->moves[i].target);
    for (size_t i = 0; i < s->commands.n; i++)
        buf_fmt(out, " %s %u@%zu", names[s->commands.items[i].kind], s->commands.items[i].range.first, s->commands.items[i].member);
}

/* Who has it, and what to run. */
static void check_said(const struct heal_step *s)
{
    static const char *const words[] = { "slot 7", "its owner redis-0", "on redis-1", "CLUSTER GETKEYSINSLOT 7 1000", "ASKING", "DEL the wrong copy" };

    for (size_t i = 0; i < COUNT(words); i++)
        if (!strstr(s->reason, words[i]))
            fail_msg("no \"%s\" in: %s", words[i], s->reason);
}

static void check(void **state)
{
    const struct row *r = *state;
    struct heal_memory memory = { 0 };
    struct paper p;
    struct node_view *views;
    struct verdict v;
    struct heal_step s;
    struct buf got;

    paper_init(&p, 3, 1);
    if (r->promoted)
        paper_hand_over(&p, r->promoted);
    views = paper_look(&p);
    add_marks(views, r->marks);
    if (r->silent)
        views[r->silent].reach = REACH_NONE;
    if (r->conflict)
        heal_remember_conflict(&memory, 7, 1000);
    verdict_judge(&p.x, views, (size_t)p.n, &v);
    heal_step_init(&s);
    heal_step(&(struct heal_input){ .x = &p.x, .views = views, .v = &v, .now_ms = 2000, .slots_are_moving = r->resizing },
              &memory, &s);
    buf_init(&got, 1024);
    describe(&s, &got);
    assert_string_equal(buf_text(&got), r->want);
    if (s.action == HEAL_REFUSE)
        check_said(&s);
    buf_done(&got);
    heal_step_done(&s);
    views_free(views, (size_t)p.n);
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows)];

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){ rows[i].name, check, NULL, NULL, (void *)(uintptr_t)&rows[i] };
    return cmocka_run_group_tests_name("slots left half moved", tests, NULL, NULL);
}
