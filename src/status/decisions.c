#include "status/decisions.h"

#include <stdio.h>

#include "base/str.h"

enum { MESSAGE_MAX = 160, WRITES_MAX = 200 };

static void put_text(cJSON *obj, const char *key, const char *text)
{
    AUTO_FREE char *copy = xstrdup(text);

    if (!copy[0])
        return;
    str_utf8_fix(copy);
    json_str(obj, key, copy);
}

static void put_writes(const struct plan *p, uint64_t wrote, cJSON *item)
{
    AUTO_BUF struct buf b;

    buf_init(&b, WRITES_MAX);
    for (size_t i = 0; i < p->n_actions; i++) {
        if (!(wrote >> i & 1))
            continue;
        if (b.len)
            buf_str(&b, ", ");
        plan_render_action(p, &p->actions[i], &b);
    }
    put_text(item, "writes", buf_text(&b));
}

cJSON *status_decision(const struct observed *o, const struct plan *p, uint64_t wrote)
{
    cJSON *item = json_new_obj();
    char text[MESSAGE_MAX + 1];

    str_rfc3339(o->wall_ms, false, text);
    json_str(item, "time", text);
    json_str(item, "rule", p->rule);
    json_str(item, "reason", p->reason);
    snprintf(text, sizeof(text), "%.*s", MESSAGE_MAX, p->message);
    put_text(item, "message", text);
    put_writes(p, wrote, item);
    return item;
}

static bool is_same(const cJSON *a, const cJSON *b, const char *key)
{
    return str_eq(json_get_str(a, key), json_get_str(b, key));
}

void status_decisions_add(cJSON *list, const cJSON *item)
{
    cJSON *last = cJSON_GetArrayItem(list, json_count(list) - 1), *copy = json_dup(item);

    if (last && is_same(last, item, "rule") && is_same(last, item, "reason") && is_same(last, item, "writes")) {
        int64_t n = json_get_int(last, "count", 1) + json_get_int(item, "count", 1);

        json_int(copy, "count", n < INT32_MAX ? n : INT32_MAX);
        cJSON_DeleteItemFromArray(list, json_count(list) - 1);
    }
    json_push(list, copy);
    while (json_count(list) > STATUS_DECISIONS_MAX)
        cJSON_DeleteItemFromArray(list, 0);
}

bool status_decisions_end_with(const cJSON *list, const struct plan *p)
{
    const cJSON *last = cJSON_GetArrayItem(list, json_count(list) - 1);

    return last && str_eq(json_get_str(last, "rule"), p->rule) && str_eq(json_get_str(last, "reason"), p->reason);
}
