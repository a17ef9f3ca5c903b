/*
 * What the Secret of Redis should hold next: passwords and certificates change in steps, each of which every
 * node and every pod can live with. The Secret itself is the record of how far a change is.
 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "rules.h"
#include "slots/users.h"

enum { FILE_DELAY_MS = 150000 /* the kubelet looks every minute, and may hear of the change a minute late */ };

bool walk_files_have_followed(const struct walk *w)
{
    int64_t since_ms = w->o->redis.keys->since_ms, now_ms = w->o->wall_ms;
    int64_t delay_ms = w->o->redis.file_delay_ms ? w->o->redis.file_delay_ms : FILE_DELAY_MS;

    return now_ms < since_ms || now_ms - since_ms >= delay_ms;
}

static bool any(const struct redis_keys *k, enum key_age age)
{
    for (int u = 0; u < N_REDIS_USERS; u++)
        if (k->user[u][age].text)
            return true;
    return false;
}

/* A release before had the applications' user only. */
static bool add_users(const struct redis_seen *seen, struct redis_keys *k)
{
    bool added = false;

    for (int u = 0; u < N_REDIS_USERS && seen->fresh; u++)
        if (!k->user[u][KEY_NOW].text) {
            key_set(&k->user[u][KEY_NOW], seen->fresh[u].text, seen->fresh[u].sha256);
            added = true;
        }
    return added;
}

static bool take_given(const struct redis_key *given, struct redis_keys *k)
{
    const struct redis_key *now = &k->user[USER_APP][KEY_NOW];
    struct redis_key *next = &k->user[USER_APP][KEY_NEXT];

    if (!given->text || str_eq(given->text, next->text))
        return false;
    if (str_eq(given->text, now->text)) {
        if (!next->text)
            return false;
        key_set(next, NULL, NULL); /* taken back before it was used */
        return true;
    }
    key_set(next, given->text, given->sha256);
    return true;
}

static bool rotate_all(const struct walk *w, struct redis_keys *k)
{
    const char *word = w->o->svc->redis.rotate;

    if (!word || str_eq(word, k->rotate) || any(k, KEY_NEXT) || !w->o->redis.fresh)
        return false;
    for (int u = 0; u < N_REDIS_USERS; u++)
        key_set(&k->user[u][KEY_NEXT], w->o->redis.fresh[u].text, w->o->redis.fresh[u].sha256);
    free(k->rotate);
    k->rotate = xstrdup(word);
    return true;
}

static bool begin(const struct walk *w, struct redis_keys *k)
{
    const struct given *g = w->o->redis.given;

    if (any(k, KEY_OLD) || !w->o->redis.latch.bootstrapped)
        return false; /* one change after the other; and only in a cluster that stands */
    if (w->o->svc->redis.secret_name)
        return g && take_given(&g->password, k);
    return rotate_all(w, k);
}

/* Every node takes the next passwords: from now on they are the ones. */
static bool turn(const struct walk *w, struct redis_keys *k)
{
    const struct redis_seen *seen = &w->o->redis;

    if (!any(k, KEY_NEXT) || !seen->views)
        return false;
    for (int u = 0; u < N_REDIS_USERS; u++)
        if (k->user[u][KEY_NEXT].text && !users_all_take(seen->views, seen->expected.n_members,
                                                         redis_user_name((enum redis_user)u), k->user[u][KEY_NEXT].sha256))
            return false;
    k->rotation += k->user[USER_APP][KEY_NEXT].text != NULL;
    for (int u = 0; u < N_REDIS_USERS; u++)
        if (k->user[u][KEY_NEXT].text) {
            key_move(&k->user[u][KEY_OLD], &k->user[u][KEY_NOW]);
            key_move(&k->user[u][KEY_NOW], &k->user[u][KEY_NEXT]);
        }
    return true;
}

/* Pods take the password when they start: all of them have started since. */
static bool serving_has_rolled(const struct walk *w)
{
    const struct record *d = w->o->child[CHILD_DEPLOYMENT];

    if (!d)
        return true;
    return d->credentials == w->o->redis.keys->rotation && d->observed_generation >= d->generation &&
           d->updated == d->replicas && d->unavailable == 0 && d->ready == d->replicas;
}

/* Redis pods of an older revision may probe with the password that they were started with. */
static bool redis_has_rolled(const struct walk *w)
{
    for (size_t i = 0; i < w->o->redis.expected.n_members; i++)
        if (w->o->redis.expected.members[i].outdated)
            return false;
    return true;
}

static bool end(const struct walk *w, struct redis_keys *k)
{
    const struct redis_seen *seen = &w->o->redis;

    if (!any(k, KEY_OLD) || !seen->views || !walk_files_have_followed(w) || !serving_has_rolled(w) || !redis_has_rolled(w) ||
        !users_all_replicate(seen->views, seen->expected.n_members, redis_user_name(USER_REPLICA),
                             k->user[USER_REPLICA][KEY_NOW].sha256))
        return false;
    for (int u = 0; u < N_REDIS_USERS; u++)
        key_set(&k->user[u][KEY_OLD], NULL, NULL);
    return true;
}

static bool next_passwords(const struct walk *w, struct redis_keys *k)
{
    return add_users(&w->o->redis, k) || begin(w, k) || turn(w, k) || end(w, k);
}

static bool nodes_present(const struct walk *w)
{
    const struct redis_seen *seen = &w->o->redis;

    for (size_t i = 0; i < seen->expected.n_members; i++)
        if (!seen->views || !str_eq(seen->views[i].certificate, seen->keys->tls.fingerprint))
            return false;
    return true;
}

static void set_tls(struct redis_cert *to, const struct redis_cert *pair, const char *ca)
{
    struct redis_cert c = { pair->crt, pair->key, (char *)(uintptr_t)ca, "" };

    memcpy(c.fingerprint, pair->fingerprint, sizeof(c.fingerprint));
    cert_copy(&c, to);
}

/* Nodes load one after the other, and must verify each other all the time: an authority is known to all before
 * the first certificate is signed by it, and to all until the last one is gone. */
static bool next_certificate(const struct walk *w, struct redis_keys *k)
{
    const struct given *g = w->o->redis.given;
    const struct redis_cert *held = &w->o->redis.keys->tls;

    if (!held->crt || !g || !g->tls.crt || (g->same_tls && g->same_ca))
        return false;
    if (k->since_ms && (!nodes_present(w) || w->o->redis.reloaded != cert_hash(held)))
        return false; /* the last step is not taken by all yet */
    if (g->same_tls)
        set_tls(&k->tls, held, g->tls.ca);
    else if (!g->held_verifies)
        set_tls(&k->tls, held, g->both_ca);
    else
        set_tls(&k->tls, &g->tls, g->verifies_held ? g->tls.ca : g->both_ca);
    return true;
}

static void tell_phase(struct walk *w, const struct redis_keys *k)
{
    struct redis_report_users *u = &w->p->redis.users;

    u->rotation = k->rotation;
    u->phase = any(k, KEY_NEXT) ? "Adding" : any(k, KEY_OLD) ? "Replacing" : NULL;
}

static void next_keys(struct walk *w)
{
    const struct redis_keys *held = w->o->redis.keys;
    struct redis_keys *next = &w->p->redis.keys;
    bool changes;

    keys_copy(held, next);
    changes = w->o->redis.secret == SECRET_HELD && w->o->redis.password_is_known;
    changes = changes && (next_passwords(w, next) || next_certificate(w, next));
    w->p->redis.keys_change = changes;
    if (changes)
        next->since_ms = w->o->wall_ms;
    tell_phase(w, next);
    w->in.redis_keys = changes ? next : held;
}

static enum verdict_of_rule judge_given(struct walk *w)
{
    const struct redis_seen *seen = &w->o->redis;
    bool wants = w->o->svc && w->o->svc->redis.tls_secret, has = seen->keys->tls.crt != NULL;

    if (wants != has && seen->secret == SECRET_HELD)
        return walk_stall(w, RULE_HOLD, "RedisTlsRefused",
                          "spec.redis.tls was %s, but the nodes of a cluster speak TLS to each other all or not at all, and "
                          "would lose each other one by one: set it back, or create a new InferenceService",
                          wants ? "added" : "removed");
    if (seen->given && seen->given->tls_problem)
        return walk_stall(w, RULE_HOLD, "RedisCertificateUnusable", "%s; the cluster goes on with the one it has",
                          seen->given->tls_problem);
    if (seen->given && seen->given->password_problem)
        return walk_stall(w, RULE_HOLD, "RedisSecretUnusable", "%s; the cluster goes on with the password it has",
                          seen->given->password_problem);
    return RULE_PASS;
}

enum verdict_of_rule rule_redis_secret(struct walk *w)
{
    const struct redis_seen *seen = &w->o->redis;

    if (!w->p->redis.wanted)
        return RULE_PASS;
    walk_look_again(w, SECRET_AGAIN_MS);
    if (seen->secret == SECRET_BAD)
        return walk_stall(w, RULE_HOLD, "RedisSecretUnusable", "%s", seen->problem);
    if (seen->secret == SECRET_UNKNOWN)
        return walk_say(w, RULE_HOLD, "RedisSecretUnread", "%s",
                        seen->problem ? seen->problem : "the Secret of Redis was not read yet");
    if (seen->secret == SECRET_ABSENT && w->p->redis.bootstrapped && !seen->password_is_known)
        return walk_stall(w, RULE_HOLD, "RedisSecretLost",
                          "Secret %s-redis is gone and its password with it: restore the Secret, key password",
                          w->o->name);
    if (!seen->keys)
        return walk_say(w, RULE_HOLD, "RedisSecretUnread", "the Secret of Redis was not read yet");
    next_keys(w);
    return judge_given(w);
}
