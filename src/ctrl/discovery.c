/*
 * What the cluster offers: asked at the start, every few minutes, sooner while something is wanted that is not
 * there, and when a watch hints that it went.
 */
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "kube/path.h"
#include "shell.h"

enum { AGAIN_MS = 120000, WANTED_MS = 10000, WANTED_FOR_MS = 60000, DOUBT_MS = 1000, ZERO_AGAIN_MS = 60000 };

struct discovery {
    struct ctrl *c;
    struct loop_timer *timer;
    struct kube_call *call, *zero_call; /* NULL: none under way */
    int at;                             /* the capability that is being asked for */
    struct capabilities next, found;
    bool heard, done; /* anything in this round; a round is complete */
    int64_t due_ms, wanted_ms, zero_ms; /* next round; last wanted, last asked: 0 never */
};

static void ask(struct discovery *d);

static void set_timer(struct discovery *d, int64_t in_ms)
{
    d->due_ms = loop_now_ms() + in_ms;
    loop_timer_set(d->timer, in_ms);
}

static void adopt(struct discovery *d, const struct capabilities *now)
{
    if (d->done && capabilities_equal(&d->found, now))
        return;
    d->found = *now;
    log_info("the cluster offers", F("vpa", now->vpa), F("keda", now->keda), F("gateway", now->gateway),
             F("dra", now->dra), F("image_volumes", now->image_volumes), F("scale_to_zero", now->scale_to_zero));
    watches_follow(d->c, !d->done);
    ctrl_look_at_all(d->c);
}

static void end_round(struct discovery *d)
{
    bool wanted = d->wanted_ms && loop_now_ms() - d->wanted_ms < WANTED_FOR_MS;

    d->at = CAP_BUILT_IN;
    if (!d->heard) { /* nobody answers: what was known stays, and at the start nothing is decided */
        set_timer(d, DOUBT_MS);
        return;
    }
    d->next.scale_to_zero = d->found.scale_to_zero;
    d->next.knows_zero = d->found.knows_zero;
    adopt(d, &d->next);
    d->done = true;
    ctrl_wake(d->c);
    set_timer(d, wanted ? WANTED_MS : AGAIN_MS);
}

/* Trouble says nothing: what was known stays. */
static void on_doc(void *arg, const struct kube_reply *r)
{
    struct discovery *d = arg;
    bool told = r->err.kind == ERR_NONE || r->err.kind == ERR_ABSENT;

    d->call = NULL;
    d->heard |= told || r->err.kind == ERR_DENIED;
    if (told)
        capability_read((enum capability)d->at, r->err.kind == ERR_NONE ? r->body : NULL, &d->next);
    ask(d);
}

static void ask(struct discovery *d)
{
    const char *path;

    do
        d->at++;
    while (d->at < N_CAPABILITIES && !capability_path((enum capability)d->at));
    if (d->at == N_CAPABILITIES) {
        end_round(d);
        return;
    }
    path = capability_path((enum capability)d->at);
    d->call = kube_send(d->c->kube, &(struct kube_request){ .method = "GET", .path = path }, on_doc, d);
}

static void begin(void *arg)
{
    struct discovery *d = arg;

    if (d->call)
        return;
    d->next = d->found;
    d->heard = false;
    d->at = CAP_BUILT_IN;
    ask(d);
}

struct discovery *discovery_new(struct ctrl *c)
{
    struct discovery *d = xcalloc(1, sizeof(*d));

    d->c = c;
    d->timer = loop_timer_new(c->loop, begin, d);
    set_timer(d, 0);
    return d;
}

void discovery_free(struct discovery *d)
{
    if (!d)
        return;
    kube_cancel(d->call);
    kube_cancel(d->zero_call);
    loop_timer_free(d->timer);
    free(d);
}

bool discovery_is_done(const struct discovery *d)
{
    return d && d->done;
}

const struct capabilities *discovery_found(const struct discovery *d)
{
    static const struct capabilities none;

    return d ? &d->found : &none;
}

static void sooner(struct discovery *d, int64_t in_ms)
{
    if (!d->call && d->due_ms > loop_now_ms() + in_ms)
        set_timer(d, in_ms);
}

void discovery_doubt(struct discovery *d)
{
    sooner(d, DOUBT_MS);
}

static void on_zero(void *arg, const struct kube_reply *r)
{
    struct discovery *d = arg;
    struct capabilities now = d->found;

    d->zero_call = NULL;
    if (capability_zero_answer(r->status, r->err.kind == ERR_NONE ? NULL : r->err.msg, &now))
        adopt(d, &now);
    else
        log_debug("no answer to whether an autoscaler may go to zero", F("error", (const char *)r->err.msg));
}

static void ask_for_zero(struct discovery *d, const char *ns)
{
    AUTO_FREE char *path = NULL;
    AUTO_JSON cJSON *body = NULL;
    int64_t now_ms = loop_now_ms();

    if (d->zero_call || (d->zero_ms && now_ms - d->zero_ms < ZERO_AGAIN_MS))
        return;
    d->zero_ms = now_ms;
    path = kube_path("/apis/autoscaling/v2", ns, "horizontalpodautoscalers", NULL, NULL);
    path = kube_path_with(path, "dryRun", "All");
    body = capability_zero_question(ns);
    d->zero_call = kube_send(d->c->kube, &(struct kube_request){ .method = "POST", .path = path, .body = body }, on_zero, d);
}

void discovery_missing(struct discovery *d, const char *ns, unsigned missing)
{
    if (missing & 1u << CAP_SCALE_TO_ZERO)
        ask_for_zero(d, ns);
    if (!(missing & ~(1u << CAP_SCALE_TO_ZERO)))
        return;
    d->wanted_ms = loop_now_ms();
    sooner(d, WANTED_MS);
}
