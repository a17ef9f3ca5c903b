#include "slots/users.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static bool tells(const struct node_view *v)
{
    return v->reach == REACH_OK && v->users_known;
}

static bool all_tell(const struct node_view *views, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!tells(&views[i]))
            return false;
    return n > 0;
}

static bool takes(const struct view_user *u, const char *hash)
{
    for (size_t i = 0; u && i < u->n_hashes; i++)
        if (str_eq(u->hashes[i], hash))
            return true;
    return false;
}

bool users_all_take(const struct node_view *views, size_t n, const char *user, const char *hash)
{
    for (size_t i = 0; i < n; i++)
        if (!tells(&views[i]) || !takes(view_user_find(&views[i], user), hash))
            return false;
    return n > 0;
}

static bool replicates(const struct node_view *v, const char *user, const char *hash)
{
    return str_eq(v->master_user, user) && str_eq(v->master_auth, hash);
}

bool users_all_replicate(const struct node_view *views, size_t n, const char *user, const char *hash)
{
    for (size_t i = 0; i < n; i++)
        if (!tells(&views[i]) || !replicates(&views[i], user, hash))
            return false;
    return n > 0;
}

static bool has_word(const char *rules, const char *word, size_t len)
{
    for (const char *p = rules; *p;) {
        size_t n = strcspn(p, " ");

        if (n == len && strncmp(p, word, n) == 0)
            return true;
        p += n + strspn(p + n, " ");
    }
    return false;
}

static bool has(const char *rules, const char *word)
{
    return has_word(rules, word, strlen(word));
}

/* The goal as it is for this server. */
static struct user_goal goal_for(const struct user_goal *g, const struct node_view *v)
{
    struct user_goal own = *g;

    if (g->rules_valkey9 && v->is_valkey && strverscmp(v->version, "9") >= 0)
        own.rules = g->rules_valkey9;
    return own;
}

static bool is_goal_word(const struct user_goal *g, const char *word, size_t len)
{
    for (const char *const *r = g->rules; *r; r++)
        if (strlen(*r) == len && strncmp(*r, word, len) == 0)
            return true;
    return false;
}

/* Redis 7.0 prints commands in an order of its own, and a category as the commands that are in it, where that is
 * shorter. So what is given by category is recognised by what it takes away. */
static bool holds_categories(const char *rules)
{
    return has(rules, "+@all") && has(rules, "-@admin") && (has(rules, "-@dangerous") || has(rules, "-swapdb"));
}

static bool gives_beyond(const struct user_goal *g, const char *rules)
{
    for (const char *p = rules; *p;) {
        size_t n = strcspn(p, " ");

        if (*p != '-' && !is_goal_word(g, p, n))
            return true;
        p += n + strspn(p + n, " ");
    }
    return false;
}

static bool by_category(const struct user_goal *g)
{
    return is_goal_word(g, "+@all", 5);
}

static bool rules_are_held(const struct user_goal *g, const struct view_user *u)
{
    if (gives_beyond(g, u->rules))
        return false;
    if (by_category(g))
        return holds_categories(u->rules);
    for (const char *const *r = g->rules; *r; r++)
        if (!has(u->rules, *r))
            return false;
    return true;
}

static bool hashes_are_held(const struct user_goal *g, const struct view_user *u)
{
    for (size_t i = 0; i < g->n_hashes; i++)
        if (!takes(u, g->hashes[i]))
            return false;
    return g->n_hashes || u->nopass;
}

static bool takes_more(const struct user_goal *g, const struct view_user *u)
{
    return u->n_hashes > g->n_hashes || (g->n_hashes && u->nopass);
}

static void add_hash(struct command *c, const char *hash)
{
    char word[72];

    snprintf(word, sizeof(word), "#%s", hash);
    command_add_text(c, word);
}

/* Atomic: nobody finds the user half made. */
static void set_whole(struct commands *out, size_t member, const struct user_goal *g)
{
    static const char *const clean[] = { "on", "resetpass", "resetkeys", "resetchannels", "clearselectors", "-@all" };
    struct command *c = commands_add(out, CMD_ACL_SET, member);

    command_add_text(c, g->name);
    for (size_t i = 0; i < COUNT(clean); i++)
        command_add_text(c, clean[i]);
    for (size_t i = 0; i < g->n_hashes; i++)
        add_hash(c, g->hashes[i]);
    if (!g->n_hashes)
        command_add_text(c, "nopass");
    for (const char *const *r = g->rules; *r; r++)
        command_add_text(c, *r);
}

static void add_passwords(struct commands *out, size_t member, const struct user_goal *g, const struct view_user *u)
{
    struct command *c = commands_add(out, CMD_ACL_SET, member);

    command_add_text(c, g->name);
    command_add_text(c, "on");
    for (size_t i = 0; i < g->n_hashes; i++)
        if (!takes(u, g->hashes[i]))
            add_hash(c, g->hashes[i]);
}

/* The applications' user may have more rights than it should: that is for later. */
static void add_missing(const struct users_goal *goal, const struct node_view *v, size_t member, struct commands *out)
{
    for (size_t k = 0; k < goal->n_users; k++) {
        const struct user_goal g = goal_for(&goal->users[k], v);
        const struct view_user *u = view_user_find(v, g.name);
        bool is_whole = u && u->on && hashes_are_held(&g, u);

        if (is_whole && (k == 0 || rules_are_held(&g, u)))
            continue;
        if (k == 0 && u)
            add_passwords(out, member, &g, u);
        else
            set_whole(out, member, &g);
    }
}

static void add_master(const struct users_goal *goal, size_t member, struct commands *out)
{
    struct command *c = commands_add(out, CMD_CONFIG_SET, member);

    command_add_text(c, "masteruser");
    command_add_text(c, goal->master_user);
    command_add_text(c, "masterauth");
    command_add_text(c, goal->master_auth);
}

static void add_narrow(const struct users_goal *goal, const struct node_view *v, size_t member, struct commands *out)
{
    for (size_t k = 0; k < goal->n_users; k++) {
        const struct user_goal g = goal_for(&goal->users[k], v);
        const struct view_user *u = view_user_find(v, g.name);

        if (u && (takes_more(&g, u) || !rules_are_held(&g, u)))
            set_whole(out, member, &g);
    }
}

/* Nobody of ours leans on what is taken away. */
static bool may_narrow(const struct users_goal *goal, const struct node_view *views, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!str_eq(views[i].login, goal->operator_name))
            return false;
    return users_all_replicate(views, n, goal->master_user, goal->master_hash);
}

enum users_action users_step(const struct users_goal *goal, const struct node_view *views, size_t n,
                             struct commands *out)
{
    bool everybody = all_tell(views, n);

    for (size_t i = 0; i < n; i++)
        if (tells(&views[i]))
            add_missing(goal, &views[i], i, out);
    if (out->n)
        return USERS_ADD;
    for (size_t i = 0; i < n; i++)
        if (tells(&views[i]) && !replicates(&views[i], goal->master_user, goal->master_hash))
            add_master(goal, i, out);
    if (out->n && everybody)
        return USERS_MASTER;
    if (out->n) {
        commands_done(out);
        return USERS_WAIT; /* the silent one may not know that user, and may be the master */
    }
    for (size_t i = 0; i < n; i++)
        if (tells(&views[i]))
            add_narrow(goal, &views[i], i, out);
    if (!out->n)
        return USERS_NONE;
    if (everybody && may_narrow(goal, views, n))
        return USERS_NARROW;
    commands_done(out);
    return USERS_WAIT;
}

const char *users_action_name(enum users_action a)
{
    static const char *const names[] = { "users-none", "users-add", "users-master", "users-narrow", "users-wait" };

    return names[a];
}
