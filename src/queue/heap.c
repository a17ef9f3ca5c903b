#include "heap.h"

#include <stdbool.h>

#include "base/mem.h"

static bool is_before(const struct heap_item *a, const struct heap_item *b)
{
    return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->seq < b->seq;
}

static void put(struct heap *h, size_t place, struct heap_item *it)
{
    h->items[place - 1] = it;
    it->place = place;
}

static void sift_up(struct heap *h, struct heap_item *it)
{
    size_t i = it->place;

    for (; i > 1 && is_before(it, h->items[i / 2 - 1]); i /= 2)
        put(h, i, h->items[i / 2 - 1]);
    put(h, i, it);
}

static void sift_down(struct heap *h, struct heap_item *it)
{
    size_t i = it->place, child;

    for (; (child = 2 * i) <= h->n; i = child) {
        if (child < h->n && is_before(h->items[child], h->items[child - 1]))
            child++;
        if (!is_before(h->items[child - 1], it))
            break;
        put(h, i, h->items[child - 1]);
    }
    put(h, i, it);
}

void heap_done(struct heap *h)
{
    free(h->items);
    *h = (struct heap){ 0 };
}

struct heap_item *heap_first(const struct heap *h)
{
    return h->n ? h->items[0] : NULL;
}

void heap_add(struct heap *h, struct heap_item *it)
{
    h->items = xgrow(h->items, &h->cap, h->n + 1, sizeof(*h->items));
    put(h, ++h->n, it);
    sift_up(h, it);
}

void heap_remove(struct heap *h, struct heap_item *it)
{
    struct heap_item *last = h->items[--h->n];

    if (last != it) {
        put(h, it->place, last);
        sift_up(h, last);
        sift_down(h, last);
    }
    it->place = 0;
}
