#include "yaml_scalar.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static const struct word {
    const char *text;
    enum scalar_kind kind;
} words[] = {
    { "", SCALAR_NULL },     { "~", SCALAR_NULL },     { "null", SCALAR_NULL },   { "Null", SCALAR_NULL },
    { "NULL", SCALAR_NULL }, { "true", SCALAR_TRUE },  { "True", SCALAR_TRUE },   { "TRUE", SCALAR_TRUE },
    { "false", SCALAR_FALSE }, { "False", SCALAR_FALSE }, { "FALSE", SCALAR_FALSE },
};

/* base 0: the prefix says */
static bool digits_value(const char *s, int base, double *num)
{
    double v = 0;

    if (!*s)
        return false;
    for (; *s; s++) {
        int d = isdigit((unsigned char)*s) ? *s - '0' : isxdigit((unsigned char)*s) ? tolower((unsigned char)*s) - 'a' + 10 : 99;

        if (d >= base)
            return false;
        v = v * base + d;
    }
    *num = v;
    return true;
}

static bool prefixed_int(const char *s, double *num)
{
    if (s[0] != '0' || !s[1])
        return false;
    if (s[1] == 'x' || s[1] == 'X')
        return digits_value(s + 2, 16, num);
    if (s[1] == 'b' || s[1] == 'B')
        return digits_value(s + 2, 2, num);
    if (s[1] == 'o' || s[1] == 'O')
        return digits_value(s + 2, 8, num);
    return digits_value(s + 1, 8, num);
}

static const char *skip_digits(const char *s, size_t *n)
{
    for (; isdigit((unsigned char)*s); s++)
        ++*n;
    return s;
}

/* digits[.digits][e[+-]digits], at least one digit before e */
static bool is_decimal(const char *s, bool *is_int)
{
    size_t mantissa = 0, exponent = 0;

    *is_int = true;
    s = skip_digits(s, &mantissa);
    if (*s == '.') {
        *is_int = false;
        s = skip_digits(s + 1, &mantissa);
    }
    if (!mantissa)
        return false;
    if (*s == 'e' || *s == 'E') {
        *is_int = false;
        s++;
        s = skip_digits(s + (*s == '+' || *s == '-'), &exponent);
        if (!exponent)
            return false;
    }
    return !*s;
}

static enum scalar_kind resolve_number(const char *s, double *num)
{
    bool negative = *s == '-', is_int;
    const char *body = s + (*s == '-' || *s == '+');
    double v;

    if (prefixed_int(body, &v)) {
        *num = negative ? -v : v;
        return SCALAR_INT;
    }
    if (!is_decimal(body, &is_int))
        return SCALAR_TEXT;
    v = strtod(body, NULL);
    *num = negative ? -v : v;
    return is_int ? SCALAR_INT : SCALAR_FLOAT;
}

enum scalar_kind scalar_resolve(const char *s, double *num)
{
    for (size_t i = 0; i < COUNT(words); i++)
        if (str_eq(s, words[i].text))
            return words[i].kind;
    return resolve_number(s, num);
}
