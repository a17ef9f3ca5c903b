#include "reflect.h"

struct cell {
    enum refl_state next;
    enum refl_act act;
};

static const struct cell cells[N_REFL_STATES][N_REFL_EVENTS] = {
    [R_IDLE] = { [EV_START] = { R_STREAMING, ACT_STREAM } },
    [R_STREAMING] = { [EV_SYNCED]      = { R_WATCHING, ACT_SYNC },
                      [EV_UNSUPPORTED] = { R_LISTING,  ACT_LIST },
                      [EV_LATE]        = { R_LISTING,  ACT_LIST },
                      [EV_CLOSED]      = { R_BACKOFF,  ACT_WAIT },
                      [EV_BUSY]        = { R_BACKOFF,  ACT_WAIT },
                      [EV_GONE]        = { R_BACKOFF,  ACT_WAIT },
                      [EV_FAILED]      = { R_BACKOFF,  ACT_WAIT } },
    [R_LISTING] = { [EV_PAGE]   = { R_LISTING,  ACT_NEXT_PAGE },
                    [EV_LISTED] = { R_WATCHING, ACT_WATCH },
                    [EV_BUSY]   = { R_BACKOFF,  ACT_WAIT },
                    [EV_GONE]   = { R_BACKOFF,  ACT_WAIT },
                    [EV_FAILED] = { R_BACKOFF,  ACT_WAIT } },
    [R_WATCHING] = { [EV_CLOSED] = { R_WATCHING, ACT_WATCH },
                     [EV_BUSY]   = { R_PAUSED,   ACT_WAIT },
                     [EV_GONE]   = { R_BACKOFF,  ACT_WAIT },
                     [EV_FAILED] = { R_BACKOFF,  ACT_WAIT } },
    [R_PAUSED] = { [EV_TIMER]       = { R_WATCHING, ACT_WATCH },
                   [EV_TIMER_PAGED] = { R_WATCHING, ACT_WATCH } },
    [R_BACKOFF] = { [EV_TIMER]       = { R_STREAMING, ACT_STREAM },
                    [EV_TIMER_PAGED] = { R_LISTING,   ACT_LIST } },
};

bool refl_step(enum refl_state *s, enum refl_event ev, enum refl_act *act)
{
    const struct cell *c = &cells[*s][ev];

    if (c->next == R_NONE)
        return false;
    *s = c->next;
    *act = c->act;
    return true;
}

int64_t refl_wait_ms(unsigned failures, uint32_t random)
{
    enum { FIRST_MS = 800, CAP_MS = 30000 };
    int64_t ms = FIRST_MS;

    while (failures-- && ms < CAP_MS)
        ms *= 2;
    return (ms < CAP_MS ? ms : CAP_MS) * (int64_t)random / UINT32_MAX;
}

enum refl_event refl_closed(int64_t lasted_ms, bool had_events)
{
    if (lasted_ms >= 1000)
        return EV_CLOSED;
    /* In order, but so short that asking again at once could become a storm. */
    return had_events ? EV_BUSY : EV_FAILED;
}
