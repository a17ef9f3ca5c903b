#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../http/script_server.h"
#include "base/str.h"
#include "json/json.h"
#include "kube/config_impl.h"
#include "kube/lease.h"

/* An API server that knows one Lease: replies are made anew for each request. */
struct fixture {
    struct loop *loop;
    struct kube *kube;
    struct lease *lease;
    struct script_server server;
    struct loop_timer *guard;
    bool timed_out;
    int n_changes, n_released;
    bool held;
    cJSON *object; /* NULL: none */
    int rv;
    bool mute;      /* answers nothing */
    bool deaf;      /* writes happen, and their answers are lost */
    int n_conflicts; /* so many writes are refused first */
    char *text;
    struct script reply;
};

static const struct script *reply_with(struct fixture *f, const char *status, char *body, enum script_end end)
{
    free(f->text);
    f->text = end == HANG ? xstrdup("") : xasprintf("HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n%s", status, strlen(body), body);
    f->reply = (struct script){ f->text, 0, 0, end };
    free(body);
    return &f->reply;
}

static const struct script *write_object(struct fixture *f, const char *request)
{
    const char *body = strstr(request, "\r\n\r\n") + 4;
    cJSON *obj = NULL;
    struct err e;

    assert_int_equal(json_parse(body, strlen(body), &obj, &e), 0);
    cJSON_Delete(f->object);
    f->object = obj;
    json_fmt(json_obj(obj, "metadata"), "resourceVersion", "%d", ++f->rv);
    return reply_with(f, "200 OK", json_print(obj), f->deaf ? HANG : KEEP);
}

static bool is_current(const struct fixture *f, const char *request)
{
    AUTO_FREE char *rv = xasprintf("\"resourceVersion\":\"%d\"", f->rv);

    return strstr(request, rv) != NULL;
}

static const struct script *pick(void *arg, const char *request)
{
    struct fixture *f = arg;
    bool post = str_has_prefix(request, "POST ");

    if (f->mute)
        return reply_with(f, "", xstrdup(""), HANG);
    if (str_has_prefix(request, "GET "))
        return f->object ? reply_with(f, "200 OK", json_print(f->object), KEEP) : reply_with(f, "404 Not Found", xstrdup("{}"), KEEP);
    if (f->n_conflicts > 0 || (post && f->object) || (!post && !is_current(f, request))) {
        f->n_conflicts--;
        return reply_with(f, "409 Conflict", xstrdup("{}"), KEEP);
    }
    return write_object(f, request);
}

static void on_guard(void *arg)
{
    struct fixture *f = arg;

    f->timed_out = true;
    loop_stop(f->loop);
}

static void on_change(void *arg, bool held)
{
    struct fixture *f = arg;

    f->n_changes++;
    f->held = held;
    assert_int_equal(lease_is_held(f->lease, loop_now_ms()), held);
    loop_stop(f->loop);
}

static void on_released(void *arg)
{
    struct fixture *f = arg;

    f->n_released++;
    loop_stop(f->loop);
}

static int setup(void **state)
{
    struct kube_config *cfg = xcalloc(1, sizeof(*cfg));
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct err e;

    *state = f;
    f->loop = loop_new();
    f->guard = loop_timer_new(f->loop, on_guard, f);
    loop_timer_set(f->guard, 20000);
    script_server_init(&f->server, f->loop, NULL, 0);
    f->server.pick = pick;
    f->server.arg = f;
    cfg->server = xstrdup(f->server.url);
    f->kube = kube_new(f->loop, cfg, &e);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    lease_free(f->lease);
    kube_free(f->kube);
    script_server_done(&f->server);
    loop_timer_free(f->guard);
    loop_free(f->loop);
    cJSON_Delete(f->object);
    free(f->text);
    free(f);
    return 0;
}

static void ask_with(struct fixture *f, int32_t renew_deadline_ms)
{
    f->lease = lease_new(f->kube,
                         &(struct lease_opts){ .ns = "ns", .name = "l", .identity = "me", .duration_ms = 1000,
                                               .renew_deadline_ms = renew_deadline_ms, .retry_ms = 50 },
                         on_change, f);
}

static void ask(struct fixture *f)
{
    ask_with(f, 20000);
}

static void run(struct fixture *f)
{
    loop_run(f->loop);
    assert_false(f->timed_out);
}

static void put_holder(struct fixture *f, const char *holder)
{
    cJSON *spec;

    cJSON_Delete(f->object);
    f->object = json_new_obj();
    json_fmt(json_obj(f->object, "metadata"), "resourceVersion", "%d", ++f->rv);
    spec = json_obj(f->object, "spec");
    json_str(spec, "holderIdentity", holder);
    json_int(spec, "leaseTransitions", 4);
}

static const char *holder_now(const struct fixture *f)
{
    return json_get_str(f->object, "spec.holderIdentity");
}

static void a_lease_that_is_not_there_is_made(void **state)
{
    struct fixture *f = *state;

    ask(f);
    assert_false(lease_is_held(f->lease, loop_now_ms()));
    run(f);
    assert_true(f->held);
    assert_string_equal(holder_now(f), "me");
    assert_string_equal(lease_holder(f->lease), "me");
    assert_int_equal(json_get_int(f->object, "spec.leaseTransitions", -1), 0);
    assert_int_equal(strlen(json_get_str(f->object, "spec.renewTime")), strlen("2026-01-02T03:04:05.678000Z"));
}

static void anothers_is_taken_when_it_has_run_out(void **state)
{
    struct fixture *f = *state;
    int64_t began = loop_now_ms();

    put_holder(f, "other");
    ask(f);
    run(f);
    assert_true(f->held);
    assert_true(loop_now_ms() - began >= 1000);
    assert_int_equal(json_get_int(f->object, "spec.leaseTransitions", -1), 5);
}

static void a_race_has_one_winner(void **state)
{
    struct fixture *f = *state;

    put_holder(f, "");
    f->n_conflicts = 2;
    ask(f);
    run(f);
    assert_true(f->held);
    assert_int_equal(f->n_changes, 1);
}

static void it_is_renewed_and_stays_held(void **state)
{
    struct fixture *f = *state;

    ask(f);
    run(f);
    loop_timer_set(f->guard, 800);
    loop_run(f->loop);
    assert_int_equal(f->n_changes, 1);
    assert_true(lease_is_held(f->lease, loop_now_ms()));
    assert_true(f->rv > 1);
}

static void a_silent_server_ends_it_at_the_deadline_and_not_later(void **state)
{
    struct fixture *f = *state;
    int64_t held_until;

    ask_with(f, 600);
    run(f);
    f->mute = true;
    held_until = loop_now_ms() + 600;
    run(f);
    assert_false(f->held);
    assert_false(lease_is_held(f->lease, loop_now_ms()));
    assert_true(loop_now_ms() >= held_until - 10);
}

static void after_the_silence_it_is_taken_again(void **state)
{
    struct fixture *f = *state;

    ask_with(f, 600);
    run(f);
    f->deaf = true;
    run(f);
    assert_false(f->held);
    f->deaf = false;
    run(f);
    assert_true(f->held);
    assert_int_equal(json_get_int(f->object, "spec.leaseTransitions", -1), 0);
}

static void another_holder_ends_it_at_once(void **state)
{
    struct fixture *f = *state;

    ask(f);
    run(f);
    put_holder(f, "other");
    run(f);
    assert_false(f->held);
    assert_string_equal(lease_holder(f->lease), "other");
}

static void released_it_is_nobodys(void **state)
{
    struct fixture *f = *state;

    ask(f);
    run(f);
    lease_release(f->lease, on_released, f);
    assert_false(lease_is_held(f->lease, loop_now_ms()));
    run(f);
    assert_int_equal(f->n_released, 1);
    assert_string_equal(holder_now(f), "");
    assert_int_equal(f->n_changes, 1);
}

static void a_release_survives_a_conflict(void **state)
{
    struct fixture *f = *state;

    ask(f);
    run(f);
    f->n_conflicts = 1;
    lease_release(f->lease, on_released, f);
    run(f);
    assert_int_equal(f->n_released, 1);
    assert_string_equal(holder_now(f), "");
}

static void what_is_not_held_is_released_too(void **state)
{
    struct fixture *f = *state;

    f->mute = true;
    ask(f);
    lease_release(f->lease, on_released, f);
    assert_int_equal(f->n_released, 0);
    run(f);
    assert_int_equal(f->n_released, 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_lease_that_is_not_there_is_made),
        T(anothers_is_taken_when_it_has_run_out),
        T(a_race_has_one_winner),
        T(it_is_renewed_and_stays_held),
        T(a_silent_server_ends_it_at_the_deadline_and_not_later),
        T(after_the_silence_it_is_taken_again),
        T(another_holder_ends_it_at_once),
        T(released_it_is_nobodys),
        T(a_release_survives_a_conflict),
        T(what_is_not_held_is_released_too),
    };

    return cmocka_run_group_tests_name("lease over the wire", tests, NULL, NULL);
}
