#include "sim/node/hosts.h"

#include "base/log.h"
#include "base/str.h"
#include "sim/node/files.h"
#include "sim/node/pod.h"

#define MAX_HOSTS_BYTES (1 << 20)

static void names_of(struct buf *out, const struct pod *p)
{
    const char *host = json_get_str(p->spec, "hostname"), *sub = json_get_str(p->spec, "subdomain");

    if (!p->ip[0] || !host || !sub)
        return;
    buf_fmt(out, "%s\t%s.%s.%s.svc.cluster.local %s.%s.%s.svc %s.%s.%s %s.%s\n", p->ip, host, sub, p->ns, host, sub, p->ns,
            host, sub, p->ns, host, sub);
    buf_fmt(out, "%s\t%s.%s.svc.cluster.local %s.%s.svc %s.%s %s\n", p->ip, sub, p->ns, sub, p->ns, sub, p->ns, sub);
}

static void file_write(const struct pod *p, const struct buf *others)
{
    struct buf out;
    struct err e = { 0 };
    AUTO_FREE char *path = xasprintf("%s/hosts", p->dir);

    buf_init(&out, MAX_HOSTS_BYTES + 4096);
    buf_fmt(&out, "127.0.0.1\tlocalhost\n%s\t%s\n%s", p->ip, p->name, buf_text(others));
    /* In place: the container has this very file mounted. */
    if (files_write(path, out.data, out.len, 0644, &e) < 0)
        log_warn("hosts file", F("pod", p->name), F("error", e.msg));
    buf_done(&out);
}

void hosts_changed(struct world *w, const char *ns)
{
    struct buf others;

    buf_init(&others, MAX_HOSTS_BYTES);
    for (struct map_iter i = map_first(w->pods); i.key; map_next(&i))
        if (str_eq(((const struct pod *)i.value)->ns, ns))
            names_of(&others, i.value);
    for (struct map_iter i = map_first(w->pods); i.key; map_next(&i)) {
        const struct pod *p = i.value;
        if (str_eq(p->ns, ns) && p->net.ns >= 0)
            file_write(p, &others);
    }
    buf_done(&others);
}
