/*
 * plan/canary.h - a new version on trial beside the one that serves: how far it is, and what comes next.
 *
 * Pure. The state is durable (status.predictor.canary), written before it is acted on: a restart of the
 * operator resumes at any step. Nothing here knows of pods or Deployments; the rule in plan sums them up.
 *
 * Starting -> Baking -> (Waiting for a person ->) Promoting -> gone. Until Promoting the stable Deployment keeps
 * the last template that worked, so that whatever ends a trial leaves it untouched.
 */
#ifndef PLAN_CANARY_H
#define PLAN_CANARY_H

#include <stdbool.h>
#include <stdint.h>

#include "json/json.h"

enum canary_phase {
    CANARY_NONE,
    CANARY_STARTING,  /* its pods are not all ready */
    CANARY_BAKING,    /* all are, since since_ms */
    CANARY_WAITING,   /* ... for long enough: a person says the word */
    CANARY_PROMOTING, /* the stable Deployment rolls to its template; it serves until that is done */
    N_CANARY_PHASES,
};

enum {
    CANARY_REVISION_SIZE = 64,
    /* while time stands still, its beginning moves on in steps of half the time, within these bounds: each is a write */
    CANARY_STILL_MIN_MS = 1000,
    CANARY_STILL_MS = 10000,
    CANARY_LAPSES_MAX = 3, /* so often it may stop being ready before it has failed */
};

struct canary_state {
    enum canary_phase phase;
    char revision[CANARY_REVISION_SIZE]; /* of the template that is on trial */
    int64_t since_ms;                    /* wall clock: when the phase began */
    int32_t replicas; /* chosen when it began: an autoscaler that moves must not make it begin again */
    int32_t restarts; /* of its pods, together, that are not held against it: before Baking, or while excused */
    int32_t lapses;   /* how often it stopped being ready, and nobody had taken a pod away */
};

struct canary_seen {
    bool asked;         /* the spec wants trials, and the service runs */
    const char *wanted; /* revision of the spec's template */
    const char *stable; /* ... of the last that worked; "": none yet, there is nothing to be held against */
    const char *failed; /* ... of one that is not to be tried again; "": none */
    int32_t size;       /* replicas to ask for now */
    bool size_is_exact; /* ... by number: followed while it runs. A share is taken once. */
    int32_t ready;      /* of its pods, of the wanted revision */
    int32_t restarts;   /* of these, together */
    bool excused;       /* something else may be to blame: an eviction, a node that is not well, a Redis nobody reaches */
    bool blocked;       /* what they need is known to be down: nothing is held against them, and no time counts */
    bool unasked;       /* no request reaches it: it proves nothing by standing there */
    const char *trouble; /* why its pods cannot run, CamelCase, static; NULL: they may */
    int64_t bake_ms, deadline_ms;
    bool by_hand;
    const char *approved; /* the revision that a person named; NULL: none */
    int64_t wall_ms;
};

struct canary_verdict {
    bool holds_stable;   /* the stable Deployment keeps the last good template */
    const char *failed;  /* this revision has failed just now: CamelCase, static; NULL: it has not */
    int64_t again_ms;    /* time alone brings the next step; -1: it does not */
};

/* The next state. A clock that jumped back begins the phase anew. */
void canary_step(struct canary_state *s, const struct canary_seen *in, struct canary_verdict *out);

const char *canary_phase_name(enum canary_phase p); /* "Baking"; CANARY_NONE: "" */

/* What cannot be read is no canary: at worst its time begins anew. */
void canary_parse(const cJSON *json, struct canary_state *out);
cJSON *canary_json(const struct canary_state *s); /* NULL without one; the caller's */
bool canary_same(const struct canary_state *a, const struct canary_state *b);

#endif
