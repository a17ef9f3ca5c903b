#include <string.h>

#include "base/mem.h"
#include "slots/slice.h"
#include "slots/view.h"

#define LINE_MAX_BYTES 65536

/* What is being built; becomes the view's only when all of it is good. */
struct build {
    struct node_view v;
    size_t cap_rows, cap_ranges, cap_open;
    struct slot_set seen;
};

static const struct {
    const char *word;
    unsigned flag;
} flag_words[] = {
    { "myself", NODE_MYSELF },       { "master", NODE_MASTER }, { "slave", NODE_REPLICA },
    { "fail?", NODE_PFAIL },         { "fail", NODE_FAIL },     { "handshake", NODE_HANDSHAKE },
    { "noaddr", NODE_NOADDR },       { "nofailover", NODE_NOFAILOVER },
};

static unsigned parse_flags(struct slice words)
{
    unsigned flags = 0;

    while (words.n) {
        struct slice word = slice_cut(&words, ',');

        for (size_t i = 0; i < COUNT(flag_words); i++)
            if (slice_is(word, flag_words[i].word))
                flags |= flag_words[i].flag;
    }
    return flags;
}

/* Cuts off what follows the last `at`; s keeps the front. Empty, and s whole, when there is none. */
static struct slice cut_last(struct slice *s, char at)
{
    const char *p = s->n ? memrchr(s->p, at, s->n) : NULL;
    struct slice tail = { "", 0 };

    if (p) {
        tail = (struct slice){ p + 1, s->n - (size_t)(p + 1 - s->p) };
        s->n = (size_t)(p - s->p);
    }
    return tail;
}

/* Where a server speaks TLS alone, its nodes.conf says port 0 and tls-port=N from Redis 7.2 and Valkey on. */
static int64_t find_tls_port(struct slice facts)
{
    int64_t port = 0;

    while (facts.n) {
        struct slice fact = slice_cut(&facts, ','), key = slice_cut(&fact, '=');

        if (slice_is(key, "tls-port") && !slice_int(fact, 0, 65535, &port))
            port = 0;
    }
    return port;
}

/* ip:port@bus_port[,hostname[,key=value]...] */
static int parse_address(struct slice text, struct view_row *r, struct err *e)
{
    struct slice rest = text, addr = slice_cut(&rest, ','), name = slice_cut(&rest, ',');
    struct slice bus = cut_last(&addr, '@'), port = cut_last(&addr, ':');
    int64_t n_port, n_bus = 0;

    if (!slice_int(port, 0, 65535, &n_port) || (bus.n && !slice_int(bus, 0, 65535, &n_bus)))
        return err_set(e, ERR_INVALID, "'%.*s' is not a node's address", slice_shown(text), text.p);
    if (!slice_copy(addr, r->ip, sizeof(r->ip)))
        return err_set(e, ERR_INVALID, "ip '%.*s...' is too long", slice_shown(addr), addr.p);
    if (name.n && !memchr(name.p, '=', name.n) && !slice_copy(name, r->hostname, sizeof(r->hostname)))
        return err_set(e, ERR_INVALID, "host name '%.*s...' is too long", slice_shown(name), name.p);
    r->port = (uint16_t)(n_port ? n_port : find_tls_port(rest));
    r->bus_port = (uint16_t)n_bus;
    return 0;
}

/* [7->-id] or [7-<-id] */
static int parse_open(struct build *b, struct slice word, struct err *e)
{
    struct slice rest = { word.p + 1, word.n - 1 }, slot = slice_cut(&rest, '-');
    struct slice peer = slice_cut(&rest, ']');
    struct open_slot o = { 0 };
    int64_t n;

    if (!slice_int(slot, 0, SLOT_COUNT - 1, &n) || peer.n < 2 || rest.n || b->v.n_open >= SLOT_COUNT ||
        (!slice_starts(peer, "<-") && !slice_starts(peer, ">-")))
        return err_set(e, ERR_INVALID, "'%.*s' is not an open slot", slice_shown(word), word.p);
    o.slot = (uint16_t)n;
    o.importing = peer.p[0] == '<';
    if (view_parse_id(peer.p + 2, peer.n - 2, o.peer, e) < 0)
        return err_wrap(e, "open slot %u", o.slot);
    b->v.open = xgrow(b->v.open, &b->cap_open, b->v.n_open + 1, sizeof(o));
    b->v.open[b->v.n_open++] = o;
    return 0;
}

static int add_range(struct build *b, struct slot_range r, struct err *e)
{
    for (unsigned i = r.first; i <= r.last; i++)
        if (slot_set_has(&b->seen, i))
            return err_set(e, ERR_INVALID, "slot %u is named twice", i);
    slot_set_add(&b->seen, r);
    b->v.ranges = xgrow(b->v.ranges, &b->cap_ranges, b->v.n_ranges + 1, sizeof(r));
    b->v.ranges[b->v.n_ranges++] = r;
    return 0;
}

static int parse_slots(struct build *b, struct slice rest, struct view_row *row, struct err *e)
{
    row->first_range = b->v.n_ranges;
    row->first_open = b->v.n_open;
    while (rest.n) {
        struct slice word = slice_cut(&rest, ' ');
        struct slot_range r;

        if (word.n == 0)
            continue;
        if (word.p[0] == '[' ? parse_open(b, word, e) < 0
                             : slot_range_parse(word.p, word.n, &r, e) < 0 || add_range(b, r, e) < 0)
            return -(int)ERR_INVALID;
    }
    row->n_ranges = b->v.n_ranges - row->first_range;
    row->n_open = b->v.n_open - row->first_open;
    return 0;
}

static bool parse_numbers(struct slice *rest, struct view_row *r)
{
    int64_t epoch;

    if (!slice_int(slice_cut(rest, ' '), 0, INT64_MAX, &r->ping_sent_ms) ||
        !slice_int(slice_cut(rest, ' '), 0, INT64_MAX, &r->pong_received_ms) ||
        !slice_int(slice_cut(rest, ' '), 0, INT64_MAX, &epoch))
        return false;
    r->epoch = (uint64_t)epoch;
    return true;
}

static int parse_row(struct build *b, struct slice rest, struct view_row *r, struct err *e)
{
    struct slice id = slice_cut(&rest, ' '), address = slice_cut(&rest, ' '), flags = slice_cut(&rest, ' '),
                 master = slice_cut(&rest, ' '), link;

    if (view_parse_id(id.p, id.n, r->id, e) < 0 || parse_address(address, r, e) < 0)
        return -(int)ERR_INVALID;
    r->flags = parse_flags(flags);
    if (!slice_is(master, "-") && view_parse_id(master.p, master.n, r->master_id, e) < 0)
        return err_wrap(e, "master of %.8s", r->id);
    if (!parse_numbers(&rest, r))
        return err_set(e, ERR_INVALID, "%.8s: times or epoch are not numbers", r->id);
    link = slice_cut(&rest, ' ');
    r->connected = slice_is(link, "connected");
    if (!r->connected && !slice_is(link, "disconnected"))
        return err_set(e, ERR_INVALID, "%.8s: link state '%.*s'", r->id, slice_shown(link), link.p);
    return parse_slots(b, rest, r, e);
}

static int add_row(struct build *b, struct slice line, struct err *e)
{
    struct view_row row;

    memset(&row, 0, sizeof(row));
    if (line.n > LINE_MAX_BYTES)
        return err_set(e, ERR_INVALID, "a line of %zu bytes", line.n);
    if (b->v.n_rows >= VIEW_ROWS_MAX)
        return err_set(e, ERR_INVALID, "more than %d nodes", VIEW_ROWS_MAX);
    if (parse_row(b, line, &row, e) < 0)
        return -(int)ERR_INVALID;
    if (view_find(&b->v, row.id))
        return err_set(e, ERR_INVALID, "%.8s is listed twice", row.id);
    if (row.flags & NODE_MYSELF && view_myself(&b->v))
        return err_set(e, ERR_INVALID, "two rows say myself");
    b->v.rows = xgrow(b->v.rows, &b->cap_rows, b->v.n_rows + 1, sizeof(row));
    b->v.rows[b->v.n_rows++] = row;
    return 0;
}

static void give_rows(struct node_view *from, struct node_view *to)
{
    free(to->rows);
    free(to->ranges);
    free(to->open);
    to->rows = TAKE(from->rows);
    to->ranges = TAKE(from->ranges);
    to->open = TAKE(from->open);
    to->n_rows = from->n_rows;
    to->n_ranges = from->n_ranges;
    to->n_open = from->n_open;
}

int view_parse_nodes(const char *text, size_t len, struct node_view *v, struct err *e)
{
    struct slice rest = { text, len };
    struct build b;
    int rc = 0;

    memset(&b, 0, sizeof(b));
    if (slice_starts(rest, "txt:"))
        slice_cut(&rest, ':');
    while (rest.n && rc == 0) {
        struct slice line = slice_line(&rest);

        rc = line.n ? add_row(&b, line, e) : 0;
    }
    if (rc == 0 && b.v.n_rows == 0)
        rc = err_set(e, ERR_INVALID, "no rows");
    if (rc == 0)
        give_rows(&b.v, v);
    else
        err_wrap(e, "CLUSTER NODES");
    view_done(&b.v);
    return rc;
}
