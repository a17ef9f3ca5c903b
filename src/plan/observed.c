#include "plan/observed.h"

#include <stdio.h>
#include <string.h>

#include "api/names.h"
#include "base/str.h"

static void read_entrypoint(const cJSON *status, const char *of, struct entrypoint *out)
{
    const char *image = json_get_str(json_member(status, of), "entrypoint");
    const char *template = json_get_str(json_member(status, of), "template");

    /* one that is cut or missing is chosen again: at worst the servers restart, one after the other */
    if (!image || !template || !str_copy(out->image, sizeof(out->image), image) ||
        !str_copy(out->template, sizeof(out->template), template))
        *out = (struct entrypoint){ .image = "" };
}

static void read_text(const cJSON *status, const char *path, char *out, size_t size)
{
    const char *text = json_get_str(status, path);

    if (!text || !str_copy(out, size, text))
        out[0] = '\0';
}

static void read_backup(const cJSON *status, struct backup_state *out)
{
    int64_t last_ms = str_rfc3339_ms(json_get_str(status, "redis.backup.last"));

    out->last_ms = last_ms > 0 ? last_ms : 0;
    read_text(status, "redis.backup.lastPath", out->last_path, sizeof(out->last_path));
    read_text(status, "redis.backup.error", out->error, sizeof(out->error));
    read_text(status, "redis.backup.token", out->token, sizeof(out->token));
}

int latch_from_status(const cJSON *status, struct latch *out, struct err *e)
{
    struct latch l = { .bootstrapped = json_get_bool(status, "redis.bootstrapped", false) };
    int r = form_plan_parse(json_at(status, "redis.plan"), &l.plan, e);

    if (r < 0)
        return err_wrap(e, "status.redis.plan");
    if (l.bootstrapped && !l.plan.n_seats)
        return err_set(e, ERR_INVALID, "status.redis.plan is missing though status.redis.bootstrapped is true");
    r = roll_plan_parse(json_at(status, "redis.roll"), &l.roll, e);
    if (r < 0) {
        form_plan_done(&l.plan);
        return err_wrap(e, "status.redis.roll");
    }
    r = resize_plan_parse(json_at(status, "redis.resize"), &l.resize, e);
    if (r < 0) {
        form_plan_done(&l.plan);
        return err_wrap(e, "status.redis.resize");
    }
    read_entrypoint(status, "redis", &l.entrypoint);
    read_entrypoint(status, "model", &l.fetcher);
    read_backup(status, &l.backup);
    settings_given_parse(json_at(status, "redis.settings"), &l.given);
    *out = l;
    return 0;
}

void latch_done(struct latch *l)
{
    form_plan_done(&l->plan);
    resize_plan_done(&l->resize);
    *l = (struct latch){ 0 };
}

void given_done(struct given *g)
{
    key_set(&g->password, NULL, NULL);
    cert_done(&g->tls);
    free(g->password_problem);
    free(g->tls_problem);
    free(g->both_ca);
    *g = (struct given){ 0 };
}

static const struct pod *find_pod(const struct pod *pods, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (pods[i].of_redis && str_eq(pods[i].name, name))
            return &pods[i];
    return NULL;
}

static const char *recorded_id(const struct latch *latch, const char *pod)
{
    for (size_t i = 0; i < latch->plan.n_seats; i++)
        if (str_eq(latch->plan.seats[i].pod, pod))
            return latch->plan.seats[i].id[0] ? latch->plan.seats[i].id : NULL;
    return NULL;
}

static bool is_planned_owner(const struct resize_plan *r, const char *id)
{
    for (size_t i = 0; id && i < r->n_owners; i++)
        if (str_eq(r->owners[i].id, id))
            return true;
    return false;
}

static void mark_resized(struct member *m, size_t ordinal, const struct resize_plan *r)
{
    if (!r->shards)
        return;
    m->leaving = ordinal >= resize_nodes_wanted(r);
    m->parting = m->leaving && r->forgetting;
    m->reserved = m->leaving || ordinal >= (size_t)r->from_shards * (1 + (size_t)r->from_replicas) ||
                  is_planned_owner(r, m->id);
}

static struct member member_of(const char *service, size_t ordinal, const struct latch *latch, const struct pod *pods,
                               size_t n_pods)
{
    char *pod_name = xasprintf("%s-redis-%zu", service, ordinal);
    const struct pod *p = find_pod(pods, n_pods, pod_name);
    struct member m = { .pod = pod_name, .port = REDIS_PORT, .bus_port = REDIS_BUS_PORT,
                        .id = recorded_id(latch, pod_name), .fenced = !p || p->stopped };

    if (p) {
        m.ip = p->ip;
        m.ready = p->ready && !p->deleting;
        m.node = p->node[0] ? p->node : NULL;
    }
    mark_resized(&m, ordinal, &latch->resize);
    return m;
}

/* A node that a resize adds is expected once its pod has an address, or when it was there before; one that is to leave
 * again only once it runs: nobody waits for a pod without an image that is not wanted any more. */
static bool is_unborn(const struct member *m, const struct resize_plan *r)
{
    return r->shards && m->reserved && !m->id && (str_empty(m->ip) || (m->leaving && !m->ready));
}

static void expect(struct expected *out, const struct resize_plan *r, int shards, size_t n_seats)
{
    out->shards = shards;
    out->replicas_per_shard = (int)n_seats / shards - 1;
    if (r->shards) {
        out->shards = 0; /* any number, for a while */
        out->replicas_per_shard = r->replicas < r->from_replicas ? r->replicas : r->from_replicas;
    }
}

struct member *members_expected(const char *name, const struct isvc *svc, const struct latch *latch,
                                const struct pod *pods, size_t n_pods, struct expected *out)
{
    bool planned = latch->plan.n_seats > 0, wanted = svc && svc->redis.present;
    size_t n = planned ? latch->plan.n_seats : wanted ? (size_t)svc->redis.nodes : 0, kept = 0;
    int shards = planned ? latch->plan.shards : wanted ? svc->redis.shards : 0;
    struct member *m;

    *out = (struct expected){ 0 };
    if (!n || shards <= 0)
        return NULL;
    m = xcalloc(n, sizeof(*m));
    for (size_t i = 0; i < n; i++) {
        m[kept] = member_of(name, i, latch, pods, n_pods);
        if (is_unborn(&m[kept], &latch->resize))
            free((char *)(uintptr_t)m[kept].pod);
        else
            kept++;
    }
    out->members = m;
    out->n_members = kept;
    out->node_timeout_ms = REDIS_NODE_TIMEOUT_MS;
    expect(out, &latch->resize, shards, n);
    return m;
}

static const struct host *find_host(const struct host *hosts, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(hosts[i].name, name))
            return &hosts[i];
    return NULL;
}

void members_locate(struct member *m, size_t n, const struct pod *pods, size_t n_pods, const struct host *hosts,
                    size_t n_hosts)
{
    for (size_t i = 0; i < n; i++) {
        const struct pod *p = find_pod(pods, n_pods, m[i].pod);
        const struct host *h = p ? find_host(hosts, n_hosts, p->node) : NULL;

        m[i].zone = h && h->zone[0] ? h->zone : NULL;
        m[i].ending = p && (p->deleting || p->disrupted);
        m[i].draining = m[i].ending || (h && (h->cordoned || h->out_of_service));
        m[i].node_gone = h ? h->out_of_service : p && hosts && p->node[0];
        m[i].fenced = !p || m[i].node_gone || (p->stopped && !(h && h->unwell)); /* old news else */
    }
}

void members_mark_roll(struct member *m, size_t n, const struct pod *pods, size_t n_pods, const struct record *set,
                       const struct roll_plan *roll)
{
    for (size_t i = 0; i < n; i++) {
        const struct pod *p = find_pod(pods, n_pods, m[i].pod);

        m[i].outdated = p && p->revision[0] && set && set->update_revision[0] && !str_eq(p->revision, set->update_revision);
        m[i].rolling = p && roll->uid[0] && str_eq(p->uid, roll->uid);
    }
}

/* While its pod runs a volume grows within seconds, where it can at all. */
enum { RESIZE_PATIENCE_MS = 90000 };

void members_mark_volumes(struct member *m, size_t n, const struct pod *pods, size_t n_pods, const struct claim *claims,
                          size_t n_claims, int64_t wall_ms)
{
    for (size_t i = 0; i < n; i++) {
        const struct pod *p = find_pod(pods, n_pods, m[i].pod);

        for (size_t k = 0; p && k < n_claims; k++)
            if (str_has_prefix(claims[k].name, REDIS_CLAIM_PREFIX) &&
                str_eq(claims[k].name + strlen(REDIS_CLAIM_PREFIX), m[i].pod) && claims[k].waits_ms > 0 &&
                wall_ms - claims[k].waits_ms > RESIZE_PATIENCE_MS && p->created_ms < claims[k].waits_ms)
                m[i].outdated = true;
    }
}

void members_free(struct member *m, size_t n)
{
    for (size_t i = 0; m && i < n; i++)
        free((char *)(uintptr_t)m[i].pod);
    free(m);
}
