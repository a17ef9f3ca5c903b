/*
 * What a resize asks of the pace of migrations.
 */
#ifndef SRC_PLAN_REDIS_MIGRATE_H
#define SRC_PLAN_REDIS_MIGRATE_H

#include "rules.h"
#include "slots/resize.h"

const struct pace *migrate_pace(struct walk *w);
bool migrate_is_stuck(struct walk *w, const struct resize_step *s); /* for a minute nothing has moved */
void migrate_take(struct walk *w, struct resize_step *s); /* a RESIZE_MIGRATE: notes it, or holds it back */

#endif
