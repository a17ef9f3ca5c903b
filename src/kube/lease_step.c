#include "lease_step.h"

#include <string.h>

#include "base/str.h"

enum { DURATION_MAX_S = 120 };

static void note(struct lease_state *s, const struct lease_record *r, int64_t now_ms)
{
    if (s->has_seen && s->seen_mark == r->mark)
        return;
    s->has_seen = true;
    s->seen_mark = r->mark;
    s->seen_ms = now_ms;
}

enum lease_act lease_step(struct lease_state *s, const struct lease_record *r, int64_t now_ms)
{
    int64_t patience_ms = s->duration_ms;

    if (!r) {
        s->held = false;
        return LEASE_CREATE;
    }
    note(s, r, now_ms);
    if (str_eq(r->holder, s->identity))
        return LEASE_RENEW;
    s->held = false;
    if (str_empty(r->holder))
        return LEASE_TAKE;
    if (patience_ms < r->duration_ms)
        patience_ms = r->duration_ms;
    return now_ms - s->seen_ms >= patience_ms ? LEASE_TAKE : LEASE_WAIT;
}

void lease_wrote(struct lease_state *s, int64_t sent_ms)
{
    s->held = true;
    s->renewed_ms = sent_ms;
}

bool lease_state_holds(const struct lease_state *s, int64_t now_ms)
{
    return s->held && now_ms - s->renewed_ms < s->renew_deadline_ms;
}

static uint64_t add_text(uint64_t h, const char *text)
{
    text = text ? text : "";
    return str_hash(h, text, strlen(text) + 1);
}

void lease_record_read(const cJSON *obj, struct lease_record *out)
{
    const char *holder = json_get_str(obj, "spec.holderIdentity");
    int64_t seconds = json_get_int(obj, "spec.leaseDurationSeconds", 0);
    int64_t transitions = json_get_int(obj, "spec.leaseTransitions", 0);
    uint64_t h = add_text(STR_HASH_INIT, holder);

    if (seconds < 0)
        seconds = 0;
    out->holder = holder ? holder : "";
    out->duration_ms = (seconds < DURATION_MAX_S ? seconds : DURATION_MAX_S) * 1000;
    h = add_text(h, json_get_str(obj, "spec.renewTime"));
    h = add_text(h, json_get_str(obj, "spec.acquireTime"));
    h = str_hash(h, &seconds, sizeof(seconds));
    out->mark = str_hash(h, &transitions, sizeof(transitions));
}

static cJSON *new_object(const char *ns, const char *name)
{
    cJSON *obj = json_new_obj(), *meta;

    json_str(obj, "apiVersion", "coordination.k8s.io/v1");
    json_str(obj, "kind", "Lease");
    meta = json_obj(obj, "metadata");
    json_str(meta, "namespace", ns);
    json_str(meta, "name", name);
    return obj;
}

cJSON *lease_object(const cJSON *live, enum lease_act act, const char *ns, const char *name,
                    const struct lease_state *s, const char *now)
{
    cJSON *obj = live ? json_dup(live) : new_object(ns, name);
    cJSON *spec = json_obj(obj, "spec");

    if (act == LEASE_TAKE)
        json_int(spec, "leaseTransitions", json_get_int(spec, "leaseTransitions", 0) + 1);
    if (act != LEASE_RENEW)
        json_str(spec, "acquireTime", now);
    if (act == LEASE_CREATE)
        json_int(spec, "leaseTransitions", 0);
    json_str(spec, "holderIdentity", s->identity);
    json_int(spec, "leaseDurationSeconds", s->duration_ms / 1000);
    json_str(spec, "renewTime", now);
    return obj;
}

cJSON *lease_object_released(const cJSON *live, const char *now)
{
    cJSON *obj = json_dup(live), *spec = json_obj(obj, "spec");

    json_str(spec, "holderIdentity", "");
    json_int(spec, "leaseDurationSeconds", 1);
    json_str(spec, "renewTime", now);
    return obj;
}
