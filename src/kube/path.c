#include "kube/path.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

enum { PATH_MAX_BYTES = 16 * 1024 };

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-._~", c));
}

static void add_escaped(struct buf *b, const char *text)
{
    for (; *text; text++) {
        if (is_plain(*text))
            buf_fmt(b, "%c", *text);
        else
            buf_fmt(b, "%%%02X", (unsigned char)*text);
    }
}

static void add_step(struct buf *b, const char *step)
{
    if (!step)
        return;
    buf_str(b, "/");
    add_escaped(b, step);
}

char *kube_path(const char *api_path, const char *ns, const char *plural, const char *name, const char *subresource)
{
    struct buf b;

    buf_init(&b, PATH_MAX_BYTES);
    buf_str(&b, api_path);
    if (ns)
        buf_str(&b, "/namespaces");
    add_step(&b, ns);
    add_step(&b, plural);
    add_step(&b, name);
    add_step(&b, subresource);
    return buf_take(&b);
}

char *kube_path_with(char *path, const char *key, const char *value)
{
    struct buf b;

    if (!value)
        return path;
    buf_init(&b, PATH_MAX_BYTES);
    buf_str(&b, path);
    buf_str(&b, strchr(path, '?') ? "&" : "?");
    add_escaped(&b, key);
    buf_str(&b, "=");
    add_escaped(&b, value);
    free(path);
    return buf_take(&b);
}

char *kube_path_apply(const char *path, const char *manager, bool force)
{
    char *p = kube_path_with(xstrdup(path), "fieldManager", manager);

    return kube_path_with(p, "force", force ? "true" : NULL);
}
