/*
 * node/command.h - which program a container runs.
 *
 * Pure, but for command_servers and command_image_is_here, which look for servers on this machine.
 */
#ifndef SIM_NODE_COMMAND_H
#define SIM_NODE_COMMAND_H

#include "base/map.h"
#include "json/json.h"
#include "sim/node/image.h"

/* The program of our own image that it runs, "everserve-entry" or "everserve"; NULL: none. Then `self` below is that. */
const char *command_own(const struct image *img, const cJSON *container);

/* NULL-ended argv, every text expanded from vars; free with env_list_free. self: path of our own
 * program inside the container; is_init: an image that would serve for ever only comes and goes. */
char **command_argv(const struct image *img, const cJSON *container, const struct map *vars, const char *self, bool is_init);

/* The folder of build/servers that stands in for the image's own /usr/local/bin, as official images have it.
 * NULL: the system's server serves. Caller frees. */
char *command_servers(const struct image *img);
#define COMMAND_SERVERS_PATH "/usr/local/bin"

bool command_image_is_here(const struct image *img);

#endif
