#include "base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

enum { LINE_MAX_BYTES = 8192 };

static enum log_level least_level = LOG_INFO;
static enum log_format line_format = LOG_LOGFMT;

void log_setup(enum log_level least, enum log_format format)
{
    least_level = least;
    line_format = format;
}

static void put_quoted(struct buf *b, const char *s)
{
    buf_str(b, "\"");
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;

        if (c == '"' || c == '\\')
            buf_fmt(b, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            buf_fmt(b, "\\u%04x", c);
        else
            buf_fmt(b, "%c", c);
    }
    buf_str(b, "\"");
}

static bool has_control(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            return true;
    return false;
}

static void put_text(struct buf *b, const char *text)
{
    AUTO_FREE char *s = xstrdup(text);

    str_utf8_fix(s);
    if (line_format == LOG_JSON || !*s || strpbrk(s, " =\"\\") || has_control(s))
        put_quoted(b, s);
    else
        buf_str(b, s);
}

static void put_pair(struct buf *b, const char *key, const char *text, int64_t num)
{
    if (line_format == LOG_JSON)
        buf_fmt(b, ",\"%s\":", key);
    else
        buf_fmt(b, " %s=", key);
    if (text)
        put_text(b, text);
    else
        buf_fmt(b, "%" PRId64, num);
}

static void put_time(struct buf *b)
{
    struct timespec ts;
    struct tm tm;
    char day[32];

    clock_gettime(CLOCK_REALTIME, &ts);
    gmtime_r(&ts.tv_sec, &tm);
    strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
    buf_fmt(b, line_format == LOG_JSON ? "{\"time\":\"%s.%03ldZ\"" : "time=%s.%03ldZ", day, ts.tv_nsec / 1000000);
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
    static const char *const names[] = { "debug", "info", "warn", "error" };
    AUTO_BUF struct buf b = { 0 };

    if (level < least_level)
        return;
    /* room for the end of the line is kept back: a cut line is still one line */
    buf_init(&b, LINE_MAX_BYTES);
    put_time(&b);
    put_pair(&b, "level", names[level], 0);
    put_pair(&b, "msg", event, 0);
    for (; fields->key; fields++)
        put_pair(&b, fields->key, fields->text, fields->num);
    b.max_bytes += 2;
    buf_str(&b, line_format == LOG_JSON ? "}\n" : "\n");
    if (write(STDERR_FILENO, b.data, b.len) < 0)
        return; /* nowhere left to say it */
}
