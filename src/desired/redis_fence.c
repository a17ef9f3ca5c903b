#include "build.h"

/* A master that lost its memory and is back before anybody noticed is still the master, and its replicas copy
 * its emptiness. With an append-only file it comes back with its keys. Without one it waits until a replica has
 * been elected, and joins that as its replica. When none could be, because most masters died at once, it hands
 * over itself: nobody knows better than a server that is about to start that the one before it is dead. */
static const char script[] =
    "# Written by everserve: a master without an append-only file does not start before a replica took over.\n"
    "nodes=" REDIS_DATA_DIR "/nodes.conf\n"
    "ask() { timeout 2 %1$s -h \"$@\" 2>/dev/null | tr -d '\\r'; }\n"
    "me=$(sed -n 's/^\\([0-9a-f]*\\) [^ ]* [^ ]*myself,master[^ ]* .* connected [0-9].*/\\1/p' $nodes 2>/dev/null)\n"
    "replicas=\n"
    "[ -z \"$me\" ] || replicas=$(sed -n \"s/^[0-9a-f]* \\([^ ]*\\):[0-9]*@[^ ]* [^ ]*slave[^ ]* $me .*/\\1/p\" $nodes)\n"
    "end=$(($(date +%%s) + %2$d))\n"
    "while [ -n \"$replicas\" ]; do\n"
    "  best= most=0\n"
    "  for ip in $replicas; do\n"
    "    said=$(ask \"$ip\" info replication)\n"
    "    case $said in *role:master*) break 2 ;; *master_sync_in_progress:0*) ;; *) continue ;; esac\n"
    "    at=$(echo \"$said\" | sed -n 's/^slave_read_repl_offset:\\([0-9]*\\)$/\\1/p')\n"
    "    [ \"${at:-0}\" -le \"$most\" ] || { best=$ip most=$at; }\n"
    "  done\n"
    "  if [ $(date +%%s) -ge $end ]; then\n"
    "    [ -z \"$best\" ] || ask \"$best\" cluster failover takeover\n"
    "    break\n"
    "  fi\n"
    "  sleep 1\n"
    "done\n"
    "exec \"$@\"\n";

enum {
    FENCE_S = 15, /* an election takes a node timeout, half of it again, one second, one more per rank: 8.5 s */
    SCRIPT_BYTES_MAX = 4096,
};

bool build_redis_is_fenced(const struct isvc_redis *r)
{
    return r->persistence != REDIS_APPEND_ONLY && r->replicas_per_shard > 0;
}

void build_redis_fence(const struct isvc_redis *r, cJSON *config_data)
{
    AUTO_BUF struct buf b;

    buf_init(&b, SCRIPT_BYTES_MAX);
    buf_fmt(&b, script, r->is_valkey ? "valkey-cli" : "redis-cli", FENCE_S);
    json_str(config_data, REDIS_FENCE_FILE, buf_text(&b));
}
