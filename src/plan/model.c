/*
 * The rule about the image that downloads models.
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
    AUTO_JSON cJSON *deployment = NULL;

    in.model_fetcher = "";
    deployment = desired_child(CHILD_DEPLOYMENT, w->o->svc, &in);
    snprintf(out, 17, "%016llx", (unsigned long long)owned_hash_any_order(json_at(deployment, "spec.template")));
}

static bool is_template_known(const struct walk *w)
{
    return !w->o->svc->redis.present || w->in.redis_keys;
}

bool walk_lacks_claims(struct walk *w)
{
    return json_has(w->o->svc->predictor.spec, "accelerator.claim") && !walk_has(w, CAP_DRA);
}

static enum verdict_of_rule claims_are_there(struct walk *w)
{
    if (!walk_lacks_claims(w))
        return RULE_PASS;
    return walk_stall(w, RULE_HOLD, "DynamicResourceAllocationMissing",
                      "spec.predictor.accelerator.claim needs %s, which this cluster does not offer; what runs stays as it is",
                      capability_name(CAP_DRA));
}

/* The operator's image of the moment comes along when the pods change anyway: its upgrade restarts no model. */
static enum verdict_of_rule choose_fetcher(struct walk *w)
{
    const struct entrypoint *had = &w->o->redis.latch.fetcher;
    struct entrypoint *f = &w->p->fetcher;
    const char *own = w->o->image ? w->o->image : EVERSERVE_IMAGE;

    if (!w->o->svc->predictor.model_uri) {
        *f = (struct entrypoint){ .image = "" };
        return RULE_PASS;
    }
    w->in.model_fetcher = f->image[0] ? f->image : own;
    if (!is_template_known(w))
        return RULE_PASS;
    hash_template(w, f->template);
    if (had->image[0] && str_eq(had->template, f->template))
        return RULE_PASS;
    if (!str_copy(f->image, sizeof(f->image), own))
        return walk_stall(w, RULE_HOLD, "ImageNameTooLong", "EVERSERVE_IMAGE has more than %zu characters", sizeof(f->image) - 1);
    w->in.model_fetcher = f->image;
    w->p->status_first = true;
    return RULE_PASS;
}

enum verdict_of_rule rule_model(struct walk *w)
{
    enum verdict_of_rule r = choose_fetcher(w);

    return r == RULE_PASS ? claims_are_there(w) : r;
}
