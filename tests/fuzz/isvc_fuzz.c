/*
 * An InferenceService from a user: refused with a reason, or every child can be built from it,
 * twice the same, and no setting smuggles a line into redis.conf.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "desired/desired.h"
#include "fuzz.h"
#include "json/yaml.h"

static void check_conf(const cJSON *configmap)
{
    const cJSON *conf = json_member(json_member(configmap, "data"), "redis.conf");
    const char *text = cJSON_GetStringValue(conf);

    if (!text)
        return;
    assert(!strstr(text, "\nrequirepass") && !strstr(text, "\nmasterauth"));
    assert(str_has_suffix(text, "\ninclude /etc/everserve-auth/auth.conf\n"));
}

static void build_all(const struct isvc *s)
{
    struct desired_input in = desired_input_default(s);

    for (int c = 0; c < N_CHILDREN; c++) {
        cJSON *a = desired_child((enum child)c, s, &in), *b = desired_child((enum child)c, s, &in);

        assert(json_equal(a, b));
        if (c == CHILD_REDIS_CONFIGMAP)
            check_conf(a);
        cJSON_Delete(a);
        cJSON_Delete(b);
    }
}

static void check_doc(cJSON *doc)
{
    cJSON *meta = json_member(doc, "metadata");
    struct isvc s;
    struct err e = { 0 };

    if (cJSON_IsObject(meta))
        json_str(meta, "namespace", "default");
    if (isvc_decode(doc, &s, &e) < 0) {
        assert(e.kind == ERR_INVALID && e.msg[0]);
        return;
    }
    build_all(&s);
    isvc_done(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cJSON *docs = NULL;

    if (yaml_parse((const char *)data, size, &docs, NULL) < 0)
        return 0;
    for (cJSON *d = docs->child; d; d = d->next)
        check_doc(d);
    cJSON_Delete(docs);
    return 0;
}
