/*
 * How Redis is reached: as whom, by which names, trusting whom.
 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "shell.h"

static void add(struct access *a, enum redis_user u, const struct redis_key *k)
{
    const char *name = u == USER_APP ? NULL : redis_user_name(u);

    if (!k->text)
        return;
    if (!a->auth.password) {
        a->auth.user = name;
        a->auth.password = k->text;
    } else {
        a->others[a->auth.n_others++] = (struct redis_login){ name, k->text };
    }
}

/* Our own user first. A node of the release before it existed, or one that started with an older file, takes the
 * applications' password. */
void access_init(const struct pass *p, struct access *out)
{
    const struct redis_keys *k = &track_redis(p->track)->keys;

    *out = (struct access){ 0 };
    for (int a = 0; a < N_KEY_AGES; a++)
        add(out, USER_OPERATOR, &k->user[USER_OPERATOR][a]);
    for (int a = 0; a < N_KEY_AGES; a++)
        add(out, USER_APP, &k->user[USER_APP][a]);
    out->auth.others = out->others;
    if (!k->tls.crt)
        return;
    snprintf(out->service, sizeof(out->service), "%s-redis.%s.svc", p->o.name, p->o.ns);
    out->auth.tls = true;
    out->auth.ca_pem = k->tls.ca;
    out->auth.sni = out->service;
    out->auth.expired_ok[0] = k->tls.fingerprint;
    out->auth.expired_ok[1] = json_get_str(p->o.status, "redis.certificate.fingerprint");
}

void access_targets(struct pass *p)
{
    size_t n = p->o.redis.expected.n_members;

    p->targets = xcalloc(n + 1, sizeof(*p->targets));
    for (size_t i = 0; i < n; i++)
        p->targets[i] = (struct redis_target){
            .ip = p->members[i].ip,
            .port = p->members[i].port,
            .name = xasprintf("%s.%s-redis.%s.svc", p->members[i].pod, p->o.name, p->o.ns),
        };
}

void access_done(struct pass *p)
{
    for (size_t i = 0; p->targets && i < p->o.redis.expected.n_members; i++)
        free((char *)(uintptr_t)p->targets[i].name);
    free(p->targets);
}
