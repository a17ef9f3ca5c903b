/*
 * The rule about what brings the start fence into Redis pods.
 */
#include <stdio.h>

#include "base/str.h"
#include "base/version.h"
#include "json/owned.h"
#include "rules.h"

/* Of the template as it would be, but for our own image in it. */
static void hash_template(const struct walk *w, char out[17])
{
    struct desired_input in = w->in;
    AUTO_JSON cJSON *set = NULL;

    in.redis_entrypoint = "";
    set = desired_child(CHILD_REDIS_STATEFULSET, w->o->svc, &in);
    snprintf(out, 17, "%016llx", (unsigned long long)owned_hash_any_order(json_at(set, "spec.template")));
}

/* The operator's image of the moment comes along when the pods change anyway. */
enum verdict_of_rule rule_redis_entry(struct walk *w)
{
    const struct entrypoint *had = &w->o->redis.latch.entrypoint;
    struct entrypoint *e = &w->p->redis.entrypoint;
    const char *own = w->o->image ? w->o->image : EVERSERVE_IMAGE;

    if (!w->p->redis.wanted || !w->o->svc->redis.present)
        return RULE_PASS;
    hash_template(w, e->template);
    if ((!had->image[0] || !str_eq(had->template, e->template)) && !str_copy(e->image, sizeof(e->image), own))
        return walk_stall(w, RULE_HOLD, "ImageNameTooLong", "EVERSERVE_IMAGE has more than %zu characters", sizeof(e->image) - 1);
    w->in.redis_entrypoint = e->image;
    return RULE_PASS;
}
