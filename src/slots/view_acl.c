#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "slots/view.h"

enum { LINE_MAX_BYTES = 64 << 10 };

static bool next_word(const char **at, const char *end, char *out, size_t size)
{
    const char *p = *at, *from;
    size_t n;

    while (p < end && *p == ' ')
        p++;
    for (from = p; p < end && *p != ' '; p++)
        ;
    n = (size_t)(p - from);
    *at = p;
    if (!n || n >= size)
        return false;
    memcpy(out, from, n);
    out[n] = '\0';
    return true;
}

static bool take_word(struct view_user *u, const char *word, struct buf *rules)
{
    if (word[0] == '#') {
        if (u->n_hashes == VIEW_HASHES_MAX || strlen(word + 1) != 64)
            return false;
        memcpy(u->hashes[u->n_hashes++], word + 1, 65);
    } else if (str_eq(word, "on") || str_eq(word, "off")) {
        u->on = str_eq(word, "on");
    } else if (str_eq(word, "nopass")) {
        u->nopass = true;
    } else if (!str_eq(word, "sanitize-payload") && !str_eq(word, "resetchannels")) {
        buf_fmt(rules, "%s%s", rules->len ? " " : "", word);
    }
    return true;
}

int view_parse_user(const char *text, size_t len, struct node_view *v, struct err *e)
{
    const char *at = text, *end = text + len;
    struct view_user u = { 0 };
    char word[1024];
    AUTO_BUF struct buf rules;

    buf_init(&rules, LINE_MAX_BYTES + 1);
    if (len > LINE_MAX_BYTES || v->n_users == VIEW_USERS_MAX || memchr(text, '\0', len))
        return err_set(e, ERR_INVALID, "ACL LIST: too long");
    if (!next_word(&at, end, word, sizeof(word)) || !str_eq(word, "user") || !next_word(&at, end, u.name, sizeof(u.name)))
        return err_set(e, ERR_INVALID, "ACL LIST: a line without a user");
    while (next_word(&at, end, word, sizeof(word)))
        if (!take_word(&u, word, &rules))
            return err_set(e, ERR_INVALID, "ACL LIST: an unreadable password of %s", u.name);
    if (at < end)
        return err_set(e, ERR_INVALID, "ACL LIST: an unreadable word of %s", u.name);
    u.rules = xstrdup(buf_text(&rules));
    v->users = xrealloc(v->users, (v->n_users + 1) * sizeof(*v->users));
    v->users[v->n_users++] = u;
    return 0;
}

const struct view_user *view_user_find(const struct node_view *v, const char *name)
{
    for (size_t i = 0; i < v->n_users; i++)
        if (str_eq(v->users[i].name, name))
            return &v->users[i];
    return NULL;
}
