#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "slots/settings.h"

enum { COMMANDS_MAX = 16 };

static const char unknown[] = "the servers that run do not know it; is it one of another release? Then spec.redis.image comes first";

static uint64_t hash_of(const char *text)
{
    uint64_t h = str_hash(STR_HASH_INIT, text, strlen(text));

    return h ? h : 1;
}

static size_t kept_at(const struct settings_memory *m, uint64_t name, uint64_t wanted)
{
    for (size_t i = 0; i < SETTINGS_KEPT; i++)
        if (m->items[i].name == name && m->items[i].wanted == wanted)
            return i;
    return SETTINGS_KEPT;
}

/* The place of this setting: its old one, a free one, or the one that is oldest. */
static size_t place_for(const struct settings_memory *m, uint64_t name)
{
    size_t oldest = 0;

    for (size_t i = 0; i < SETTINGS_KEPT; i++)
        if (m->items[i].name == name)
            return i;
    for (size_t i = 0; i < SETTINGS_KEPT; i++) {
        if (!m->items[i].name)
            return i;
        if (m->items[i].at_ms < m->items[oldest].at_ms)
            oldest = i;
    }
    return oldest;
}

static void keep(struct settings_memory *m, const char *name, const char *wanted, size_t member, const char *why,
                 int64_t now_ms)
{
    uint64_t n = hash_of(name), v = hash_of(wanted);
    size_t at = place_for(m, n);

    if (m->items[at].name != n || m->items[at].wanted != v)
        memset(&m->items[at], 0, sizeof(m->items[at]));
    m->items[at].name = n;
    m->items[at].wanted = v;
    m->items[at].taken = !why;
    m->items[at].refused = why != NULL;
    m->items[at].member = (uint32_t)member;
    m->items[at].at_ms = now_ms;
    snprintf(m->items[at].why, sizeof(m->items[at].why), "%s", why ? why : "");
}

void settings_remember(struct settings_memory *m, const struct command *c, enum reply_class what, const char *error,
                       int64_t now_ms)
{
    if (c->kind != CMD_CONFIG_SET || c->n_texts != 2 || what == REPLY_AGAIN)
        return;
    if (str_has_prefix(error, "ERR "))
        error += 4;
    keep(m, c->texts[0], c->texts[1], c->member, what == REPLY_OK ? NULL : error, now_ms);
}

bool settings_are_due(const struct settings_memory *m, const struct settings *wanted, int64_t now_ms)
{
    return !m->asked_ms || m->asked != settings_hash(wanted) || now_ms - m->asked_ms >= SETTINGS_ASK_MS;
}

struct look {
    const struct settings_input *in;
    struct settings_memory *m;
    struct settings_step *out;
    const struct setting *s; /* the one that is looked at */
    size_t kept;
    size_t n_known, n_have, n_so;
};

static bool is_so(const struct look *l, const char *shown)
{
    if (setting_is_so(l->s->name, l->s->value, shown))
        return true;
    return l->kept < SETTINGS_KEPT && l->m->items[l->kept].shown == hash_of(shown);
}

/* Taken, and shown differently since: that is how this server writes it. */
static void learn_form(struct look *l)
{
    uint32_t member = l->kept < SETTINGS_KEPT ? l->m->items[l->kept].member : 0;
    const char *shown;

    if (l->kept == SETTINGS_KEPT || !l->m->items[l->kept].taken || l->m->items[l->kept].shown ||
        member >= l->in->x->n_members)
        return;
    shown = settings_find(&l->in->shown[member], l->s->name);
    if (shown && !setting_is_so(l->s->name, l->s->value, shown))
        l->m->items[l->kept].shown = hash_of(shown);
}

static void count(struct look *l)
{
    for (size_t i = 0; i < l->in->x->n_members; i++) {
        const char *shown = settings_find(&l->in->shown[i], l->s->name);

        l->n_known += l->in->shown[i].n > 0;
        l->n_have += shown != NULL;
        l->n_so += shown && is_so(l, shown);
    }
}

bool settings_are_held(const struct settings_input *in, struct settings_memory *m, const struct setting *s)
{
    struct look l = { .in = in, .m = m, .s = s, .kept = kept_at(m, hash_of(s->name), hash_of(s->value)) };

    if (in->shown)
        count(&l);
    return l.n_so > 0;
}

static void tell(struct look *l)
{
    bool is_trial = l->n_so == 0;

    l->out->untested |= is_trial;
    for (size_t i = 0; i < l->in->x->n_members && l->out->commands.n < COMMANDS_MAX; i++) {
        const char *shown = settings_find(&l->in->shown[i], l->s->name);
        struct command *c;

        if (!shown || is_so(l, shown))
            continue;
        c = commands_add(&l->out->commands, CMD_CONFIG_SET, i);
        command_add_text(c, l->s->name);
        command_add_text(c, l->s->value);
        if (is_trial)
            return;
    }
}

static void report(struct look *l)
{
    if (l->out->key[0] || l->kept == SETTINGS_KEPT || !l->m->items[l->kept].refused)
        return;
    snprintf(l->out->key, sizeof(l->out->key), "%s", l->s->name);
    memcpy(l->out->why, l->m->items[l->kept].why, sizeof(l->out->why));
}

static void look_at(struct look *l)
{
    bool may_try;

    l->kept = kept_at(l->m, hash_of(l->s->name), hash_of(l->s->value));
    may_try = l->kept == SETTINGS_KEPT || !l->m->items[l->kept].refused ||
              l->in->now_ms - l->m->items[l->kept].at_ms >= SETTINGS_RETRY_MS;
    if (l->in->shown) {
        learn_form(l);
        count(l);
    }
    if (l->n_known && !l->n_have) {
        keep(l->m, l->s->name, l->s->value, 0, unknown, l->in->now_ms);
        l->kept = kept_at(l->m, hash_of(l->s->name), hash_of(l->s->value));
    } else if (l->n_have && l->n_so == l->n_have && l->kept < SETTINGS_KEPT) {
        l->m->items[l->kept].refused = false;
    } else if (l->n_so < l->n_have && may_try) {
        tell(l);
    }
    report(l);
}

void settings_step(const struct settings_input *in, struct settings_memory *m, struct settings_step *out)
{
    *out = (struct settings_step){ 0 };
    if (in->shown) {
        m->asked = settings_hash(in->wanted);
        m->asked_ms = in->now_ms;
    }
    for (size_t i = 0; i < in->wanted->n; i++) {
        struct look l = { .in = in, .m = m, .out = out, .s = &in->wanted->items[i] };

        look_at(&l);
    }
    if (out->commands.n)
        m->asked_ms = 0; /* how they show it is looked at next */
}

void settings_step_done(struct settings_step *s)
{
    commands_done(&s->commands);
}
