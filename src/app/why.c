#include "app/why.h"

#include <stdio.h>
#include <string.h>

#include "api/child.h"
#include "base/str.h"
#include "changes.h"
#include "kube/path.h"

static const char help[] =
    "everserve why: why is this InferenceService as it is?\n"
    "\n"
    "  kubectl everserve why [OPTIONS] [NAMESPACE/]NAME\n"
    "\n"
    "Its conditions, the operator's last decisions (rule, reason, evidence, what was written), and the evidence\n"
    "as it is now: pods that wait and why, the predicates of Redis that do not hold, and what would be done next.\n"
    "\n"
    "  -n, --namespace NAME    default: the context's\n"
    "  -o, --output text|json  default text\n"
    "      --context NAME, --kubeconfig FILE\n"
    "  -h, --help\n"
    "\n"
    "Exit code: 0, 2 trouble, 64 wrong usage.\n";

struct why {
    struct look look;
    cJSON *report; /* owned */
};

static void take_pod(cJSON *list, const struct pod *p)
{
    cJSON *out;

    if (p->ready && !p->deleting && !p->disrupted)
        return;
    out = json_push_obj(list);
    json_str(out, "name", p->name);
    if (p->node[0])
        json_str(out, "node", p->node);
    json_str(out, "state", p->deleting ? "ending" : p->waiting[0] ? p->waiting : p->disrupted ? "disrupted" : "not ready");
    if (p->restarts)
        json_int(out, "restarts", p->restarts);
    if (p->message[0])
        json_str(out, "message", p->message);
}

static void take_redis(cJSON *report, const struct plan *p)
{
    cJSON *redis, *list;

    if (!p->redis.wanted)
        return;
    redis = json_obj(report, "redis");
    if (!p->redis.judged || !p->redis.verdict.n_reachable) {
        json_fmt(redis, "unseen", "not reached from here%s%s", p->redis.reason[0] ? ": " : "", p->redis.reason);
        return;
    }
    json_str(redis, "state", redis_state_name(p->redis.state));
    json_int(redis, "slotsOk", p->redis.verdict.slots_ok);
    list = json_arr(redis, "failing");
    for (int i = 0; i < N_PREDICATES; i++) {
        cJSON *item = p->redis.verdict.holds[i] || i == P_SETTLED ? NULL : json_push_obj(list);

        if (!item)
            continue;
        json_str(item, "predicate", predicate_number((enum predicate)i));
        json_str(item, "says", predicate_says((enum predicate)i));
        json_str(item, "evidence", p->redis.verdict.evidence[i]);
    }
}

static void on_decided(void *arg, const struct observed *o, const struct plan *p)
{
    cJSON *now = json_obj(arg, "now"), *next;

    if (!o)
        return;
    json_str(now, "rule", p->rule);
    json_str(now, "reason", p->reason);
    json_str(now, "message", p->message);
    next = json_arr(now, "next");
    for (size_t i = 0; i < p->n_actions; i++) {
        AUTO_BUF struct buf text;

        buf_init(&text, 512);
        plan_render_action(p, &p->actions[i], &text);
        json_push_str(next, buf_text(&text));
    }
    for (size_t i = 0; i < o->n_pods; i++)
        take_pod(json_arr(now, "pods"), &o->pods[i]);
    take_redis(now, p);
}

static int gather(struct why *w, const struct look_options *o, struct err *e)
{
    if (look_open(&w->look, o, e) < 0)
        return -(int)e->kind;
    AUTO_FREE char *key = look_key(&w->look, o->names[0]);
    AUTO_FREE char *ns = xstrdup(key);
    const char *name = strchr(key, '/') + 1;

    *strchr(ns, '/') = '\0';
    AUTO_FREE char *path = kube_path("/apis/" API_VERSION, ns, API_PLURAL, name, NULL);
    AUTO_JSON cJSON *live = look_get(&w->look, path, e);

    if (!live)
        return err_wrap(e, "InferenceService %s", key);
    json_str(w->report, "namespace", ns);
    json_str(w->report, "name", name);
    json_bool(w->report, "current", json_get_int(live, "status.observedGeneration", -1) == json_get_int(live, "metadata.generation", 0));
    json_put_dup(w->report, "conditions", json_at(live, "status.conditions"));
    json_put_dup(w->report, "scaling", json_at(live, "status.scaling"));
    json_put_dup(w->report, "decisions", json_at(live, "status.decisions"));
    if (look_watch(&w->look, ns, e) < 0 || look_at(&w->look, key, on_decided, w->report, e) < 0)
        json_fmt(w->report, "unseen", "the evidence as it is now cannot be seen from here: %s", e->msg);
    return 0;
}

static const char *text_of(const cJSON *obj, const char *key)
{
    const char *text = json_get_str(obj, key);

    return text ? text : "";
}

static void print_conditions(const cJSON *report)
{
    const cJSON *c;

    cJSON_ArrayForEach(c, json_member(report, "conditions"))
        printf("  %-16s %-7s %-22s since %s  %s\n", text_of(c, "type"), text_of(c, "status"), text_of(c, "reason"),
               text_of(c, "lastTransitionTime"), text_of(c, "message"));
}

static void print_decisions(const cJSON *report)
{
    const cJSON *d, *list = json_member(report, "decisions");

    printf("last decisions, the newest last\n");
    if (!json_count(list))
        printf("  none was written down\n");
    cJSON_ArrayForEach(d, list) {
        int64_t n = json_get_int(d, "count", 1);

        printf("  %s  %s: %s%s%s", text_of(d, "time"), json_has(d, "rule") ? text_of(d, "rule") : "all rules pass", text_of(d, "reason"),
               json_has(d, "message") ? ": " : "", text_of(d, "message"));
        if (n > 1)
            printf(" (%lld times)", (long long)n);
        printf("\n");
        if (json_has(d, "writes"))
            printf("      wrote %s\n", text_of(d, "writes"));
    }
}

static void print_redis(const cJSON *redis)
{
    const cJSON *f;

    if (json_has(redis, "unseen"))
        printf("  Redis: %s\n", text_of(redis, "unseen"));
    else if (redis)
        printf("  Redis: %s, %lld of 16384 slots\n", text_of(redis, "state"), (long long)json_get_int(redis, "slotsOk", 0));
    cJSON_ArrayForEach(f, json_member(redis, "failing"))
        printf("    not %s (%s): %s\n", text_of(f, "predicate"), text_of(f, "says"), text_of(f, "evidence"));
}

static void print_now(const cJSON *report)
{
    const cJSON *now = json_member(report, "now"), *v;

    printf("now, as seen from here\n");
    if (!now) {
        printf("  %s\n", json_has(report, "unseen") ? text_of(report, "unseen") : "nothing");
        return;
    }
    printf("  %s%s%s: %s\n", text_of(now, "rule"), json_has(now, "rule") ? ": " : "", text_of(now, "reason"), text_of(now, "message"));
    cJSON_ArrayForEach(v, json_member(now, "pods")) {
        printf("  pod %s: %s", text_of(v, "name"), text_of(v, "state"));
        if (json_has(v, "node"))
            printf(", on %s", text_of(v, "node"));
        if (json_has(v, "restarts"))
            printf(", %lld restarts", (long long)json_get_int(v, "restarts", 0));
        printf("%s%s\n", json_has(v, "message") ? ": " : "", text_of(v, "message"));
    }
    print_redis(json_member(now, "redis"));
    cJSON_ArrayForEach(v, json_member(now, "next"))
        printf("  next: %s\n", cJSON_GetStringValue(v));
}

static void print(const cJSON *report)
{
    printf("%s/%s%s\n", text_of(report, "namespace"), text_of(report, "name"),
           json_get_bool(report, "current", true) ? "" : ": the operator has not looked at its newest spec yet");
    print_conditions(report);
    if (json_has(report, "scaling.reason"))
        printf("  scaling is held: %s\n", text_of(report, "scaling.reason"));
    print_decisions(report);
    print_now(report);
}

int app_why(int argc, char **argv)
{
    struct look_options o;
    int status = look_options_read(&o, help, argc, argv);
    struct why w = { 0 };
    struct err e = { 0 };

    if (status >= 0)
        return status;
    if (o.n_names != 1 || o.file || o.all) {
        fputs("everserve why: name one InferenceService; everserve why --help says more\n", stderr);
        return LOOK_EXIT_USAGE;
    }
    w.report = json_new_obj();
    status = gather(&w, &o, &e) < 0 ? LOOK_EXIT_TROUBLE : 0;
    if (status) {
        fprintf(stderr, "everserve why: %s\n", e.msg);
    } else if (o.json) {
        AUTO_FREE char *text = json_print_pretty(w.report);

        printf("%s\n", text);
    } else {
        print(w.report);
    }
    look_close(&w.look);
    cJSON_Delete(w.report);
    return status;
}
