#include "slots/report_map.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

enum { MARGIN = 9, NARROWEST = 16, WIDEST = 128, CELLS_MAX = 512, WIDTH = 80 };

struct owner_of {
    size_t member;
    unsigned first;
};

static int by_first(const void *a, const void *b)
{
    const struct owner_of *x = a, *y = b;

    return x->first < y->first ? -1 : x->first > y->first;
}

void report_owners_init(struct report_owners *o, const struct merged *m)
{
    AUTO_FREE struct owner_of *found = xcalloc(m->n + 1, sizeof(*found));

    *o = (struct report_owners){ xcalloc(m->n + 1, sizeof(*o->members)), 0 };
    for (size_t i = 0; i < m->n; i++) {
        struct slot_set s = merged_slots(m, i);
        struct slot_range r;

        if (merged_owns(m, i) && slot_set_next(&s, 0, &r))
            found[o->n++] = (struct owner_of){ i, r.first };
    }
    qsort(found, o->n, sizeof(*found), by_first);
    for (size_t k = 0; k < o->n; k++)
        o->members[k] = found[k].member;
}

void report_owners_done(struct report_owners *o)
{
    free(o->members);
}

char report_letter(size_t owner)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

    return owner < sizeof(letters) - 1 ? letters[owner] : '#';
}

/* Told apart on a dark and on a light ground, and by most who see colours differently. */
const char *report_colour(size_t owner, bool colours)
{
    static const char *const codes[] = { "\033[38;5;33m",  "\033[38;5;208m", "\033[38;5;35m",  "\033[38;5;170m",
                                         "\033[38;5;178m", "\033[38;5;44m",  "\033[38;5;130m", "\033[38;5;99m" };

    return colours ? codes[owner % COUNT(codes)] : "";
}

const char *report_colour_end(bool colours)
{
    return colours ? "\033[0m" : "";
}

struct cell {
    char sign;
    size_t owner; /* of a letter */
};

static bool is_open(const struct merged *m, unsigned slot)
{
    for (size_t i = 0; i < m->n; i++)
        for (size_t k = 0; m->me[i] && k < m->views[i].n_open; k++)
            if (m->views[i].open[k].slot == slot)
                return true;
    return false;
}

static bool any_open(const struct merged *m)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->me[i] && m->views[i].n_open)
            return true;
    return false;
}

struct picture {
    const struct merged *m;
    const struct report_owners *owners;
    const struct slot_set *slots; /* of each owner */
    bool some_open;
};

static size_t owner_of(const struct picture *p, unsigned slot)
{
    for (size_t k = 0; k < p->owners->n; k++)
        if (slot_set_has(&p->slots[k], slot))
            return k;
    return p->owners->n;
}

static bool has_any(const struct slot_set *set, unsigned first, unsigned n)
{
    struct slot_range r;

    return slot_set_next(set, first, &r) && r.first < first + n;
}

/* What is wrong anywhere in it is shown; else who owns the longest piece. */
static struct cell cell_of(const struct picture *p, unsigned first, unsigned n)
{
    unsigned longest = 0, run = 0;
    size_t best = 0, before = p->owners->n;

    if (has_any(&p->m->twice, first, n))
        return (struct cell){ '!', 0 };
    for (unsigned s = first; s < first + n; s++) {
        size_t k = owner_of(p, s);

        if (k == p->owners->n || !slot_set_has(&p->m->served, s))
            return (struct cell){ '-', 0 };
        run = k == before ? run + 1 : 1;
        before = k;
        if (run > longest) {
            longest = run;
            best = k;
        }
    }
    for (unsigned s = first; p->some_open && s < first + n; s++)
        if (is_open(p->m, s))
            return (struct cell){ '~', 0 };
    return (struct cell){ report_letter(best), best };
}

static const char *tint_of(const struct cell *c)
{
    return c->sign == '!' || c->sign == '-' ? "\033[1;41;97m" : c->sign == '~' ? "\033[7m" : report_colour(c->owner, true);
}

/* Colours change only where the sign does. */
static void put_row(const struct cell *cells, unsigned n, bool colours, struct buf *out)
{
    for (unsigned i = 0; i < n; i++) {
        bool begins = i == 0 || cells[i].sign != cells[i - 1].sign, ends = i + 1 == n || cells[i].sign != cells[i + 1].sign;

        buf_fmt(out, "%s%c%s", colours && begins ? tint_of(&cells[i]) : "", cells[i].sign, report_colour_end(colours && ends));
    }
    buf_str(out, "\n");
}

void report_map(const struct merged *m, const struct report_owners *o, int width, bool colours, struct buf *out)
{
    AUTO_FREE struct slot_set *slots = xcalloc(o->n + 1, sizeof(*slots));
    struct picture p = { m, o, slots, any_open(m) };
    unsigned columns = NARROWEST, n, each;
    struct cell cells[CELLS_MAX];

    while (columns * 2 <= WIDEST && (int)columns * 2 + MARGIN <= (width ? width : WIDTH))
        columns *= 2;
    n = columns * 8 < CELLS_MAX ? columns * 8 : CELLS_MAX;
    each = SLOT_COUNT / n;
    for (size_t k = 0; k < o->n; k++)
        slots[k] = merged_slots(m, o->members[k]);
    for (unsigned i = 0; i < n; i++)
        cells[i] = cell_of(&p, i * each, each);
    for (unsigned i = 0; i < n; i += columns) {
        buf_fmt(out, "  %5u  ", i * each);
        put_row(cells + i, columns, colours, out);
    }
    buf_fmt(out, "         each character: %u slots\n", each);
}
