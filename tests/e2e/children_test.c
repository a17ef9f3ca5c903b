#include "e2e/harness.h"
#include "e2e/operator.h"

/* Any cluster will do: the harness itself works. */
static void harness_works(struct e2e *t)
{
    e2e_apply(t, "{apiVersion: v1, kind: ConfigMap, metadata: {name: x}, data: {a: b}}");
    e2e_patch(t, "configmaps/x", "{data: {a: c}}");
    e2e_wait_value(t, "configmaps/x", "data.a", "\"c\"", 5);
    e2e_delete(t, "configmaps/x");
    e2e_wait_absent(t, "configmaps/x", 5);
}

static const struct e2e_test tests[] = {
    { "objects come, change and go", harness_works, 0 },
};

int main(void)
{
    return e2e_main("children", tests, COUNT(tests));
}
