#include <string.h>

#include "base/mem.h"
#include "slots/slice.h"
#include "slots/view.h"

static bool is_at_least(const struct node_view *v, int major, int minor)
{
    struct slice rest = { v->version, strlen(v->version) };
    int64_t first = 0, second = 0;

    if (!slice_int(slice_cut(&rest, '.'), 0, 1000, &first) || !slice_int(slice_cut(&rest, '.'), 0, 1000, &second))
        return false;
    return first > major || (first == major && second >= minor);
}

enum view_jobs_kind view_jobs_kind(const struct node_view *v)
{
    if (v->is_valkey)
        return is_at_least(v, 9, 0) ? JOBS_VALKEY : JOBS_NONE;
    return is_at_least(v, 8, 4) ? JOBS_REDIS : JOBS_NONE;
}

static const struct {
    const char *word;
    enum job_state state;
} ends[] = {
    { "completed", JOB_DONE },    { "success", JOB_DONE },       { "failed", JOB_FAILED },
    { "canceled", JOB_CANCELED }, { "cancelled", JOB_CANCELED },
};

/* Every word that is not an end is a step on the way: new ones come with new versions. */
static enum job_state state_of(struct slice word)
{
    for (size_t i = 0; i < COUNT(ends); i++)
        if (slice_is(word, ends[i].word))
            return ends[i].state;
    return JOB_RUNNING;
}

static bool read_slots(struct slice rest, struct slot_set *out)
{
    struct slot_range r;
    struct slice word;

    while (rest.n) {
        word = slice_cut(&rest, ' ');
        if (slot_range_parse(word.p, word.n, &r, NULL) < 0)
            return false;
        slot_set_add(out, r);
    }
    return true;
}

static bool read_importing(struct slice s, bool *out)
{
    *out = slice_is(s, "import") || slice_is(s, "IMPORT");
    return *out || slice_is(s, "migrate") || slice_is(s, "EXPORT");
}

/* A message may hold anything: it is cut, not refused. */
static void read_message(struct slice s, char *out, size_t size)
{
    size_t n = s.n < size - 1 ? s.n : size - 1;

    for (size_t i = 0; i < n; i++)
        out[i] = s.p[i] >= ' ' && s.p[i] <= '~' ? s.p[i] : '?';
    out[n] = '\0';
}

static bool read_pair(struct slice key, struct slice value, struct view_job *j, bool *has_state)
{
    if (slice_is(key, "id") || slice_is(key, "name"))
        return slice_copy(value, j->id, sizeof(j->id));
    if (slice_is(key, "slots") || slice_is(key, "slot_ranges"))
        return read_slots(value, &j->slots);
    if (slice_is(key, "source") || slice_is(key, "source_node"))
        return slice_copy(value, j->source, sizeof(j->source));
    if (slice_is(key, "dest") || slice_is(key, "target_node"))
        return slice_copy(value, j->target, sizeof(j->target));
    if (slice_is(key, "operation"))
        return read_importing(value, &j->importing);
    if (slice_is(key, "last_error") || slice_is(key, "message"))
        read_message(value, j->message, sizeof(j->message));
    if (slice_is(key, "state")) {
        *has_state = true;
        j->state = state_of(value);
    }
    return true;
}

/* The running ones first, then the newest: the server lists the newest first. */
static void keep(struct node_view *v, const struct view_job *j)
{
    size_t n_running = 0;

    while (n_running < v->n_jobs && v->jobs[n_running].state == JOB_RUNNING)
        n_running++;
    if (!v->jobs)
        v->jobs = xcalloc(VIEW_JOBS_MAX, sizeof(*v->jobs));
    if (v->n_jobs < VIEW_JOBS_MAX)
        v->n_jobs++;
    else if (j->state != JOB_RUNNING || n_running == VIEW_JOBS_MAX)
        return;
    if (j->state == JOB_RUNNING) {
        memmove(v->jobs + n_running + 1, v->jobs + n_running, (v->n_jobs - 1 - n_running) * sizeof(*j));
        v->jobs[n_running] = *j;
    } else {
        v->jobs[v->n_jobs - 1] = *j;
    }
}

int view_add_job(struct node_view *v, const struct view_pair *pairs, size_t n, struct err *e)
{
    struct view_job j = { .state = JOB_RUNNING };
    bool has_state = false;

    for (size_t i = 0; i < n; i++) {
        struct slice key = { pairs[i].key, pairs[i].key_len }, value = { pairs[i].value, pairs[i].value_len };

        if (!read_pair(key, value, &j, &has_state))
            return err_set(e, ERR_INVALID, "slot migration: %.*s: '%.*s'", slice_shown(key), key.p, slice_shown(value),
                           value.p);
    }
    if (!has_state || !j.id[0])
        return err_set(e, ERR_INVALID, "slot migration: no %s", has_state ? "id" : "state");
    keep(v, &j);
    v->jobs_running += j.state == JOB_RUNNING;
    if (v->migration_tasks < v->jobs_running) /* Redis counts them in CLUSTER INFO too, Valkey does not */
        v->migration_tasks = v->jobs_running;
    return 0;
}
