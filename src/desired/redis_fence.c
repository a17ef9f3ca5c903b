#include "build.h"

#define SIZE_LIMIT "16Mi"                  /* it is one of them */

/* Its resources are the server's: the pod asks for no more than before, and its class of service stays. */
void build_redis_entry(const struct isvc *s, const struct desired_input *in, cJSON *pod)
{
    cJSON *c = json_push_obj(json_arr(pod, "initContainers")), *command, *v;

    json_str(c, "name", "entry");
    json_str(c, "image", in->redis_entrypoint);
    command = json_arr(c, "command");
    json_push_str(command, BUILD_ENTRY_PROGRAM);
    json_push_str(command, "install");
    json_push_str(command, REDIS_ENTRY_DIR);
    json_put_dup(c, "resources", json_member(s->redis.spec, "resources"));
    build_container_security(c);
    build_mount(c, "entry", REDIS_ENTRY_DIR, false);
    v = json_push_obj(json_arr(pod, "volumes"));
    json_str(v, "name", "entry");
    json_str(json_obj(v, "emptyDir"), "sizeLimit", SIZE_LIMIT);
}

const char *build_persistence(const struct isvc_redis *r)
{
    static const char *const modes[] = {
        [REDIS_APPEND_ONLY] = "AppendOnly", [REDIS_SNAPSHOT] = "Snapshot", [REDIS_NO_PERSISTENCE] = "None",
    };

    return modes[r->persistence];
}

/* A master that lost its memory and is back before anybody noticed is still the master, and its replicas copy
 * its emptiness: entry/fence.h. The same for every persistence and any number of replicas, so that changing
 * those does not change more of the pod than it has to. */
void build_redis_fence(const struct isvc *s, bool tls, cJSON *command)
{
    json_push_str(command, REDIS_ENTRY_DIR "/entry");
    json_push_str(command, "fence");
    json_push_str(command, "--data");
    json_push_str(command, REDIS_DATA_DIR);
    json_push_str(command, "--persistence");
    json_push_str(command, build_persistence(&s->redis));
    build_redis_reach(s, tls, command);
    json_push_str(command, "--password-file");
    json_push_str(command, REDIS_POD_PASSWORD_FILE);
    json_push_str(command, "--");
}

void build_redis_reach(const struct isvc *s, bool tls, cJSON *command)
{
    json_push_str(command, "--cli");
    json_push_str(command, s->redis.is_valkey ? "valkey-cli" : "redis-cli");
    json_push_str(command, "--user");
    json_push_str(command, redis_user_name(USER_REPLICA));
    if (!tls)
        return;
    json_push_str(command, "--tls");
    json_push_str(command, REDIS_TLS_DIR);
}
