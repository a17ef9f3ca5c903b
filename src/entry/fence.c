#include "fence.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

void fence_init(struct fence *f)
{
    *f = (struct fence){ .forced_ms = -1, .taken_ms = -1, .left_ms = -1 };
    view_init(&f->conf);
}

void fence_done(struct fence *f)
{
    for (size_t i = 0; i < f->n_nodes; i++)
        view_done(&f->nodes[i].view);
    view_done(&f->conf);
    *f = (struct fence){ .forced_ms = -1, .taken_ms = -1, .left_ms = -1 };
}

/* The servers pad the file with empty lines; "vars" is not a row. */
int fence_read_conf(const char *text, size_t len, struct node_view *out, struct err *e)
{
    AUTO_FREE char *rows = xcalloc(1, len + 1);
    size_t n = 0;

    for (size_t at = 0; at < len;) {
        const char *end = memchr(text + at, '\n', len - at);
        size_t line = end ? (size_t)(end - text) + 1 - at : len - at;

        if (line < 5 || memcmp(text + at, "vars ", 5) != 0) {
            memcpy(rows + n, text + at, line);
            n += line;
        }
        at += line;
    }
    if (view_parse_nodes(rows, n, out, e) < 0)
        return -(int)e->kind;
    if (!view_myself(out))
        return err_set(e, ERR_INVALID, "no row says myself");
    return 0;
}

/* --- whom to ask --- */

static struct fence_node *find_node(struct fence *f, const char *id)
{
    for (size_t i = 0; i < f->n_nodes; i++)
        if (str_eq(f->nodes[i].id, id))
            return &f->nodes[i];
    return NULL;
}

static bool is_reachable_row(const struct view_row *r)
{
    return r->ip[0] && r->port && !(r->flags & (NODE_MYSELF | NODE_NOADDR | NODE_HANDSHAKE));
}

static void add_row(struct fence *f, const struct view_row *r, bool is_replica)
{
    struct fence_node *n = find_node(f, r->id);

    if (!n && f->n_nodes == FENCE_TARGETS_MAX)
        return;
    if (!n) {
        n = &f->nodes[f->n_nodes++];
        *n = (struct fence_node){ .port = 0 };
        view_init(&n->view);
        memcpy(n->id, r->id, sizeof(n->id));
    }
    memcpy(n->ip, r->ip, sizeof(n->ip));
    n->port = r->port;
    n->is_replica = n->is_replica || is_replica;
    n->owns_slots = r->n_ranges > 0;
}

/* A replica of ours, or one that may have become it: replication begins up to a second before nodes.conf hears of it. */
static bool may_be_ours(const struct view_row *r, const char *me)
{
    return r->flags & NODE_REPLICA ? str_eq(r->master_id, me) : !r->n_ranges;
}

static void add_rows(struct fence *f, const struct node_view *v, const char *me, bool ours)
{
    for (size_t i = 0; i < v->n_rows; i++)
        if (is_reachable_row(&v->rows[i]) && may_be_ours(&v->rows[i], me) == ours)
            add_row(f, &v->rows[i], ours);
}

/* Somebody who answers under the id that we know is where we asked; the others' word counts for those who do not. */
static bool is_found(const struct fence_node *n)
{
    return n->view.reach != REACH_NONE && (n->view.reach == REACH_DENIED || str_eq(n->view.id, n->id));
}

static void correct_address(struct fence *f, struct fence_node *n)
{
    for (size_t i = 0; i < f->n_nodes; i++) {
        const struct view_row *r = view_find(&f->nodes[i].view, n->id);

        if (r && f->nodes[i].view.reach == REACH_OK && is_reachable_row(r) && !(r->flags & (NODE_FAIL | NODE_PFAIL))) {
            memcpy(n->ip, r->ip, sizeof(n->ip));
            n->port = r->port;
        }
    }
}

void fence_targets(struct fence *f)
{
    const struct view_row *me = view_myself(&f->conf);
    size_t n_known = f->n_nodes;

    if (!me)
        return;
    if (!n_known) {
        add_rows(f, &f->conf, me->id, true);
        add_rows(f, &f->conf, me->id, false);
        return;
    }
    for (size_t i = 0; i < n_known; i++) /* replicas that nodes.conf had not heard of */
        if (f->nodes[i].view.reach == REACH_OK)
            for (size_t k = 0; k < f->nodes[i].view.n_rows; k++) {
                const struct view_row *r = &f->nodes[i].view.rows[k];

                if (str_eq(r->master_id, me->id) && is_reachable_row(r) && !find_node(f, r->id))
                    add_row(f, r, true);
            }
    for (size_t i = 0; i < n_known; i++)
        if (!is_found(&f->nodes[i]))
            correct_address(f, &f->nodes[i]);
}

/* --- what was seen --- */

static bool answers(const struct fence_node *n)
{
    return n->view.reach == REACH_OK && str_eq(n->view.id, n->id);
}

static bool overlaps(const struct slot_set *a, const struct slot_set *b)
{
    for (size_t i = 0; i < COUNT(a->bits); i++)
        if (a->bits[i] & b->bits[i])
            return true;
    return false;
}

/* In this view we own nothing any more, and somebody who is not known to be dead owns what was ours. */
static bool says_replaced(const struct node_view *v, const struct view_row *me, const struct slot_set *mine, uint64_t *epoch)
{
    const struct view_row *then = view_find(v, me->id);
    bool replaced = false;

    if (then && then->n_ranges)
        return false;
    for (size_t i = 0; i < v->n_rows; i++) {
        const struct view_row *r = &v->rows[i];
        struct slot_set theirs = view_row_slots(v, r);

        if ((r->flags & NODE_MASTER) && !(r->flags & NODE_FAIL) && !str_eq(r->id, me->id) && overlaps(&theirs, mine)) {
            replaced = true;
            *epoch = r->epoch < *epoch ? r->epoch : *epoch;
        }
    }
    return replaced;
}

/* epoch: the lowest with which anybody owns what was ours. */
static bool is_replaced(const struct fence *f, uint64_t *epoch)
{
    const struct view_row *me = view_myself(&f->conf);
    struct slot_set mine = view_row_slots(&f->conf, me);
    bool replaced = false;

    *epoch = UINT64_MAX;
    for (size_t i = 0; i < f->n_nodes; i++)
        replaced |= answers(&f->nodes[i]) && says_replaced(&f->nodes[i].view, me, &mine, epoch);
    return replaced;
}

static bool follows_us(const struct fence *f, const struct fence_node *n)
{
    const struct view_row *own = view_myself(&n->view);

    return answers(n) && own && (own->flags & NODE_REPLICA) && str_eq(own->master_id, view_myself(&f->conf)->id);
}

/* Has it more than the volume? A replica of the snapshot's own history counts in the same numbers. Any other that
 * has keys copied them from us, after that snapshot was taken. In the middle of a copy it has nothing. */
static bool is_newer(const struct fence *f, const struct fence_node *n)
{
    const struct rdb_head *rdb = &f->data.rdb;
    const struct node_view *v = &n->view;

    if (!follows_us(f, n) || v->sync_in_progress)
        return false;
    if (f->data.kind == DATA_SNAPSHOT && rdb->offset >= 0 && str_eq(rdb->replid, v->replid))
        return v->offset > rdb->offset;
    return v->keys > 0;
}

static const struct fence_node *best_replica(const struct fence *f)
{
    const struct fence_node *best = NULL;

    for (size_t i = 0; i < f->n_nodes; i++) {
        const struct fence_node *n = &f->nodes[i];

        if (is_newer(f, n) && (!best || n->view.offset > best->view.offset ||
                               (n->view.offset == best->view.offset && n->view.keys > best->view.keys)))
            best = n;
    }
    return best;
}

/* A replica of ours that may hold keys, but has not told. */
static const struct fence_node *silent_replica(const struct fence *f, bool seen_well_only)
{
    for (size_t i = 0; i < f->n_nodes; i++) {
        const struct fence_node *n = &f->nodes[i];
        bool is_alive = n->view.reach == REACH_DENIED || n->view.reach == REACH_LOADING;

        if (!n->is_replica || answers(n))
            continue;
        for (size_t k = 0; k < f->n_nodes && !is_alive; k++) {
            const struct view_row *r = answers(&f->nodes[k]) ? view_find(&f->nodes[k].view, n->id) : NULL;

            is_alive = r && r->connected && !(r->flags & (NODE_FAIL | NODE_PFAIL | NODE_NOADDR | NODE_HANDSHAKE));
        }
        if (is_alive || !seen_well_only)
            return n;
    }
    return NULL;
}

/* Of the masters that may vote, we being dead, how many refuse connections: their servers do not run. */
static bool quorum_is_gone(const struct fence *f)
{
    size_t voters = 1, dead = 1;

    for (size_t i = 0; i < f->n_nodes; i++)
        if (f->nodes[i].owns_slots) {
            voters++;
            dead += f->nodes[i].view.refused;
        }
    return voters - dead < voters / 2 + 1;
}

static bool election_is_due(const struct fence *f, const struct fence_node *best)
{
    const struct view_row *me = view_find(&best->view, view_myself(&f->conf)->id);
    const struct view_row *own = view_myself(&best->view);

    return me && (me->flags & NODE_FAIL) && own && !(own->flags & NODE_NOFAILOVER);
}

/* --- deciding --- */

static void decide(struct fence_step *s, enum fence_act act, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void decide(struct fence_step *s, enum fence_act act, const char *fmt, ...)
{
    va_list ap;

    s->act = act;
    va_start(ap, fmt);
    vsnprintf(s->why, sizeof(s->why), fmt, ap);
    va_end(ap);
}

bool fence_starts_at_once(const struct fence *f, struct fence_step *s)
{
    const struct view_row *me = view_myself(&f->conf);

    *s = (struct fence_step){ .target = 0 };
    if (!me)
        decide(s, FENCE_START, "a server that knows no cluster yet");
    else if (!(me->flags & NODE_MASTER) || !me->n_ranges)
        decide(s, FENCE_START, "it was no master with slots");
    else if (f->data.kind == DATA_LOG)
        decide(s, FENCE_START, "a master with %s", f->data.what);
    else if (f->conf.n_rows < 2)
        decide(s, FENCE_START, "a master with %s, and it is alone", f->data.what);
    else
        return false;
    return true;
}

/* An epoch of ours that nobody had heard of when we died, as after a slot has arrived, may be the very one that the
 * successor was given. We would come back with a claim as good as its own, and equal claims are decided by
 * node id: who loses, deletes. So we come back as somebody else. */
static void after_replacement(const struct fence *f, uint64_t epoch, struct fence_step *s)
{
    bool follower = false;

    s->replaced = true;
    for (size_t i = 0; i < f->n_nodes; i++)
        follower |= follows_us(f, &f->nodes[i]);
    if (follower && (f->left_ms < 0 || f->elapsed_ms - f->left_ms < FENCE_FOLLOW_MS)) {
        decide(s, FENCE_LOOK, "another is master now; a replica has still to follow it");
        return;
    }
    s->anew = epoch <= view_myself(&f->conf)->epoch;
    if (s->anew)
        decide(s, FENCE_START, "another is master now, but its claim (epoch %llu) is no better than ours (%llu): it starts as a new node",
               (unsigned long long)epoch, (unsigned long long)view_myself(&f->conf)->epoch);
    else
        decide(s, FENCE_START, "another is master now: it starts as a replica");
}

static void with_candidate(const struct fence *f, const struct fence_node *best, struct fence_step *s)
{
    const char *who = best->view.address;

    s->target = (size_t)(best - f->nodes);
    if (f->taken_ms >= 0 && f->elapsed_ms - f->taken_ms < FENCE_TAKEN_MS)
        decide(s, FENCE_LOOK, "%s was told to take over", who);
    else if (f->taken_ms >= 0)
        decide(s, FENCE_REFUSE, "replica %s has newer data (here: %s) and does not take over", who, f->data.what);
    else if (f->elapsed_ms >= FENCE_LATEST_MS || (f->elapsed_ms >= FENCE_NO_QUORUM_MS && quorum_is_gone(f)))
        decide(s, FENCE_TAKEOVER, "%s; nobody was elected: replica %s has offset %lld and %lld keys, it takes over",
               f->data.what, who, (long long)best->view.offset, (long long)best->view.keys);
    else if (f->forced_ms >= 0 && f->elapsed_ms - f->forced_ms < FENCE_FORCE_MS)
        decide(s, FENCE_LOOK, "%s was told to be elected", who);
    else if (f->forced_ms < 0 && f->elapsed_ms < FENCE_ELECTION_MS && election_is_due(f, best))
        decide(s, FENCE_LOOK, "an election is due that %s can win", who);
    else
        decide(s, FENCE_FORCE, "%s; replica %s has offset %lld and %lld keys: it is to be elected", f->data.what, who,
               (long long)best->view.offset, (long long)best->view.keys);
}

static void without_candidate(const struct fence *f, struct fence_step *s)
{
    const struct fence_node *silent = silent_replica(f, false), *alive = silent_replica(f, true);

    if (!silent)
        decide(s, FENCE_START, "%s, and no replica has more", f->data.what);
    else if (f->elapsed_ms < FENCE_LATEST_MS)
        decide(s, FENCE_LOOK, "%s; replica %s:%u does not answer: %.80s", f->data.what, silent->ip, silent->port,
               silent->view.error);
    else if (alive)
        decide(s, FENCE_REFUSE, "%s; replica %s:%u lives and may have more, but does not answer: %.80s", f->data.what,
               alive->ip, alive->port, alive->view.error);
    else
        decide(s, FENCE_START, "%s; replica %s:%u is gone, for the others too", f->data.what, silent->ip, silent->port);
}

void fence_step(const struct fence *f, struct fence_step *out)
{
    const struct fence_node *best;
    struct fence_step s;
    uint64_t epoch;

    if (!fence_starts_at_once(f, &s)) {
        best = best_replica(f);
        if (f->n_nodes == 0)
            decide(&s, FENCE_START, "%s, and no replica has an address", f->data.what);
        else if (is_replaced(f, &epoch))
            after_replacement(f, epoch, &s);
        else if (best)
            with_candidate(f, best, &s);
        else
            without_candidate(f, &s);
    }
    *out = s;
}
