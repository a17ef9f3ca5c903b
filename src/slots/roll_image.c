#include <string.h>

#include "base/str.h"
#include "slots/roll.h"

/* The first whose files no Valkey reads: the format of its RDB is 12. */
enum { REDIS_APART_MAJOR = 7, REDIS_APART_MINOR = 4, NUMBER_MAX = 10000 };

struct release {
    int major, minor; /* -1: not said */
};

static int take_number(const char **at)
{
    int n = 0;

    if (**at < '0' || **at > '9')
        return -1;
    for (; **at >= '0' && **at <= '9'; (*at)++)
        n = n < NUMBER_MAX ? n * 10 + (**at - '0') : n;
    return n;
}

static struct release release_of(const char *text)
{
    struct release r = { -1, -1 };

    r.major = take_number(&text);
    if (r.major >= 0 && *text == '.') {
        text++;
        r.minor = take_number(&text);
    }
    return r;
}

/* "7.4-alpine" of "host:5000/redis:7.4-alpine@sha256:..."; "" when there is none. */
static const char *tag_of(const char *image)
{
    const char *slash = strrchr(image, '/'), *name = slash ? slash + 1 : image;
    const char *colon = strchr(name, ':'), *at = strchr(name, '@');

    if (!colon || (at && at < colon))
        return "";
    colon++;
    return *colon == 'v' ? colon + 1 : colon;
}

static bool is_below(struct release a, struct release b)
{
    if (a.major != b.major)
        return a.major < b.major;
    return a.minor >= 0 && b.minor >= 0 && a.minor < b.minor;
}

int roll_image_check(const char *image, bool image_is_valkey, const char *version, bool is_valkey, struct err *e)
{
    struct release from = release_of(version), to = release_of(tag_of(image));
    const struct release apart = { REDIS_APART_MAJOR, REDIS_APART_MINOR };

    if (from.major < 0)
        return 0;
    if (is_valkey && !image_is_valkey)
        return err_set(e, ERR_INVALID, "Valkey %s does not become Redis: its files would not be read", version);
    if (!is_valkey && image_is_valkey)
        return is_below(from, apart) ? 0
                                     : err_set(e, ERR_INVALID, "Redis %s does not become Valkey: its files would not be "
                                               "read, only those of Redis before 7.4 are", version);
    if (to.major >= 0 && is_below(to, from))
        return err_set(e, ERR_INVALID, "%s %s runs, an older one would not read its files",
                       is_valkey ? "Valkey" : "Redis", version);
    return 0;
}
