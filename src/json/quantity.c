#include "json/quantity.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

typedef __int128 wide;

enum form { DECIMAL, BINARY, EXPONENT };

/* The exact value is digits * 10^tens * 2^twos. */
struct number {
    bool negative;
    int64_t digits;
    int tens;
    int twos;
    enum form form;
};

static const struct suffix {
    const char *text;
    int tens;
    int twos;
} suffixes[] = {
    { "n", -9, 0 },  { "u", -6, 0 },  { "m", -3, 0 },  { "", 0, 0 },    { "k", 3, 0 },
    { "M", 6, 0 },   { "G", 9, 0 },   { "T", 12, 0 },  { "P", 15, 0 },  { "E", 18, 0 },
    { "Ki", 0, 10 }, { "Mi", 0, 20 }, { "Gi", 0, 30 }, { "Ti", 0, 40 }, { "Pi", 0, 50 },
    { "Ei", 0, 60 },
};

enum { DIGITS_MAX = 36 };

/* Zeros at the end go into tens, so that equal amounts of one form are equal fields. */
static void strip_zeros(wide *v, int *tens)
{
    while (*v && *v % 10 == 0) {
        *v /= 10;
        ++*tens;
    }
    if (!*v)
        *tens = 0;
}

static wide power(int base, int n)
{
    wide v = 1;

    while (n-- > 0)
        v *= base;
    return v;
}

static bool read_digits(const char **s, struct number *n)
{
    const char *dot = NULL;
    int seen = 0;
    wide v = 0;

    for (; isdigit((unsigned char)**s) || (**s == '.' && !dot); ++*s) {
        if (**s == '.') {
            dot = *s;
            continue;
        }
        if (++seen > DIGITS_MAX)
            return false;
        v = v * 10 + (**s - '0');
        n->tens -= dot != NULL;
    }
    strip_zeros(&v, &n->tens);
    if (!seen || v > INT64_MAX)
        return false;
    n->digits = (int64_t)v;
    return true;
}

static bool read_exponent(const char *s, struct number *n)
{
    int64_t exp;

    if (*s == '+')
        s++;
    if (!str_to_int(s, -20, 20, &exp))
        return false;
    n->tens += n->digits ? (int)exp : 0;
    n->form = EXPONENT;
    return true;
}

static bool read_suffix(const char *s, struct number *n)
{
    for (size_t i = 0; i < COUNT(suffixes); i++) {
        if (!str_eq(s, suffixes[i].text))
            continue;
        n->tens += n->digits ? suffixes[i].tens : 0;
        n->twos = n->digits ? suffixes[i].twos : 0;
        n->form = suffixes[i].twos ? BINARY : DECIMAL;
        return true;
    }
    return (*s == 'e' || *s == 'E') && s[1] && read_exponent(s + 1, n);
}

static int refuse(const char *text, struct err *e)
{
    return err_set(e, ERR_INVALID, "\"%.40s\" is not a quantity: write a number such as 2, 500m, 1.5 or 512Mi", text);
}

static int number_read(const char *text, struct number *n, struct err *e)
{
    const char *s = text;

    *n = (struct number){ .negative = *s == '-' };
    s += *s == '-' || *s == '+';
    if (!read_digits(&s, n) || !read_suffix(s, n))
        return refuse(text, e);
    return 0;
}

/* value * 10^scale, rounded away from zero; false when it does not fit. The shift needs at most
 * 60 + 60 bits. exact may be NULL. */
static bool number_scaled(const struct number *n, int scale, int64_t *out, bool *exact)
{
    int tens = n->tens + scale;
    wide v = (wide)n->digits << n->twos, unit = 1;

    if (v && tens > 18)
        return false;
    if (tens < 0)
        unit = power(10, tens < -37 ? 37 : -tens);
    else if (v > INT64_MAX / power(10, tens))
        return false;
    else
        v *= power(10, tens > 18 ? 0 : tens);
    if (exact)
        *exact = v % unit == 0;
    v = (v + unit - 1) / unit;
    if (v > INT64_MAX)
        return false;
    *out = n->negative ? -(int64_t)v : (int64_t)v;
    return true;
}

int quantity_parse(const char *text, int64_t *milli, struct err *e)
{
    struct number n;

    if (number_read(text, &n, e) < 0)
        return -ERR_INVALID;
    if (!number_scaled(&n, 3, milli, NULL))
        return err_set(e, ERR_INVALID, "the quantity \"%.40s\" is too large", text);
    return 0;
}

int64_t quantity_bytes(const char *text)
{
    int64_t milli;

    if (!text || quantity_parse(text, &milli, NULL) < 0 || milli <= 0)
        return 0;
    return milli / 1000 + (milli % 1000 > 0);
}

static void print_binary(int64_t v, char *out)
{
    static const char *const names[] = { "", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei" };
    size_t i = 0;

    while (v && v % 1024 == 0 && i + 1 < COUNT(names)) {
        v /= 1024;
        i++;
    }
    snprintf(out, 32, "%lld%s", (long long)v, names[i]);
}

/* v * 10^exp; exp is a multiple of three, so that the mantissa is a whole number */
static void print_decimal(int64_t v, int exp, bool as_exponent, char *out)
{
    static const char *const names[] = { "n", "u", "m", "", "k", "M", "G", "T", "P", "E" };

    while (v && v % 1000 == 0 && exp < 18) {
        v /= 1000;
        exp += 3;
    }
    if (!v)
        exp = 0;
    if (as_exponent && exp)
        snprintf(out, 32, "%llde%d", (long long)v, exp);
    else
        snprintf(out, 32, "%lld%s", (long long)v, as_exponent ? "" : names[exp / 3 + 3]);
}

int quantity_canonical(const char *text, char *out, struct err *e)
{
    struct number n;
    bool exact;
    int64_t v;

    if (number_read(text, &n, e) < 0)
        return -ERR_INVALID;
    /* as the server does: a binary form with a fraction, or below 1024, is written as decimal */
    if (n.form == BINARY && number_scaled(&n, 0, &v, &exact) && exact && (v >= 1024 || v <= -1024)) {
        print_binary(v, out);
        return 0;
    }
    for (int scale = 9; scale >= 0; scale -= 3) {
        if (!number_scaled(&n, scale, &v, NULL))
            continue;
        print_decimal(v, -scale, n.form == EXPONENT, out);
        return 0;
    }
    return err_set(e, ERR_INVALID, "the quantity \"%.40s\" is too large", text);
}

bool quantity_equal(const char *a, const char *b)
{
    struct number x, y;
    int64_t p, q;

    if (number_read(a, &x, NULL) < 0 || number_read(b, &y, NULL) < 0)
        return false;
    if (x.twos == y.twos)
        return (x.negative == y.negative || !x.digits) && x.digits == y.digits && x.tens == y.tens;
    for (int scale = 9; scale >= 0; scale -= 3)
        if (number_scaled(&x, scale, &p, NULL) && number_scaled(&y, scale, &q, NULL))
            return p == q;
    return false;
}
