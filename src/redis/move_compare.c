#include <string.h>

#include <openssl/ssl.h>

#include "redis/mover.h"

/*
 * A key that may be on both sides: after an error the source keeps it, whatever the target got. What the
 * target lacks moves as any other; what is equal there, by DUMP, is replaced; anything else is a person's.
 * A DUMP tells values apart that only differ in the order of a large set: then a person looks too.
 */

static bool is_over(const struct keys *k)
{
    return k->m->over || k->w->lane->dead;
}

static void on_asked(void *arg, const redisReply *r)
{
    (void)arg; /* a node that does not import answers the question itself with an error */
    (void)r;
}

static void ask(struct keys *k, size_t member, enum command_kind kind, link_reply on_reply)
{
    struct command asking = { .kind = CMD_ASKING };
    struct command c = { .kind = kind, .texts = &k->texts[k->at], .text_lens = &k->lens[k->at], .n_texts = 1 };

    move_send(k->m, member, &asking, on_asked, k); /* the target imports; so does a source that gives keys back */
    move_send(k->m, member, &c, on_reply, k);
}

static void conflict(struct keys *k, const char *why)
{
    struct lane *lane = k->w->lane;

    lane_give_up(k->w, MOVE_CONFLICT);
    move_error(k->m, k->w, lane->target, REPLY_STOP, why);
    lane_keys_done(lane, k->w);
}

static bool digest_of(const redisReply *r, unsigned char *out)
{
    return EVP_Digest(r->str, r->len, out, NULL, EVP_sha256(), NULL) == 1;
}

static void on_target(void *arg, const redisReply *r)
{
    struct keys *k = arg;
    unsigned char digest[32];

    if (is_over(k) || keys_refused(k, k->w->lane->target, CMD_DUMP, r))
        return;
    if (r->type == REDIS_REPLY_NIL)
        keys_migrate(k, 1, false);
    else if (k->large)
        conflict(k, "a key is on both sides, too large to be compared");
    else if (r->type == REDIS_REPLY_STRING && digest_of(r, digest) && memcmp(digest, k->digest, sizeof(digest)) == 0)
        keys_migrate(k, 1, true);
    else
        conflict(k, "a key is on both sides with different values");
}

static void on_source(void *arg, const redisReply *r)
{
    struct keys *k = arg;

    if (is_over(k) || keys_refused(k, k->w->lane->source, CMD_DUMP, r))
        return;
    if (r->type != REDIS_REPLY_STRING || !digest_of(r, k->digest))
        keys_skip(k); /* expired or deleted meanwhile */
    else
        ask(k, k->w->lane->target, CMD_DUMP, on_target);
}

void keys_compare(struct keys *k)
{
    k->large = k->weights[k->at] > MOVE_COMPARE_MAX;
    if (k->weights[k->at] == 0)
        keys_skip(k);
    else if (k->large)
        ask(k, k->w->lane->target, CMD_WEIGH, on_target);
    else
        ask(k, k->w->lane->source, CMD_DUMP, on_source);
}
