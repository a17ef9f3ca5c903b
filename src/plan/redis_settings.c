/*
 * The rule about settings that running servers take: told to one, then to all, then written to the file.
 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "rules.h"

void redis_settings_wanted(const struct isvc *s, struct settings *out)
{
    struct desired_input in = desired_input_default(s);
    AUTO_JSON cJSON *config = desired_child(CHILD_REDIS_CONFIGMAP, s, &in);
    const char *conf = cJSON_GetStringValue(json_member(json_member(config, "data"), "redis.conf"));

    settings_live(conf ? conf : "", out);
}

static void settings_of_user(const struct isvc *s, struct settings *out)
{
    const cJSON *v;

    *out = (struct settings){ 0 };
    cJSON_ArrayForEach(v, json_member(s->redis.spec, "config"))
        if (setting_is_live(v->string))
            (void)settings_put(out, v->string, strlen(v->string), v->valuestring, strlen(v->valuestring));
}

/* Before anything asks what a pod is made of: a setting that was taken out is part of that. */
enum verdict_of_rule rule_redis_removed(struct walk *w)
{
    struct redis_outcome *r = &w->p->redis;
    struct settings_input in = { .x = &w->o->redis.expected, .shown = w->o->redis.shown, .now_ms = w->o->now_ms };
    struct settings wanted, user;

    w->in.redis_restarts = r->given.restarts;
    if (!r->bootstrapped || !w->o->svc->redis.present)
        return RULE_PASS;
    redis_settings_wanted(w->o->svc, &wanted);
    settings_of_user(w->o->svc, &user);
    in.wanted = &wanted;
    if (settings_given_step(&in, &r->settings, &user, &w->o->redis.latch.given, &r->given))
        w->p->status_first = true;
    w->in.redis_restarts = r->given.restarts;
    settings_done(&wanted);
    settings_done(&user);
    return RULE_PASS;
}

static enum verdict_of_rule say(struct walk *w, const struct settings_step *s)
{
    const cJSON *users = json_member(w->o->svc->redis.spec, "config");

    if (!s->key[0])
        return RULE_PASS;
    return walk_stall(w, RULE_HOLD, "RedisSettingRefused", "%s%s: the server says: %s",
                      json_member(users, s->key) ? "spec.redis.config." : "redis.conf: ", s->key, s->why);
}

/* A value that no server took goes into no file: a pod that ends by chance would not come back. */
enum verdict_of_rule rule_redis_settings(struct walk *w)
{
    struct redis_outcome *r = &w->p->redis;
    struct settings_input in = { .x = &w->o->redis.expected, .shown = w->o->redis.shown, .now_ms = w->o->now_ms };
    enum verdict_of_rule how;
    struct settings wanted;
    struct settings_step s;

    if (!r->judged || !r->bootstrapped || !w->o->svc->redis.present)
        return RULE_PASS;
    redis_settings_wanted(w->o->svc, &wanted);
    in.wanted = &wanted;
    settings_step(&in, &r->settings, &s);
    w->leave_redis_pods |= s.untested || s.key[0];
    if (s.commands.n && walk_redis_has_room(w) && r->verdict.state != REDIS_UNKNOWN)
        walk_redis_step(w, &s.commands, "settings", 0);
    how = say(w, &s);
    settings_step_done(&s);
    settings_done(&wanted);
    return how;
}
