/*
 * The Secret of Redis as values: read, decoded, hashed, made.
 */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "shell.h"

enum { PASSWORD_CHARS = 40, PASSWORD_MAX_BYTES = 512, TEXT_MAX_BYTES = 256 << 10 };

void secret_wipe(char **text)
{
    if (*text)
        OPENSSL_cleanse(*text, strlen(*text));
    free(*text);
    *text = NULL;
}

char *secret_text(const cJSON *secret, const char *key, size_t max_bytes)
{
    const char *b64 = cJSON_GetStringValue(json_member(json_member(secret, "data"), key));
    size_t len = b64 ? strlen(b64) : 0;
    AUTO_FREE char *out = NULL;
    int n;

    if (!len || len % 4 || len > max_bytes * 4 / 3 + 4)
        return NULL;
    out = xcalloc(1, len + 1);
    n = EVP_DecodeBlock((unsigned char *)out, (const unsigned char *)b64, (int)len);
    if (n <= 0)
        return NULL;
    n -= (b64[len - 1] == '=') + (b64[len - 2] == '=');
    out[n] = '\0';
    return n && strlen(out) == (size_t)n ? TAKE(out) : NULL;
}

/* One line of printable text: it becomes a line of the server's configuration. */
char *secret_password(const cJSON *secret, const char *key)
{
    char *text = secret_text(secret, key, PASSWORD_MAX_BYTES);

    for (const unsigned char *c = (const unsigned char *)text; c && *c; c++)
        if (*c <= ' ' || *c >= 0x7f || *c == '"' || *c == '\\' || *c == '\'') {
            secret_wipe(&text);
            return NULL;
        }
    return text;
}

static void key_hash(const char *text, char out[KEY_HASH_SIZE])
{
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    out[0] = '\0';
    if (!EVP_Digest(text, strlen(text), md, &n, EVP_sha256(), NULL))
        return;
    for (unsigned i = 0; i < n; i++)
        snprintf(out + 2 * i, 3, "%02x", md[i]);
}

void key_set_text(struct redis_key *k, const char *text)
{
    char hash[KEY_HASH_SIZE];

    key_hash(text, hash);
    key_set(k, text, hash);
}

void key_generate(struct redis_key *k)
{
    char fresh[PASSWORD_CHARS + 1];

    str_random_hex(fresh, PASSWORD_CHARS);
    key_set_text(k, fresh);
    OPENSSL_cleanse(fresh, sizeof(fresh));
}

static int64_t number_in(const cJSON *secret, const char *key)
{
    AUTO_FREE char *text = secret_text(secret, key, 24);
    int64_t n = 0;

    return text && str_to_int(text, 0, INT64_C(1) << 53, &n) ? n : 0;
}

void cert_read(const cJSON *secret, struct redis_cert *out)
{
    struct redis_cert c = {
        .crt = secret_text(secret, "tls.crt", TEXT_MAX_BYTES),
        .key = secret_text(secret, "tls.key", TEXT_MAX_BYTES),
        .ca = secret_text(secret, "ca.crt", TEXT_MAX_BYTES),
    };

    cert_fingerprint(c.crt, c.fingerprint);
    cert_done(out);
    *out = c;
}

bool keys_read(const cJSON *secret, struct redis_keys *out)
{
    struct redis_keys k = { .rotation = (int32_t)number_in(secret, "rotation"), .since_ms = number_in(secret, "since"),
                            .rotate = secret_text(secret, "rotate", 64) };

    for (int u = 0; u < N_REDIS_USERS; u++)
        for (int a = 0; a < N_KEY_AGES; a++) {
            char *text = secret_password(secret, redis_key_name((enum redis_user)u, (enum key_age)a));

            if (text)
                key_set_text(&k.user[u][a], text);
            secret_wipe(&text);
        }
    cert_read(secret, &k.tls);
    if (k.tls.crt && (!k.tls.key || !k.tls.ca))
        cert_done(&k.tls);
    if (!k.user[USER_APP][KEY_NOW].text) {
        keys_done(&k);
        return false;
    }
    keys_done(out);
    *out = k;
    return true;
}
