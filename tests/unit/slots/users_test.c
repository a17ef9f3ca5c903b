/*
 * Users of running servers: each row is what one server says of one of its users, and what is next.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "slots/users.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

static const char *const app_rules[] = { "~*", "&*", "+@all", "-@admin", "-@dangerous", "+info", NULL };
static const char *const op_rules[] = { "~*", "-@all", "+ping", "+cluster", "-cluster|reset", NULL };
static const char *const write_rules[] = { "~*", "-@all", "+ping", "+@write", NULL };
static const char *const ping_rules[] = { "-@all", "+ping", NULL };

/* The password A is followed by B. */
static const struct users_goal goal = {
    .users = { { "default", { A, B }, 2, app_rules, NULL }, { "everserve", { A }, 1, op_rules, NULL }, { "replica", { C }, 1, ping_rules, write_rules },
               { "probe", { NULL }, 0, ping_rules, NULL } },
    .n_users = 4,
    .operator_name = "everserve",
    .master_user = "replica", .master_auth = "secret", .master_hash = C,
};

#define CLEAN "on resetpass resetkeys resetchannels clearselectors -@all"
#define APP "user default on #" A " #" B " ~* &* +@all -@admin -@dangerous +info"
#define APP_70 "user default on sanitize-payload #" A " #" B " ~* &* +@all -@admin -keys -restore -swapdb"
#define OP "user everserve on #" A " ~* resetchannels -@all +ping +cluster -cluster|reset"
#define OP_70 "user everserve on #" A " ~* resetchannels -@all +cluster -cluster|reset +ping"
#define REPLICA "user replica on #" C " resetchannels -@all +ping"
#define PROBE "user probe on nopass sanitize-payload resetchannels -@all +ping"

static const struct row {
    const char *name;
    const char *lines[8];
    const char *master_hash; /* NULL: as it should be */
    bool silent;             /* the other server does not answer */
    const char *login;       /* NULL: everserve */
    enum users_action want;
    const char *says; /* the first command; NULL: any */
    const char *valkey; /* its version; NULL: Redis */
} rows[] = {
    { "Valkey 9 writes migrating slots as a replica does", { APP, OP, REPLICA, PROBE }, NULL, false, NULL, USERS_ADD,
      "ACL SETUSER replica " CLEAN " #" C " ~* -@all +ping +@write", "9.1.0" },
    { "Valkey 8 does not", { APP, OP, REPLICA, PROBE }, NULL, false, NULL, USERS_NONE, NULL, "8.1.4" },
    { "as it should be", { APP, OP, REPLICA, PROBE }, NULL, false, NULL, USERS_NONE, NULL, NULL },
    { "as Redis 7.0 prints it", { APP_70, OP_70, REPLICA, PROBE }, NULL, false, NULL, USERS_NONE, NULL, NULL },
    { "users of others are theirs", { APP, OP, REPLICA, PROBE, "user exporter on nopass ~* +@all" }, NULL, false, NULL, USERS_NONE, NULL, NULL },
    { "the release before: one password, everything allowed", { "user default on #" A " ~* &* +@all" }, "", false, "default",
      USERS_ADD, "ACL SETUSER default on #" B, NULL },
    { "users first, replication later", { APP, OP, PROBE }, "", false, NULL, USERS_ADD,
      "ACL SETUSER replica " CLEAN " #" C " -@all +ping", NULL },
    { "a new password is added, none is taken", { "user default on #" A " ~* &* +@all -@admin -@dangerous +info", OP, REPLICA, PROBE },
      NULL, false, NULL, USERS_ADD, "ACL SETUSER default on #" B, NULL },
    { "a user that was switched off", { APP, "user everserve off #" A " ~* -@all +ping +cluster -cluster|reset", REPLICA, PROBE }, NULL,
      false, NULL, USERS_ADD, "ACL SETUSER everserve " CLEAN " #" A " ~* -@all +ping +cluster -cluster|reset", NULL },
    { "a right that somebody took from us", { APP, "user everserve on #" A " ~* -@all +cluster -cluster|reset", REPLICA, PROBE }, NULL,
      false, NULL, USERS_ADD, NULL, NULL },
    { "a right too many of ours goes back at once", { APP, "user everserve on #" A " ~* +@all", REPLICA, PROBE }, NULL, false, NULL,
      USERS_ADD, NULL, NULL },
    { "all know the user: servers replicate as it", { APP, OP, REPLICA, PROBE }, A, false, NULL, USERS_MASTER, NULL, NULL },
    { "not while one is silent: it may not know the user", { APP, OP, REPLICA, PROBE }, A, true, NULL, USERS_WAIT, NULL, NULL },
    { "applications may do what they should", { "user default on #" A " #" B " ~* &* +@all", OP, REPLICA, PROBE }, NULL, false, NULL,
      USERS_NARROW, "ACL SETUSER default " CLEAN " #" A " #" B " ~* &* +@all -@admin -@dangerous +info", NULL },
    { "not while we come as applications do", { "user default on #" A " #" B " ~* &* +@all", OP, REPLICA, PROBE }, NULL, false,
      "default", USERS_WAIT, NULL, NULL },
    { "not while one is silent", { "user default on #" A " #" B " ~* &* +@all", OP, REPLICA, PROBE }, NULL, true, NULL, USERS_WAIT, NULL, NULL },
    { "a password that is not wanted any more", { "user default on #" A " #" B " #" C " ~* &* +@all -@admin -@dangerous +info", OP,
      REPLICA, PROBE }, NULL, false, NULL, USERS_NARROW, NULL, NULL },
    { "no password at all", { "user default on nopass ~* &* +@all", OP, REPLICA, PROBE }, NULL, false, NULL, USERS_ADD,
      "ACL SETUSER default on #" A " #" B, NULL },
    { "a right too many", { APP " +config|get", OP, REPLICA, PROBE }, NULL, false, NULL, USERS_NARROW, NULL, NULL },
};

static void say(struct node_view *v, const struct row *r)
{
    struct err e;

    view_init(v);
    v->reach = REACH_OK;
    v->users_known = true;
    v->is_valkey = r->valkey;
    snprintf(v->version, sizeof(v->version), "%s", r->valkey ? r->valkey : "8.0.2");
    snprintf(v->login, sizeof(v->login), "%s", r->login ? r->login : "everserve");
    snprintf(v->master_user, sizeof(v->master_user), "%s", str_eq(r->master_hash, "") ? "" : "replica");
    snprintf(v->master_auth, sizeof(v->master_auth), "%s", r->master_hash ? r->master_hash : C);
    for (size_t i = 0; i < COUNT(r->lines) && r->lines[i]; i++)
        assert_int_equal(view_parse_user(r->lines[i], strlen(r->lines[i]), v, &e), 0);
}

static void check(void **state)
{
    const struct row *r = *state;
    struct node_view *views = xcalloc(2, sizeof(*views));
    struct commands cmds = { 0 };
    struct buf text;

    buf_init(&text, 4096);
    say(&views[0], r);
    say(&views[1], r);
    if (r->silent)
        views[1].reach = REACH_NONE;
    assert_string_equal(users_action_name(users_step(&goal, views, 2, &cmds)), users_action_name(r->want));
    assert_int_equal(cmds.n > 0, r->want != USERS_NONE && r->want != USERS_WAIT);
    if (cmds.n)
        command_render(&cmds.items[0], &text);
    if (r->says)
        assert_string_equal(buf_text(&text), r->says);
    assert_null(strstr(buf_text(&text), "secret"));
    commands_done(&cmds);
    buf_done(&text);
    views_free(views, 2);
}

static void bad_lines_are_refused(void **state)
{
    static const char *const lines[] = { "", "user", "default on", "user a #12", "user a #" A "a" };
    struct node_view v;
    struct err e;
    (void)state;

    view_init(&v);
    for (size_t i = 0; i < COUNT(lines); i++)
        assert_int_equal(view_parse_user(lines[i], strlen(lines[i]), &v, &e), -ERR_INVALID);
    for (size_t i = 0; i < VIEW_USERS_MAX; i++)
        assert_int_equal(view_parse_user("user a on", 9, &v, &e), 0);
    assert_int_equal(view_parse_user("user a on", 9, &v, &e), -ERR_INVALID);
    view_done(&v);
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows) + 1];

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){ rows[i].name, check, NULL, NULL, (void *)(uintptr_t)&rows[i] };
    tests[COUNT(rows)] = (struct CMUnitTest)cmocka_unit_test(bad_lines_are_refused);
    return cmocka_run_group_tests_name("users", tests, NULL, NULL);
}
