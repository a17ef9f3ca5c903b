/*
 * node/env.h - a container's environment, command and downward API, from its pod.
 *
 * Pure, but for what the lookup does.
 */
#ifndef SIM_NODE_ENV_H
#define SIM_NODE_ENV_H

#include "base/map.h"
#include "json/json.h"

/* Where the texts of a pod's neighbours come from. */
struct env_source {
    const cJSON *pod;
    const char *pod_ip;
    const char *host_ip;
    /* kind: "configmaps" or "secrets". Lent; NULL: no such object. */
    const cJSON *(*lookup)(void *arg, const char *kind, const char *ns, const char *name);
    void *arg;
};

/* Names to values (owned strings), in order. ERR_ABSENT says which object or key is missing. */
int env_build(const struct env_source *s, const cJSON *container, struct map **vars, struct err *e) MUST_USE;
char **env_list(const struct map *vars); /* "NAME=value", NULL ended; free with env_list_free */
void env_list_free(char **list);

/* "$(NAME)" becomes the value when there is one, "$$" a dollar. Caller frees. */
char *env_expand(const char *text, const struct map *vars);

/* metadata.name, metadata.labels['x'], status.podIP ...; caller frees; NULL: no such field. */
char *env_field(const struct env_source *s, const char *path);
/* limits.cpu, requests.memory ... of the container, divided by the divisor and rounded up; caller frees. */
char *env_resource(const cJSON *container, const char *resource, const char *divisor);

/* A Secret's value: decoded bytes, NUL behind; caller frees; NULL: not base64. */
char *env_base64(const char *text, size_t *len);

#endif
