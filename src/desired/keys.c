#include "desired/keys.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"

/* The compiler may not leave it out: the memory is read again, through a pointer it knows nothing of. */
static void wipe(char **text)
{
    volatile char *p = *text;

    for (; p && *p; p++)
        *p = '\0';
    free(*text);
    *text = NULL;
}

static char *copy_of(const char *text)
{
    return text ? xstrdup(text) : NULL;
}

void key_set(struct redis_key *k, const char *text, const char *sha256)
{
    char *copy = copy_of(text);

    wipe(&k->text);
    k->text = copy;
    if (!copy || !str_copy(k->sha256, sizeof(k->sha256), sha256))
        k->sha256[0] = '\0';
}

void key_move(struct redis_key *to, struct redis_key *from)
{
    wipe(&to->text);
    *to = *from;
    *from = (struct redis_key){ 0 };
}

void cert_copy(const struct redis_cert *from, struct redis_cert *to)
{
    struct redis_cert c = { copy_of(from->crt), copy_of(from->key), copy_of(from->ca), "" };

    memcpy(c.fingerprint, from->fingerprint, sizeof(c.fingerprint));
    cert_done(to);
    *to = c;
}

void cert_done(struct redis_cert *c)
{
    free(c->crt);
    wipe(&c->key);
    free(c->ca);
    *c = (struct redis_cert){ 0 };
}

uint64_t cert_hash(const struct redis_cert *c)
{
    uint64_t h = STR_HASH_INIT;

    if (c->crt)
        h = str_hash(h, c->crt, strlen(c->crt));
    if (c->ca)
        h = str_hash(h, c->ca, strlen(c->ca));
    return h ? h : 1;
}

void keys_copy(const struct redis_keys *from, struct redis_keys *to)
{
    *to = (struct redis_keys){ .rotation = from->rotation, .since_ms = from->since_ms, .rotate = copy_of(from->rotate) };
    for (int u = 0; u < N_REDIS_USERS; u++)
        for (int a = 0; a < N_KEY_AGES; a++)
            key_set(&to->user[u][a], from->user[u][a].text, from->user[u][a].sha256);
    cert_copy(&from->tls, &to->tls);
}

void keys_done(struct redis_keys *k)
{
    for (int u = 0; u < N_REDIS_USERS; u++)
        for (int a = 0; a < N_KEY_AGES; a++)
            wipe(&k->user[u][a].text);
    cert_done(&k->tls);
    free(k->rotate);
    *k = (struct redis_keys){ 0 };
}

const char *redis_user_name(enum redis_user u)
{
    static const char *const names[N_REDIS_USERS] = { "default", "everserve", "replica" };

    return names[u];
}

/* Subcommands are taken away from CLUSTER, rather than given: a server does not start with a rule about a command
 * that it does not know, and later versions have more of them that we need. */
const char *const *redis_user_rules(enum redis_user u)
{
    static const char *const app[] = { "~*", "&*", "+@all", "-@admin", "-@dangerous", "+info", "+sort", NULL };
    static const char *const operator[] = {
        "~*", "-@all", "+ping", "+select", "+info", "+asking", "+cluster", "-cluster|reset", "-cluster|flushslots",
        "-cluster|bumpepoch", "-cluster|delslots", "-cluster|delslotsrange", "+config|get", "+config|set", "+bgsave",
        "+acl|list", "+acl|setuser", "+acl|deluser", "+acl|dryrun", "+migrate", "+restore", "+restore-asking", "+dump",
        "+memory|usage", "+function|dump", "+function|restore", "+function|list", NULL,
    };
    static const char *const replica[] = { "-@all", "+psync", "+sync", "+replconf", "+ping", "+info",
                                          "+cluster|nodes", "+cluster|failover", NULL };
    static const char *const *const rules[N_REDIS_USERS] = { app, operator, replica };

    return rules[u];
}

const char *const *redis_valkey9_replica_rules(void)
{
    static const char *const rules[] = { "~*", "-@all", "+psync", "+sync", "+replconf", "+ping", "+info", "+cluster|nodes",
                                         "+cluster|failover", "+cluster|syncslots", "+select", "+@write", NULL };

    return rules;
}

const char *const *redis_probe_rules(void)
{
    static const char *const rules[] = { "-@all", "+ping", NULL };

    return rules;
}

const char *redis_key_name(enum redis_user u, enum key_age age)
{
    static const char *const names[N_REDIS_USERS][N_KEY_AGES] = {
        { "password", "password-next", "password-old" },
        { "operator-password", "operator-password-next", "operator-password-old" },
        { "replica-password", "replica-password-next", "replica-password-old" },
    };

    return names[u][age];
}
