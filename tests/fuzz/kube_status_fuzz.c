/* What an API server or a credential program says: the first byte chooses who reads the rest. */
#include <assert.h>

#include "base/mem.h"
#include "fuzz.h"
#include "kube/exec.h"
#include "kube/lease_step.h"
#include "kube/status.h"

static void read_status(const cJSON *body, uint8_t pick)
{
    static const int codes[] = { 0, 200, 201, 204, 302, 400, 401, 403, 404, 409, 410, 422, 429, 500, 503, 504 };
    int status = codes[pick % COUNT(codes)];
    struct err e = { 0 };

    assert((kube_status_to_err(status, 0, body, &e) == 0) == (status >= 200 && status < 300));
    assert(e.retry_after_ms >= 0 && e.retry_after_ms <= 3600 * 1000);
    assert(!e.kind || e.msg[0]);
    (void)kube_status_is_gone(status, body);
    (void)kube_status_is_rv_too_large(status, body);
}

static void read_lease(const cJSON *body)
{
    struct lease_state s = { .identity = "me", .duration_ms = 15000, .renew_deadline_ms = 10000 };
    struct lease_record r;

    lease_record_read(body, &r);
    assert(r.holder && r.duration_ms >= 0 && r.duration_ms <= 120000);
    if (!cJSON_IsObject(body))
        return;
    cJSON_Delete(lease_object(body, lease_step(&s, &r, 0), "ns", "name", &s, "now"));
    cJSON_Delete(lease_object_released(body, "now"));
}

static void read_cred(const char *text, size_t len)
{
    struct exec_cred c;
    struct err e = { 0 };

    if (exec_cred_parse(text, len, &c, &e) == 0)
        exec_cred_done(&c);
    else
        assert(e.msg[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_JSON cJSON *body = NULL;

    if (size == 0)
        return 0;
    read_cred((const char *)data + 1, size - 1);
    if (json_parse((const char *)data + 1, size - 1, &body, NULL) < 0)
        return 0;
    read_status(body, data[0]);
    read_lease(body);
    return 0;
}
