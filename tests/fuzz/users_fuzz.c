/* ACL LIST, a line each, as two nodes may say it: users are read or refused, and the next step tells only who answers.
 * A line that begins with a digit is a set of slots. */
#include <assert.h>
#include <string.h>

#include "base/str.h"
#include "desired/keys.h"
#include "fuzz.h"
#include "slots/users.h"

enum { NODES = 2 };

static void read_set(const char *line)
{
    struct slot_set s = { { 0 } };
    struct err e = { 0 };
    char text[64];

    if (slot_set_parse(line, &s, &e) < 0)
        assert(e.msg[0]);
    slot_set_render(&s, text, sizeof(text));
    assert(strlen(text) < sizeof(text));
}

static void step(const struct node_view *views)
{
    static const char hash[] = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8";
    struct users_goal goal = { .operator_name = "everserve", .master_user = "replica", .master_auth = "x", .master_hash = hash };
    struct commands cmds = { 0 };

    for (int u = 0; u < N_REDIS_USERS; u++) {
        struct user_goal *g = &goal.users[goal.n_users++];

        *g = (struct user_goal){ .name = redis_user_name((enum redis_user)u), .rules = redis_user_rules((enum redis_user)u) };
        g->hashes[g->n_hashes++] = hash;
    }
    (void)users_step(&goal, views, NODES, &cmds);
    for (size_t i = 0; i < cmds.n; i++)
        assert(cmds.items[i].member < NODES && views[cmds.items[i].member].reach == REACH_OK);
    commands_done(&cmds);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_FREE char *text = xstrndup((const char *)data, size);
    struct node_view views[NODES];
    char *rest = text, *line;
    struct err e = { 0 };
    size_t n = 0;

    for (size_t i = 0; i < NODES; i++) {
        view_init(&views[i]);
        views[i].users_known = true;
        views[i].reach = REACH_OK;
    }
    while ((line = strsep(&rest, "\n")) != NULL) {
        if (*line >= '0' && *line <= '9')
            read_set(line);
        else if (view_parse_user(line, strlen(line), &views[n++ % NODES], &e) < 0)
            assert(e.msg[0]);
    }
    step(views);
    for (size_t i = 0; i < NODES; i++)
        view_done(&views[i]);
    return 0;
}
