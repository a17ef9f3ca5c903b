#include "slots/settings.h"

#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/str.h"

void settings_done(struct settings *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->items[i].value);
    free(s->items);
    *s = (struct settings){ 0 };
}

static char *copy(const char *text, size_t len)
{
    char *out = xcalloc(len + 1, 1);

    if (len)
        memcpy(out, text, len);
    return out;
}

static struct setting *find(const struct settings *s, const char *name, size_t len)
{
    for (size_t i = 0; i < s->n; i++)
        if (strlen(s->items[i].name) == len && strncmp(s->items[i].name, name, len) == 0)
            return &s->items[i];
    return NULL;
}

bool settings_put(struct settings *s, const char *name, size_t name_len, const char *value, size_t value_len)
{
    struct setting *at;

    if (!name_len || name_len >= SETTING_NAME_SIZE || value_len > SETTING_VALUE_MAX)
        return false;
    at = find(s, name, name_len);
    if (!at && s->n == SETTINGS_MAX)
        return false;
    if (!s->items)
        s->items = xcalloc(SETTINGS_MAX, sizeof(*s->items));
    if (!at) {
        at = &s->items[s->n++];
        memcpy(at->name, name, name_len);
    }
    free(at->value);
    at->value = copy(value, value_len);
    return true;
}

const char *settings_find(const struct settings *s, const char *name)
{
    const struct setting *at = find(s, name, strlen(name));

    return at ? at->value : NULL;
}

uint64_t settings_hash(const struct settings *s)
{
    uint64_t h = STR_HASH_INIT;

    for (size_t i = 0; i < s->n; i++) {
        h = str_hash(h, s->items[i].name, strlen(s->items[i].name) + 1);
        h = str_hash(h, s->items[i].value, strlen(s->items[i].value) + 1);
    }
    return h;
}

/* --- redis.conf --- */

struct line {
    const char *name, *value;
    size_t name_len, value_len;
};

/* The next line with a setting; false at the end. A value in double quotes loses them. */
static bool next_line(const char **at, struct line *out)
{
    while (**at) {
        const char *p = *at + strspn(*at, " \t"), *end = p + strcspn(p, "\n");

        *at = *end ? end + 1 : end;
        out->name = p;
        out->name_len = strcspn(p, " \t\n");
        if (!out->name_len || *p == '#')
            continue;
        p += out->name_len;
        p += strspn(p, " \t");
        while (end > p && strchr(" \t\r", end[-1]))
            end--;
        if (end - p >= 2 && *p == '"' && end[-1] == '"' && !memchr(p + 1, '"', (size_t)(end - p) - 2)) {
            p++;
            end--;
        }
        out->value = p;
        out->value_len = (size_t)(end - p);
        return true;
    }
    return false;
}

static bool is_live(const struct line *l)
{
    char name[SETTING_NAME_SIZE];

    if (l->name_len >= sizeof(name))
        return false;
    memcpy(name, l->name, l->name_len);
    name[l->name_len] = '\0';
    return setting_is_live(name);
}

void settings_live(const char *conf, struct settings *out)
{
    struct line l;

    *out = (struct settings){ 0 };
    while (next_line(&conf, &l))
        if (is_live(&l))
            (void)settings_put(out, l.name, l.name_len, l.value, l.value_len); /* 64 of the user's, 20 of ours */
}

uint64_t settings_restart_hash(const char *conf)
{
    uint64_t h = STR_HASH_INIT;
    struct line l;

    while (next_line(&conf, &l)) {
        if (is_live(&l))
            continue;
        h = str_hash(h, l.name, l.name_len);
        h = str_hash(h, " ", 1);
        h = str_hash(h, l.value, l.value_len);
        h = str_hash(h, "\n", 1);
    }
    return h;
}

/* --- which are live --- */

/* Immutable in Redis 7 or 8 or Valkey 8 or 9 (IMMUTABLE_CONFIG in config.c), or protected there; a setting that
 * one release takes live and another does not is restarted for. */
static const char *const needs_restart[] = {
    "aclfile", "always-show-logo", "aof-rewrite-cpulist", "aof_rewrite_cpulist", "appenddirname",
    "appendfilename", "bgsave-cpulist", "bgsave_cpulist", "bind", "bind-source-addr", "bio-cpulist", "bio_cpulist",
    "daemonize", "databases", "dbfilename", "dir", "disable-thp", "enable-debug-command", "enable-module-command",
    "enable-protected-configs", "hash-seed", "include", "io-threads", "io-threads-do-reads", "loadmodule", "logfile",
    "masterauth", "masteruser", "mptcp", "pidfile", "port", "primaryauth", "primaryuser", "protected-mode",
    "rdbchecksum", "rename-command", "repl-mptcp", "replicaof", "requirepass", "server-cpulist", "server_cpulist", "set-proc-title",
    "slaveof", "socket-mark-id", "supervised", "syslog-enabled", "syslog-facility", "syslog-ident", "tcp-backlog",
    "unixsocket", "unixsocketgroup", "unixsocketperm", "use-exit-on-panic", "user",
    /* goes with the container's memory, which only a new pod has */
    "maxmemory",
};

bool setting_is_live(const char *name)
{
    /* of the cluster and of TLS others decide while servers run */
    if (str_has_prefix(name, "cluster-") || str_has_prefix(name, "tls-") || str_has_prefix(name, "rdma-"))
        return false;
    for (size_t i = 0; i < COUNT(needs_restart); i++)
        if (strcasecmp(name, needs_restart[i]) == 0)
            return false;
    return true;
}
