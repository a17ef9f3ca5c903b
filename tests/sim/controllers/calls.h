/*
 * sim/controllers/calls.h - what a controller decided: API calls to make now, and
 * when to look again.
 *
 * Pure: only a list. Writes are merge patches, so that nothing of others is lost.
 */
#ifndef SIM_CONTROLLERS_CALLS_H
#define SIM_CONTROLLERS_CALLS_H

#include "base/buf.h"
#include "sim/controllers/scene.h"

struct call {
    const char *method; /* a literal */
    char *path;
    cJSON *body;      /* NULL: none */
    int kind;         /* of the object that the reply brings, or -1 */
    char *key;        /* of the object named; a GET: whatever the asker wants back; NULL for a create */
    const char *node; /* a binding: the body's target, lent from it; otherwise NULL */
};

struct calls {
    const struct scene *scene; /* lent; for the paths */
    struct call *items;
    size_t n;
    size_t cap;
    int64_t again_ms; /* from now; -1: only when something changes */
};

void calls_init(struct calls *c, const struct scene *v);
void calls_done(struct calls *c);

void calls_create(struct calls *c, int kind, const char *ns, cJSON *obj); /* takes obj; adds apiVersion and kind */
/* sub: "status", "scale", or NULL. Takes patch; one without members is dropped. */
void calls_patch(struct calls *c, int kind, const cJSON *obj, const char *sub, cJSON *patch);
/* As calls_patch, but refused by the server when obj has changed meanwhile. */
void calls_patch_exact(struct calls *c, int kind, const cJSON *obj, const char *sub, cJSON *patch);
/* Only this very object (uid). propagation NULL: Background. grace_s below 0: the object's own. */
void calls_delete(struct calls *c, int kind, const cJSON *obj, const char *propagation, int grace_s);
/* The reply goes to the controller's on_reply; note comes back as the call's key. */
void calls_get(struct calls *c, int kind, const char *ns, const char *name, const char *note);
void calls_put(struct calls *c, int kind, const cJSON *obj, const char *sub, cJSON *body); /* takes body */
void calls_bind(struct calls *c, const cJSON *pod, const char *node);
void calls_again(struct calls *c, int64_t in_ms); /* the earliest one counts */

/* The reference that makes child controlled by owner, as a patch of its metadata. */
void calls_adopt(struct calls *c, int child_kind, const cJSON *child, int owner_kind, const cJSON *owner);
/* Takes owner's reference away. */
void calls_release(struct calls *c, int child_kind, const cJSON *child, const char *owner_uid);
/* The owner references of o without those to uid; caller frees. */
cJSON *refs_without(const cJSON *o, const char *uid);

/* The merge patch that makes `from` equal to `to`, member by member; members are replaced whole. */
cJSON *patch_between(const cJSON *from, const cJSON *to);
/* Patches the status of obj when it differs. Takes status. True: it does. */
bool calls_status(struct calls *c, int kind, const cJSON *obj, cJSON *status, bool exact);

/* One line per call, for tests: "POST /api/v1/namespaces/a/pods {...}". */
void calls_render(const struct calls *c, struct buf *out);

#endif
