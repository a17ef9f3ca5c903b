#include "redis/move.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "redis/mover.h"

#define LOOK_MS 2000
#define TICK_MS 10
#define IDLE_MS 200 /* how long latency is listened to before anything moves, where it is not known */

static int64_t elapsed_ms_of(const struct redis_move *m)
{
    return loop_now_ms() - m->begun_ms;
}

struct redis_auth move_auth(const struct redis_move *m, size_t member)
{
    struct redis_auth auth = m->auth;

    if (m->n_logins) {
        auth.user = m->logins[m->nodes[member].login].user;
        auth.password = m->logins[m->nodes[member].login].password;
    }
    return auth;
}

const char *move_id(const struct redis_move *m, size_t member)
{
    return m->nodes[member].id;
}

const struct redis_target *move_target(const struct redis_move *m, size_t member)
{
    return &m->nodes[member].at;
}

static void move_over(struct redis_move *m)
{
    m->over = true;
    loop_timer_set(m->timer, 0);
}

void move_error(struct redis_move *m, const struct work *w, size_t member, enum reply_class what, const char *error)
{
    m->stopping = true;
    if (m->report.what != REPLY_OK)
        return;
    m->report.what = what == REPLY_OK ? REPLY_STOP : what;
    m->report.slot = w ? w->what.slot : -1;
    m->report.member = member;
    snprintf(m->report.error, sizeof(m->report.error), "%.150s", error);
}

/* A slot keeps its way, though nothing depends on it: each step waits for the answers to the one before. */
static struct link *way_for(const struct node *n, const struct command *c)
{
    switch (c->kind) {
    case CMD_SLOT_IMPORTING:
    case CMD_SLOT_MIGRATING:
    case CMD_SLOT_NODE:
    case CMD_SLOT_STABLE: return n->n_ways ? n->ways[c->range.first % n->n_ways] : n->link;
    default: return n->link;
    }
}

void move_send(struct redis_move *m, size_t member, const struct command *c, link_reply on_reply, void *arg)
{
    if (m->over || !m->nodes[member].link || link_watch_late(&m->nodes[member].watch))
        return;
    if (m->limits.crash_after && m->n_sent >= m->limits.crash_after) {
        move_over(m);
        return;
    }
    m->n_sent++;
    link_send(way_for(&m->nodes[member], c), c, on_reply, arg);
}

static bool is_all_done(const struct redis_move *m)
{
    for (size_t i = 0; i < m->n_nodes; i++)
        if (m->nodes[i].n_told)
            return false;
    return m->n_running == 0;
}

/* One that shares no master with those at work, else any. */
static struct lane *next_lane(struct redis_move *m)
{
    struct lane *any = NULL;

    for (size_t i = 0; i < m->n_lanes; i++) {
        struct lane *lane = &m->lanes[i];
        bool shares = false;

        if (lane->running || lane->dead || lane->next == lane->n_queue)
            continue;
        for (size_t k = 0; k < m->n_lanes; k++)
            shares = shares || (m->lanes[k].running && (m->lanes[k].source == lane->source || m->lanes[k].target == lane->target));
        if (!shares)
            return lane;
        any = any ? any : lane;
    }
    return any;
}

static void start_lanes(struct redis_move *m)
{
    struct lane *lane;

    while (!m->stopping && m->n_running < (size_t)m->report.pace.pairs && (lane = next_lane(m))) {
        lane->running = true;
        m->n_running++;
        lane_start(lane);
    }
    if (is_all_done(m))
        move_over(m);
}

void move_lane_idle(struct redis_move *m, struct lane *lane)
{
    if (!lane->running)
        return;
    lane->running = false;
    m->n_running--;
    start_lanes(m);
}

static void on_told(void *arg, const redisReply *r)
{
    struct node *n = arg;
    struct redis_move *m = n->m;

    (void)r; /* who does not know the target yet hears of it from the others */
    if (n->n_told)
        n->n_told--;
    if (!m->over && is_all_done(m))
        move_over(m);
}

void move_tell_others(struct redis_move *m, const struct work *w)
{
    struct command c = { .kind = CMD_SLOT_NODE, .range = { w->what.slot, w->what.slot } };

    memcpy(c.id, move_id(m, w->what.target), sizeof(c.id));
    for (size_t i = 0; i < m->n_nodes && !m->over; i++) {
        if (i == w->what.source || i == w->what.target || !m->nodes[i].link)
            continue;
        m->nodes[i].n_told++;
        move_send(m, i, &c, on_told, &m->nodes[i]);
    }
}

/* Who stood still for a node timeout may have lost its slots to its replica, and carries out what was sent
 * before it hears of that. A target that was then told to own a slot would win with a higher epoch, and the
 * elected replica would delete newer keys (measured: 7 acknowledged writes). A third is left for the clocks.
 * Masters at work are pinged all the time, so that silence is never for want of a question. */
static void set_patience(struct redis_move *m, int64_t node_timeout_ms)
{
    for (size_t i = 0; i < m->n_nodes; i++) {
        struct link_watch *w = &m->nodes[i].watch;

        w->patience_ms = m->nodes[i].is_worked ? node_timeout_ms * 2 / 3 : 0;
        w->heard_ms = w->heard_ms ? loop_now_ms() : 0; /* what was long before was allowed to be */
    }
}

void move_node_timeout(struct redis_move *m, int64_t ms)
{
    struct command c = { .kind = CMD_CONFIG_SET, .n_texts = 2 };
    char name[] = "cluster-node-timeout", text[24], *texts[] = { name, text };

    snprintf(text, sizeof(text), "%lld", (long long)ms);
    c.texts = texts;
    set_patience(m, ms);
    for (size_t i = 0; i < m->n_nodes && !m->over; i++) {
        if (!m->nodes[i].link)
            continue;
        m->nodes[i].n_told++;
        move_send(m, i, &c, on_told, &m->nodes[i]);
    }
}

static void node_close(struct node *n)
{
    link_close(TAKE(n->link));
    for (size_t i = 0; i < n->n_ways; i++)
        link_close(TAKE(n->ways[i]));
    n->n_ways = 0;
}

static void on_lost(void *arg, bool denied, const char *why)
{
    struct node *n = arg;

    move_node_lost(n->m, (size_t)(n - n->m->nodes), denied, why);
}

void move_node_lost(struct redis_move *m, size_t member, bool denied, const char *why)
{
    struct node *n = &m->nodes[member];
    bool needed = false;

    node_close(n);
    n->n_told = 0;
    for (size_t i = 0; i < m->n_lanes && !m->over; i++)
        needed = needed || m->lanes[i].source == member || m->lanes[i].target == member;
    if (needed)
        move_error(m, NULL, member, denied ? REPLY_DENIED : REPLY_AGAIN, why);
    for (size_t i = 0; i < m->n_lanes && !m->over; i++)
        if (m->lanes[i].source == member || m->lanes[i].target == member)
            lane_die(&m->lanes[i]);
    if (!m->over && is_all_done(m))
        move_over(m);
}

static struct link *open_way(struct redis_move *m, struct node *n, const struct redis_auth *auth)
{
    struct link_events events = { .arg = n, .lost = on_lost };
    struct link *k = link_open(m->loop, &n->at, auth, m->tls, MOVE_CONNECT_MS, MOVE_REPLY_MAX, &events);

    link_watch(k, &n->watch);
    return k;
}

static void node_open(struct redis_move *m, size_t i)
{
    struct node *n = &m->nodes[i];
    struct redis_auth auth = move_auth(m, i);

    n->link = open_way(m, n, &auth);
    while (n->setslot_waits && n->n_ways < MOVE_WAYS)
        n->ways[n->n_ways++] = open_way(m, n, &auth);
    if (n->is_worked)
        pings_add(m->pings, i, &n->watch);
}

static void open_links(struct redis_move *m)
{
    for (size_t i = 0; i < m->n_lanes; i++)
        m->nodes[m->lanes[i].source].is_worked = m->nodes[m->lanes[i].target].is_worked = true;
    for (size_t i = 0; i < m->n_nodes; i++)
        if (m->nodes[i].is_right)
            node_open(m, i);
    set_patience(m, m->limits.node_timeout_ms);
}

static void on_views(void *arg, struct node_view *views, size_t n)
{
    struct redis_move *m = arg;

    m->probe = NULL;
    move_share_out(m, views);
    views_free(views, n);
    m->stopping = false; /* what is refused is reported; the others move */
    if (m->n_lanes == 0) {
        move_over(m);
        return;
    }
    open_links(m);
    m->idle_until_ms = loop_now_ms() + (m->report.pace.idle_us ? 0 : IDLE_MS);
    loop_timer_set(m->timer, 0);
}

static void finish(struct redis_move *m)
{
    struct move_report r = m->report;

    r.elapsed_ms = (int)elapsed_ms_of(m);
    pings_sum(m->pings, &r.ping_mean_us, &r.ping_worst_us);
    m->done(m->arg, &r);
    redis_move_cancel(m);
}

static void end_of_idle(struct redis_move *m)
{
    if (m->report.pace.idle_us == 0)
        pace_idle(&m->report.pace, pings_tail(m->pings));
    pings_reset(m->pings);
    m->idle_until_ms = 0;
    start_lanes(m);
}

static void on_tick(void *arg)
{
    struct redis_move *m = arg;
    int64_t elapsed_ms = elapsed_ms_of(m);

    if (m->over) {
        finish(m);
        return;
    }
    loop_timer_set(m->timer, TICK_MS);
    pings_tick(m->pings);
    if (m->idle_until_ms && loop_now_ms() >= m->idle_until_ms)
        end_of_idle(m);
    m->stopping = m->stopping || elapsed_ms >= m->limits.deadline_ms;
    if (elapsed_ms >= (int64_t)m->limits.deadline_ms + m->limits.grace_ms) {
        if (m->n_running)
            move_error(m, NULL, 0, REPLY_AGAIN, "timeout: slots were still open when the time was up");
        move_over(m);
    }
}

static void copy_inputs(struct redis_move *m, const struct move_member *members, const struct move_slot *slots)
{
    for (size_t i = 0; i < m->n_nodes; i++) {
        struct node *n = &m->nodes[i];

        n->m = m;
        n->at.ip = xstrdup(members[i].at.ip ? members[i].at.ip : "");
        n->at.port = members[i].at.port;
        n->at.name = members[i].at.name ? xstrdup(members[i].at.name) : NULL;
        memcpy(n->id, members[i].id, sizeof(n->id));
    }
    for (size_t i = 0; i < m->n_works; i++) {
        m->works[i].index = i;
        m->works[i].what = slots[i];
    }
}

static void add_login(struct redis_move *m, const char *user, const char *password)
{
    if (str_empty(password) || m->n_logins == REDIS_LOGINS_MAX)
        return;
    m->logins[m->n_logins].user = xstrdup(str_empty(user) ? "default" : user);
    m->logins[m->n_logins++].password = xstrdup(password);
}

static void copy_auth(struct redis_move *m, const struct redis_auth *auth)
{
    if (!auth)
        return;
    add_login(m, auth->user, auth->password);
    for (size_t i = 0; i < auth->n_others; i++)
        add_login(m, auth->others[i].user, auth->others[i].password);
    m->auth.tls = auth->tls;
    m->auth.sni = m->sni = auth->sni ? xstrdup(auth->sni) : NULL;
}

static void look(struct redis_move *m, const struct redis_auth *auth)
{
    struct redis_target *targets = xcalloc(m->n_nodes + 1, sizeof(*targets));
    const char *why = "";

    for (size_t i = 0; i < m->n_nodes; i++)
        targets[i] = m->nodes[i].at;
    m->tls = tls_new(auth, &why);
    if (why[0]) {
        move_error(m, NULL, 0, REPLY_STOP, why);
        move_over(m);
    } else {
        m->probe = redis_probe_start(m->loop, targets, m->n_nodes, auth, LOOK_MS, on_views, m);
    }
    free(targets);
}

struct redis_move *redis_move_start(struct loop *l, const struct move_member *members, size_t n_members,
                                    const struct move_slot *slots, size_t n_slots, const struct redis_auth *auth,
                                    const struct move_limits *limits, redis_move_done done, void *arg)
{
    struct redis_move *m = xcalloc(1, sizeof(*m));

    m->loop = l;
    m->n_nodes = n_members;
    m->n_works = n_slots;
    m->nodes = xcalloc(n_members + 1, sizeof(*m->nodes));
    m->works = xcalloc(n_slots + 1, sizeof(*m->works));
    m->states = xcalloc(n_slots + 1, sizeof(*m->states));
    m->lanes = xcalloc(n_slots + 1, sizeof(*m->lanes));
    m->limits = *limits;
    m->report = (struct move_report){ .states = m->states, .n_slots = n_slots, .pace = limits->pace, .slot = -1 };
    m->begun_ms = loop_now_ms();
    m->done = done;
    m->arg = arg;
    m->timer = loop_timer_new(l, on_tick, m);
    copy_inputs(m, members, slots);
    copy_auth(m, auth);
    m->pings = pings_new(m);
    look(m, auth);
    return m;
}

void redis_move_cancel(struct redis_move *m)
{
    if (!m)
        return;
    m->over = true;
    redis_probe_cancel(m->probe);
    for (size_t i = 0; i < m->n_lanes; i++)
        lane_done(&m->lanes[i]);
    pings_free(m->pings);
    for (size_t i = 0; i < m->n_nodes; i++) {
        node_close(&m->nodes[i]);
        free((char *)(uintptr_t)m->nodes[i].at.ip);
        free((char *)(uintptr_t)m->nodes[i].at.name);
    }
    SSL_CTX_free(m->tls);
    loop_timer_free(m->timer);
    for (size_t i = 0; i < m->n_logins; i++) {
        char *password = (char *)(uintptr_t)m->logins[i].password;

        explicit_bzero(password, strlen(password));
        free(password);
        free((char *)(uintptr_t)m->logins[i].user);
    }
    free(m->sni);
    free(m->nodes);
    free(m->works);
    free(m->states);
    free(m->lanes);
    free(m);
}
