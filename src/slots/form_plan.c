#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "slots/form.h"

#define SEATS_MAX 1000
#define SLOTS_BYTES_MAX (128 << 10) /* 16384 slots, each alone */
#define SAME_NODE_COST 16
#define SAME_ZONE_COST 1

void form_plan_done(struct form_plan *p)
{
    for (size_t i = 0; i < p->n_seats; i++) {
        free(p->seats[i].pod);
        free(p->seats[i].slots);
    }
    free(p->seats);
    memset(p, 0, sizeof(*p));
}

static void put_slots(cJSON *seat, const struct slot_set *slots)
{
    AUTO_BUF struct buf text;
    struct slot_range r;

    buf_init(&text, SLOTS_BYTES_MAX);
    for (unsigned from = 0; slots && slot_set_next(slots, from, &r); from = r.last + 1u)
        buf_fmt(&text, "%s%u-%u", text.len ? " " : "", r.first, r.last);
    json_str(seat, "slots", text.len ? buf_text(&text) : NULL);
}

static int parse_slots(const cJSON *json, struct form_seat *out, struct err *e)
{
    const char *text = json_get_str(json, "slots");

    if (!text)
        return 0;
    out->slots = xcalloc(1, sizeof(*out->slots));
    if (strlen(text) > SLOTS_BYTES_MAX || slot_set_parse(text, out->slots, e) < 0) {
        free(TAKE(out->slots));
        return err_wrap(e, "slots");
    }
    return 0;
}

cJSON *form_plan_json(const struct form_plan *p)
{
    cJSON *root = json_new_obj();
    cJSON *seats = json_arr(root, "seats");

    json_int(root, "shards", p->shards);
    for (size_t i = 0; i < p->n_seats; i++) {
        cJSON *seat = json_push_obj(seats);

        json_str(seat, "pod", p->seats[i].pod);
        json_int(seat, "shard", p->seats[i].shard);
        json_str(seat, "role", p->seats[i].replica ? "replica" : "master");
        json_str(seat, "id", p->seats[i].id[0] ? p->seats[i].id : NULL);
        put_slots(seat, p->seats[i].slots);
    }
    return root;
}

static int parse_seat(const cJSON *json, int shards, struct form_seat *out, struct err *e)
{
    const char *pod = json_get_str(json, "pod"), *role = json_get_str(json, "role"), *id = json_get_str(json, "id");
    int64_t shard = json_get_int(json, "shard", -1);

    if (str_empty(pod) || strlen(pod) > 253)
        return err_set(e, ERR_INVALID, "pod: must be a pod's name");
    if (shard < 0 || shard >= shards)
        return err_set(e, ERR_INVALID, "shard of %s: must be below %d", pod, shards);
    if (!role || (!str_eq(role, "master") && !str_eq(role, "replica")))
        return err_set(e, ERR_INVALID, "role of %s: must be master or replica", pod);
    if (id && view_parse_id(id, strlen(id), out->id, e) < 0)
        return err_set(e, ERR_INVALID, "id of %s: must be a node id", pod);
    if (parse_slots(json, out, e) < 0)
        return err_set(e, ERR_INVALID, "slots of %s: must be ranges", pod);
    out->pod = xstrdup(pod);
    out->shard = (int)shard;
    out->replica = str_eq(role, "replica");
    return 0;
}

int form_plan_parse(const cJSON *json, struct form_plan *out, struct err *e)
{
    const cJSON *seats = json_at(json, "seats"), *seat;
    struct form_plan p = { .shards = (int)json_get_int(json, "shards", 0) };
    int n = json_count(seats), rc = 0;

    if (n > SEATS_MAX || p.shards < 0 || p.shards > n)
        return err_set(e, ERR_INVALID, "formation: %d seats for %d shards", n, p.shards);
    p.seats = n ? xcalloc((size_t)n, sizeof(*p.seats)) : NULL;
    cJSON_ArrayForEach(seat, seats)
    {
        rc = parse_seat(seat, p.shards, &p.seats[p.n_seats], e);
        if (rc < 0)
            break;
        p.n_seats++;
    }
    if (rc < 0) {
        err_wrap(e, "formation: seat %zu", p.n_seats);
        form_plan_done(&p);
        return rc;
    }
    *out = p;
    return 0;
}

static int distance_cost(const struct member *a, const struct member *b)
{
    int cost = 0;

    if (!str_empty(a->node) && str_eq(a->node, b->node))
        cost += SAME_NODE_COST;
    if (!str_empty(a->zone) && str_eq(a->zone, b->zone))
        cost += SAME_ZONE_COST;
    return cost;
}

/* How badly member i would sit in this shard, next to those already there. */
static int shard_cost(const struct expected *x, const struct form_plan *p, size_t i, int shard)
{
    int cost = 0;

    for (size_t k = 0; k < p->n_seats; k++)
        if (k != i && p->seats[k].shard == shard)
            cost += distance_cost(&x->members[i], &x->members[k]);
    return cost;
}

static int master_cost(const struct expected *x, const struct form_plan *p, size_t i)
{
    int cost = 0;

    for (size_t k = 0; k < p->n_seats; k++)
        if (k != i && p->seats[k].shard >= 0 && !p->seats[k].replica)
            cost += distance_cost(&x->members[i], &x->members[k]);
    return cost;
}

/* The cheapest member without a seat; the first of equals, so that the same pods give the same plan. */
static size_t cheapest(const struct expected *x, const struct form_plan *p, int shard, bool replica)
{
    size_t best = SIZE_MAX;
    int best_cost = 0;

    for (size_t i = 0; i < p->n_seats; i++) {
        int cost;

        if (p->seats[i].shard >= 0)
            continue;
        cost = replica ? shard_cost(x, p, i, shard) : master_cost(x, p, i);
        if (best == SIZE_MAX || cost < best_cost) {
            best = i;
            best_cost = cost;
        }
    }
    return best;
}

static bool swap_if_better(const struct expected *x, struct form_plan *p, size_t a, size_t b)
{
    struct form_seat *sa = &p->seats[a], *sb = &p->seats[b];
    int shard_a = sa->shard, shard_b = sb->shard;
    int before = shard_cost(x, p, a, shard_a) + shard_cost(x, p, b, shard_b), after;

    sa->shard = shard_b;
    sb->shard = shard_a;
    after = shard_cost(x, p, a, shard_b) + shard_cost(x, p, b, shard_a);
    if (after < before)
        return true;
    sa->shard = shard_a;
    sb->shard = shard_b;
    return false;
}

/* The greedy choice may leave the last replica beside its master; each swap lowers the total. */
static void improve(const struct expected *x, struct form_plan *p)
{
    bool again = true;

    while (again) {
        again = false;
        for (size_t a = 0; a < p->n_seats; a++)
            for (size_t b = a + 1; b < p->n_seats; b++)
                if (p->seats[a].replica && p->seats[b].replica && p->seats[a].shard != p->seats[b].shard)
                    again |= swap_if_better(x, p, a, b);
    }
}

static bool has_owners(const struct form_plan *p)
{
    for (size_t i = 0; i < p->n_seats; i++)
        if (p->seats[i].slots)
            return true;
    return false;
}

static void assign(const struct expected *x, struct form_plan *p)
{
    for (int copy = has_owners(p) ? 1 : 0; copy <= x->replicas_per_shard; copy++)
        for (int shard = 0; shard < x->shards; shard++) {
            size_t i = cheapest(x, p, shard, copy > 0);

            p->seats[i].shard = shard;
            p->seats[i].replica = copy > 0;
        }
    improve(x, p);
}

static int n_owners(const struct node_view *views, size_t n)
{
    int owners = 0;

    for (size_t i = 0; i < n; i++)
        owners += view_owns_slots(&views[i]);
    return owners;
}

/* Alone, with slots that were never anybody's: epoch 0, as only a restore leaves it. */
static int check_filled(const struct member *m, const struct node_view *v, struct err *e)
{
    if (v->reach == REACH_LOADING)
        return err_set(e, ERR_RETRY, "%.100s still loads its backup", m->pod);
    if (v->known_nodes != 1 || v->n_rows != 1)
        return err_set(e, ERR_INVALID, "%.100s knows %d other nodes", m->pod, v->known_nodes - 1);
    if (v->my_epoch || v->current_epoch || v->n_open)
        return err_set(e, ERR_INVALID, "%.100s has config epoch %llu", m->pod, (unsigned long long)v->my_epoch);
    return 0;
}

static int check_restored(const struct expected *x, const struct node_view *views, struct err *e)
{
    struct slot_set all = { { 0 } };
    int count = 0;

    for (size_t i = 0; i < x->n_members; i++) {
        struct err why = { 0 };
        struct slot_set own;

        if (!view_owns_slots(&views[i]) && !view_is_fresh(&views[i], &why))
            return err_set(e, why.kind, "%.100s %.140s", x->members[i].pod, why.msg);
        if (!view_owns_slots(&views[i]))
            continue;
        if (check_filled(&x->members[i], &views[i], e) < 0)
            return -(int)e->kind;
        own = view_row_slots(&views[i], view_myself(&views[i]));
        count += slot_set_count(&own);
        slot_set_union(&all, &own);
    }
    if (n_owners(views, x->n_members) != x->shards || count != SLOT_COUNT || slot_set_count(&all) != SLOT_COUNT)
        return err_set(e, ERR_INVALID, "%d pods came with %d slots of a backup, wanted are %d shards with each slot once",
                       n_owners(views, x->n_members), count, x->shards);
    return 0;
}

static int check_fresh(const struct expected *x, const struct node_view *views, struct err *e)
{
    for (int pass = 0; pass < 2; pass++) /* data anywhere matters more than silence somewhere */
        for (size_t i = 0; i < x->n_members; i++) {
            struct err why = { 0 };

            if (!view_is_fresh(&views[i], &why) && (pass || why.kind != ERR_RETRY))
                return err_set(e, why.kind, "%.100s %.140s", x->members[i].pod, why.msg);
        }
    return 0;
}

static bool shares_an_id(const struct node_view *views, size_t n, size_t i)
{
    for (size_t k = 0; k < n; k++)
        if (k != i && strcmp(views[k].id, views[i].id) == 0)
            return true;
    return false;
}

/* Who came with slots is a master; replicas are put beside them as ever. */
static void seat_owners(const struct node_view *views, struct form_plan *p)
{
    int shard = 0;

    for (size_t i = 0; i < p->n_seats; i++)
        if (view_owns_slots(&views[i])) {
            p->seats[i].shard = shard++;
            p->seats[i].slots = xcalloc(1, sizeof(struct slot_set));
            *p->seats[i].slots = view_row_slots(&views[i], view_myself(&views[i]));
        }
}

static int make(const struct expected *x, const struct node_view *views, struct form_plan *out, struct err *e)
{
    struct form_plan p = { .shards = x->shards };
    int rc = 0;

    if (x->shards < 1 || x->replicas_per_shard < 0 || x->n_members > SEATS_MAX ||
        x->n_members != (size_t)x->shards * (size_t)(1 + x->replicas_per_shard))
        return err_set(e, ERR_RETRY, "%zu pods for %d shards with %d replicas each", x->n_members, x->shards,
                       x->replicas_per_shard);
    p.seats = xcalloc(x->n_members, sizeof(*p.seats));
    p.n_seats = x->n_members;
    for (size_t i = 0; i < p.n_seats; i++) {
        p.seats[i].pod = xstrdup(x->members[i].pod);
        p.seats[i].shard = -1;
        memcpy(p.seats[i].id, views[i].id, sizeof(p.seats[i].id));
        if (shares_an_id(views, x->n_members, i))
            rc = err_set(e, ERR_INVALID, "%s answers with another pod's id", x->members[i].pod);
    }
    seat_owners(views, &p);
    assign(x, &p);
    if (rc == 0)
        *out = p;
    else
        form_plan_done(&p);
    return rc;
}

int form_plan_make(const struct expected *x, const struct node_view *views, struct form_plan *out, struct err *e)
{
    return check_fresh(x, views, e) < 0 ? -(int)e->kind : make(x, views, out, e);
}

int form_plan_restore(const struct expected *x, const struct node_view *views, struct form_plan *out, struct err *e)
{
    return check_restored(x, views, e) < 0 ? -(int)e->kind : make(x, views, out, e);
}

bool form_plan_record(struct form_plan *p, const struct expected *x, const struct node_view *views)
{
    bool changed = false;

    for (size_t s = 0; s < p->n_seats; s++)
        for (size_t i = 0; i < x->n_members; i++) {
            if (!str_eq(p->seats[s].pod, x->members[i].pod) || views[i].reach != REACH_OK ||
                str_eq(p->seats[s].id, views[i].id))
                continue;
            memcpy(p->seats[s].id, views[i].id, sizeof(p->seats[s].id));
            changed = true;
        }
    return changed;
}
