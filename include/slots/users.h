/*
 * slots/users.h - the users of a cluster's servers: which change is next, so that nobody is locked out.
 *
 * Pure. From the goal and what each server says of its users (view.users), one kind of step at a time:
 *   add     users and passwords that are missing, on every server that answers
 *   master  servers replicate as our user, once every server knows that user
 *   narrow  what a user may do beyond its rules, and passwords that are not in the goal, are taken away; the
 *           applications' user only when nobody of ours needs it any more
 * Nothing is taken away while any member is silent: it may be the one that still needs it.
 */
#ifndef SLOTS_USERS_H
#define SLOTS_USERS_H

#include "slots/command.h"
#include "slots/view.h"

struct user_goal {
    const char *name;
    const char *hashes[VIEW_HASHES_MAX]; /* SHA-256 of each password that is taken; n 0: any is */
    size_t n_hashes;
    const char *const *rules; /* words as for ACL SETUSER; NULL at the end */
    const char *const *rules_valkey9; /* instead, for servers of Valkey 9 or later; NULL: the same */
};

#define USER_GOALS_MAX 8

struct users_goal {
    struct user_goal users[USER_GOALS_MAX]; /* users[0] is the applications', named "default" */
    size_t n_users;
    const char *operator_name;
    const char *master_user, *master_auth, *master_hash; /* as whom servers replicate; its hash is in a goal */
};

enum users_action { USERS_NONE, USERS_ADD, USERS_MASTER, USERS_NARROW, USERS_WAIT };

/* out gets the commands; WAIT: something is left to do, but not while a member is silent. */
enum users_action users_step(const struct users_goal *goal, const struct node_view *views, size_t n,
                             struct commands *out);
const char *users_action_name(enum users_action a); /* "users-add": static */

/* Does every member answer, and take that password of that user? */
bool users_all_take(const struct node_view *views, size_t n, const char *user, const char *hash);
/* Does every member answer, and replicate with that password? */
bool users_all_replicate(const struct node_view *views, size_t n, const char *user, const char *hash);

#endif
