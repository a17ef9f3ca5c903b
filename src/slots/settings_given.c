/*
 * Which settings of the user's have been taken by running servers, so that one that is taken out again is noticed.
 */
#include <string.h>

#include "base/str.h"
#include "slots/settings.h"

static bool has(const struct settings_given *g, const char *name)
{
    for (size_t i = 0; i < g->n; i++)
        if (str_eq(g->names[i], name))
            return true;
    return false;
}

static void add(struct settings_given *g, const char *name)
{
    if (g->n < SETTINGS_GIVEN_MAX && str_copy(g->names[g->n], SETTING_NAME_SIZE, name))
        g->n++;
}

cJSON *settings_given_json(const struct settings_given *g)
{
    cJSON *out, *list;

    if (!g->n && !g->restarts)
        return NULL;
    out = cJSON_CreateObject();
    list = json_arr(out, "live");
    for (size_t i = 0; i < g->n; i++)
        json_push_str(list, g->names[i]);
    json_int(out, "restarts", g->restarts);
    return out;
}

void settings_given_parse(const cJSON *json, struct settings_given *out)
{
    const cJSON *name;

    *out = (struct settings_given){ .restarts = (int32_t)json_get_int(json, "restarts", 0) };
    if (out->restarts < 0)
        out->restarts = 0;
    cJSON_ArrayForEach(name, json_member(json, "live"))
        if (cJSON_IsString(name) && !has(out, name->valuestring))
            add(out, name->valuestring);
}

bool settings_given_step(const struct settings_input *in, struct settings_memory *m, const struct settings *user,
                         const struct settings_given *had, struct settings_given *out)
{
    bool removed = false;

    *out = (struct settings_given){ .restarts = had->restarts };
    for (size_t i = 0; i < user->n; i++)
        if (has(had, user->items[i].name) || settings_are_held(in, m, &user->items[i]))
            add(out, user->items[i].name);
    for (size_t i = 0; i < had->n; i++)
        removed |= !settings_find(user, had->names[i]) && !settings_find(in->wanted, had->names[i]);
    out->restarts += removed;
    return removed;
}
