#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>

#include "e2e/ledger.h"
#include "e2e/secure.h"

static void decode_base64(const char *text, char *out, size_t size)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned bits = 0, have = 0;
    size_t n = 0;

    for (; *text && *text != '=' && n + 1 < size; text++) {
        const char *at = strchr(alphabet, *text);
        if (!at)
            break;
        bits = bits << 6 | (unsigned)(at - alphabet);
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[n++] = (char)(bits >> have & 0xff);
        }
    }
    out[n] = 0;
}

const char *redis_secret(struct e2e *t, const char *service, const char *key)
{
    char plain[1024] = "";
    const cJSON *secret = e2e_get(t, e2e_fmt(t, "secrets/%s-redis", service));
    const char *text = cJSON_GetStringValue(json_member(json_member(secret, "data"), key));

    decode_base64(text ? text : "", plain, sizeof(plain));
    return e2e_fmt(t, "%s", plain);
}

const char *redis_password(struct e2e *t, const char *service)
{
    return redis_secret(t, service, "password");
}

const char *redis_admin(struct e2e *t, const char *service)
{
    return e2e_fmt(t, "AUTH everserve %s", redis_secret(t, service, "operator-password"));
}

void redis_pods_get(struct e2e *t, const char *service, struct redis_pods *out)
{
    const cJSON *pod;
    const cJSON *pods = e2e_list(t, e2e_fmt(t, "pods?labelSelector=app.kubernetes.io%%2Fcomponent%%3Dredis,"
                                               "app.kubernetes.io%%2Finstance%%3D%s", service));

    out->n = out->n_ending = 0;
    cJSON_ArrayForEach(pod, pods) {
        const char *ip = json_get_str(pod, "status.podIP");
        out->n_ending += json_has(pod, "metadata.deletionTimestamp");
        if (!ip || json_has(pod, "metadata.deletionTimestamp") || out->n == (int)COUNT(out->ips))
            continue;
        snprintf(out->names[out->n], sizeof(out->names[0]), "%s", json_get_str(pod, "metadata.name"));
        snprintf(out->uids[out->n], sizeof(out->uids[0]), "%s", json_get_str(pod, "metadata.uid"));
        snprintf(out->ips[out->n], sizeof(out->ips[0]), "%s", ip);
        out->n++;
    }
}

static redisContext *connect_to(const struct e2e *t, const char *ip, const char *admin)
{
    redisContext *c = secure_connect(ip, t->redis_ca, (struct timeval){ 1, 0 });
    redisReply *r = c ? redisCommand(c, admin) : NULL;

    if (r)
        freeReplyObject(r);
    return c;
}

/* Its own row of CLUSTER NODES: "... myself,master ... connected 0-5460". */
static bool owns_slots(const char *nodes)
{
    const char *row = strstr(nodes, "myself,master");
    const char *link = row ? strstr(row, " connected ") : NULL;
    const char *end = row ? strchr(row, '\n') : NULL;

    return link && (!end || link < end);
}

void redis_nodes_get(struct e2e *t, const char *service, struct redis_nodes *out)
{
    const char *admin = redis_admin(t, service);
    struct redis_pods pods;

    out->n_masters = out->n_replicas = 0;
    redis_pods_get(t, service, &pods);
    for (int i = 0; i < pods.n; i++) {
        redisContext *c = connect_to(t, pods.ips[i], admin);
        redisReply *r = c ? redisCommand(c, "CLUSTER NODES") : NULL;
        if (r && r->str && owns_slots(r->str))
            snprintf(out->masters[out->n_masters++], sizeof(out->masters[0]), "%s", pods.names[i]);
        else if (r && r->str && strstr(r->str, "myself,slave"))
            snprintf(out->replicas[out->n_replicas++], sizeof(out->replicas[0]), "%s", pods.names[i]);
        if (r)
            freeReplyObject(r);
        redisFree(c);
    }
}

static const char *reply_text(struct e2e *t, const redisReply *r)
{
    const char *all = "";

    switch (r->type) {
    case REDIS_REPLY_ARRAY:
        for (size_t i = 0; i < r->elements; i++)
            all = e2e_fmt(t, "%s%s%s", all, *all ? " " : "", reply_text(t, r->element[i]));
        return all;
    case REDIS_REPLY_ERROR:
        return e2e_fmt(t, "(error) %s", r->str);
    case REDIS_REPLY_INTEGER:
        return e2e_fmt(t, "%lld", r->integer);
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
    case REDIS_REPLY_VERB:
        return e2e_fmt(t, "%s", r->str);
    default:
        return "";
    }
}

static redisReply *ask_words(redisContext *c, char *command)
{
    const char *argv[16];
    char *rest = NULL;
    int n = 0;

    for (char *w = strtok_r(command, " ", &rest); w && n < (int)COUNT(argv); w = strtok_r(NULL, " ", &rest)) {
        for (char *hidden = w; (hidden = strchr(hidden, '\001')); )
            *hidden = ' ';
        argv[n++] = w;
    }
    return n ? redisCommandArgv(c, n, argv, NULL) : NULL;
}

/* Keys are the application's, the rest is the operator's. */
static bool is_of_app(const char *command)
{
    static const char *const words[] = { "GET", "SET", "SETRANGE", "GETRANGE", "STRLEN", "DEL", "EXISTS", "ASKING", "FCALL", "FUNCTION" };

    for (size_t i = 0; i < COUNT(words); i++)
        if (str_has_prefix(command, words[i]) && strchr(" ;", command[strlen(words[i])]))
            return true;
    return false;
}

const char *redis_ask(struct e2e *t, const char *service, const char *ip, const char *commands)
{
    const char *app = e2e_fmt(t, "AUTH %s", redis_password(t, service)), *admin = redis_admin(t, service);
    redisContext *c = ip ? connect_to(t, ip, is_of_app(commands) ? app : admin) : NULL;
    bool was_app = is_of_app(commands);
    const char *text = NULL;
    char *rest = NULL;
    AUTO_FREE char *copy = xstrdup(commands);

    for (char *one = strtok_r(copy, ";", &rest); c && one; one = strtok_r(NULL, ";", &rest)) {
        redisReply *r = is_of_app(one) != was_app ? redisCommand(c, was_app ? admin : app) : NULL;
        if (r)
            freeReplyObject(r);
        was_app = is_of_app(one);
        r = ask_words(c, one);
        text = r ? reply_text(t, r) : NULL;
        if (r)
            freeReplyObject(r);
    }
    redisFree(c);
    return text;
}

const char *redis_version(struct e2e *t, const char *service)
{
    const char *admin = redis_admin(t, service), *version = NULL;
    struct redis_pods pods;

    redis_pods_get(t, service, &pods);
    for (int i = 0; i < pods.n && !version; i++) {
        redisContext *c = connect_to(t, pods.ips[i], admin);
        redisReply *r = c ? redisCommand(c, "INFO server") : NULL;
        const char *at = r && r->str ? strstr(r->str, "valkey_version:") : NULL;
        at = at || !r || !r->str ? at : strstr(r->str, "redis_version:");
        at = at ? strchr(at, ':') + 1 : NULL;
        version = at ? e2e_fmt(t, "%.*s", (int)strcspn(at, "\r\n"), at) : NULL;
        if (r)
            freeReplyObject(r);
        redisFree(c);
    }
    return version;
}

const char *redis_master_pod(struct e2e *t, const char *service)
{
    struct redis_nodes n;

    redis_nodes_get(t, service, &n);
    return n.n_masters ? e2e_fmt(t, "%s", n.masters[0]) : NULL;
}

bool referee_is_content(struct e2e *t, const char *service, const char **out)
{
    const char *password = redis_password(t, service), *admin = redis_admin(t, service), *words = "no Redis pod answers";
    struct redis_pods pods;
    int code = 1;

    redis_pods_get(t, service, &pods);
    for (int i = 0; i < pods.n; i++) {
        redisContext *c = connect_to(t, pods.ips[i], admin);
        if (!c)
            continue;
        redisFree(c);
        const char *address = e2e_fmt(t, "%s:6379", pods.ips[i]);
        const char *argv[14] = { "timeout", "2", "redis-cli", "--no-auth-warning", "-a", password, "--cluster", "check", address };
        if (t->redis_ca)
            memcpy(&argv[9], (const char *const[]){ "--tls", "--cacert", t->redis_ca }, 3 * sizeof(*argv));
        code = e2e_run(t, argv, NULL, &words);
        break;
    }
    if (out)
        *out = words;
    return code == 0 && strstr(words, "[OK] All nodes agree") && strstr(words, "[OK] All 16384 slots covered") &&
           !strstr(words, "[ERR]") && !strstr(words, "Could not connect") && !strstr(words, "[WARNING]");
}
