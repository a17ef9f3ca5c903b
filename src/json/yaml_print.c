#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "json/yaml.h"
#include "yaml_scalar.h"

enum { PRINT_BYTES_MAX = 64 << 20 };

/* Readers take these for line breaks, or refuse them, unless they are escaped. */
static bool must_escape(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 || c == 0xfeff || c == 0xfffe ||
           c == 0xffff;
}

static void print_quoted(struct buf *b, const char *s)
{
    uint32_t c = 0;
    size_t n;

    buf_str(b, "\"");
    for (; *s; s += n ? n : 1) {
        n = str_utf8_next(s, &c);
        if (n == 0)
            buf_str(b, "\\uFFFD");
        else if (c == '"' || c == '\\')
            buf_fmt(b, "\\%c", (char)c);
        else if (c == '\n')
            buf_str(b, "\\n");
        else if (must_escape(c))
            buf_fmt(b, "\\u%04X", c);
        else
            buf_fmt(b, "%.*s", (int)n, s);
    }
    buf_str(b, "\"");
}

/* What YAML 1.1 readers take for a boolean, a date or a base-60 number. */
static bool reads_as_other(const char *s)
{
    static const char *const bools[] = { "y", "n", "yes", "no", "on", "off" };
    double num;

    for (size_t i = 0; i < COUNT(bools); i++)
        if (strcasecmp(s, bools[i]) == 0)
            return true;
    return scalar_resolve(s, &num) != SCALAR_TEXT ||
           (isdigit((unsigned char)*s) && s[strspn(s, "0123456789.:-+_xXoOtTzZabcdefABCDEF")] == '\0');
}

static bool is_plain(const char *s)
{
    if (!isalnum((unsigned char)*s) && *s != '/' && *s != '_')
        return false;
    for (const char *p = s; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("_./-+@=,%", *p) && !(*p == ':' && p[1] && p[1] != ' ') &&
            !(*p == ' ' && p[1] && p[1] != ' ' && p[1] != '#'))
            return false;
    return !reads_as_other(s);
}

static bool is_literal(const char *s)
{
    size_t len = strlen(s);
    uint32_t c = 0;
    size_t n;

    if (!strchr(s, '\n') || isspace((unsigned char)*s) || str_has_suffix(s, "\n\n"))
        return false;
    for (size_t i = 0; i < len; i += n) {
        n = str_utf8_next(s + i, &c);
        if (n == 0 || (c != '\n' && must_escape(c)) || (c == ' ' && (s[i + 1] == '\n' || !s[i + 1])))
            return false;
    }
    return true;
}

static void indent(struct buf *b, int depth)
{
    buf_fmt(b, "%*s", depth * 2, "");
}

static void print_literal(struct buf *b, const char *s, int depth)
{
    buf_str(b, str_has_suffix(s, "\n") ? "|" : "|-");
    while (*s) {
        size_t n = strcspn(s, "\n");

        buf_str(b, "\n");
        if (n)
            indent(b, depth);
        buf_fmt(b, "%.*s", (int)n, s);
        s += n + (s[n] == '\n');
    }
}

static void print_text(struct buf *b, const char *s)
{
    if (is_plain(s))
        buf_str(b, s);
    else
        print_quoted(b, s);
}

static void print_scalar(struct buf *b, const cJSON *v, int depth)
{
    AUTO_FREE char *text = NULL;

    if (cJSON_IsString(v) && is_literal(v->valuestring)) {
        print_literal(b, v->valuestring, depth);
    } else if (cJSON_IsString(v)) {
        print_text(b, v->valuestring);
    } else {
        text = json_print(v); /* numbers, booleans, null, and empty {} and [] */
        buf_str(b, text);
    }
    buf_str(b, "\n");
}

static bool is_block(const cJSON *v)
{
    return json_count(v) > 0;
}

static void print_node(struct buf *b, const cJSON *v, int depth, bool at_start);

static void print_member(struct buf *b, const cJSON *v, int depth)
{
    print_text(b, v->string);
    buf_str(b, is_block(v) ? ":\n" : ": ");
    /* a list stands at its key's own depth, as kubectl prints it */
    if (is_block(v))
        print_node(b, v, cJSON_IsArray(v) ? depth : depth + 1, false);
    else
        print_scalar(b, v, depth + 1);
}

/* at_start: the cursor already stands at the place of the first child */
static void print_node(struct buf *b, const cJSON *v, int depth, bool at_start)
{
    for (const cJSON *c = v->child; c; c = c->next) {
        if (!at_start)
            indent(b, depth);
        at_start = false;
        if (cJSON_IsObject(v)) {
            print_member(b, c, depth);
            continue;
        }
        buf_str(b, "- ");
        if (is_block(c))
            print_node(b, c, depth + 1, true);
        else
            print_scalar(b, c, depth + 1);
    }
}

char *yaml_print(const cJSON *v)
{
    struct buf b;

    buf_init(&b, PRINT_BYTES_MAX);
    if (is_block(v))
        print_node(&b, v, 0, true);
    else
        print_scalar(&b, v, 1);
    return buf_take(&b);
}
