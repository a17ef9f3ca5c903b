/* What redis-cli --cluster check does not ask: epochs, links, open slots on every node, how many of each. */
#include <stdio.h>
#include <string.h>

#include "e2e/ledger.h"

enum { N_SLOTS = 16384, ROWS_MAX = 64 };

struct row {
    char id[48], ip[64], master[48];
    long long epoch;
    bool is_self, is_master, is_well;
    char slots[1024]; /* as text: "0-5460 [5-<-id]" */
};

struct view {
    const char *pod;
    struct row rows[ROWS_MAX];
    int n;
    struct row *self;
};

struct pods_seen {
    struct view views[32];
    int n;
};

static void row_parse(const char *line, struct row *r)
{
    char flags[128] = "", address[384] = "", link[32] = "";
    int used = 0;

    memset(r, 0, sizeof(*r));
    if (sscanf(line, "%47s %383s %127s %47s %*s %*s %lld %31s%n", r->id, address, flags, r->master, &r->epoch, link, &used) < 6)
        return;
    snprintf(r->ip, sizeof(r->ip), "%.*s", (int)(strrchr(address, ':') ? strcspn(address, ":") : 0), address);
    r->is_self = strstr(flags, "myself");
    r->is_master = strstr(flags, "master");
    r->is_well = !strstr(flags, "fail") && !strstr(flags, "handshake") && !strstr(flags, "noaddr") && str_eq(link, "connected");
    snprintf(r->slots, sizeof(r->slots), "%s", line + used);
}

static void view_parse(const char *text, struct view *v)
{
    AUTO_FREE char *copy = xstrdup(text);
    char *rest = NULL;

    for (char *line = strtok_r(copy, "\r\n", &rest); line && v->n < ROWS_MAX; line = strtok_r(NULL, "\r\n", &rest)) {
        struct row *r = &v->rows[v->n];
        row_parse(line, r);
        if (!r->id[0])
            continue;
        v->n++;
        if (r->is_self)
            v->self = r;
    }
}

static const char *slots_claim(struct e2e *t, const struct view *v, unsigned char *taken)
{
    AUTO_FREE char *copy = xstrdup(v->self->slots);
    char *rest = NULL;

    for (char *w = strtok_r(copy, " ", &rest); w; w = strtok_r(NULL, " ", &rest)) {
        int from, to, n = sscanf(w, "%d-%d", &from, &to);
        if (w[0] == '[')
            return e2e_fmt(t, "%s has an open slot %s", v->pod, w);
        for (int s = from; n > 0 && s <= (n == 2 ? to : from) && s < N_SLOTS; s++)
            if (taken[s]++)
                return e2e_fmt(t, "slot %d is claimed twice, by %s too", s, v->pod);
    }
    return NULL;
}

static const struct row *row_of(const struct view *v, const char *id)
{
    for (int i = 0; i < v->n; i++)
        if (str_eq(v->rows[i].id, id))
            return &v->rows[i];
    return NULL;
}

/* How one sees another, against what that one says of itself. */
static const char *seen_as_is(struct e2e *t, const struct view *v, const struct view *other)
{
    const struct row *mine = row_of(v, other->self->id), *own = other->self;

    if (!mine)
        return e2e_fmt(t, "%s does not know %s", v->pod, other->pod);
    if (!mine->is_well)
        return e2e_fmt(t, "%s does not hold %s for well", v->pod, other->pod);
    if (mine->is_master != own->is_master || !str_eq(mine->master, own->master))
        return e2e_fmt(t, "%s and %s disagree about the latter's role", v->pod, other->pod);
    if (v != other && !str_eq(mine->slots, own->slots))
        return e2e_fmt(t, "%s sees slots%s where %s has%s", v->pod, mine->slots, other->pod, own->slots);
    if (own->is_master && own->slots[0] && mine->epoch != own->epoch)
        return e2e_fmt(t, "%s sees epoch %lld of %s, which has %lld", v->pod, mine->epoch, other->pod, own->epoch);
    return NULL;
}

static const char *check_agreement(struct e2e *t, const struct pods_seen *p)
{
    for (int i = 0; i < p->n; i++) {
        if (p->views[i].n != p->n)
            return e2e_fmt(t, "%s knows %d nodes, and there are %d pods", p->views[i].pod, p->views[i].n, p->n);
        for (int k = 0; k < p->n; k++) {
            const char *why = seen_as_is(t, &p->views[i], &p->views[k]);
            if (why)
                return why;
            if (i < k && p->views[i].self->slots[0] && p->views[k].self->slots[0] &&
                p->views[i].self->epoch == p->views[k].self->epoch)
                return e2e_fmt(t, "%s and %s share epoch %lld", p->views[i].pod, p->views[k].pod, p->views[i].self->epoch);
        }
    }
    return NULL;
}

static const char *check_slots(struct e2e *t, const struct pods_seen *p, int n_masters, int n_replicas)
{
    unsigned char taken[N_SLOTS] = { 0 };
    int masters = 0, free_ones = 0, n = 0;

    for (int i = 0; i < p->n; i++) {
        const char *why = slots_claim(t, &p->views[i], taken);
        if (why)
            return why;
        masters += p->views[i].self->is_master && p->views[i].self->slots[0];
        free_ones += p->views[i].self->is_master && !p->views[i].self->slots[0];
    }
    for (int s = 0; s < N_SLOTS; s++)
        n += taken[s];
    if (n != N_SLOTS)
        return e2e_fmt(t, "%d slots have no owner", N_SLOTS - n);
    if (free_ones)
        return e2e_fmt(t, "%d masters without slots", free_ones);
    if (n_masters && (masters != n_masters || p->n != n_masters * (1 + n_replicas)))
        return e2e_fmt(t, "%d masters and %d replicas, not %d and %d", masters, p->n - masters, n_masters, n_masters * n_replicas);
    return NULL;
}

static const char *check_replica(struct e2e *t, const char *service, const struct pods_seen *p, const struct view *v)
{
    const char *info = redis_ask(t, service, v->self->ip, "INFO replication");
    const char *host = info ? strstr(info, "master_host:") : NULL;

    if (!info || !strstr(info, "master_link_status:up") || !host)
        return e2e_fmt(t, "%s has no link to its master", v->pod);
    for (int i = 0; i < p->n; i++)
        if (str_eq(p->views[i].self->id, v->self->master)) {
            size_t len = strcspn(host + 12, "\r\n");
            const char *ip = p->views[i].self->ip;
            return strlen(ip) == len && !strncmp(ip, host + 12, len)
                ? NULL : e2e_fmt(t, "%s copies from %.*s, and its master is at %s", v->pod, (int)len, host + 12, ip);
        }
    return e2e_fmt(t, "%s follows nobody of us", v->pod);
}

static const char *look_once(struct e2e *t, const char *service, int n_masters, int n_replicas)
{
    AUTO_FREE struct pods_seen *p = xcalloc(1, sizeof(*p));
    struct redis_pods pods;
    const char *why = NULL;

    redis_pods_get(t, service, &pods);
    if (pods.n_ending) /* masters serve until a replica has taken over; the operator and redis-cli count them */
        return e2e_fmt(t, "%d pods have not ended yet", pods.n_ending);
    for (int i = 0; i < pods.n; i++) {
        const char *text = redis_ask(t, service, pods.ips[i], "CLUSTER NODES");
        struct view *v = &p->views[p->n++];
        v->pod = e2e_fmt(t, "%s", pods.names[i]);
        if (text)
            view_parse(text, v);
        if (!v->self)
            return e2e_fmt(t, "%s does not answer", v->pod);
        snprintf(v->self->ip, sizeof(v->self->ip), "%s", pods.ips[i]);
    }
    why = check_slots(t, p, n_masters, n_replicas);
    why = why ? why : check_agreement(t, p);
    for (int i = 0; !why && i < p->n; i++)
        if (!p->views[i].self->is_master)
            why = check_replica(t, service, p, &p->views[i]);
    return why;
}

const char *own_check(struct e2e *t, const char *service, int n_masters, int n_replicas, int bound_s)
{
    int64_t end_ms = e2e_deadline_ms(bound_s);
    const char *why;

    while ((why = look_once(t, service, n_masters, n_replicas)) && loop_now_ms() < end_ms)
        e2e_sleep_ms(t, 200);
    return why;
}
