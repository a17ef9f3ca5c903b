/*
 * kube/login.h - keeps the credentials of a kube_config good: files are read again
 * each minute, programs are run before what they gave expires, both after a 401.
 *
 * Not pure.
 */
#ifndef KUBE_LOGIN_H
#define KUBE_LOGIN_H

#include <stdbool.h>

#include "config_impl.h"
#include "loop/loop.h"

struct login;

/* Lends cfg and changes its texts. on_done comes from the loop after each run of a program:
 * why->kind is ERR_NONE when there are credentials now. */
struct login *login_new(struct loop *l, struct kube_config *cfg, void (*on_done)(void *arg, const struct err *why),
                        void *arg);
void login_free(struct login *l);

/* False: not yet; on_done will come. */
bool login_is_ready(struct login *l);

/* The server refused this token (NULL: none was sent). True when it is worth asking again: there is
 * another one, or one is being fetched. */
bool login_refused(struct login *l, const char *token);

void login_look(struct login *l); /* every few seconds */

#endif
