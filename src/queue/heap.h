/*
 * queue/heap.h - entries in the order in which they are due.
 *
 * Pure. A binary heap that lends its entries and tells each its place, so that
 * any of them can be moved or taken out in O(log n). Equal times keep the order
 * in which they came.
 */
#ifndef QUEUE_HEAP_H
#define QUEUE_HEAP_H

#include <stddef.h>
#include <stdint.h>

struct heap_item {
    int64_t due_ms;
    uint64_t seq;
    size_t place; /* from 1; 0: in no heap */
};

struct heap {
    struct heap_item **items;
    size_t n, cap;
};

void heap_done(struct heap *h);
struct heap_item *heap_first(const struct heap *h); /* NULL: empty */
void heap_add(struct heap *h, struct heap_item *it);
void heap_remove(struct heap *h, struct heap_item *it);

#endif
