#include "build.h"

/* A master that ends with writers on it is seconds without a master; one that hands over first is some
 * milliseconds. The operator sees that the pod ends and has a replica take over: this waits for it, on the way to
 * the end of the pod. When nobody came for a while (there is no operator), the best replica is told from here:
 * so that two seldom ask at once. A master without replicas in reach does not wait: then
 * the whole service is being deleted, or there is nobody to hand over to. */
static const char script[] =
    "# Written by everserve: a master hands over before it ends.\n"
    /* a pod of the image before finds the script of the image that comes; one of the release before has no such file */
    "cli=$(command -v valkey-cli || command -v redis-cli) as=\n"
    "if [ -r " REDIS_POD_PASSWORD_FILE " ]; then\n"
    "  REDISCLI_AUTH=$(cat " REDIS_POD_PASSWORD_FILE ") as='--user %4$s'\n"
    "  export REDISCLI_AUTH\n"
    "fi\n"
    "ask() { timeout 2 \"$cli\" $as%1$s \"$@\" 2>/dev/null | tr -d '\\r'; }\n"
    "is_master() {\n"
    "  said=$(ask info replication)\n"
    "  case $said in *role:master*state=online*) ;; *) return 1 ;; esac\n"
    "}\n"
    "hand_over() {\n"
    "  best=$(echo \"$said\" | sed -n 's/^slave[0-9]*:ip=\\([^,]*\\),.*state=online,offset=\\([0-9]*\\),.*/\\2 \\1/p' |\n"
    "    sort -n | tail -n 1)\n"
    "  ask -h \"${best#* }\" cluster failover >/dev/null\n"
    "}\n"
    "n=0\n"
    "while [ $n -lt %2$d ] && is_master; do\n"
    "  [ $n -ne %3$d ] || hand_over\n"
    "  sleep 0.5\n"
    "  n=$((n + 1))\n"
    "done\n"
    /* clients that still ask here are told where to go, instead of being cut off */
    "[ $n -eq 0 ] || sleep 2\n";

enum {
    OPERATOR_TRIES = 24,      /* 12 s: the operator looks, asks, and asks once more */
    TRIES = 24 + 14,          /* and the 5 s that Redis gives a failover */
    SCRIPT_BYTES_MAX = 4096,
};

void build_redis_stop(bool tls, cJSON *config_data)
{
    AUTO_BUF struct buf b;

    buf_init(&b, SCRIPT_BYTES_MAX);
    buf_fmt(&b, script, tls ? " --tls --cacert " REDIS_TLS_DIR "/ca.crt" : "", TRIES, OPERATOR_TRIES,
            redis_user_name(USER_REPLICA));
    json_str(config_data, REDIS_STOP_FILE, buf_text(&b));
}

void build_redis_stop_hook(cJSON *container)
{
    cJSON *command = json_arr(json_obj(json_obj(json_obj(container, "lifecycle"), "preStop"), "exec"), "command");

    json_push_str(command, "sh");
    json_push_str(command, REDIS_CONF_DIR "/" REDIS_STOP_FILE);
}
