#include <stdio.h>
#include <string.h>

#include "e2e/harness.h"

enum { POLL_MS = 150 };

struct kube_watch *e2e_watch(struct e2e *t, const struct kube_watch_opts *o, const struct kube_watch_handler *h, void *arg)
{
    for (size_t i = 0; i < COUNT(t->watches); i++)
        if (!t->watches[i])
            return t->watches[i] = kube_watch_new(t->kube, o, h, arg);
    e2e_fail(t, NULL, "more than %d watches", E2E_MAX_WATCHES);
}

void e2e_unwatch(struct e2e *t, struct kube_watch *w)
{
    for (size_t i = 0; i < COUNT(t->watches); i++)
        if (t->watches[i] == w)
            t->watches[i] = NULL;
    kube_watch_free(w);
}

static void on_slept(void *arg)
{
    loop_stop(arg);
}

void e2e_sleep_ms(struct e2e *t, int64_t ms)
{
    int64_t until_ms = loop_now_ms() + ms;
    struct loop_timer *timer = loop_timer_new(t->loop, on_slept, t->loop);

    for (int64_t left = ms; left > 0; left = until_ms - loop_now_ms()) {
        loop_timer_set(timer, left);
        loop_run(t->loop);
    }
    loop_timer_free(timer);
}

int64_t e2e_deadline_ms(int bound_s)
{
    int64_t times = 1;
    const char *slow = getenv("E2E_SLOW");

    if (slow && !str_to_int(slow, 1, 100, &times))
        times = 1;
    return loop_now_ms() + bound_s * 1000LL * times;
}

/* Keeps only the newest object: a long wait must not hold every one it saw. */
static const cJSON *look(struct e2e *t, const char *path, const cJSON **last)
{
    const cJSON *got = NULL;
    int status = e2e_send(t, "GET", path, NULL, NULL, &got);

    e2e_forget(t, *last);
    *last = got;
    return status == 200 ? got : NULL;
}

const cJSON *e2e_wait(struct e2e *t, const char *what, bool (*is_so)(const cJSON *obj, const void *arg),
                      const void *arg, int bound_s, const char *message)
{
    const char *path = e2e_path(t, what);
    int64_t end_ms = e2e_deadline_ms(bound_s);
    const cJSON *last = NULL;

    for (;;) {
        const cJSON *obj = look(t, path, &last);
        if (is_so(obj, arg))
            return obj;
        if (loop_now_ms() > end_ms)
            e2e_fail(t, last, "%s: not within %d s: %s", what, bound_s, message);
        e2e_sleep_ms(t, POLL_MS);
    }
}

struct value_wanted {
    const char *path;
    const char *json;
};

static bool value_is(const cJSON *obj, const void *arg)
{
    const struct value_wanted *w = arg;
    const cJSON *v = json_at(obj, w->path);

    if (!v)
        return obj && str_eq(w->json, "null");
    AUTO_FREE char *text = json_print(v);
    return str_eq(text, w->json);
}

const cJSON *e2e_wait_value(struct e2e *t, const char *what, const char *path, const char *json, int bound_s)
{
    struct value_wanted w = { path, json };

    return e2e_wait(t, what, value_is, &w, bound_s, e2e_fmt(t, "%s is %s", path, json));
}

static bool is_there(const cJSON *obj, const void *arg)
{
    return !obj == !arg;
}

const cJSON *e2e_wait_present(struct e2e *t, const char *what, int bound_s)
{
    return e2e_wait(t, what, is_there, "", bound_s, "present");
}

void e2e_wait_absent(struct e2e *t, const char *what, int bound_s)
{
    e2e_wait(t, what, is_there, NULL, bound_s, "absent");
}

const cJSON *e2e_condition(const cJSON *obj, const char *type)
{
    const cJSON *c;

    cJSON_ArrayForEach(c, json_at(obj, "status.conditions"))
        if (str_eq(json_get_str(c, "type"), type))
            return c;
    return NULL;
}

struct condition_wanted {
    const char *type, *status, *reason;
};

static bool condition_is(const cJSON *obj, const void *arg)
{
    const struct condition_wanted *w = arg;
    const cJSON *c = e2e_condition(obj, w->type);

    if (!c || json_get_int(c, "observedGeneration", -1) != json_get_int(obj, "metadata.generation", 0))
        return false;
    return str_eq(json_get_str(c, "status"), w->status) && (!w->reason || str_eq(json_get_str(c, "reason"), w->reason));
}

const cJSON *e2e_wait_condition(struct e2e *t, const char *what, const char *type, const char *status,
                                const char *reason, int bound_s)
{
    struct condition_wanted w = { type, status, reason };

    return e2e_wait(t, what, condition_is, &w, bound_s,
                    e2e_fmt(t, "condition %s=%s %s", type, status, reason ? reason : ""));
}
