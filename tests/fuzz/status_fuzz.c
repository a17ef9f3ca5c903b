/* The status of an InferenceService, which anybody with the right to may have edited: what is promised in it is read, or refused. */
#include <assert.h>
#include <string.h>

#include "base/str.h"
#include "fuzz.h"
#include "plan/canary.h"
#include "plan/observed.h"
#include "slots/loss.h"
#include "status/decisions.h"

static void read_latch(const cJSON *status)
{
    struct expected x;
    struct latch l;
    struct member *members;
    struct err e = { 0 };

    if (latch_from_status(status, &l, &e) < 0) {
        assert(e.msg[0]);
        return;
    }
    assert(!l.bootstrapped || l.plan.n_seats);
    members = members_expected("fraud", NULL, &l, NULL, 0, &x);
    assert(x.n_members <= l.plan.n_seats);
    members_free(members, x.n_members);
    latch_done(&l);
}

static void read_canary(const cJSON *status)
{
    struct canary_state s, again;
    AUTO_JSON cJSON *json = NULL;

    canary_parse(json_at(status, "predictor.canary"), &s);
    json = canary_json(&s);
    canary_parse(json, &again);
    assert(canary_same(&s, &again));
}

static void read_copies(const cJSON *status)
{
    const char *text = json_get_str(status, "redis.copies");
    struct copies c, again;
    AUTO_BUF struct buf out;

    buf_init(&out, 65536);
    if (!text || !copies_parse(text, &c))
        return;
    copies_print(&c, &out);
    assert(copies_parse(buf_text(&out), &again) && memcmp(&c, &again, sizeof(c)) == 0);
}

static void add_decisions(const cJSON *status)
{
    AUTO_JSON cJSON *list = json_new_arr();
    const cJSON *item;

    cJSON_ArrayForEach(item, json_member(status, "decisions"))
        if (cJSON_IsObject(item))
            status_decisions_add(list, item);
    assert(json_count(list) <= STATUS_DECISIONS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_JSON cJSON *status = NULL;

    if (json_parse((const char *)data, size, &status, NULL) < 0)
        return 0;
    read_latch(status);
    read_canary(status);
    read_copies(status);
    add_decisions(status);
    return 0;
}
