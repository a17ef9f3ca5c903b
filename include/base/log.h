/*
 * base/log.h - one event, then fields; logfmt or JSON, one line each, to stderr.
 *
 * Not pure. Only ctrl, serve and app log above debug. No secrets, ever: a
 * field's value is printed as it is, escaped. Lines longer than 8 KiB are cut.
 *
 *   log_info("slot migration started", F("service", key), F("slots", n));
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_LOGFMT, LOG_JSON };

struct log_field {
    const char *key;
    const char *text; /* NULL: the number counts */
    int64_t num;
};

static inline struct log_field log_field_text(const char *key, const char *text)
{
    return (struct log_field){ key, text ? text : "", 0 };
}

static inline struct log_field log_field_num(const char *key, int64_t num)
{
    return (struct log_field){ key, NULL, num };
}

/* A field: text for char pointers, a number for everything else. */
#define F(key, value) \
    _Generic((value), char *: log_field_text, const char *: log_field_text, default: log_field_num)(key, value)

#define log_at(level, event, ...) \
    log_write(level, event, (const struct log_field[]){ { NULL, NULL, 0 }, ##__VA_ARGS__, { NULL, NULL, 0 } } + 1)
#define log_debug(event, ...) log_at(LOG_DEBUG, event, ##__VA_ARGS__)
#define log_info(event, ...) log_at(LOG_INFO, event, ##__VA_ARGS__)
#define log_warn(event, ...) log_at(LOG_WARN, event, ##__VA_ARGS__)
#define log_error(event, ...) log_at(LOG_ERROR, event, ##__VA_ARGS__)

/* Called once, at the start, by app. */
void log_setup(enum log_level least, enum log_format format);

/* fields end with key NULL. Use the macros. */
void log_write(enum log_level level, const char *event, const struct log_field *fields);

#endif
