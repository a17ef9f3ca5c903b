#include "exec.h"

#include "base/mem.h"

int exec_plugin_new(const cJSON *user, const cJSON *cluster, struct exec_plugin **out, struct err *e)
{
    (void)cluster;
    *out = NULL;
    if (json_member(user, "exec"))
        return err_set(e, ERR_INVALID, "user.exec: not supported yet");
    return 0;
}

void exec_plugin_free(struct exec_plugin *p)
{
    free(p);
}
