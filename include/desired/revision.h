/*
 * desired/revision.h - the template of the serving pods as a value of its own: built, named by a hash, kept.
 *
 * Pure. A template here is what the user's spec makes of the serving pods. What the operator adds to it on its own
 * account, and changes by itself (ANNOTATION_CREDENTIALS), is no part of it: build_deployment puts it on whichever
 * template serves. So two templates have one hash exactly when a user would call them the same version.
 *
 * A kept template is the data of a ControllerRevision <name>-<hash>: {"spec":{"template":...}}. The server
 * lets nobody change data; the hash proves it all the same.
 */
#ifndef DESIRED_REVISION_H
#define DESIRED_REVISION_H

#include "desired/desired.h"

enum { TEMPLATE_HASH_SIZE = 11 }; /* ten hexadecimal digits */

#define REVISION_API_PATH "/apis/apps/v1"
#define REVISION_PLURAL "controllerrevisions"

/* As the spec says, whatever in->template is. The caller owns it. */
cJSON *template_build(const struct isvc *s, const struct desired_input *in);
void template_hash(const cJSON *template, char out[TEMPLATE_HASH_SIZE]);

/* The ControllerRevision that keeps it. The caller owns it. */
cJSON *revision_build(const struct isvc *s, const cJSON *template);
/* What a live ControllerRevision keeps, when that has this hash; NULL otherwise. Lent from live. */
const cJSON *revision_template(const cJSON *live, const char *hash);
void revision_name(const char *service, const char *hash, char out[ISVC_NAME_MAX + 1 + TEMPLATE_HASH_SIZE]);

#endif
