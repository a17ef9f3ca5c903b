/*
 * The fence at work: reads what is there, asks, tells, and becomes the server.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ask.h"
#include "base/log.h"
#include "base/str.h"
#include "entry.h"
#include "fence.h"
#include "options.h"

enum { CONF_BYTES_MAX = 8 << 20, ASK_MS = 1500, TELL_MS = 2000, PAUSE_MS = 200 };

static const char usage[] =
    "usage: everserve-entry fence [OPTIONS] -- COMMAND...\n"
    "\n"
    "Becomes COMMAND, a Redis server in cluster mode. When nodes.conf says that it was a master with slots and its\n"
    "data is missing, or older than what its replicas hold, one of them is made master first.\n"
    "\n"
    "  --data DIR                 where nodes.conf and the data are (default: /data)\n"
    "  --persistence MODE         AppendOnly, Snapshot or None: which files count (default: None)\n"
    OPTIONS_HELP
    "\n"
    "It decides within 30 seconds: it starts COMMAND, or ends with 1 and the reason.\n";

static void look(struct fence *f, const struct ask_how *how)
{
    struct ask_target targets[FENCE_TARGETS_MAX];
    struct node_view views[FENCE_TARGETS_MAX];

    fence_targets(f);
    for (size_t i = 0; i < f->n_nodes; i++) {
        memcpy(targets[i].ip, f->nodes[i].ip, sizeof(targets[i].ip));
        targets[i].port = f->nodes[i].port;
        view_init(&views[i]);
    }
    ask_views(how, targets, views, f->n_nodes, ASK_MS);
    for (size_t i = 0; i < f->n_nodes; i++) {
        view_done(&f->nodes[i].view);
        f->nodes[i].view = views[i];
    }
}

static void tell(const struct ask_how *how, const struct fence_node *n, const char *mode)
{
    struct ask a = { .port = n->port, .args = { "CLUSTER", "FAILOVER", mode } };
    AUTO_FREE char *said = NULL;

    memcpy(a.ip, n->ip, sizeof(a.ip));
    ask_all(how, &a, 1, TELL_MS);
    said = xstrndup(buf_text(&a.out), strcspn(buf_text(&a.out), "\r\n"));
    log_info("failover", F("mode", mode), F("replica", (const char *)n->view.address), F("reply", (const char *)said));
    buf_done(&a.out);
}

static void obey(struct fence *f, const struct ask_how *how, const struct fence_step *s)
{
    if (s->act == FENCE_FORCE) {
        tell(how, &f->nodes[s->target], "FORCE");
        f->forced_ms = f->elapsed_ms;
    }
    if (s->act == FENCE_TAKEOVER) {
        tell(how, &f->nodes[s->target], "TAKEOVER");
        f->taken_ms = f->elapsed_ms;
    }
    usleep(PAUSE_MS * 1000);
}

static void on_term(int signo)
{
    _exit(128 + signo);
}

/* A new reason is said once, however often we look. */
static void say(const struct fence_step *s, char *said, size_t size)
{
    if (str_eq(said, s->why))
        return;
    snprintf(said, size, "%s", s->why);
    log_info("fence", F("because", s->why));
}

static void watch(struct fence *f, const struct ask_how *how, struct fence_step *s)
{
    int64_t begin_ms = ask_now_ms();
    char said[sizeof(s->why)] = "";

    while (!fence_starts_at_once(f, s)) {
        look(f, how);
        f->elapsed_ms = ask_now_ms() - begin_ms;
        fence_step(f, s);
        say(s, said, sizeof(said));
        if (s->replaced && f->left_ms < 0)
            f->left_ms = f->elapsed_ms;
        if (s->act == FENCE_START || s->act == FENCE_REFUSE)
            return;
        obey(f, how, s);
    }
    say(s, said, sizeof(said));
}

/* Nothing is thrown away: what must not be started with is kept beside, for whoever wants to look. */
static void set_aside(const char *dir, const char *name)
{
    AUTO_FREE char *from = xasprintf("%s/%s", dir, name);
    AUTO_FREE char *to = xasprintf("%s.aside-%lld", from, (long long)time(NULL));

    if (rename(from, to) == 0)
        log_warn("set aside", F("file", (const char *)from), F("now", (const char *)to));
}

/* A server with half a file does not start, not even as a replica; and another has the keys now. */
static void make_way(const char *dir, enum data_mode mode, const struct data *d, const struct fence_step *s)
{
    if (s->anew)
        set_aside(dir, "nodes.conf");
    if (s->anew || (s->replaced && d->damaged && mode == MODE_APPEND_ONLY))
        set_aside(dir, "appendonlydir");
    if (s->anew || (s->replaced && d->damaged && mode != MODE_APPEND_ONLY))
        set_aside(dir, "dump.rdb");
}

static int read_conf(const char *dir, struct fence *f)
{
    AUTO_FREE char *path = xasprintf("%s/nodes.conf", dir), *text = NULL;
    struct err e = { 0 };
    size_t len = 0;
    int rc = data_read_file(path, CONF_BYTES_MAX, &text, &len, &e);

    if (rc == -ERR_ABSENT || (rc == 0 && len == 0))
        return 0;
    if (rc == 0)
        rc = fence_read_conf(text, len, &f->conf, &e);
    /* the server cannot read it either, says so and ends: it is the one to judge its own file */
    if (rc < 0)
        log_warn("nodes.conf cannot be read", F("error", (const char *)e.msg));
    return rc;
}

static int become(char **argv)
{
    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    execvp(argv[0], argv);
    log_error("cannot start", F("program", (const char *)argv[0]), F("error", (const char *)strerror(errno)));
    return 127;
}

static bool fence_allows(const char *dir, enum data_mode mode, const struct ask_how *how)
{
    struct fence_step s = { .act = FENCE_START };
    struct fence f;

    fence_init(&f);
    if (read_conf(dir, &f) == 0) {
        data_look(dir, mode, &f.data);
        watch(&f, how, &s);
        if (s.act == FENCE_START)
            make_way(dir, mode, &f.data, &s);
    }
    if (s.act == FENCE_REFUSE)
        options_last_word(s.why);
    fence_done(&f);
    return s.act == FENCE_START;
}

int entry_fence(int argc, char **argv)
{
    static const char *const modes[] = { "AppendOnly", "Snapshot", "None" };
    static const struct option longs[] = { { "data", required_argument, NULL, 'd' },
                                           { "persistence", required_argument, NULL, 'p' },
                                           OPTIONS_LONG,
                                           { NULL, 0, NULL, 0 } };
    struct options o = { .how.cli = "redis-cli" };
    enum data_mode mode = MODE_NONE;
    const char *dir = "/data";
    int c;

    while ((c = getopt_long(argc, argv, "+", longs, NULL)) != -1) {
        size_t m = 0;

        while (c == 'p' && m < COUNT(modes) && !str_eq(modes[m], optarg))
            m++;
        if (c == 'd')
            dir = optarg;
        else if (c == 'p' && m < COUNT(modes))
            mode = (enum data_mode)m;
        else if (!options_take(&o, c, optarg))
            return fputs(usage, stderr), 64;
    }
    if (optind >= argc)
        return fputs(usage, stderr), 64;
    signal(SIGTERM, on_term); /* process 1 of a container does not die of it otherwise */
    signal(SIGINT, on_term);
    if (!options_ready(&o) || !fence_allows(dir, mode, &o.how))
        return 1;
    return become(argv + optind);
}
