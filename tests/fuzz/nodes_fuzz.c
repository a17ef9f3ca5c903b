/* CLUSTER NODES: rows within bounds, or an error and the view as it was. */
#include <assert.h>
#include <string.h>

#include "fuzz.h"
#include "slots/view.h"

static void look_at(struct node_view *v)
{
    struct err e = { 0 };

    assert(v->n_rows <= VIEW_ROWS_MAX);
    for (size_t i = 0; i < v->n_rows; i++) {
        const struct view_row *r = &v->rows[i];

        assert(strlen(r->id) == NODE_ID_LEN);
        assert(r->first_range + r->n_ranges <= v->n_ranges);
        assert(r->first_open + r->n_open <= v->n_open);
        (void)view_row_slots(v, r);
    }
    (void)view_owns_slots(v);
    (void)view_is_fresh(v, &e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct node_view v;
    struct err e = { 0 };

    view_init(&v);
    if (view_parse_nodes((const char *)data, size, &v, &e) < 0)
        assert(e.msg[0] && v.n_rows == 0);
    else
        look_at(&v);
    (void)!view_finish(&v, &e);
    view_done(&v);
    return 0;
}
