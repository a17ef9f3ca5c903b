/*
 * The Secrets of Redis: read by name, each time they are needed, never listed. Ours first, then those
 * that the spec names.
 */
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "json/owned.h"
#include "kube/path.h"
#include "redis/cert.h"
#include "shell.h"

static void bad(struct track *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void bad(struct track *t, const char *fmt, ...)
{
    va_list ap;

    t->secret = SECRET_BAD;
    va_start(ap, fmt);
    free(t->secret_problem);
    t->secret_problem = xvasprintf(fmt, ap);
    va_end(ap);
}

static void fetch(struct pass *p, const char *name, pass_reply_fn *on_reply)
{
    AUTO_FREE char *path = kube_path("/api/v1", p->o.ns, "secrets", name, NULL);

    pass_send(p, &(struct kube_request){ .method = "GET", .path = path }, on_reply);
}

/* There is no Secret of ours yet: what it is to hold at first. Bad input here means that nothing is made. */
static void propose(struct pass *p)
{
    struct track *t = p->track;
    struct given *g = &track_redis(t)->given;
    struct redis_keys *keys = &track_redis(t)->keys;

    if (g->password_problem || g->tls_problem) {
        bad(t, "%s", g->password_problem ? g->password_problem : g->tls_problem);
        return;
    }
    for (int u = 0; u < N_REDIS_USERS; u++)
        key_generate(&keys->user[u][KEY_NOW]);
    if (g->password.text)
        key_set(&keys->user[USER_APP][KEY_NOW], g->password.text, g->password.sha256);
    if (g->tls.crt)
        cert_copy(&g->tls, &keys->tls);
    if (p->svc_ok && p->svc.redis.rotate)
        keys->rotate = xstrdup(p->svc.redis.rotate);
}

/* How what is given relates to what the nodes run with: facts for the plan, which cannot read certificates. */
static void compare(struct track *t)
{
    struct given *g = &track_redis(t)->given;
    const struct redis_cert *held = &track_redis(t)->keys.tls;

    g->held_not_after_s = held->crt ? cert_not_after_s(held->crt) : 0;
    if (!g->tls.crt || !held->crt)
        return;
    g->same_tls = str_eq(g->tls.crt, held->crt) && str_eq(g->tls.key, held->key);
    g->same_ca = str_eq(g->tls.ca, held->ca);
    if (g->same_tls && g->same_ca)
        return;
    g->held_verifies = cert_verifies(held->ca, g->tls.crt);
    g->verifies_held = cert_verifies(g->tls.ca, held->crt);
    g->both_ca = cert_union(held->ca, g->tls.ca);
}

static void finish(struct pass *p)
{
    struct track *t = p->track;
    struct redis_track *r = track_redis(t);

    compare(t);
    r->given.known = true;
    if (t->secret == SECRET_ABSENT && !t->password_is_known) {
        keys_done(&r->keys);
        propose(p);
    }
    if (t->secret == SECRET_BAD && (r->given.password_problem || r->given.tls_problem))
        t->secret_read_ms = 0;
    p->then(p);
}

static void on_tls(struct pass *p, const struct kube_reply *reply)
{
    struct given *g = &track_redis(p->track)->given;
    const char *name = p->svc.redis.tls_secret;
    AUTO_FREE char *service = xasprintf("%s-redis.%s.svc", p->o.name, p->o.ns);
    AUTO_FREE char *pod = xasprintf("%s-redis-0.%s-redis.%s.svc", p->o.name, p->o.name, p->o.ns);
    const char *const names[] = { service, pod, NULL };
    struct cert_facts f;
    struct err e = { 0 };

    if (reply->err.kind == ERR_NONE)
        cert_read(reply->body, &g->tls);
    if (reply->err.kind == ERR_ABSENT)
        g->tls_problem = xasprintf("spec.redis.tls.secretName: Secret %s does not exist: create it with tls.crt, tls.key "
                                   "and ca.crt", name);
    else if (reply->err.kind != ERR_NONE)
        g->tls_problem = xasprintf("spec.redis.tls.secretName: Secret %s cannot be read: %s", name, reply->err.msg);
    else if (cert_check(&(struct cert_pem){ g->tls.crt, g->tls.key, g->tls.ca }, names, loop_wall_ms() / 1000, &f, &e) < 0)
        g->tls_problem = xasprintf("spec.redis.tls.secretName: Secret %s, %s", name, e.msg);
    if (g->tls_problem)
        cert_done(&g->tls);
    finish(p);
}

static void read_tls(struct pass *p)
{
    if (p->svc_ok && p->svc.redis.present && p->svc.redis.tls_secret)
        fetch(p, p->svc.redis.tls_secret, on_tls);
    else
        finish(p);
}

static void on_password(struct pass *p, const struct kube_reply *reply)
{
    struct given *g = &track_redis(p->track)->given;
    const char *name = p->svc.redis.secret_name;
    char *password = reply->err.kind == ERR_NONE ? secret_password(reply->body, "password") : NULL;

    if (password)
        key_set_text(&g->password, password);
    else if (reply->err.kind == ERR_ABSENT)
        g->password_problem = xasprintf("spec.redis.auth.secretName: Secret %s does not exist: create it with the key "
                                        "password", name);
    else if (reply->err.kind == ERR_NONE)
        g->password_problem = xasprintf("spec.redis.auth.secretName: Secret %s needs a key password: printable, without "
                                        "space or quotes", name);
    else
        g->password_problem = xasprintf("spec.redis.auth.secretName: Secret %s cannot be read: %s", name, reply->err.msg);
    secret_wipe(&password);
    read_tls(p);
}

static void read_given(struct pass *p)
{
    given_done(&track_redis(p->track)->given);
    if (p->svc_ok && p->svc.redis.present && p->svc.redis.secret_name)
        fetch(p, p->svc.redis.secret_name, on_password);
    else
        read_tls(p);
}

static void on_present(struct pass *p, const cJSON *secret)
{
    struct track *t = p->track;
    struct record *record = track_secret_record(t);
    const char *name = json_get_str(secret, "metadata.name");

    t->secret = SECRET_HELD;
    if (!record_from(CHILD_REDIS_SECRET, secret, record))
        *record = (struct record){ 0 };
    if (!record_is_ours(record, p->o.uid))
        bad(t, "Secret %s exists and is not controlled by this resource: delete or rename it", name);
    else if (t->password_is_known && !t->password_is_doubted)
        ; /* the servers run with what we remember: a hand edit is drift, and goes back */
    else if (keys_read(secret, &track_redis(t)->keys))
        t->password_is_known = true;
    else
        bad(t, "Secret %s has no usable key password: restore it", name);
    t->password_is_doubted = false;
}

static void on_secret(struct pass *p, const struct kube_reply *reply)
{
    struct track *t = p->track;

    t->secret_read_ms = loop_now_ms();
    if (reply->err.kind == ERR_ABSENT) {
        t->secret = SECRET_ABSENT;
        free(TAKE(t->secret_record));
        read_given(p);
    } else if (reply->err.kind == ERR_NONE) {
        on_present(p, reply->body);
        read_given(p);
    } else {
        /* what was known stays known: a failed look is no news about the Secret */
        if (t->secret == SECRET_UNKNOWN || t->secret == SECRET_BAD)
            bad(t, "the Secret of Redis cannot be read: %s", reply->err.msg);
        t->secret_read_ms = 0;
        p->then(p);
    }
}

void secret_read(struct pass *p, void (*then)(struct pass *p))
{
    char name[512];

    p->then = then;
    if (!child_name(CHILD_REDIS_SECRET, p->o.name, name, sizeof(name)))
        name[0] = '\0';
    fetch(p, name, on_secret);
}

void secret_applied(struct pass *p)
{
    struct track *t = p->track;
    struct redis_track *r = track_redis(t);

    if (!p->plan.redis.keys_change)
        return;
    keys_done(&r->keys);
    keys_copy(&p->plan.redis.keys, &r->keys);
    t->reloaded = 0;
    for (int u = 0; u < N_REDIS_USERS; u++)
        key_generate(&r->fresh[u]);
}
