#include "plan/canary.h"

#include <string.h>

#include "base/str.h"

static const char *const names[N_CANARY_PHASES] = { "", "Starting", "Baking", "Waiting", "Promoting" };

const char *canary_phase_name(enum canary_phase p)
{
    return names[p];
}

static void enter(struct canary_state *s, enum canary_phase phase, const struct canary_seen *in)
{
    s->phase = phase;
    s->since_ms = in->wall_ms;
}

static void begin(struct canary_state *s, const struct canary_seen *in)
{
    *s = (struct canary_state){ .replicas = in->size };
    enter(s, str_copy(s->revision, sizeof(s->revision), in->wanted) ? CANARY_STARTING : CANARY_NONE, in);
}

/* Nothing to try, or nothing to try it against. */
static bool is_over(const struct canary_seen *in)
{
    return !in->asked || in->size < 1 || str_empty(in->wanted) || str_empty(in->stable) ||
           str_eq(in->wanted, in->stable) || str_eq(in->wanted, in->failed);
}

static bool may_be_promoted(const struct canary_state *s, const struct canary_seen *in)
{
    return !in->by_hand || str_eq(in->approved, s->revision);
}

static int64_t left_ms(const struct canary_state *s, const struct canary_seen *in, int64_t whole_ms)
{
    return s->since_ms + whole_ms - in->wall_ms;
}

static const char *start(struct canary_state *s, const struct canary_seen *in, struct canary_verdict *out)
{
    if (in->ready >= s->replicas) {
        s->restarts = in->restarts;
        enter(s, CANARY_BAKING, in);
        return NULL;
    }
    if (in->excused || in->restarts < s->restarts)
        s->restarts = in->restarts;
    out->again_ms = left_ms(s, in, in->deadline_ms);
    return out->again_ms <= 0 ? "CanaryDeadlineExceeded" : NULL;
}

/* Its time begins anew when a pod stops being ready. That is held against it, unless the pod was taken away. */
static const char *lapse(struct canary_state *s, const struct canary_seen *in)
{
    s->lapses += !in->excused;
    enter(s, CANARY_STARTING, in);
    return s->lapses >= CANARY_LAPSES_MAX ? "CanaryUnstable" : NULL;
}

static int64_t still_ms(const struct canary_seen *in)
{
    int64_t half_ms = in->bake_ms / 2;

    return half_ms < CANARY_STILL_MIN_MS ? CANARY_STILL_MIN_MS : half_ms < CANARY_STILL_MS ? half_ms : CANARY_STILL_MS;
}

static void begin_again(struct canary_state *s, const struct canary_seen *in)
{
    if (in->wall_ms - s->since_ms >= still_ms(in))
        enter(s, s->phase, in);
}

/* Baking and Waiting: the same is asked of it. */
static const char *watch(struct canary_state *s, const struct canary_seen *in, struct canary_verdict *out)
{
    if (in->restarts > s->restarts && !in->excused)
        return "CanaryRestarted";
    s->restarts = in->restarts; /* fewer: a pod was replaced */
    if (in->ready < s->replicas)
        return lapse(s, in);
    if (s->phase == CANARY_BAKING && in->unasked) {
        begin_again(s, in);
        out->again_ms = still_ms(in);
        return NULL;
    }
    if (s->phase == CANARY_BAKING) {
        out->again_ms = left_ms(s, in, in->bake_ms);
        if (out->again_ms > 0)
            return NULL;
        out->again_ms = -1;
        enter(s, CANARY_WAITING, in);
    }
    if (may_be_promoted(s, in))
        enter(s, CANARY_PROMOTING, in);
    return NULL;
}

static void stand_still(struct canary_state *s, const struct canary_seen *in)
{
    s->restarts = in->restarts;
    if (s->phase != CANARY_PROMOTING && s->phase != CANARY_STARTING && in->ready < s->replicas)
        enter(s, CANARY_STARTING, in);
    else if (s->phase != CANARY_PROMOTING)
        begin_again(s, in);
}

static const char *judge(struct canary_state *s, const struct canary_seen *in, struct canary_verdict *out)
{
    const char *failed = in->trouble;

    if (in->blocked) {
        stand_still(s, in);
        return NULL;
    }
    if (!failed && s->phase == CANARY_STARTING)
        failed = start(s, in, out);
    if (!failed && (s->phase == CANARY_BAKING || s->phase == CANARY_WAITING))
        failed = watch(s, in, out);
    return failed;
}

static void follow_size(struct canary_state *s, const struct canary_seen *in)
{
    if (!in->size_is_exact || s->replicas == in->size)
        return;
    if (in->size > s->replicas && s->phase != CANARY_PROMOTING)
        enter(s, CANARY_STARTING, in);
    s->replicas = in->size;
}

void canary_step(struct canary_state *s, const struct canary_seen *in, struct canary_verdict *out)
{
    *out = (struct canary_verdict){ .again_ms = -1 };
    if (is_over(in)) {
        *s = (struct canary_state){ .phase = CANARY_NONE };
        return;
    }
    if (s->phase == CANARY_NONE || !str_eq(s->revision, in->wanted))
        begin(s, in);
    if (s->since_ms > in->wall_ms)
        s->since_ms = in->wall_ms;
    follow_size(s, in);
    out->failed = judge(s, in, out);
    if (out->failed)
        *s = (struct canary_state){ .phase = CANARY_NONE };
    out->holds_stable = s->phase != CANARY_PROMOTING;
}

static enum canary_phase phase_of(const char *name)
{
    for (int i = CANARY_NONE + 1; i < N_CANARY_PHASES; i++)
        if (str_eq(name, names[i]))
            return (enum canary_phase)i;
    return CANARY_NONE;
}

static int32_t count_of(const cJSON *json, const char *key)
{
    int64_t n = json_get_int(json, key, 0);

    return n > 0 && n <= INT32_MAX ? (int32_t)n : 0;
}

void canary_parse(const cJSON *json, struct canary_state *out)
{
    struct canary_state s = { .phase = phase_of(json_get_str(json, "phase")),
                              .since_ms = json_get_int(json, "sinceMs", 0),
                              .replicas = count_of(json, "replicas"),
                              .restarts = count_of(json, "restarts"),
                              .lapses = count_of(json, "lapses") };
    const char *revision = json_get_str(json, "revision");

    *out = (struct canary_state){ .phase = CANARY_NONE };
    if (s.phase && s.replicas && s.since_ms >= 0 && !str_empty(revision) && str_copy(s.revision, sizeof(s.revision), revision))
        *out = s;
}

cJSON *canary_json(const struct canary_state *s)
{
    cJSON *o;
    char since[32];

    if (!s->phase)
        return NULL;
    o = json_new_obj();
    str_rfc3339(s->since_ms, false, since);
    json_str(o, "phase", names[s->phase]);
    json_str(o, "revision", s->revision);
    json_str(o, "since", since);
    json_int(o, "sinceMs", s->since_ms);
    json_int(o, "replicas", s->replicas);
    json_int(o, "restarts", s->restarts);
    json_int(o, "lapses", s->lapses);
    return o;
}

bool canary_same(const struct canary_state *a, const struct canary_state *b)
{
    return a->phase == b->phase && strcmp(a->revision, b->revision) == 0 && a->since_ms == b->since_ms &&
           a->replicas == b->replicas && a->restarts == b->restarts && a->lapses == b->lapses;
}
