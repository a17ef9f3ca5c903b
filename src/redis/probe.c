#include "redis/probe.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "redis/pipe.h"

enum question { ASK_MYID, ASK_SHARD, ASK_CLUSTER, ASK_NODES, ASK_INFO, ASK_USERS, ASK_MASTER, N_QUESTIONS };

static const char *const questions[N_QUESTIONS][4] = {
    [ASK_MYID] = { "CLUSTER", "MYID" },     [ASK_SHARD] = { "CLUSTER", "MYSHARDID" },
    [ASK_CLUSTER] = { "CLUSTER", "INFO" },  [ASK_NODES] = { "CLUSTER", "NODES" },
    /* Several section names at once are understood since 7.0 only. */
    [ASK_INFO] = { "INFO" },
    /* only when asked */
    [ASK_USERS] = { "ACL", "LIST" },
    [ASK_MASTER] = { "CONFIG", "GET", "masteruser", "masterauth" },
};

struct asked {
    struct redis_probe *probe;
    struct node_view *view;
    struct pipe *pipe; /* NULL when it has ended */
    size_t n_answered, n_asked;
    size_t n_first; /* without the question after INFO, where the version has it: migrations */
};

struct redis_probe {
    struct loop_timer *empty; /* fires when there is nobody to ask */
    struct asked *asked;
    struct node_view *views;
    size_t n, n_left;
    redis_probe_done done;
    void *arg;
};

static size_t question_jobs(const struct node_view *v, const char **argv)
{
    static const char *const redis[] = { "CLUSTER", "MIGRATION", "STATUS", "ALL" };
    static const char *const valkey[] = { "CLUSTER", "GETSLOTMIGRATIONS" };

    if (v->is_valkey) {
        memcpy(argv, valkey, sizeof(valkey));
        return COUNT(valkey);
    }
    memcpy(argv, redis, sizeof(redis));
    return COUNT(redis);
}

static size_t question(void *arg, size_t i, const char **argv)
{
    const struct asked *a = arg;
    size_t n = 0;

    if (i == a->n_first)
        return question_jobs(a->view, argv);
    for (; n < COUNT(questions[i]) && questions[i][n]; n++)
        argv[n] = questions[i][n];
    return n;
}

static bool is_denied(const char *error)
{
    return str_has_prefix(error, "NOAUTH") || str_has_prefix(error, "WRONGPASS") || str_has_prefix(error, "NOPERM");
}

static bool refuse(struct node_view *v, enum view_reach reach, const char *why)
{
    v->reach = reach;
    snprintf(v->error, sizeof(v->error), "%s", why);
    return false;
}

static int understand(enum question q, const redisReply *r, struct node_view *v, struct err *e)
{
    switch (q) {
    case ASK_MYID: return view_parse_id(r->str, r->len, v->id, e);
    case ASK_SHARD: return view_parse_id(r->str, r->len, v->shard_id, e);
    case ASK_CLUSTER: return view_parse_cluster_info(r->str, r->len, v, e);
    case ASK_NODES: return view_parse_nodes(r->str, r->len, v, e);
    case ASK_INFO: return view_parse_info(r->str, r->len, v, e);
    case ASK_USERS:
    case ASK_MASTER:
    case N_QUESTIONS: break;
    }
    return err_set(e, ERR_BUG, "no such question");
}

static void hash_text(const char *text, size_t len, char out[65])
{
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    out[0] = '\0';
    if (!len || !EVP_Digest(text, len, md, &n, EVP_sha256(), NULL))
        return;
    for (unsigned i = 0; i < n; i++)
        snprintf(out + 2 * i, 3, "%02x", md[i]);
}

static bool understand_users(const redisReply *r, struct node_view *v)
{
    struct err e;

    for (size_t i = 0; i < r->elements; i++)
        if (!pipe_is_text(r->element[i]) || view_parse_user(r->element[i]->str, r->element[i]->len, v, &e) < 0)
            return false;
    return true;
}

/* name, value, name, value; of the password only its hash is kept */
static bool understand_master(const redisReply *r, struct node_view *v)
{
    for (size_t i = 0; i + 1 < r->elements; i += 2) {
        const redisReply *name = r->element[i], *value = r->element[i + 1];

        if (!pipe_is_text(name) || !pipe_is_text(value))
            return false;
        if (str_eq(name->str, "masteruser"))
            snprintf(v->master_user, sizeof(v->master_user), "%s", value->str);
        else if (str_eq(name->str, "masterauth"))
            hash_text(value->str, value->len, v->master_auth);
    }
    return true;
}

/* A node that does not say who may do what is judged all the same. */
static bool on_right(struct asked *a, enum question q, const redisReply *r)
{
    bool is_list = r->type == REDIS_REPLY_ARRAY || r->type == REDIS_REPLY_MAP;

    a->view->users_known = is_list && (q == ASK_USERS ? understand_users(r, a->view)
                                                      : a->view->users_known && understand_master(r, a->view));
    return true;
}

/* A map of texts and numbers, as a list of pairs; numbers are of no interest. */
static int understand_job(const redisReply *r, struct node_view *v, struct err *e)
{
    struct view_pair pairs[32];
    size_t n = 0;

    if ((r->type != REDIS_REPLY_ARRAY && r->type != REDIS_REPLY_MAP) || r->elements % 2)
        return err_set(e, ERR_INVALID, "slot migrations: not a list of maps");
    for (size_t i = 0; i + 1 < r->elements && n < COUNT(pairs); i += 2)
        if (pipe_is_text(r->element[i]) && pipe_is_text(r->element[i + 1]))
            pairs[n++] = (struct view_pair){ r->element[i]->str, r->element[i + 1]->str, r->element[i]->len,
                                             r->element[i + 1]->len };
    return view_add_job(v, pairs, n, e);
}

static bool on_jobs(struct asked *a, const redisReply *r)
{
    struct err e = { 0 };

    if (r->type == REDIS_REPLY_ERROR)
        return refuse(a->view, is_denied(r->str) ? REACH_DENIED : REACH_NONE, r->str);
    if (r->type != REDIS_REPLY_ARRAY)
        return refuse(a->view, REACH_NONE, "a reply of a wrong type");
    for (size_t i = 0; i < r->elements; i++)
        if (understand_job(r->element[i], a->view, &e) < 0)
            return refuse(a->view, REACH_NONE, e.msg);
    return true;
}

static bool on_reply(void *arg, size_t i, const redisReply *r)
{
    struct asked *a = arg;
    struct err e = { 0 };

    a->n_answered++;
    if (i == a->n_first)
        return on_jobs(a, r);
    if (i >= ASK_USERS)
        return on_right(a, (enum question)i, r);
    if (r->type == REDIS_REPLY_ERROR) {
        if (i == ASK_SHARD && !is_denied(r->str))
            return true; /* before 7.2 there are no shard ids */
        return refuse(a->view, is_denied(r->str)                       ? REACH_DENIED
                               : str_has_prefix(r->str, "LOADING") ? REACH_LOADING
                                                                       : REACH_NONE, r->str);
    }
    if (!pipe_is_text(r))
        return refuse(a->view, REACH_NONE, "a reply of a wrong type");
    if (understand((enum question)i, r, a->view, &e) < 0)
        return refuse(a->view, REACH_NONE, e.msg);
    if (i == ASK_INFO && view_jobs_kind(a->view) != JOBS_NONE) {
        a->n_asked++;
        pipe_add(a->pipe, 1);
    }
    return true;
}

static void on_login(void *arg, const char *user)
{
    struct asked *a = arg;

    snprintf(a->view->login, sizeof(a->view->login), "%s", user);
}

static void on_shown(void *arg, const char *fingerprint)
{
    struct asked *a = arg;

    snprintf(a->view->certificate, sizeof(a->view->certificate), "%s", fingerprint);
}

static void finish(struct redis_probe *p)
{
    struct node_view *views = TAKE(p->views);
    redis_probe_done done = p->done;
    void *arg = p->arg;
    size_t n = p->n;

    redis_probe_cancel(p);
    done(arg, views, n);
}

static void on_end(void *arg, enum pipe_result result, const char *why)
{
    struct asked *a = arg;
    struct err e = { 0 };

    a->pipe = NULL;
    a->view->refused = result == PIPE_REFUSED;
    if (result != PIPE_OK)
        refuse(a->view, result == PIPE_DENIED ? REACH_DENIED : REACH_NONE, why);
    else if (a->n_answered == a->n_asked && !a->view->error[0]) {
        if (view_finish(a->view, &e) < 0)
            refuse(a->view, REACH_NONE, e.msg);
        else
            a->view->reach = REACH_OK;
    }
    if (--a->probe->n_left == 0)
        finish(a->probe);
}

static void on_empty(void *arg)
{
    finish(arg);
}

static void start_one(struct redis_probe *p, size_t i, struct loop *l, const struct redis_target *to,
                      const struct redis_auth *auth, SSL_CTX *tls, int deadline_ms)
{
    struct asked *a = &p->asked[i];
    size_t n = auth && auth->ask_users ? N_QUESTIONS : ASK_USERS;
    struct pipe_job job = { .arg = a, .n_commands = n, .command = question, .on_reply = on_reply,
                            .on_login = on_login, .on_shown = on_shown, .on_end = on_end };

    a->probe = p;
    a->n_asked = a->n_first = n;
    a->view = &p->views[i];
    view_init(a->view);
    snprintf(a->view->address, sizeof(a->view->address), strchr(to->ip ? to->ip : "", ':') ? "[%.60s]:%u" : "%.60s:%u",
             to->ip ? to->ip : "", to->port);
    a->pipe = pipe_start(l, to, auth, tls, deadline_ms, &job);
}

/* Without TLS as asked nothing is sent: not even a password. */
static void refuse_all(struct redis_probe *p, const char *why)
{
    for (size_t i = 0; i < p->n; i++) {
        view_init(&p->views[i]);
        refuse(&p->views[i], REACH_NONE, why);
    }
    p->n_left = 0;
}

struct redis_probe *redis_probe_start(struct loop *l, const struct redis_target *targets, size_t n,
                                      const struct redis_auth *auth, int deadline_ms, redis_probe_done done, void *arg)
{
    struct redis_probe *p = xcalloc(1, sizeof(*p));
    const char *why;
    SSL_CTX *tls = tls_new(auth, &why);

    p->asked = xcalloc(n + 1, sizeof(*p->asked));
    p->views = xcalloc(n + 1, sizeof(*p->views));
    p->n = p->n_left = n;
    p->done = done;
    p->arg = arg;
    p->empty = loop_timer_new(l, on_empty, p);
    if (why[0])
        refuse_all(p, why);
    for (size_t i = 0; i < n && !why[0]; i++)
        start_one(p, i, l, &targets[i], auth, tls, deadline_ms);
    if (p->n_left == 0)
        loop_timer_set(p->empty, 0);
    SSL_CTX_free(tls);
    return p;
}

void redis_probe_cancel(struct redis_probe *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->n; i++)
        pipe_cancel(p->asked[i].pipe);
    loop_timer_free(p->empty);
    views_free(p->views, p->n);
    free(p->asked);
    free(p);
}
