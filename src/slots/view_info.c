#include <string.h>

#include "base/mem.h"
#include "slots/slice.h"
#include "slots/view.h"

enum field_type { F_INT, F_INT64, F_UINT64, F_PORT, F_IS, F_TEXT, F_DIFFERENCE };

struct field {
    const char *key;
    enum field_type type;
    size_t at;
    size_t size;      /* F_TEXT */
    const char *word; /* F_IS: true when the value is this */
};

#define VIEW_INT(key, member) { key, F_INT, offsetof(struct node_view, member), 0, NULL }
#define VIEW_LONG(key, member) { key, F_INT64, offsetof(struct node_view, member), 0, NULL }
#define VIEW_EPOCH(key, member) { key, F_UINT64, offsetof(struct node_view, member), 0, NULL }
#define VIEW_IS(key, member, word) { key, F_IS, offsetof(struct node_view, member), 0, word }
#define VIEW_TEXT(key, member) \
    { key, F_TEXT, offsetof(struct node_view, member), sizeof(((struct node_view *)0)->member), NULL }

static const struct field cluster_fields[] = {
    VIEW_IS("cluster_state", state_ok, "ok"),
    VIEW_INT("cluster_slots_assigned", slots_assigned),
    VIEW_INT("cluster_slots_ok", slots_ok),
    VIEW_INT("cluster_slots_pfail", slots_pfail),
    VIEW_INT("cluster_slots_fail", slots_fail),
    VIEW_INT("cluster_known_nodes", known_nodes),
    VIEW_INT("cluster_size", size),
    VIEW_EPOCH("cluster_current_epoch", current_epoch),
    VIEW_EPOCH("cluster_my_epoch", my_epoch),
    { NULL, F_INT, 0, 0, NULL },
};

static const struct field info_fields[] = {
    VIEW_TEXT("run_id", run_id),
    VIEW_TEXT("master_replid", replid),
    VIEW_TEXT("master_replid2", replid2),
    VIEW_LONG("uptime_in_seconds", uptime_s),
    VIEW_LONG("used_memory", used_memory),
    { "used_memory_dataset", F_DIFFERENCE, offsetof(struct node_view, dataset_bytes), 0, NULL },
    VIEW_LONG("maxmemory", max_memory),
    VIEW_LONG("number_of_libraries", libraries),
    VIEW_IS("role", is_replica, "slave"),
    VIEW_TEXT("master_host", master_host),
    { "master_port", F_PORT, offsetof(struct node_view, master_port), 0, NULL },
    VIEW_IS("master_link_status", master_link_up, "up"),
    VIEW_IS("master_sync_in_progress", sync_in_progress, "1"),
    VIEW_IS("loading", loading, "1"),
    VIEW_IS("aof_enabled", aof_enabled, "1"),
    VIEW_IS("rdb_bgsave_in_progress", rdb_saving, "1"),
    VIEW_IS("rdb_last_bgsave_status", rdb_save_failed, "err"),
    VIEW_IS("aof_last_write_status", aof_write_failed, "err"),
    VIEW_IS("server_name", is_valkey, "valkey"),
    { NULL, F_INT, 0, 0, NULL },
};

static bool store_number(const struct field *f, struct slice value, void *at)
{
    static const int64_t most[] = { [F_INT] = INT32_MAX, [F_INT64] = INT64_MAX, [F_UINT64] = INT64_MAX,
                                    [F_PORT] = 65535 };
    int64_t n;

    if (!slice_int(value, 0, most[f->type], &n))
        return false;
    if (f->type == F_INT)
        *(int *)at = (int)n;
    else if (f->type == F_PORT)
        *(uint16_t *)at = (uint16_t)n;
    else
        memcpy(at, &n, sizeof(n));
    return true;
}

static int store(const struct field *fields, struct slice key, struct slice value, struct node_view *v,
                 struct err *e)
{
    const struct field *f = fields;
    void *at;
    bool good = true;
    int64_t n;

    while (f->key && !slice_is(key, f->key))
        f++;
    if (!f->key)
        return 0;
    at = (char *)v + f->at;
    if (f->type == F_IS)
        *(bool *)at = slice_is(value, f->word);
    else if (f->type == F_DIFFERENCE) /* of unsigned numbers: an empty server may print what is below 0 as 2^64 - n */
        *(int64_t *)at = slice_int(value, 0, INT64_MAX, &n) ? n : 0;
    else if (f->type == F_TEXT)
        good = slice_copy(value, at, f->size);
    else
        good = store_number(f, value, at);
    return good ? 0 : err_set(e, ERR_INVALID, "%s: '%.*s'", f->key, slice_shown(value), value.p);
}

int view_parse_cluster_info(const char *text, size_t len, struct node_view *v, struct err *e)
{
    struct slice rest = { text, len };
    struct node_view got = *v;
    bool has_state = false;

    if (slice_starts(rest, "txt:"))
        slice_cut(&rest, ':');
    got.migration_tasks = 0;
    while (rest.n) {
        struct slice line = slice_line(&rest), key = slice_cut(&line, ':');

        has_state |= slice_is(key, "cluster_state");
        if (slice_is(key, "cluster_slot_migration_active_tasks") ||
            slice_is(key, "cluster_slot_migration_active_trim_running"))
            got.migration_tasks += !slice_is(line, "0");
        if (store(cluster_fields, key, line, &got, e) < 0)
            return err_wrap(e, "CLUSTER INFO");
    }
    if (!has_state)
        return err_set(e, ERR_INVALID, "CLUSTER INFO: no cluster_state");
    *v = got;
    return 0;
}

/* Sums that only the whole INFO shows. */
struct sums {
    int64_t keys, master_offset, replica_offset, read_offset;
    bool has_keyspace, has_valkey_version;
    struct replica_link links[VIEW_LINKS_MAX];
    size_t n_links;
};

/* ip=10.0.0.1,port=6379,state=online,offset=14,lag=0 */
static int parse_link(struct slice rest, struct replica_link *out, struct err *e)
{
    struct slice all = rest;
    int64_t port = 0;

    *out = (struct replica_link){ .lag_s = -1 };
    while (rest.n) {
        struct slice value = slice_cut(&rest, ','), key = slice_cut(&value, '=');
        bool good = true;

        if (slice_is(key, "ip"))
            good = slice_copy(value, out->ip, sizeof(out->ip));
        else if (slice_is(key, "port"))
            good = slice_int(value, 0, 65535, &port);
        else if (slice_is(key, "state"))
            out->online = slice_is(value, "online");
        else if (slice_is(key, "offset"))
            good = slice_int(value, -1, INT64_MAX, &out->offset);
        else if (slice_is(key, "lag"))
            good = slice_int(value, -1, INT64_MAX, &out->lag_s);
        if (!good)
            return err_set(e, ERR_INVALID, "slave: '%.*s'", slice_shown(all), all.p);
    }
    out->port = (uint16_t)port;
    return 0;
}

/* keys=3000,expires=0,avg_ttl=0 */
static int add_keys(struct slice value, int64_t *keys, struct err *e)
{
    struct slice n = slice_cut(&value, ','), key = slice_cut(&n, '=');
    int64_t more;

    if (!slice_is(key, "keys") || !slice_int(n, 0, INT64_MAX / 1024, &more) || *keys > INT64_MAX - more)
        return err_set(e, ERR_INVALID, "keyspace: '%.*s'", slice_shown(n), n.p);
    *keys += more;
    return 0;
}

static bool is_numbered(struct slice key, const char *prefix)
{
    size_t n = strlen(prefix);
    int64_t i;

    return slice_starts(key, prefix) && slice_int((struct slice){ key.p + n, key.n - n }, 0, 1 << 20, &i);
}

static int store_special(struct slice key, struct slice value, struct node_view *v, struct sums *s, struct err *e)
{
    int64_t *offset = slice_is(key, "master_repl_offset")       ? &s->master_offset
                      : slice_is(key, "slave_repl_offset")      ? &s->replica_offset
                      : slice_is(key, "slave_read_repl_offset") ? &s->read_offset
                                                                : NULL;

    if (offset)
        return slice_int(value, -1, INT64_MAX, offset) ? 0 : err_set(e, ERR_INVALID, "replication offset");
    if (slice_is(key, "valkey_version") || (slice_is(key, "redis_version") && !s->has_valkey_version)) {
        s->has_valkey_version = key.p[0] == 'v';
        v->is_valkey |= s->has_valkey_version;
        return slice_copy(value, v->version, sizeof(v->version)) ? 0 : err_set(e, ERR_INVALID, "version");
    }
    if (slice_is(key, "master_link_down_since_seconds"))
        return slice_int(value, -1, INT64_MAX / 1000, &v->link_down_s) ? 0 : err_set(e, ERR_INVALID, "link down since");
    if (is_numbered(key, "db"))
        return add_keys(value, &s->keys, e);
    if (is_numbered(key, "slave") && s->n_links < VIEW_LINKS_MAX)
        return parse_link(value, &s->links[s->n_links++], e);
    return store(info_fields, key, value, v, e);
}

static void give_sums(const struct sums *s, struct node_view *v)
{
    if (s->has_keyspace)
        v->keys = s->keys;
    v->offset = !v->is_replica ? s->master_offset : s->read_offset >= 0 ? s->read_offset : s->replica_offset;
    free(v->links);
    v->links = NULL;
    v->n_links = s->n_links;
    if (s->n_links) {
        v->links = xcalloc(s->n_links, sizeof(*v->links));
        memcpy(v->links, s->links, s->n_links * sizeof(*v->links));
    }
}

int view_parse_info(const char *text, size_t len, struct node_view *v, struct err *e)
{
    struct slice rest = { text, len };
    struct node_view got = *v;
    struct sums s = { .master_offset = -1, .replica_offset = -1, .read_offset = -1 };

    if (slice_starts(rest, "txt:"))
        slice_cut(&rest, ':');
    if (len == 0)
        return err_set(e, ERR_INVALID, "INFO: empty");
    while (rest.n) {
        struct slice line = slice_line(&rest), key;

        s.has_keyspace |= slice_is(line, "# Keyspace");
        if (line.n == 0 || line.p[0] == '#')
            continue;
        key = slice_cut(&line, ':');
        if (store_special(key, line, &got, &s, e) < 0)
            return err_wrap(e, "INFO");
    }
    give_sums(&s, &got);
    *v = got;
    return 0;
}
