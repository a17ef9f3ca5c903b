/*
 * The controller over a transport that is a small API server: a map of objects, watches that stay open, and
 * answers that a test can spoil.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "api/child.h"
#include "base/map.h"
#include "base/str.h"
#include "ctrl/ctrl.h"
#include "kube/client_impl.h"
#include "kube/config_impl.h"

#define SERVICES "/apis/" API_VERSION "/namespaces/ns/inferenceservices/"

enum { GUARD_MS = 20000, QUIET_MS = 150 };

struct http_call {
    struct http_call *next;
    struct fake *f;
    struct loop_timer *timer;
    char *method, *path, *query, *type;
    cJSON *body;
    bool is_watch, is_told; /* of a watch: the first objects were sent */
    bool (*on_data)(void *arg, const char *data, size_t len);
    void (*on_done)(void *arg, const struct http_reply *reply);
    void *arg;
};

struct fake {
    struct http_transport lanes[N_KUBE_LANES]; /* first: a transport is a pointer into it */
    struct loop *loop;
    struct kube *kube;
    struct ctrl *ctrl;
    struct loop_timer *guard, *quiet;
    struct http_call *calls;
    struct map *objects; /* path to cJSON */
    int64_t rv;
    int n_writes, n_status_writes;
    bool timed_out;
    /* what goes wrong */
    const char *hang;      /* method and path begin so: never answered */
    const char *refuse;    /* likewise: 500 */
    const char *deny;      /* likewise: 403 */
    const char *undeclared; /* with this member no status can be applied */
    const char *forget;    /* this member of a status is not kept */
    const char *mute;      /* no events of these */
};

static struct fake *fake_of(struct http_transport *t);

static void call_free(struct http_call *c)
{
    struct http_call **at = &c->f->calls;

    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    loop_timer_free(c->timer);
    free(c->method);
    free(c->path);
    free(c->query);
    free(c->type);
    cJSON_Delete(c->body);
    free(c);
}

static void answer(struct http_call *c, int status, const cJSON *body)
{
    AUTO_FREE char *text = json_print(body);
    struct http_reply r = { .status = status, .body = text, .len = strlen(text) };
    void (*on_done)(void *arg, const struct http_reply *reply) = c->on_done;
    void *arg = c->arg;

    call_free(c);
    on_done(arg, &r);
}

static void refuse(struct http_call *c, int code, const char *message)
{
    cJSON *status = json_new_obj();

    json_str(status, "kind", "Status");
    json_str(status, "message", message);
    json_int(status, "code", code);
    answer(c, code, status);
    cJSON_Delete(status);
}

static bool is_spoilt(const struct http_call *c, const char *rule)
{
    AUTO_FREE char *what = xasprintf("%s %s", c->method, c->path);

    return rule && str_has_prefix(what, rule);
}

/* --- watches --- */

static void send_event(struct http_call *w, const char *type, const cJSON *obj)
{
    cJSON *ev = json_new_obj();
    AUTO_FREE char *text = NULL, *line = NULL;

    json_str(ev, "type", type);
    json_put_dup(ev, "object", obj);
    text = json_print(ev);
    cJSON_Delete(ev);
    line = xasprintf("%s\n", text);
    (void)w->on_data(w->arg, line, strlen(line));
}

/* The collection of a path without its last part, whatever the namespace. */
static bool is_in(const char *collection, const char *path)
{
    const char *plural = strrchr(collection, '/');
    const char *name = strrchr(path, '/');
    size_t n = strlen(plural);

    return (size_t)(name - path) > n && strncmp(name - n, plural, n) == 0;
}

static void send_first(struct http_call *w)
{
    cJSON *mark = json_new_obj();

    for (struct map_iter i = map_first(w->f->objects); i.key; map_next(&i))
        if (is_in(w->path, i.key))
            send_event(w, "ADDED", i.value);
    json_fmt(json_obj(mark, "metadata"), "resourceVersion", "%d", (int)++w->f->rv);
    json_str(json_obj(json_obj(mark, "metadata"), "annotations"), "k8s.io/initial-events-end", "true");
    w->is_told = true;
    send_event(w, "BOOKMARK", mark);
    cJSON_Delete(mark);
}

static void tell(struct fake *f, const char *path, const char *type)
{
    const cJSON *obj = map_get(f->objects, path);

    for (struct http_call *w = f->calls, *next; w; w = next) {
        next = w->next;
        if (w->is_watch && w->is_told && is_in(w->path, path) && !(f->mute && strstr(path, f->mute)))
            send_event(w, type, obj);
    }
    loop_timer_set(f->quiet, QUIET_MS);
}

/* --- objects --- */

static void own_all(cJSON *obj, const cJSON *body)
{
    cJSON *meta = json_obj(obj, "metadata"), *entry, *fields;
    const cJSON *m;

    json_del(meta, "managedFields");
    entry = json_push_obj(json_arr(meta, "managedFields"));
    json_str(entry, "manager", API_MANAGER);
    json_str(entry, "operation", "Apply");
    fields = json_obj(entry, "fieldsV1");
    cJSON_ArrayForEach(m, body)
        if (!str_eq(m->string, "apiVersion") && !str_eq(m->string, "kind") && !str_eq(m->string, "metadata")) {
            AUTO_FREE char *key = xasprintf("f:%s", m->string);
            (void)json_obj(fields, key);
        }
    cJSON_ArrayForEach(m, json_member(body, "metadata"))
        if (!str_eq(m->string, "name") && !str_eq(m->string, "namespace")) {
            AUTO_FREE char *key = xasprintf("f:%s", m->string);
            (void)json_obj(json_obj(fields, "f:metadata"), key);
        }
}

static void new_version(struct fake *f, cJSON *obj)
{
    json_fmt(json_obj(obj, "metadata"), "resourceVersion", "%d", (int)++f->rv);
}

/* A Deployment is carried out at once. */
static void run_deployment(cJSON *obj)
{
    static const char *const counts[] = { "replicas", "readyReplicas", "updatedReplicas", "availableReplicas" };

    for (size_t i = 0; i < COUNT(counts); i++)
        json_int(json_obj(obj, "status"), counts[i], json_get_int(obj, "spec.replicas", 1));
    json_int(json_obj(obj, "status"), "observedGeneration", json_get_int(obj, "metadata.generation", 1));
}

static void put(struct fake *f, const char *path, cJSON *obj)
{
    cJSON *old = map_put(f->objects, path, obj);
    const char *uid = json_get_str(old, "metadata.uid");
    AUTO_FREE char *fresh = xasprintf("uid-%d", (int)f->rv + 1);

    json_str(json_obj(obj, "metadata"), "uid", uid ? uid : fresh);
    json_int(json_obj(obj, "metadata"), "generation", json_get_int(old, "metadata.generation", 0) + 1);
    if (str_eq(json_get_str(obj, "kind"), "Deployment"))
        run_deployment(obj);
    new_version(f, obj);
    cJSON_Delete(old);
    tell(f, path, old ? "MODIFIED" : "ADDED");
}

static void put_text(struct fake *f, const char *path, const char *text)
{
    cJSON *obj = NULL;
    struct err e;

    if (json_parse(text, strlen(text), &obj, &e) < 0)
        fail_msg("%s", e.msg);
    put(f, path, obj);
}

static void patch_status(struct http_call *c)
{
    struct fake *f = c->f;
    AUTO_FREE char *path = xstrndup(c->path, strlen(c->path) - strlen("/status"));
    cJSON *obj = map_get(f->objects, path);

    if (!obj) {
        refuse(c, 404, "gone");
        return;
    }
    if (f->undeclared && !strstr(c->type, "merge")) {
        refuse(c, 500, "failed to create typed patch object: .status.x: field not declared in schema");
        return;
    }
    f->n_status_writes++;
    json_put_dup(obj, "status", json_member(c->body, "status"));
    if (f->forget)
        json_del(json_member(obj, "status"), f->forget);
    new_version(f, obj);
    answer(c, 200, obj);
    tell(f, path, "MODIFIED");
}

static void patch(struct http_call *c)
{
    struct fake *f = c->f;
    AUTO_FREE char *path = xstrdup(c->path);
    cJSON *obj = json_dup(c->body);
    const cJSON *old = map_get(f->objects, path);
    bool was_there = old != NULL;

    f->n_writes++;
    if (!json_has(obj, "spec.replicas")) /* somebody else's */
        json_put_dup(json_member(obj, "spec"), "replicas", json_at(old, "spec.replicas"));
    own_all(obj, c->body);
    put(f, path, obj);
    answer(c, was_there ? 200 : 201, obj);
}

static void delete(struct http_call *c)
{
    struct fake *f = c->f;
    AUTO_FREE char *path = xstrdup(c->path);
    AUTO_JSON cJSON *obj = NULL;

    new_version(f, map_get(f->objects, path));
    tell(f, path, "DELETED");
    obj = map_take(f->objects, path);
    answer(c, 200, obj);
}

static void serve(void *arg)
{
    struct http_call *c = arg;
    const cJSON *obj = map_get(c->f->objects, c->path);

    if (is_spoilt(c, c->f->deny))
        refuse(c, 403, "forbidden");
    else if (c->is_watch)
        send_first(c);
    else if (is_spoilt(c, c->f->hang))
        return;
    else if (is_spoilt(c, c->f->refuse))
        refuse(c, 500, "failed calling webhook");
    else if (str_eq(c->method, "PATCH") && str_has_suffix(c->path, "/status"))
        patch_status(c);
    else if (str_eq(c->method, "PATCH"))
        patch(c);
    else if (str_eq(c->method, "GET") && obj)
        answer(c, 200, obj);
    else if (str_eq(c->method, "DELETE") && obj)
        delete(c);
    else if (str_eq(c->method, "POST"))
        answer(c, 201, c->body);
    else
        refuse(c, 404, "not found");
}

/* --- the transport --- */

static struct http_call *fake_send(struct http_transport *t, const struct http_request *req)
{
    struct http_call *c = xcalloc(1, sizeof(*c));
    const char *path = strstr(req->url, "://");
    size_t n;

    path = strchr(path + 3, '/');
    n = strcspn(path, "?");
    *c = (struct http_call){ .f = fake_of(t), .method = xstrdup(req->method), .path = xstrndup(path, n),
                             .query = xstrdup(path + n), .on_data = req->on_data, .on_done = req->on_done, .arg = req->arg };
    c->type = xstrdup("");
    for (const char *const *h = req->headers; h && *h; h++)
        if (str_has_prefix(*h, "Content-Type: ")) {
            free(c->type);
            c->type = xstrdup(*h);
        }
    c->is_watch = strstr(c->query, "watch=1") != NULL;
    if (req->body && json_parse(req->body, req->body_len, &c->body, NULL) < 0)
        abort();
    c->next = c->f->calls;
    c->f->calls = c;
    c->timer = loop_timer_new(c->f->loop, serve, c);
    loop_timer_set(c->timer, 0);
    if (!c->is_watch)
        loop_timer_set(c->f->quiet, QUIET_MS);
    return c;
}

static void fake_cancel(struct http_transport *t, struct http_call *c)
{
    (void)t;
    call_free(c);
}

static int64_t fake_quiet_ms(struct http_transport *t)
{
    (void)t;
    return -1;
}

static void fake_cut(struct http_transport *t, int64_t quiet_ms)
{
    (void)t;
    (void)quiet_ms;
}

static void fake_free(struct http_transport *t)
{
    (void)t;
}

/* --- the fixture --- */

static struct fake *the_fake;

static struct fake *fake_of(struct http_transport *t)
{
    (void)t;
    return the_fake;
}

static void on_guard(void *arg)
{
    struct fake *f = arg;

    f->timed_out = true;
    loop_stop(f->loop);
}

static void on_quiet(void *arg)
{
    struct fake *f = arg;

    loop_stop(f->loop);
}

/* Until nothing was asked for a while. */
static void settle(struct fake *f)
{
    loop_timer_set(f->quiet, QUIET_MS);
    loop_run(f->loop);
    assert_false(f->timed_out);
}

static int setup(void **state)
{
    static const struct ctrl_config cfg = { .identity = "test", .max_passes = 4 };
    struct http_transport *lanes[N_KUBE_LANES];
    struct kube_config *kc = xcalloc(1, sizeof(*kc));
    struct fake *f = the_fake = xcalloc(1, sizeof(*f));

    f->loop = loop_new();
    f->objects = map_new();
    f->guard = loop_timer_new(f->loop, on_guard, f);
    f->quiet = loop_timer_new(f->loop, on_quiet, f);
    loop_timer_set(f->guard, GUARD_MS);
    kc->server = xstrdup("http://fake");
    for (size_t i = 0; i < N_KUBE_LANES; i++) {
        f->lanes[i] = (struct http_transport){ fake_send, fake_cancel, fake_quiet_ms, fake_cut, fake_free };
        lanes[i] = &f->lanes[i];
    }
    f->kube = kube_new_over(f->loop, kc, lanes);
    f->ctrl = ctrl_new(f->loop, f->kube, &cfg);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fake *f = *state;

    ctrl_free(f->ctrl);
    kube_free(f->kube);
    while (f->calls)
        call_free(f->calls);
    for (struct map_iter i = map_first(f->objects); i.key; map_next(&i))
        cJSON_Delete(i.value);
    map_free(f->objects, NULL);
    loop_timer_free(f->guard);
    loop_timer_free(f->quiet);
    loop_free(f->loop);
    free(f);
    return 0;
}

static void put_service(struct fake *f, const char *name, int min)
{
    AUTO_FREE char *path = xasprintf(SERVICES "%s", name);
    AUTO_FREE char *text = xasprintf("{\"apiVersion\":\"" API_VERSION "\",\"kind\":\"" API_KIND "\",\"metadata\":{\"name\":\"%s\","
                                     "\"namespace\":\"ns\"},\"spec\":{\"predictor\":{\"minReplicas\":%d,\"containers\":"
                                     "[{\"image\":\"r/m:1\"}]}}}",
                                     name, min);
    put_text(f, path, text);
}

static const char *ready(struct fake *f, const char *name, const char *field)
{
    AUTO_FREE char *path = xasprintf(SERVICES "%s", name);
    const cJSON *c;

    cJSON_ArrayForEach(c, json_at(map_get(f->objects, path), "status.conditions"))
        if (str_eq(json_get_str(c, "type"), "Ready"))
            return json_get_str(c, field);
    return "";
}

static void makes_what_is_missing_and_rests(void **state)
{
    struct fake *f = *state;

    put_service(f, "a", 2);
    ctrl_start(f->ctrl);
    settle(f);
    assert_string_equal(ready(f, "a", "reason"), "Ready");
    assert_int_equal(f->n_writes, 4); /* three children, and the template that came up is kept */
    assert_in_range(f->n_status_writes, 1, 2);
    settle(f);
    assert_int_equal(f->n_writes, 4);
}

static void nodes_that_may_not_be_read_are_done_without(void **state)
{
    struct fake *f = *state;

    f->deny = "GET /api/v1/nodes";
    put_service(f, "a", 2);
    ctrl_start(f->ctrl);
    settle(f);
    assert_string_equal(ready(f, "a", "reason"), "Ready");
}

static void services_that_may_not_be_read_are_waited_for(void **state)
{
    struct fake *f = *state;

    f->deny = "GET /api/v1/services";
    put_service(f, "a", 2);
    ctrl_start(f->ctrl);
    settle(f);
    assert_int_equal(f->n_writes, 0);
}

static void a_status_that_is_not_kept_is_sent_once(void **state)
{
    struct fake *f = *state;
    int n;

    f->forget = "predictor";
    put_service(f, "a", 2);
    ctrl_start(f->ctrl);
    settle(f);
    n = f->n_status_writes;
    for (int i = 0; i < 5; i++) { /* each brings a pass */
        AUTO_FREE char *pod = xasprintf("{\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\",\"namespace\":\"ns\",\"labels\":"
                                        "{\"app.kubernetes.io/instance\":\"a\"}},\"spec\":{\"nodeName\":\"n%d\"}}",
                                        i);
        put_text(f, "/api/v1/namespaces/ns/pods/p", pod);
        settle(f);
    }
    assert_int_equal(f->n_status_writes, n);
}

static void a_crd_older_than_the_program_gets_what_it_knows(void **state)
{
    struct fake *f = *state;
    int n;

    f->undeclared = f->forget = "predictor";
    put_service(f, "a", 2);
    ctrl_start(f->ctrl);
    settle(f);
    assert_string_equal(ready(f, "a", "reason"), "Ready");
    n = f->n_status_writes;
    put_service(f, "a", 3);
    settle(f);
    assert_in_range(f->n_status_writes, n + 1, n + 3);
}

static void lasting_trouble_with_one_child_is_said_and_the_others_are_made(void **state)
{
    struct fake *f = *state;

    f->refuse = "PATCH /apis/apps/v1/namespaces/ns/deployments/a";
    put_service(f, "a", 2);
    ctrl_start(f->ctrl);
    settle(f);
    settle(f);
    assert_string_equal(ready(f, "a", "reason"), "ApiServerTrouble");
    assert_non_null(strstr(ready(f, "a", "message"), "failed calling webhook"));
    assert_non_null(map_get(f->objects, "/api/v1/namespaces/ns/services/a"));
}

/* "x" with Redis has a Service of the name that the Service of "x-redis" should have. */
static void the_child_of_another_service_is_a_conflict(void **state)
{
    struct fake *f = *state;
    cJSON *svc;

    put_text(f, "/api/v1/namespaces/ns/services/x-redis",
             "{\"kind\":\"Service\",\"metadata\":{\"name\":\"x-redis\",\"namespace\":\"ns\",\"labels\":{"
             "\"app.kubernetes.io/instance\":\"x\"},\"ownerReferences\":[{\"apiVersion\":\"" API_VERSION
             "\",\"kind\":\"" API_KIND "\",\"name\":\"x\",\"uid\":\"uid-x\",\"controller\":true}]},\"spec\":{}}");
    svc = map_get(f->objects, "/api/v1/namespaces/ns/services/x-redis");
    own_all(svc, svc);
    put_service(f, "x-redis", 2);
    ctrl_start(f->ctrl);
    settle(f);
    assert_string_equal(ready(f, "x-redis", "reason"), "ChildConflict");
    assert_ptr_equal(map_get(f->objects, "/api/v1/namespaces/ns/services/x-redis"), svc); /* not written */
}

/* The autoscaler is there, but its watch has not told us of it. */
static void an_autoscaler_that_we_have_not_heard_of_is_looked_for(void **state)
{
    struct fake *f = *state;
    cJSON *dep;

    put_service(f, "a", 2);
    ctrl_start(f->ctrl);
    settle(f);
    dep = map_get(f->objects, "/apis/apps/v1/namespaces/ns/deployments/a");
    f->mute = "horizontalpodautoscalers";
    put_text(f, "/apis/autoscaling/v2/namespaces/ns/horizontalpodautoscalers/a",
             "{\"kind\":\"HorizontalPodAutoscaler\",\"metadata\":{\"name\":\"a\",\"namespace\":\"ns\",\"labels\":{"
             "\"app.kubernetes.io/instance\":\"a\"},\"ownerReferences\":[{\"kind\":\"" API_KIND
             "\",\"name\":\"a\",\"uid\":\"uid-1\",\"controller\":true}]},\"spec\":{\"minReplicas\":2,\"maxReplicas\":9}}");
    /* it scaled to 7, and the field is not ours any more */
    dep = json_dup(dep);
    json_int(json_obj(dep, "spec"), "replicas", 7);
    json_del(json_at(dep, "metadata"), "managedFields");
    put(f, "/apis/apps/v1/namespaces/ns/deployments/a", dep);
    settle(f);
    assert_int_equal(json_get_int(map_get(f->objects, "/apis/apps/v1/namespaces/ns/deployments/a"), "spec.replicas", 0), 7);
}

#define SIZES "/apis/autoscaling.k8s.io/v1"
#define VERTICAL SIZES "/namespaces/ns/verticalpodautoscalers/a"

static void put_sized(struct fake *f)
{
    put_text(f, SERVICES "a",
             "{\"apiVersion\":\"" API_VERSION "\",\"kind\":\"" API_KIND "\",\"metadata\":{\"name\":\"a\",\"namespace\":\"ns\"},"
             "\"spec\":{\"predictor\":{\"verticalScaling\":{},\"containers\":[{\"image\":\"m\"}]}}}");
}

static void offer_sizes(struct fake *f)
{
    cJSON *doc = json_new_obj();

    json_str(json_push_obj(json_arr(doc, "resources")), "name", "verticalpodautoscalers");
    map_put(f->objects, SIZES, doc);
}

static void a_kind_that_is_not_installed_is_done_without(void **state)
{
    struct fake *f = *state;

    put_sized(f);
    ctrl_start(f->ctrl);
    settle(f);
    assert_null(map_get(f->objects, VERTICAL));
    assert_non_null(map_get(f->objects, "/apis/apps/v1/namespaces/ns/deployments/a"));
    assert_string_equal(ready(f, "a", "reason"), "VerticalPodAutoscalerMissing");
}

static void a_kind_that_is_installed_is_watched_and_made(void **state)
{
    struct fake *f = *state;

    offer_sizes(f);
    put_sized(f);
    ctrl_start(f->ctrl);
    settle(f);
    assert_non_null(map_get(f->objects, VERTICAL));
    assert_string_equal(ready(f, "a", "reason"), "Ready");
}

/* Rights of an older installation, or a conversion webhook that is down: all else goes on. */
static void a_kind_that_cannot_be_watched_counts_as_absent(void **state)
{
    struct fake *f = *state;

    f->deny = "GET " SIZES "/verticalpodautoscalers";
    offer_sizes(f);
    put_sized(f);
    ctrl_start(f->ctrl);
    settle(f);
    assert_null(map_get(f->objects, VERTICAL));
    assert_non_null(map_get(f->objects, "/apis/apps/v1/namespaces/ns/deployments/a"));
    assert_string_equal(ready(f, "a", "reason"), "VerticalPodAutoscalerMissing");
}

/* This server creates whatever is sent: a dry run of an autoscaler with minReplicas 0, too. */
static void zero_is_asked_for(void **state)
{
    struct fake *f = *state;

    put_text(f, SERVICES "a",
             "{\"apiVersion\":\"" API_VERSION "\",\"kind\":\"" API_KIND "\",\"metadata\":{\"name\":\"a\",\"namespace\":\"ns\"},"
             "\"spec\":{\"predictor\":{\"minReplicas\":0,\"maxReplicas\":3,\"autoScaling\":{\"metrics\":[{\"type\":\"External\","
             "\"external\":{\"metric\":{\"name\":\"q\"},\"target\":{\"type\":\"Value\",\"value\":\"5\"}}}]},"
             "\"containers\":[{\"image\":\"m\"}]}}}");
    ctrl_start(f->ctrl);
    settle(f);
    assert_string_equal(ready(f, "a", "reason"), "Ready");
}

static void on_stopped(void *arg)
{
    loop_stop(arg);
}

/* Nothing leaks, and nothing calls back into what is gone: for the sanitizers. */
static void an_end_in_the_middle_of_a_pass(void **state)
{
    struct fake *f = *state;

    f->hang = "GET /apis/apps/v1/";
    put_service(f, "a", 2);
    put_service(f, "b", 2);
    ctrl_start(f->ctrl);
    settle(f);
    ctrl_stop(f->ctrl, on_stopped, f->loop);
    assert_int_equal(f->n_writes, 0);
}

int main(void)
{
#define ROW(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        ROW(makes_what_is_missing_and_rests),
        ROW(nodes_that_may_not_be_read_are_done_without),
        ROW(services_that_may_not_be_read_are_waited_for),
        ROW(a_status_that_is_not_kept_is_sent_once),
        ROW(a_crd_older_than_the_program_gets_what_it_knows),
        ROW(lasting_trouble_with_one_child_is_said_and_the_others_are_made),
        ROW(the_child_of_another_service_is_a_conflict),
        ROW(an_autoscaler_that_we_have_not_heard_of_is_looked_for),
        ROW(a_kind_that_is_not_installed_is_done_without),
        ROW(a_kind_that_is_installed_is_watched_and_made),
        ROW(a_kind_that_cannot_be_watched_counts_as_absent),
        ROW(zero_is_asked_for),
        ROW(an_end_in_the_middle_of_a_pass),
    };

    return cmocka_run_group_tests_name("ctrl", tests, NULL, NULL);
}
