/*
 * redis/config.h - asks every Redis node at once how it is set.
 *
 * I/O, a guest of the loop. One CONFIG GET of the wanted names to each node, on a connection of its own
 * with its own deadline. Bounded: SETTINGS_MAX names, values of SETTING_VALUE_MAX. A node that does not answer,
 * or may not tell, has no settings. done is called once, from the loop.
 */
#ifndef REDIS_CONFIG_H
#define REDIS_CONFIG_H

#include "redis/probe.h"
#include "slots/settings.h"

struct redis_config;

/* shown[i] is what targets[i] said; they are the callee's now: settings_done each, then free. */
typedef void (*redis_config_done)(void *arg, struct settings *shown, size_t n);

/* wanted is read before this returns. */
struct redis_config *redis_config_start(struct loop *l, const struct redis_target *targets, size_t n,
                                        const struct redis_auth *auth, const struct settings *wanted, int deadline_ms,
                                        redis_config_done done, void *arg);
/* done will not be called. Not after done. NULL is fine. */
void redis_config_cancel(struct redis_config *c);

#endif
