/* A live object with managedFields: projecting and comparing ends, and what it holds matches itself. */
#include <stdlib.h>

#include "fuzz.h"
#include "json/owned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cJSON *live = NULL;
    struct err e = { 0 };

    if (json_parse((const char *)data, size, &live, &e) < 0)
        return 0;
    const cJSON *fields = owned_fields(live, "everserve");

    if (fields) {
        cJSON *mine = owned_project(live, fields);

        (void)owned_hash(mine);
        (void)owned_matches(live, fields, mine, &e);
        (void)owned_has(fields, "spec.replicas");
        cJSON_Delete(mine);
    }
    cJSON_Delete(live);
    return 0;
}
