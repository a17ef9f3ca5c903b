#include "sim/controllers/cron.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/str.h"

enum { MINUTE_MS = 60000, MINUTES_MAX = 5 * 366 * 24 * 60 };

/* "5", "1-5", "*"; then "/n". */
static bool parse_part(const char *text, int least, int most, uint64_t *bits)
{
    int first = least, last = most, step = 1, n = 0;
    const char *slash = strchr(text, '/');

    if (text[0] != '*' && sscanf(text, "%d%n", &first, &n) != 1)
        return false;
    if (text[0] == '*')
        n = 1;
    else if (text[n] == '-' && sscanf(text + n, "-%d", &last) != 1)
        return false;
    else if (text[n] != '-' && !slash)
        last = first;
    if (slash && (sscanf(slash, "/%d", &step) != 1 || step < 1))
        return false;
    if (first < least || last > most || first > last)
        return false;
    for (int i = first; i <= last; i += step)
        *bits |= UINT64_C(1) << i;
    return true;
}

static bool parse_field(char *text, int least, int most, uint64_t *bits, bool *any)
{
    char *save = NULL;

    *any = text[0] == '*' && !text[1];
    *bits = 0;
    for (char *part = strtok_r(text, ",", &save); part; part = strtok_r(NULL, ",", &save))
        if (!parse_part(part, least, most, bits))
            return false;
    return *bits != 0;
}

static const char *spell_out(const char *text)
{
    static const char *const words[][2] = { { "@hourly", "0 * * * *" }, { "@daily", "0 0 * * *" }, { "@midnight", "0 0 * * *" },
                                            { "@weekly", "0 0 * * 0" }, { "@monthly", "0 0 1 * *" }, { "@yearly", "0 0 1 1 *" } };

    for (size_t i = 0; i < COUNT(words); i++)
        if (str_eq(text, words[i][0]))
            return words[i][1];
    return text;
}

bool cron_parse(const char *text, struct cron *out)
{
    char f[5][64], rest[2];
    bool any;

    if (sscanf(spell_out(text), "%63s %63s %63s %63s %63s %1s", f[0], f[1], f[2], f[3], f[4], rest) != 5)
        return false;
    if (!parse_field(f[0], 0, 59, &out->minutes, &any) || !parse_field(f[1], 0, 23, &out->hours, &any) ||
        !parse_field(f[2], 1, 31, &out->days, &out->any_day) || !parse_field(f[3], 1, 12, &out->months, &any) ||
        !parse_field(f[4], 0, 7, &out->weekdays, &out->any_weekday))
        return false;
    out->weekdays |= out->weekdays >> 7 & 1; /* Sunday is 0 and 7 */
    return true;
}

static bool is_due(const struct cron *c, const struct tm *t)
{
    bool day = c->days >> t->tm_mday & 1, weekday = c->weekdays >> t->tm_wday & 1;

    return (c->minutes >> t->tm_min & 1) && (c->hours >> t->tm_hour & 1) && (c->months >> (t->tm_mon + 1) & 1) &&
           (c->any_day || c->any_weekday ? day && weekday : day || weekday);
}

int64_t cron_next(const struct cron *c, int64_t after_ms)
{
    int64_t at_ms = (after_ms / MINUTE_MS + 1) * MINUTE_MS;

    for (int i = 0; i < MINUTES_MAX; i++, at_ms += MINUTE_MS) {
        time_t s = at_ms / 1000;
        struct tm t;

        if (gmtime_r(&s, &t) && is_due(c, &t))
            return at_ms;
    }
    return -1;
}
