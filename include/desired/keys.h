/*
 * desired/keys.h - what the Secret of a Redis Cluster holds: the users' passwords, also while they
 * change, and the certificate that its nodes use.
 *
 * Pure values. keys_done wipes. The hashes are made by whoever makes the texts; a hash is what the servers
 * keep, so it is no secret to them, but it is not shown to people either.
 *
 * A password changes in three steps, each a content of the Secret: a *next* one beside the present one, until
 * every node takes both; then it is *now*, and the one before is *old*, until nobody uses it any more.
 */
#ifndef DESIRED_KEYS_H
#define DESIRED_KEYS_H

#include <stdbool.h>
#include <stdint.h>

enum redis_user {
    USER_APP,      /* "default": the applications */
    USER_OPERATOR, /* "everserve" */
    USER_REPLICA,  /* "replica": masteruser; also what a pod asks its neighbours as, before its server starts */
    N_REDIS_USERS,
};
#define REDIS_PROBE_USER "probe" /* PING only, without a password: nothing to rotate, nothing to steal */

enum key_age { KEY_NOW, KEY_NEXT, KEY_OLD, N_KEY_AGES };

#define REDIS_TLS_DIR "/etc/everserve-tls" /* in the Redis pods: tls.crt, tls.key, ca.crt */
#define KEY_HASH_SIZE 65 /* SHA-256 in hex */

struct redis_key {
    char *text; /* owned; NULL: none */
    char sha256[KEY_HASH_SIZE];
};

struct redis_cert {
    char *crt, *key, *ca; /* owned PEM; crt NULL: no TLS */
    char fingerprint[KEY_HASH_SIZE];
};

struct redis_keys {
    struct redis_key user[N_REDIS_USERS][N_KEY_AGES];
    struct redis_cert tls;
    char *rotate;     /* owned; the spec.redis.auth.rotate that was carried out last; NULL: none */
    int32_t rotation; /* how often the applications' password has changed */
    int64_t since_ms; /* wall clock: when the content last changed in a way that nodes have to take up; 0: never */
};

void key_set(struct redis_key *k, const char *text, const char *sha256); /* copies; text NULL: none */
void key_move(struct redis_key *to, struct redis_key *from);
void cert_copy(const struct redis_cert *from, struct redis_cert *to);
void cert_done(struct redis_cert *c);
uint64_t cert_hash(const struct redis_cert *c); /* never 0 */
void keys_copy(const struct redis_keys *from, struct redis_keys *to);
void keys_done(struct redis_keys *k);

const char *redis_user_name(enum redis_user u);

/* The rules of a user as ACL SETUSER takes them: words, NULL at the end. USER_APP has everything that is neither
 * administration nor dangerous; the others have what they are for. probe: of REDIS_PROBE_USER. */
const char *const *redis_user_rules(enum redis_user u);
/* Of USER_REPLICA with Valkey 9 or later, which writes migrating slots as it. */
const char *const *redis_valkey9_replica_rules(void);
const char *const *redis_probe_rules(void);

/* Key of the Secret: "password", "password-next", "operator-password-old" ... Static text. */
const char *redis_key_name(enum redis_user u, enum key_age age);

#endif
