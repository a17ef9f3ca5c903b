/*
 * node/image.h - what an image name means here: nothing is pulled, the name decides.
 *
 * Pure.
 *   redis, valkey      the real server, with the manifest's command or its own; the tag's
 *                      version when build/servers has it (servers.h), else the system's
 *   busybox, debian..  the manifest's command
 *   everserve          our own image: build/everserve-entry or build/everserve, when the manifest's command is that
 *   anything else      the model server; as an init container: ends well at once
 * Names "missing*" and tag "missing" cannot be pulled.
 * Tags of models: crash* ends with 1 at once, unready* answers 503, slow* is ready after 20 s.
 */
#ifndef SIM_NODE_IMAGE_H
#define SIM_NODE_IMAGE_H

#include <stdbool.h>

enum image_kind { IMAGE_MISSING, IMAGE_REDIS, IMAGE_VALKEY, IMAGE_SHELL, IMAGE_OWN, IMAGE_MODEL };

struct image {
    enum image_kind kind;
    char tag[64]; /* "latest" when none is given; cut when longer */
};

/* "registry.example:5000/team/redis:7-alpine@sha256:..." is kind redis, tag 7-alpine. */
struct image image_parse(const char *name);

/* Which release such an image holds: "redis-8.0" of redis:8.0.2-alpine, "redis-8" of redis:8, "" when the
 * tag names no version. */
void image_release(const struct image *img, char out[32]);

/* The program such an image runs when the manifest gives no command; NULL: none. */
const char *image_program(enum image_kind kind);

#endif
