#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "slots/merged.h"
#include "slots/tell.h"

static bool is_shaking_hands(const struct merged *m, size_t from, size_t to)
{
    const struct node_view *v = &m->views[from];

    for (size_t r = 0; r < v->n_rows; r++)
        if (v->rows[r].flags & NODE_HANDSHAKE && merged_at(m, &v->rows[r], to))
            return true;
    return false;
}

bool tell_knows(const struct merged *m, size_t viewer, size_t member)
{
    const struct view_row *r = view_find(&m->views[viewer], m->me[member]->id);

    return r && !(r->flags & (NODE_HANDSHAKE | NODE_NOADDR)) && (viewer == member || merged_at(m, r, member));
}

void tell_meet(struct commands *c, const struct merged *m, size_t from, size_t to)
{
    const struct member *p = &m->x->members[to];
    struct command *cmd;

    if (tell_knows(m, from, to) || is_shaking_hands(m, from, to) || str_empty(p->ip))
        return;
    cmd = commands_add(c, CMD_MEET, from);
    snprintf(cmd->ip, sizeof(cmd->ip), "%s", p->ip);
    cmd->port = p->port;
    cmd->bus_port = p->bus_port ? p->bus_port : (uint16_t)(p->port + 10000);
}

void tell_id(struct commands *c, enum command_kind kind, size_t who, const char *id)
{
    struct command *cmd = commands_add(c, kind, who);

    snprintf(cmd->id, sizeof(cmd->id), "%s", id);
}

bool tell_reason(char *out, size_t size, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(out, size, fmt, ap);
    va_end(ap);
    return true;
}
