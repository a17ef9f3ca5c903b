/* YAML from users: what is read, printed and read again is the same value. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "json/yaml.h"

static void check_round_trip(const cJSON *doc)
{
    char *text = yaml_print(doc);
    cJSON *again = NULL;
    struct err e = { 0 };

    if (yaml_parse(text, strlen(text), &again, &e) == 0 && json_count(again) == 1) {
        char *a = json_print(doc), *b = json_print(again->child);

        assert(strcmp(a, b) == 0);
        free(a);
        free(b);
    }
    cJSON_Delete(again);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cJSON *docs = NULL;
    struct err e = { 0 };

    if (yaml_parse((const char *)data, size, &docs, &e) < 0) {
        assert(!docs && e.kind == ERR_INVALID && e.msg[0]);
        return 0;
    }
    for (const cJSON *d = docs->child; d; d = d->next)
        check_round_trip(d);
    cJSON_Delete(docs);
    return 0;
}
