/*
 * kube/reflect.h - the decisions of a watch: a transition table.
 *
 * Pure. The outside world drives (replies, events, timers); a step returns the
 * action to perform and performs none. An empty cell is a refusal: the state
 * stays as it is.
 *
 *   IDLE -> STREAMING -------------------> WATCHING <-> PAUSED (place kept)
 *              |  \ not supported, late       |
 *              |   `--> LISTING page by page -'
 *              `-- BACKOFF (place lost) <- any
 */
#ifndef KUBE_REFLECT_H
#define KUBE_REFLECT_H

#include <stdbool.h>
#include <stdint.h>

enum refl_state {
    R_NONE, /* refused */
    R_IDLE,
    R_STREAMING, /* a watch that begins with the initial objects */
    R_LISTING,
    R_WATCHING,
    R_PAUSED,  /* waits, then watches on from where it was */
    R_BACKOFF, /* waits, then lists again */
    N_REFL_STATES,
};

enum refl_event {
    EV_START,
    EV_TIMER,       /* the wait is over */
    EV_TIMER_PAGED, /* the same, and the server is known to have no streaming list */
    EV_SYNCED,      /* the bookmark that ends the initial objects */
    EV_PAGE,        /* a page of the list, more to come */
    EV_LISTED,      /* the last page */
    EV_CLOSED,      /* the stream ended as streams do */
    EV_BUSY,        /* not now: 401, 403, 429, 5xx, no connection, silence */
    EV_GONE,        /* the place is lost: 410, or a resourceVersion the server has never seen */
    EV_UNSUPPORTED, /* 400 or 422 to the streaming list */
    EV_LATE,        /* the initial objects, or the bookmark after them, do not come */
    EV_FAILED,      /* everything else */
    N_REFL_EVENTS,
};

enum refl_act {
    ACT_NONE,
    ACT_STREAM,    /* open the streaming list */
    ACT_LIST,      /* ask for the first page */
    ACT_NEXT_PAGE, /* ask for the next one */
    ACT_SYNC,      /* all initial objects are here; the stream goes on as the watch */
    ACT_WATCH,     /* open a watch at the last resourceVersion */
    ACT_WAIT,      /* refl_wait_ms, then EV_TIMER */
};

/* False, and nothing changed, when the event has no business in this state. */
bool refl_step(enum refl_state *s, enum refl_event ev, enum refl_act *act);

/* 800 ms x 2^failures, at most 30 s, of which a random part is waited (full jitter). */
int64_t refl_wait_ms(unsigned failures, uint32_t random);

/* A stream that lived for so long makes earlier failures forgotten. */
enum { REFL_HEALTHY_MS = 120000 };

/* How a stream ended that the server closed in good order. */
enum refl_event refl_closed(int64_t lasted_ms, bool had_events);

#endif
