/* A list of slot migrations: words, two by two, a line each; an empty line ends a job. */
#include <assert.h>
#include <string.h>

#include "fuzz.h"
#include "slots/view.h"

static size_t line_of(const char *text, size_t size)
{
    const char *end = memchr(text, '\n', size);

    return end ? (size_t)(end - text) : size;
}

static void add(struct node_view *v, const struct view_pair *pairs, size_t n)
{
    struct err e = { 0 };

    if (view_add_job(v, pairs, n, &e) < 0)
        assert(e.msg[0]);
    assert(v->n_jobs <= VIEW_JOBS_MAX && v->migration_tasks >= v->jobs_running);
    for (size_t i = 0; i < v->n_jobs; i++)
        assert(strlen(v->jobs[i].id) <= NODE_ID_LEN && strlen(v->jobs[i].message) < sizeof(v->jobs[i].message));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct view_pair pairs[16];
    struct node_view v;
    size_t n = 0;

    view_init(&v);
    while (size) {
        size_t key = line_of(text, size), used = key < size ? key + 1 : key;
        size_t value = line_of(text + used, size - used);

        if (key == 0 || n == sizeof(pairs) / sizeof(pairs[0])) {
            add(&v, pairs, n);
            n = 0;
        } else {
            pairs[n++] = (struct view_pair){ text, text + used, key, value };
            used += value + (used + value < size);
        }
        text += used;
        size -= used;
    }
    add(&v, pairs, n);
    view_done(&v);
    return 0;
}
