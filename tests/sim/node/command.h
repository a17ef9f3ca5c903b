/*
 * node/command.h - which program a container runs.
 *
 * Pure, but for image_is_here, which looks for the servers on this machine.
 */
#ifndef SIM_NODE_COMMAND_H
#define SIM_NODE_COMMAND_H

#include "base/map.h"
#include "json/json.h"
#include "sim/node/image.h"

/* NULL-ended argv, every text expanded from vars; free with env_list_free. self: path of our own
 * program inside the container; is_init: an image that would serve for ever only comes and goes. */
char **command_argv(const struct image *img, const cJSON *container, const struct map *vars, const char *self, bool is_init);

bool command_image_is_here(const struct image *img);

#endif
