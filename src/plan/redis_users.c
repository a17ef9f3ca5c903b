/*
 * Users and certificates of running servers: brought to what the Secret holds, live.
 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "rules.h"
#include "slots/users.h"

enum { AGAIN_MS = 500, RELOAD_AGAIN_MS = 2000, SOON_S = 14 * 86400 };

static void add_goal(struct users_goal *goal, const struct redis_keys *k, enum redis_user u)
{
    struct user_goal *g = &goal->users[goal->n_users++];

    *g = (struct user_goal){ .name = redis_user_name(u), .rules = redis_user_rules(u),
                             .rules_valkey9 = u == USER_REPLICA ? redis_valkey9_replica_rules() : NULL };
    for (int a = 0; a < N_KEY_AGES; a++)
        if (k->user[u][a].text)
            g->hashes[g->n_hashes++] = k->user[u][a].sha256;
}

static void goal_of(const struct redis_keys *k, struct users_goal *goal)
{
    *goal = (struct users_goal){
        .operator_name = redis_user_name(USER_OPERATOR),
        .master_user = redis_user_name(USER_REPLICA),
        .master_auth = k->user[USER_REPLICA][KEY_NOW].text,
        .master_hash = k->user[USER_REPLICA][KEY_NOW].sha256,
    };
    for (int u = 0; u < N_REDIS_USERS; u++)
        add_goal(goal, k, (enum redis_user)u);
    goal->users[goal->n_users++] = (struct user_goal){ .name = REDIS_PROBE_USER, .rules = redis_probe_rules() };
}

static bool has_all_users(const struct redis_keys *k)
{
    for (int u = 0; u < N_REDIS_USERS; u++)
        if (!k->user[u][KEY_NOW].text)
            return false;
    return true;
}

static const struct node_view *denying(const struct redis_seen *seen)
{
    for (size_t i = 0; i < seen->expected.n_members; i++)
        if (seen->views[i].reach == REACH_DENIED)
            return &seen->views[i];
    return NULL;
}

/* May anything be sent to Redis in this pass, and would it be heard? The Secret on the server comes first: what
 * is only ours may be lost with us. */
static bool may_act(const struct walk *w)
{
    const struct redis_seen *seen = &w->o->redis;

    return w->p->redis.wanted && seen->views && seen->keys && seen->secret == SECRET_HELD && seen->password_is_known &&
           !w->p->redis.keys_change && walk_redis_has_room(w) && w->p->redis.state != REDIS_UNKNOWN &&
           w->o->svc && w->o->svc->redis.present;
}

static enum verdict_of_rule deny(struct walk *w, const struct node_view *v)
{
    if (str_has_prefix(v->error, "NOPERM"))
        return walk_stall(w, RULE_HOLD, "RedisAccessDenied",
                          "%s denies our user a right (%.120s): somebody changed it; restart that pod, or give it back", v->address,
                          v->error);
    return walk_stall(w, RULE_HOLD, "RedisAccessDenied",
                      "%s refuses our passwords (%.80s): Secret %s-redis does not hold those that it runs with; restore it",
                      v->address, v->error, w->o->name);
}

enum verdict_of_rule rule_redis_users(struct walk *w)
{
    const struct redis_seen *seen = &w->o->redis;
    const struct node_view *v = seen->views ? denying(seen) : NULL;
    struct commands cmds = { 0 };
    struct users_goal goal;
    enum users_action action;

    if (v && w->p->redis.bootstrapped) /* before that they are pods of a predecessor, on their way out */
        return deny(w, v);
    if (!may_act(w) || !w->p->redis.bootstrapped || !has_all_users(seen->keys))
        return RULE_PASS;
    goal_of(seen->keys, &goal);
    action = users_step(&goal, seen->views, seen->expected.n_members, &cmds);
    if (cmds.n)
        walk_redis_step(w, &cmds, users_action_name(action), AGAIN_MS);
    commands_done(&cmds);
    return RULE_PASS;
}

static void add_reload(struct commands *out, size_t member)
{
    static const char *const words[] = {
        "tls-cert-file", REDIS_TLS_DIR "/tls.crt", "tls-key-file", REDIS_TLS_DIR "/tls.key",
        "tls-ca-cert-file", REDIS_TLS_DIR "/ca.crt",
    };
    struct command *c = commands_add(out, CMD_CONFIG_SET, member);

    for (size_t i = 0; i < COUNT(words); i++)
        command_add_text(c, words[i]);
}

/* Servers read certificates when they are told to; that they have the new one is seen in the handshake. */
static void reload_others(struct walk *w, struct commands *cmds)
{
    const struct redis_seen *seen = &w->o->redis;

    for (size_t i = 0; i < seen->expected.n_members; i++)
        if (seen->views[i].reach == REACH_OK && !str_eq(seen->views[i].certificate, seen->keys->tls.fingerprint))
            add_reload(cmds, i);
}

static bool all_answer(const struct redis_seen *seen)
{
    for (size_t i = 0; i < seen->expected.n_members; i++)
        if (seen->views[i].reach != REACH_OK)
            return false;
    return true;
}

/* Which authorities a server trusts cannot be seen from outside: all are told once more when the files must have
 * followed, and have to take it. */
static void reload_all(struct walk *w, struct commands *cmds)
{
    const struct redis_seen *seen = &w->o->redis;
    uint64_t want = cert_hash(&seen->keys->tls);

    if (!seen->keys->since_ms || seen->reloaded == want || !all_answer(seen) || !walk_files_have_followed(w))
        return;
    for (size_t i = 0; i < seen->expected.n_members; i++)
        add_reload(cmds, i);
    w->p->redis.reloading = want;
}

/* An expired one is only taken from who is known to show it: the old one is remembered until all show the Secret's. */
static const char *shown_certificate(const struct walk *w)
{
    const struct redis_seen *seen = &w->o->redis;
    const char *ours = seen->keys ? seen->keys->tls.fingerprint : "", *shown = NULL;
    const char *before = json_get_str(w->o->status, "redis.certificate.fingerprint");
    bool all = seen->keys && seen->views;

    for (size_t i = 0; i < seen->expected.n_members && seen->views; i++) {
        const char *c = seen->views[i].certificate;

        all &= c[0] != '\0';
        if (c[0] && (!shown || str_eq(shown, ours)))
            shown = c;
    }
    return all || !before || (shown && !str_eq(shown, ours)) ? shown : before;
}

static void report(struct walk *w)
{
    const struct redis_seen *seen = &w->o->redis;
    struct redis_report_cert *c = &w->p->redis.certificate;
    const char *shown = shown_certificate(w);
    char when[32];

    snprintf(c->fingerprint, sizeof(c->fingerprint), "%s", shown ? shown : "");
    c->not_after_s = seen->given ? seen->given->held_not_after_s : 0;
    if (!c->not_after_s)
        return;
    c->expires_soon = c->not_after_s - w->o->wall_ms / 1000 < SOON_S;
    str_rfc3339(c->not_after_s * 1000, false, when);
    if (c->expires_soon)
        snprintf(c->message, sizeof(c->message), "the certificate of Redis ends at %s: renew it in the Secret that "
                 "spec.redis.tls.secretName names", when);
}

enum verdict_of_rule rule_redis_tls(struct walk *w)
{
    const struct redis_seen *seen = &w->o->redis;
    struct commands cmds = { 0 };

    if (!w->p->redis.wanted || (seen->keys && !seen->keys->tls.crt))
        return RULE_PASS;
    report(w);
    if (!may_act(w))
        return RULE_PASS;
    reload_others(w, &cmds);
    if (!cmds.n)
        reload_all(w, &cmds);
    if (cmds.n)
        walk_redis_step(w, &cmds, "reload-tls", RELOAD_AGAIN_MS);
    commands_done(&cmds);
    return RULE_PASS;
}
