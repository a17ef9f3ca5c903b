#include "slots/view.h"

#include <string.h>

#include "base/mem.h"
#include "slots/slice.h"

void view_init(struct node_view *v)
{
    memset(v, 0, sizeof(*v));
    v->keys = -1;
    v->link_down_s = -1;
}

void view_done(struct node_view *v)
{
    free(v->links);
    free(v->rows);
    free(v->ranges);
    free(v->open);
    free(v->jobs);
    for (size_t i = 0; i < v->n_users; i++)
        free(v->users[i].rules);
    free(v->users);
    view_init(v);
}

void views_free(struct node_view *views, size_t n)
{
    for (size_t i = 0; views && i < n; i++)
        view_done(&views[i]);
    free(views);
}

int view_parse_id(const char *text, size_t len, char *out, struct err *e)
{
    struct slice rest = { text, len }, id;

    if (slice_starts(rest, "txt:"))
        slice_cut(&rest, ':');
    id = slice_line(&rest);
    if (id.n != NODE_ID_LEN || rest.n)
        return err_set(e, ERR_INVALID, "'%.*s' is not a node id", slice_shown(id), id.p);
    for (size_t i = 0; i < id.n; i++)
        if (!strchr("0123456789abcdef", id.p[i]) || !id.p[i])
            return err_set(e, ERR_INVALID, "'%.*s' is not a node id", slice_shown(id), id.p);
    memcpy(out, id.p, id.n);
    out[id.n] = '\0';
    return 0;
}

int view_finish(struct node_view *v, struct err *e)
{
    const struct view_row *me = view_myself(v);

    if (!me)
        return err_set(e, ERR_INVALID, "CLUSTER NODES has no myself row");
    if (!(me->flags & NODE_MASTER) == !(me->flags & NODE_REPLICA))
        return err_set(e, ERR_INVALID, "the myself row says neither master nor slave");
    if (v->id[0] && strcmp(me->id, v->id) != 0)
        return err_set(e, ERR_CONFLICT, "CLUSTER MYID is %.8s, the myself row %.8s", v->id, me->id);
    memcpy(v->id, me->id, sizeof(v->id));
    return 0;
}

const struct view_row *view_myself(const struct node_view *v)
{
    for (size_t i = 0; i < v->n_rows; i++)
        if (v->rows[i].flags & NODE_MYSELF)
            return &v->rows[i];
    return NULL;
}

const struct view_row *view_find(const struct node_view *v, const char *id)
{
    for (size_t i = 0; i < v->n_rows; i++)
        if (strcmp(v->rows[i].id, id) == 0)
            return &v->rows[i];
    return NULL;
}

struct slot_set view_row_slots(const struct node_view *v, const struct view_row *r)
{
    struct slot_set s = { { 0 } };

    for (size_t i = 0; i < r->n_ranges; i++)
        slot_set_add(&s, v->ranges[r->first_range + i]);
    return s;
}

bool view_owns_slots(const struct node_view *v)
{
    const struct view_row *me = view_myself(v);

    return me && me->flags & NODE_MASTER && me->n_ranges > 0;
}

bool view_is_fresh(const struct node_view *v, struct err *why)
{
    if (v->reach != REACH_OK)
        return err_set(why, ERR_RETRY, "does not answer: %s", v->error), false;
    if (v->keys != 0)
        return err_set(why, ERR_INVALID, "holds %lld keys", (long long)v->keys), false;
    if (v->known_nodes != 1 || v->n_rows != 1)
        return err_set(why, ERR_INVALID, "knows %d other nodes", v->known_nodes - 1), false;
    if (v->slots_assigned || v->n_ranges || v->n_open)
        return err_set(why, ERR_INVALID, "owns %d slots", v->slots_assigned), false;
    if (v->my_epoch || v->current_epoch)
        return err_set(why, ERR_INVALID, "has config epoch %llu", (unsigned long long)v->my_epoch), false;
    if (v->is_replica)
        return err_set(why, ERR_INVALID, "is a replica of %s", v->master_host), false;
    return true;
}
