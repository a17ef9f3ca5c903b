/*
 * The rule about backups: when one is to be taken now, and what came of the last ones. The Job's name for a backup says
 * when it was wanted and by which word: "now-20261122-153000-1a2b3c4d".
 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "rules.h"

enum { NAME_HASH = 8, MINUTE_MS = 60000 };

static void hash_word(const char *word, char out[NAME_HASH + 1])
{
    snprintf(out, NAME_HASH + 1, "%08x", (unsigned)str_hash(STR_HASH_INIT, word, strlen(word)));
}

static bool is_for(const char *name, const char *word)
{
    char hash[NAME_HASH + 1];

    hash_word(word, hash);
    return str_has_suffix(name, hash);
}

static void make_name(const struct walk *w, const char *word, char *out, size_t size)
{
    char time[32], hash[NAME_HASH + 1];

    str_rfc3339(w->o->wall_ms, false, time);
    hash_word(word, hash);
    snprintf(out, size, "now-%.4s%.2s%.2s-%.2s%.2s%.2s-%s", time, time + 5, time + 8, time + 11, time + 14, time + 17, hash);
}

static void remember(struct walk *w, int64_t done_ms, const char *name)
{
    struct backup_state *b = &w->p->redis.backup;

    if (done_ms <= b->last_ms)
        return;
    b->last_ms = done_ms;
    snprintf(b->last_path, sizeof(b->last_path), "%.250s/%.60s", w->o->name, name);
    b->error[0] = '\0';
}

/* The CronJob tells when one was complete, and when the last was due: the name of a Job of its own ends with that minute. */
static void look_at_schedule(struct walk *w, const struct record *cron)
{
    AUTO_FREE char *name = NULL;

    if (!cron || cron->done_ms <= 0 || cron->done_ms < cron->due_min * (int64_t)MINUTE_MS)
        return;
    name = xasprintf("%s" CHILD_BACKUP_SUFFIX "-%lld", w->o->name, (long long)cron->due_min);
    remember(w, cron->done_ms, name);
}

static void look_at_job(struct walk *w, const struct record *job, const char *word)
{
    struct backup_state *b = &w->p->redis.backup;

    if (job->job_complete)
        remember(w, job->done_ms, job->mark);
    if (job->job_failed)
        snprintf(b->error, sizeof(b->error), "backup %.40s failed: the log of its pod says why; another word in spec.redis.backup.now tries again",
                 job->mark);
    if ((job->job_complete || job->job_failed) && is_for(job->mark, word) && !str_copy(b->token, sizeof(b->token), word))
        b->token[0] = '\0';
}

/* One server per shard: a replica in sync writes beside its work. */
static void tell_snapshots(struct walk *w)
{
    const struct redis_seen *seen = &w->o->redis;
    struct commands cmds = { 0 };

    for (size_t i = 0; seen->views && i < seen->expected.n_members; i++)
        if (seen->views[i].reach == REACH_OK && seen->views[i].is_replica && seen->views[i].master_link_up)
            commands_add(&cmds, CMD_SAVE, i);
    if (cmds.n && !w->p->redis.mending)
        walk_redis_step(w, &cmds, "snapshot", 0);
    commands_done(&cmds);
}

/* The status tells of the newest one alone, and a scheduled one may have been done since: its Job is still there. */
static bool is_saved(const struct walk *w, const char *word)
{
    const struct record *job = w->o->child[CHILD_BACKUP_JOB];

    return is_for(w->p->redis.backup.last_path, word) ||
           (job && record_is_ours(job, w->o->uid) && job->job_complete && is_for(job->mark, word));
}

enum verdict_of_rule walk_save_first(struct walk *w, const char *word)
{
    const struct backup_state *b = &w->p->redis.backup;
    const struct isvc_redis *want = &w->o->svc->redis;

    if (want->backup.present && !is_saved(w, word)) {
        snprintf(w->backup_word, sizeof(w->backup_word), "%s", word);
        return walk_say(w, RULE_HOLD, "RedisBackupFirst", "a backup is taken before nodes go%s%.180s", b->error[0] ? ": " : "", b->error);
    }
    if (!want->backup.present && want->persistence == REDIS_SNAPSHOT)
        tell_snapshots(w);
    return RULE_PASS;
}

/* One Job at a time: it stays until another word is there, then it goes, and the next is made. */
static void decide_job(struct walk *w, const struct isvc_backup *want)
{
    const struct record *job = w->o->child[CHILD_BACKUP_JOB];
    struct redis_outcome *r = &w->p->redis;
    const char *now = want->now ? want->now : "", *word = w->backup_word[0] ? w->backup_word : now;

    if (job && record_is_ours(job, w->o->uid)) {
        look_at_job(w, job, now);
        if (!job->deleting && is_for(job->mark, word))
            snprintf(r->backup_name, sizeof(r->backup_name), "%s", job->mark);
    } else if (!job && word[0] && (word != now || !str_eq(word, r->backup.token))) {
        if (r->bootstrapped && (r->state == REDIS_HEALTHY || r->state == REDIS_DEGRADED))
            make_name(w, word, r->backup_name, sizeof(r->backup_name));
    }
    w->in.redis_backup = r->backup_name[0] ? r->backup_name : NULL;
}

enum verdict_of_rule rule_redis_backup(struct walk *w)
{
    const struct isvc_backup *want = &w->o->svc->redis.backup;

    w->in.redis_formed = w->p->redis.bootstrapped;
    if (!w->p->redis.wanted || !w->o->svc->redis.present || !want->present)
        return RULE_PASS;
    look_at_schedule(w, w->o->child[CHILD_BACKUP_CRON]);
    decide_job(w, want);
    return RULE_PASS;
}
