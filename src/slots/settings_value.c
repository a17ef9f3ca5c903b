/*
 * Two texts, one value: bytes with units, letter case, spaces, and the few lists that are sets.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "slots/settings.h"

struct word {
    const char *p;
    size_t n;
};

static bool next_word(const char **at, struct word *out)
{
    *at += strspn(*at, " \t");
    out->p = *at;
    out->n = strcspn(*at, " \t");
    *at += out->n;
    return out->n > 0;
}

/* "16mb", "1g", "100": in bytes; -1: no such number. As memtoull of both servers. */
static long long bytes_of(struct word w)
{
    static const struct {
        const char *unit;
        long long factor;
    } units[] = {
        { "", 1 },         { "b", 1 },          { "k", 1000 },       { "kb", 1LL << 10 }, { "m", 1000000 },
        { "mb", 1 << 20 }, { "g", 1000000000 }, { "gb", 1LL << 30 },
    };
    size_t digits = 0;
    long long n = 0;

    while (digits < w.n && w.p[digits] >= '0' && w.p[digits] <= '9' && digits < 15)
        n = n * 10 + (w.p[digits++] - '0');
    for (size_t i = 0; digits && i < COUNT(units); i++)
        if (strlen(units[i].unit) == w.n - digits && strncasecmp(w.p + digits, units[i].unit, w.n - digits) == 0 &&
            n <= (1LL << 62) / units[i].factor)
            return n * units[i].factor;
    return -1;
}

static bool same_word(struct word a, struct word b)
{
    long long n = bytes_of(a);

    if (a.n == b.n && strncasecmp(a.p, b.p, a.n) == 0)
        return true;
    return n >= 0 && n == bytes_of(b);
}

static bool same_words(const char *a, const char *b)
{
    struct word x, y;

    for (;;) {
        bool more_a = next_word(&a, &x), more_b = next_word(&b, &y);

        if (more_a != more_b)
            return false;
        if (!more_a)
            return true;
        if (!same_word(x, y))
            return false;
    }
}

static bool is_replica_class(struct word w)
{
    return (w.n == 7 && strncasecmp(w.p, "replica", 7) == 0) || (w.n == 5 && strncasecmp(w.p, "slave", 5) == 0);
}

/* "class hard soft seconds" of `all`, for the class of `one`, whose limits follow at *at. */
static bool has_limits(const char *all, struct word class, const char **at)
{
    struct word name, have[3], want[3];

    for (int i = 0; i < 3; i++)
        if (!next_word(at, &want[i]))
            return false;
    while (next_word(&all, &name)) {
        bool same = true;

        for (int i = 0; i < 3; i++)
            if (!next_word(&all, &have[i]))
                return false;
        if (!same_word(name, class) && !(is_replica_class(name) && is_replica_class(class)))
            continue;
        for (int i = 0; i < 3; i++)
            same = same && same_word(have[i], want[i]);
        return same;
    }
    return false;
}

/* Only the classes that are named are wanted; the others keep their limits. */
static bool same_buffer_limits(const char *wanted, const char *shown)
{
    struct word class;

    while (next_word(&wanted, &class))
        if (!has_limits(shown, class, &wanted))
            return false;
    return true;
}

/* A stands for these; letters in any order. */
static unsigned events_of(const char *text)
{
    static const char letters[] = "g$lshzxetdKEmnA";
    unsigned set = 0;

    for (; *text; text++) {
        const char *at = strchr(letters, *text);

        set |= !at ? 1u << 31 : *text == 'A' ? (1u << 10) - 1 : 1u << (at - letters);
    }
    return set;
}

bool setting_is_so(const char *name, const char *wanted, const char *shown)
{
    if (str_eq(name, "notify-keyspace-events")) /* e and E are two */
        return events_of(wanted) == events_of(shown);
    if (same_words(wanted, shown))
        return true;
    return str_eq(name, "client-output-buffer-limit") && same_buffer_limits(wanted, shown);
}
