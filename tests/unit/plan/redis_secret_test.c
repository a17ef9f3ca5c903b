/*
 * What the Secret of Redis holds next: rows of one moment each.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "plan/rules.h"

#define NOW_MS 1800000000000LL
#define LATER_MS 150000

enum { N = 2 };

/* One moment: texts of passwords, or of certificates. A server takes every password whose hash it lists. */
static const struct row {
    const char *name;
    const char *now, *next, *old; /* of the applications' user, in the Secret */
    const char *given;            /* what the Secret that the spec names holds; NULL: none is named */
    const char *rotate, *rotated; /* the spec's word, and the one that was carried out */
    const char *server_takes;     /* a letter for each password */
    bool replicates_old, pods_old, since_now, one_silent;
    const char *want; /* "now next old" afterwards, "-" for none; NULL: nothing changes */
} rows[] = {
    { "nothing to do", .now = "a", .server_takes = "a" },
    { "a word is a new password beside the old one", .now = "a", .rotate = "x", .server_takes = "a", .want = "a f -" },
    { "the same word again is nothing new", .now = "a", .rotate = "x", .rotated = "x", .server_takes = "a" },
    { "a given password that changes", .now = "a", .given = "b", .server_takes = "a", .want = "a b -" },
    { "a given password that stays", .now = "a", .given = "a", .server_takes = "a" },
    { "the next one waits until every server takes it", .now = "a", .next = "b", .given = "b", .server_takes = "a" },
    { "also for the silent", .now = "a", .next = "b", .given = "b", .server_takes = "ab", .one_silent = true },
    { "then it is the one", .now = "a", .next = "b", .given = "b", .server_takes = "ab", .want = "b - a" },
    { "changed again before it was used", .now = "a", .next = "b", .given = "c", .server_takes = "ab", .want = "a c -" },
    { "taken back before it was used", .now = "a", .next = "b", .given = "a", .server_takes = "ab", .want = "a - -" },
    { "one change after the other", .now = "b", .old = "a", .given = "c", .server_takes = "ab", .since_now = true },
    { "the old one goes when nobody uses it", .now = "b", .old = "a", .given = "b", .server_takes = "ab", .want = "b - -" },
    { "not before the files have followed", .now = "b", .old = "a", .given = "b", .server_takes = "ab", .since_now = true },
    { "not while a pod may have started with it", .now = "b", .old = "a", .given = "b", .server_takes = "ab", .pods_old = true },
    { "not while a server replicates as before", .now = "b", .old = "a", .given = "b", .server_takes = "ab", .replicates_old = true },
    { "not while one is silent", .now = "b", .old = "a", .given = "b", .server_takes = "ab", .one_silent = true },
};

struct scene {
    struct observed o;
    struct isvc svc;
    struct redis_keys keys;
    struct redis_key fresh[N_REDIS_USERS];
    struct given given;
    struct node_view *views;
    struct member members[N];
    struct record deployment;
    struct walk w;
    struct plan p;
};

static void hash_of(const char *text, char out[KEY_HASH_SIZE])
{
    memset(out, text[0], KEY_HASH_SIZE - 1);
    out[KEY_HASH_SIZE - 1] = '\0';
}

static void set(struct redis_key *k, const char *text)
{
    char hash[KEY_HASH_SIZE];

    if (!text)
        return;
    hash_of(text, hash);
    key_set(k, text, hash);
}

static void add_user(struct node_view *v, const char *name, const char *passwords)
{
    struct view_user u = { .on = true, .rules = xstrdup("") };

    snprintf(u.name, sizeof(u.name), "%s", name);
    for (; *passwords; passwords++)
        hash_of(passwords, u.hashes[u.n_hashes++]);
    v->users = xrealloc(v->users, (v->n_users + 1) * sizeof(u));
    v->users[v->n_users++] = u;
}

static void look(struct scene *s, const struct row *r)
{
    s->views = xcalloc(N, sizeof(*s->views));
    for (int i = 0; i < N; i++) {
        struct node_view *v = &s->views[i];

        view_init(v);
        v->reach = r->one_silent && i ? REACH_NONE : REACH_OK;
        v->users_known = true;
        add_user(v, "default", r->server_takes);
        add_user(v, "everserve", "of");
        add_user(v, "replica", "rf");
        snprintf(v->master_user, sizeof(v->master_user), "replica");
        hash_of(r->replicates_old ? "q" : "r", v->master_auth);
    }
}

static void make(struct scene *s, const struct row *r)
{
    static const char *const fresh[] = { "f", "f", "f" };

    *s = (struct scene){ 0 };
    set(&s->keys.user[USER_APP][KEY_NOW], r->now);
    set(&s->keys.user[USER_APP][KEY_NEXT], r->next);
    set(&s->keys.user[USER_APP][KEY_OLD], r->old);
    set(&s->keys.user[USER_OPERATOR][KEY_NOW], "o");
    set(&s->keys.user[USER_REPLICA][KEY_NOW], "r");
    s->keys.rotate = r->rotated ? xstrdup(r->rotated) : NULL;
    s->keys.rotation = 3;
    s->keys.since_ms = r->since_now ? NOW_MS - LATER_MS + 1 : NOW_MS - LATER_MS;
    for (int u = 0; u < N_REDIS_USERS; u++)
        set(&s->fresh[u], fresh[u]);
    set(&s->given.password, r->given);
    s->given.known = true;
    s->svc.redis = (struct isvc_redis){ .present = true, .secret_name = r->given ? "mine" : NULL, .rotate = r->rotate };
    s->deployment = (struct record){ .credentials = r->pods_old ? 2 : 3, .replicas = 2, .updated = 2, .ready = 2 };
    look(s, r);
    s->o = (struct observed){ .name = "x", .svc = &s->svc, .wall_ms = NOW_MS };
    s->o.child[CHILD_DEPLOYMENT] = &s->deployment;
    s->o.redis = (struct redis_seen){ .latch = { .bootstrapped = true }, .expected = { .members = s->members, .n_members = N },
                                      .views = s->views, .secret = SECRET_HELD, .password_is_known = true, .keys = &s->keys,
                                      .given = &s->given, .fresh = s->fresh };
    s->p.redis.wanted = s->p.redis.bootstrapped = true;
    s->w = (struct walk){ .o = &s->o, .p = &s->p };
}

static void done(struct scene *s)
{
    s->o.redis.latch = (struct latch){ 0 };
    keys_done(&s->p.redis.keys);
    keys_done(&s->keys);
    given_done(&s->given);
    for (int u = 0; u < N_REDIS_USERS; u++)
        key_set(&s->fresh[u], NULL, NULL);
    views_free(s->views, N);
}

static const char *text_of(const struct redis_key *k)
{
    return k->text ? k->text : "-";
}

static void check(void **state)
{
    const struct row *r = *state;
    struct scene s;
    char got[64] = "", want[64] = "";

    make(&s, r);
    (void)rule_redis_secret(&s.w);
    if (s.p.redis.keys_change)
        snprintf(got, sizeof(got), "%s %s %s", text_of(&s.w.in.redis_keys->user[USER_APP][KEY_NOW]),
                 text_of(&s.w.in.redis_keys->user[USER_APP][KEY_NEXT]), text_of(&s.w.in.redis_keys->user[USER_APP][KEY_OLD]));
    snprintf(want, sizeof(want), "%s", r->want ? r->want : "");
    done(&s);
    assert_string_equal(got, want);
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows)];

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){ rows[i].name, check, NULL, NULL, (void *)(uintptr_t)&rows[i] };
    return cmocka_run_group_tests_name("redis-secret", tests, NULL, NULL);
}
