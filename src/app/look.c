#include "look.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "kube/config.h"

enum { READY_MS = 30000, POLL_MS = 5, GET_MS = 10000 };

static int wrong(const char *command, const char *what)
{
    fprintf(stderr, "everserve %s: %s; everserve %s --help says more\n", command, what, command);
    return LOOK_EXIT_USAGE;
}

static const char *take(struct look_options *o, int c, const char *value)
{
    switch (c) {
    case 'k':
        o->kubeconfig = value;
        return NULL;
    case 'c':
        o->context = value;
        return NULL;
    case 'n':
        o->ns = value;
        return NULL;
    case 'f':
        o->file = value;
        return NULL;
    case 'A':
        o->all = true;
        return NULL;
    case 'o':
        o->json = str_eq(value, "json");
        return o->json || str_eq(value, "text") ? NULL : "-o takes text or json";
    default:
        return "there is no such option";
    }
}

int look_options_read(struct look_options *o, const char *help, int argc, char **argv)
{
    static const struct option longs[] = {
        { "kubeconfig", required_argument, NULL, 'k' }, { "context", required_argument, NULL, 'c' },
        { "namespace", required_argument, NULL, 'n' },  { "all-namespaces", no_argument, NULL, 'A' },
        { "filename", required_argument, NULL, 'f' },   { "output", required_argument, NULL, 'o' },
        { "help", no_argument, NULL, 'h' },             { NULL, 0, NULL, 0 },
    };
    int c;

    *o = (struct look_options){ 0 };
    optind = 1;
    opterr = 0;
    while ((c = getopt_long(argc, argv, "n:Af:o:h", longs, NULL)) != -1) {
        const char *problem = c == 'h' ? NULL : take(o, c, optarg);

        if (c == 'h')
            return fputs(help, stdout) < 0;
        if (problem)
            return wrong(argv[0], problem);
    }
    for (; optind < argc; optind++) {
        if (o->n_names == LOOK_NAMES_MAX)
            return wrong(argv[0], "at most 64 names are taken");
        o->names[o->n_names++] = argv[optind];
    }
    return -1;
}

static void on_decided(void *arg, const struct observed *o, const struct plan *p)
{
    struct look *l = arg;

    l->on_decided(l->arg, o, p);
    l->answered = true;
    loop_stop(l->loop);
}

static void on_nothing(void *arg, const struct observed *o, const struct plan *p)
{
    (void)arg;
    (void)o;
    (void)p;
}

int look_open(struct look *l, const struct look_options *o, struct err *e)
{
    struct kube_config *cfg = NULL;
    int r;

    *l = (struct look){ .opt = o };
    log_setup(LOG_ERROR, LOG_LOGFMT);
    signal(SIGPIPE, SIG_IGN);
    l->loop = loop_new();
    r = kube_config_load(o->kubeconfig, o->context, &cfg, e);
    if (r < 0)
        return r;
    l->ns = xstrdup(o->ns ? o->ns : kube_config_namespace(cfg));
    l->kube = kube_new(l->loop, cfg, e);
    return l->kube ? 0 : -(int)e->kind;
}

static void on_time(void *arg)
{
    loop_stop(arg);
}

static void turn_for(struct look *l, int64_t ms)
{
    struct loop_timer *t = loop_timer_new(l->loop, on_time, l->loop);

    loop_timer_set(t, ms);
    loop_run(l->loop);
    loop_timer_free(t);
}

int look_watch(struct look *l, const char *ns, struct err *e)
{
    int64_t until_ms = loop_now_ms() + READY_MS;
    AUTO_BUF struct buf why;

    buf_init(&why, 4096);
    l->look = (struct ctrl_look){ on_decided, l };
    l->namespaces[0] = ns;
    l->cfg = (struct ctrl_config){ .namespaces = l->namespaces, .n_namespaces = ns ? 1 : 0, .identity = "look", .max_passes = 1,
                                   .image = str_empty(getenv("EVERSERVE_IMAGE")) ? NULL : getenv("EVERSERVE_IMAGE"),
                                   .look = &l->look };
    l->ctrl = ctrl_new(l->loop, l->kube, &l->cfg);
    ctrl_start(l->ctrl);
    while (!ctrl_is_ready(l->ctrl, NULL)) {
        if (ctrl_look_is_hopeless(l->ctrl, e))
            return -(int)e->kind;
        if (loop_now_ms() > until_ms) {
            ctrl_is_ready(l->ctrl, &why);
            return err_set(e, ERR_RETRY, "not within %d s: %s", READY_MS / 1000, buf_text(&why));
        }
        turn_for(l, POLL_MS);
    }
    return 0;
}

int look_at(struct look *l, const char *key, void (*fn)(void *arg, const struct observed *o, const struct plan *p), void *arg,
            struct err *e)
{
    int64_t until_ms = l->gave_up ? 0 : loop_now_ms() + READY_MS; /* a late answer would be taken for that of the next */

    l->on_decided = fn;
    l->arg = arg;
    l->answered = false;
    if (!l->gave_up)
        ctrl_look_at(l->ctrl, key);
    while (!l->answered && loop_now_ms() < until_ms)
        turn_for(l, until_ms - loop_now_ms());
    if (l->answered)
        return 0;
    l->gave_up = true;
    l->on_decided = on_nothing; /* arg is the caller's */
    return err_set(e, ERR_RETRY, "%s: what it depends on could not be read within %d s", key, READY_MS / 1000);
}

void look_close(struct look *l)
{
    ctrl_free(l->ctrl);
    kube_free(l->kube);
    loop_free(l->loop);
    free(l->ns);
    *l = (struct look){ 0 };
}

struct answer {
    struct look *l;
    cJSON *body;
    struct err err;
    bool came;
};

static void on_answer(void *arg, const struct kube_reply *reply)
{
    struct answer *a = arg;

    a->err = reply->err;
    a->body = reply->err.kind == ERR_NONE ? json_dup(reply->body) : NULL;
    a->came = true;
    loop_stop(a->l->loop);
}

cJSON *look_get(struct look *l, const char *path, struct err *e)
{
    struct answer a = { .l = l };

    kube_send(l->kube, &(struct kube_request){ .method = "GET", .path = path, .timeout_ms = GET_MS }, on_answer, &a);
    while (!a.came)
        loop_run(l->loop);
    *e = a.err;
    if (!a.body && e->kind == ERR_NONE)
        err_set(e, ERR_RETRY, "the server sent no object");
    return a.body;
}

char *look_key(const struct look *l, const char *name)
{
    return strchr(name, '/') ? xstrdup(name) : xasprintf("%s/%s", l->ns, name);
}
