#include "frames.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"

enum { RV_MAX_CHARS = 128 };

void frames_init(struct frames *f)
{
    buf_init(&f->rest, FRAME_MAX_BYTES);
}

void frames_done(struct frames *f)
{
    buf_done(&f->rest);
}

void frames_clear(struct frames *f)
{
    buf_done(&f->rest);
}

static bool give_line(const char *line, size_t len, bool (*on_line)(void *arg, const char *line, size_t len),
                      void *arg)
{
    while (len && (line[len - 1] == '\r' || line[len - 1] == ' '))
        len--;
    return len == 0 || on_line(arg, line, len);
}

static int keep_rest(struct frames *f, const char *data, size_t len, struct err *e)
{
    if (!buf_add(&f->rest, data, len))
        return err_set(e, ERR_RETRY, "a watch event of more than %d bytes", FRAME_MAX_BYTES);
    return 0;
}

int frames_feed(struct frames *f, const char *data, size_t len,
                bool (*on_line)(void *arg, const char *line, size_t len), void *arg, struct err *e)
{
    const char *end;
    bool more = true;

    while (len && (end = memchr(data, '\n', len)) != NULL) {
        size_t n = (size_t)(end - data);

        if (f->rest.len == 0 && n <= FRAME_MAX_BYTES) {
            more = give_line(data, n, on_line, arg);
        } else {
            if (keep_rest(f, data, n, e) < 0)
                return -(int)ERR_RETRY;
            more = give_line(f->rest.data, f->rest.len, on_line, arg);
            buf_done(&f->rest); /* a big event must not be paid for until the next one */
        }
        if (!more)
            return err_set(e, ERR_RETRY, "the watch was given up");
        data = end + 1;
        len -= n + 1;
    }
    return len ? keep_rest(f, data, len, e) : 0;
}

static enum frame_type type_of(const char *name)
{
    static const char *const names[] = {
        [FRAME_ADDED] = "ADDED",       [FRAME_MODIFIED] = "MODIFIED", [FRAME_DELETED] = "DELETED",
        [FRAME_BOOKMARK] = "BOOKMARK", [FRAME_ERROR] = "ERROR",
    };

    for (size_t i = 0; i < COUNT(names); i++)
        if (str_eq(name, names[i]))
            return (enum frame_type)i;
    return FRAME_UNKNOWN;
}

static int check_object(struct frame *f, struct err *e)
{
    const cJSON *meta = json_member(f->obj, "metadata");
    const char *mark = cJSON_GetStringValue(json_member(json_member(meta, "annotations"), "k8s.io/initial-events-end"));

    f->rv = cJSON_GetStringValue(json_member(meta, "resourceVersion"));
    if (str_empty(f->rv) || strlen(f->rv) > RV_MAX_CHARS)
        return err_set(e, ERR_RETRY, "a watch event without metadata.resourceVersion");
    f->ends_initial = f->type == FRAME_BOOKMARK && str_eq(mark, "true");
    if (f->type != FRAME_BOOKMARK && str_empty(cJSON_GetStringValue(json_member(meta, "name"))))
        return err_set(e, ERR_RETRY, "a watch event without metadata.name");
    return 0;
}

int frame_parse(const char *line, size_t len, struct frame *out, struct err *e)
{
    AUTO_JSON cJSON *root = NULL;
    struct frame f = { 0 };

    if (json_parse(line, len, &root, e) < 0) {
        (void)err_wrap(e, "watch event");
        if (e)
            e->kind = ERR_RETRY;
        return -(int)ERR_RETRY;
    }
    f.obj = json_member(root, "object");
    f.type = type_of(cJSON_GetStringValue(json_member(root, "type")));
    if (f.type == FRAME_UNKNOWN && !json_member(root, "type"))
        return err_set(e, ERR_RETRY, "a watch event without a type");
    if (f.type < FRAME_ERROR && check_object(&f, e) < 0)
        return -(int)ERR_RETRY;
    f.root = TAKE(root);
    *out = f;
    return 0;
}

void frame_done(struct frame *f)
{
    cJSON_Delete(f->root);
    *f = (struct frame){ 0 };
}

static bool is_digits(const char *s)
{
    return *s && s[strspn(s, "0123456789")] == '\0';
}

bool kube_rv_is_newer(const char *a, const char *b)
{
    size_t na, nb;

    if (!is_digits(a) || !is_digits(b))
        return !str_eq(a, b);
    a += strspn(a, "0");
    b += strspn(b, "0");
    na = strlen(a);
    nb = strlen(b);
    return na == nb ? strcmp(b, a) > 0 : nb > na;
}
