#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "redis/mover.h"

#define BIG_TIMEOUT_MS 60000

static void list(struct keys *k);

void keys_free(struct keys *k)
{
    if (!k)
        return;
    free(k->bytes);
    free(k->texts);
    free(k->lens);
    free(k->weights);
    free(k);
}

static bool is_over(const struct keys *k)
{
    return k->m->over || k->w->lane->dead;
}

static void end(struct keys *k)
{
    struct work *w = k->w;

    lane_keys_done(w->lane, w);
}

static void give_up(struct keys *k, size_t member, enum reply_class what, const char *error)
{
    lane_give_up(k->w, MOVE_OPEN);
    move_error(k->m, k->w, member, what, error);
    end(k);
}

bool keys_refused(struct keys *k, size_t member, enum command_kind kind, const redisReply *r)
{
    if (r->type != REDIS_REPLY_ERROR)
        return false;
    give_up(k, member, command_classify(kind, r->str), r->str);
    return true;
}

static bool is_list_of_texts(const redisReply *r, size_t most)
{
    if (r->type != REDIS_REPLY_ARRAY || r->elements > most)
        return false;
    for (size_t i = 0; i < r->elements; i++)
        if (r->element[i]->type != REDIS_REPLY_STRING)
            return false;
    return true;
}

/* The names, in one piece of memory. */
static void keep(struct keys *k, const redisReply *r)
{
    size_t total = 0, at = 0;

    for (size_t i = 0; i < r->elements; i++)
        total += r->element[i]->len;
    free(k->bytes);
    k->bytes = xcalloc(total + 1, 1);
    k->n = r->elements;
    k->at = k->n_weighed = 0;
    for (size_t i = 0; i < k->n; i++) {
        memcpy(k->bytes + at, r->element[i]->str, r->element[i]->len);
        k->texts[i] = k->bytes + at;
        k->lens[i] = r->element[i]->len;
        k->weights[i] = 0;
        at += k->lens[i];
    }
}

static void on_weight(void *arg, const redisReply *r)
{
    struct keys *k = arg;

    if (is_over(k) || k->n_weighed >= k->n)
        return;
    if (r->type == REDIS_REPLY_INTEGER)
        k->weights[k->n_weighed] = r->integer > 0 ? r->integer : 1;
    k->n_weighed++; /* nil: gone meanwhile. An error: it weighs nothing that we know of */
    if (r->type == REDIS_REPLY_ERROR)
        k->weights[k->n_weighed - 1] = 1;
    if (k->n_weighed == k->n)
        keys_next(k);
}

static void weigh(struct keys *k)
{
    for (size_t i = 0; i < k->n && !k->m->over; i++) {
        struct command c = { .kind = CMD_WEIGH, .texts = &k->texts[i], .text_lens = &k->lens[i], .n_texts = 1 };

        move_send(k->m, k->w->lane->source, &c, on_weight, k);
    }
}

static void on_list(void *arg, const redisReply *r)
{
    struct keys *k = arg;
    size_t source = k->w->lane->source;

    if (is_over(k) || keys_refused(k, source, CMD_SLOT_KEYS, r))
        return;
    if (!is_list_of_texts(r, PACE_KEYS_MAX)) {
        give_up(k, source, REPLY_STOP, "GETKEYSINSLOT: not a list of keys");
        return;
    }
    if (r->elements == 0) {
        end(k);
        return;
    }
    k->full = r->elements >= k->n_asked;
    keep(k, r);
    weigh(k);
}

static int keys_at_once(const struct keys *k)
{
    int n = k->m->report.pace.keys;

    return n < 1 ? 1 : n > PACE_KEYS_MAX ? PACE_KEYS_MAX : n;
}

static void list(struct keys *k)
{
    struct command c = { .kind = CMD_SLOT_KEYS, .range = { k->w->what.slot, k->w->what.slot } };

    c.number = (uint32_t)(k->n_asked = (size_t)keys_at_once(k));
    k->n = 0;
    move_send(k->m, k->w->lane->source, &c, on_list, k);
}

void keys_start(struct work *w)
{
    struct keys *k = xcalloc(1, sizeof(*k));

    k->m = w->lane->m;
    k->w = w;
    k->texts = xcalloc(PACE_KEYS_MAX, sizeof(*k->texts));
    k->lens = xcalloc(PACE_KEYS_MAX, sizeof(*k->lens));
    k->weights = xcalloc(PACE_KEYS_MAX, sizeof(*k->weights));
    w->keys = k;
    list(k);
}

/* As many as fit one MIGRATE; at least one, whatever it weighs. */
static size_t chunk(const struct keys *k)
{
    int64_t sum = 0;
    size_t n = 0;

    while (k->at + n < k->n) {
        sum += k->weights[k->at + n];
        if (n && sum > MOVE_CHUNK_MAX)
            break;
        n++;
    }
    return n;
}

static bool waits_to_be_alone(struct keys *k)
{
    struct lane *lane = k->w->lane;

    if (k->weights[k->at] < MOVE_BIG_KEY || lane->n_moving == 1 || (lane->big && lane->big != k->w))
        return false;
    lane->big = k->w;
    return true;
}

void keys_skip(struct keys *k)
{
    k->at++;
    keys_next(k);
}

void keys_next(struct keys *k)
{
    if (k->at >= k->n && !k->full && !k->mend) {
        end(k); /* no new key can come to a slot that migrates; it is counted in any case */
    } else if (k->at >= k->n) {
        k->mend = false;
        list(k);
    } else if (waits_to_be_alone(k)) {
        return; /* lane_keys_done calls again */
    } else if (k->mend) {
        keys_compare(k);
    } else {
        keys_migrate(k, chunk(k), false);
    }
}

static void moved(struct keys *k)
{
    for (size_t i = 0; i < k->n_moving; i++) {
        k->m->report.keys += k->weights[k->at + i] > 0;
        k->m->report.bytes += k->weights[k->at + i];
    }
    if (k->w->lane->big == k->w)
        k->w->lane->big = NULL;
    k->at += k->n_moving;
    keys_next(k);
}

static bool leaves_doubt(const char *error)
{
    return str_has_prefix(error, "IOERR") || strstr(error, "BUSYKEY") != NULL;
}

static void on_migrated(void *arg, const redisReply *r)
{
    struct keys *k = arg;
    size_t source = k->w->lane->source;

    if (is_over(k))
        return;
    if (k->patient)
        move_node_timeout(k->m, k->m->limits.node_timeout_ms);
    k->patient = false;
    if (r->type != REDIS_REPLY_ERROR) {
        moved(k); /* OK, or NOKEY: they were gone */
        return;
    }
    if (!leaves_doubt(r->str) || ++k->w->tries > MOVE_TRIES) {
        give_up(k, source, command_classify(CMD_MIGRATE, r->str), r->str);
        return;
    }
    k->mend = true;
    list(k);
}

static uint32_t timeout_ms(const struct keys *k, size_t n)
{
    int64_t sum = 0;
    int half = k->m->limits.node_timeout_ms / 2;

    for (size_t i = 0; i < n; i++)
        sum += k->weights[k->at + i];
    if (sum > MOVE_CHUNK_MAX)
        return BIG_TIMEOUT_MS;
    return (uint32_t)(half < 500 ? 500 : half > 5000 ? 5000 : half);
}

void keys_migrate(struct keys *k, size_t n, bool equal)
{
    const struct redis_target *to = move_target(k->m, k->w->lane->target);
    struct command c = { .kind = equal ? CMD_MIGRATE_EQUAL : CMD_MIGRATE, .port = to->port, .number = timeout_ms(k, n) };
    const char *texts[PACE_KEYS_MAX + 4];
    size_t lens[PACE_KEYS_MAX + 4], n_words = 0;
    const struct redis_auth auth = move_auth(k->m, k->w->lane->target);
    const char *const login[] = { "AUTH2", auth.user, auth.password, "KEYS" };

    snprintf(c.ip, sizeof(c.ip), "%s", to->ip);
    for (size_t i = auth.password ? 0 : 3; i < COUNT(login); i++) {
        texts[n_words] = login[i];
        lens[n_words++] = strlen(login[i]);
    }
    for (size_t i = 0; i < n; i++) {
        texts[n_words] = k->texts[k->at + i];
        lens[n_words++] = k->lens[k->at + i];
    }
    c.texts = (char **)(uintptr_t)texts; /* lent for the call, not changed */
    c.text_lens = lens;
    c.n_texts = n_words;
    k->n_moving = n;
    k->patient = k->weights[k->at] >= MOVE_BIG_KEY && k->m->limits.node_timeout_ms > 0;
    if (k->patient)
        move_node_timeout(k->m, k->m->limits.node_timeout_ms + k->weights[k->at] / MOVE_BYTES_PER_MS);
    move_send(k->m, k->w->lane->source, &c, on_migrated, k);
}
