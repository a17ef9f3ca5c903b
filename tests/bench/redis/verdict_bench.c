/*
 * What a look at 100 nodes costs the operator: the texts of all of them are read and judged. No node runs.
 *
 *   BENCH_NODES=100
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/buf.h"
#include "slots/heal.h"
#include "slots/verdict.h"

#define ROUNDS 20

static int n_nodes;

static void add_id(struct buf *b, int i)
{
    buf_fmt(b, "%040x", i + 1);
}

/* Node 0, 2, 4 ... are masters; each one's replica follows. */
static void nodes_text(struct buf *b, int self)
{
    int shards = n_nodes / 2;

    for (int i = 0; i < n_nodes; i++) {
        struct slot_range r = slot_share(i / 2, shards);

        add_id(b, i);
        buf_fmt(b, " 10.0.%d.%d:6379@16379,,tls-port=0 %s%s ", i / 250, i % 250 + 1, i == self ? "myself," : "",
                i % 2 ? "slave" : "master");
        if (i % 2)
            add_id(b, i - 1);
        else
            buf_str(b, "-");
        buf_fmt(b, " 0 1700000000000 %d connected", i / 2 + 1);
        if (i % 2 == 0)
            buf_fmt(b, " %u-%u", r.first, r.last);
        buf_str(b, "\n");
    }
}

static void info_text(struct buf *b, int self)
{
    if (self % 2)
        buf_fmt(b, "redis_version:7.0.15\r\nuptime_in_seconds:1000\r\nrole:slave\r\nmaster_host:10.0.%d.%d\r\nmaster_port:6379\r\n"
                "master_link_status:up\r\nmaster_sync_in_progress:0\r\nslave_read_repl_offset:1000\r\n", (self - 1) / 250,
                (self - 1) % 250 + 1);
    else
        buf_fmt(b, "redis_version:7.0.15\r\nuptime_in_seconds:1000\r\nrole:master\r\nmaster_repl_offset:1000\r\n"
                "slave0:ip=10.0.%d.%d,port=6379,state=online,offset=1000,lag=0\r\n", (self + 1) / 250, (self + 1) % 250 + 1);
    buf_str(b, "# Keyspace\r\ndb0:keys=1000,expires=0,avg_ttl=0\r\n");
}

static void read_one(struct node_view *v, int self, const struct buf *nodes, const struct buf *info)
{
    struct err e = { 0 };
    char text[400];

    view_init(v);
    snprintf(text, sizeof(text), "cluster_state:ok\r\ncluster_slots_assigned:16384\r\ncluster_slots_ok:16384\r\n"
             "cluster_slots_pfail:0\r\ncluster_slots_fail:0\r\ncluster_known_nodes:%d\r\ncluster_size:%d\r\n"
             "cluster_current_epoch:%d\r\ncluster_my_epoch:%d\r\n", n_nodes, n_nodes / 2, n_nodes / 2, self / 2 + 1);
    if (view_parse_nodes(nodes->data, nodes->len, v, &e) < 0 || view_parse_cluster_info(text, strlen(text), v, &e) < 0 ||
        view_parse_info(info->data, info->len, v, &e) < 0 || view_finish(v, &e) < 0) {
        printf("failed: %s\n", e.msg);
        exit(1);
    }
    v->reach = REACH_OK;
}

static double cpu_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec * 1000 + (double)ts.tv_nsec / 1e6;
}

static void describe(struct member *m, char (*pods)[24], char (*ips)[24])
{
    for (int i = 0; i < n_nodes; i++) {
        snprintf(pods[i], sizeof(pods[i]), "redis-%d", i);
        snprintf(ips[i], sizeof(ips[i]), "10.0.%d.%d", i / 250, i % 250 + 1);
        m[i] = (struct member){ .pod = pods[i], .ip = ips[i], .port = 6379, .ready = true };
    }
}

int main(void)
{
    const char *text = getenv("BENCH_NODES");
    double read_ms = 0, judge_ms = 0;
    struct verdict v;

    n_nodes = text ? (int)strtol(text, NULL, 10) : 100;
    struct member *members = xcalloc((size_t)n_nodes, sizeof(*members));
    char (*pods)[24] = xcalloc((size_t)n_nodes, sizeof(*pods)), (*ips)[24] = xcalloc((size_t)n_nodes, sizeof(*ips));
    struct node_view *views = xcalloc((size_t)n_nodes, sizeof(*views));
    struct buf *texts = xcalloc((size_t)n_nodes * 2, sizeof(*texts));
    struct expected x = { .members = members, .n_members = (size_t)n_nodes, .shards = n_nodes / 2, .replicas_per_shard = 1,
                          .node_timeout_ms = 5000 };

    describe(members, pods, ips);
    for (int i = 0; i < n_nodes; i++) {
        buf_init(&texts[2 * i], 1 << 20);
        buf_init(&texts[2 * i + 1], 1 << 16);
        nodes_text(&texts[2 * i], i);
        info_text(&texts[2 * i + 1], i);
    }
    for (int round = 0; round < ROUNDS; round++) {
        double start = cpu_ms();

        for (int i = 0; i < n_nodes; i++)
            read_one(&views[i], i, &texts[2 * i], &texts[2 * i + 1]);
        read_ms += cpu_ms() - start;
        start = cpu_ms();
        verdict_judge(&x, views, (size_t)n_nodes, &v);
        judge_ms += cpu_ms() - start;
        for (int i = 0; i < n_nodes; i++)
            view_done(&views[i]);
    }
    printf("\n| a look at %d nodes | CPU |\n|---|---|\n| reading what they say | %.1f ms |\n| the verdict (%s) | %.1f ms |\n", n_nodes,
           read_ms / ROUNDS, redis_state_name(v.state), judge_ms / ROUNDS);
    for (int i = 0; i < 2 * n_nodes; i++)
        buf_done(&texts[i]);
    free(texts);
    free(views);
    free(ips);
    free(pods);
    free(members);
    return 0;
}
