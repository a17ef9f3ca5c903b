#include "app/check.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "app/check_options.h"
#include "slots/report.h"
#include "base/mem.h"
#include "base/str.h"

enum { SETTLE_MS = 10000, LOOK_AGAIN_MS = 500, REPORT_BYTES_MAX = 16 << 20 };

struct check {
    struct loop *loop;
    struct check_options o;
    struct check_address found[CHECK_MEMBERS_MAX], asked[CHECK_MEMBERS_MAX];
    size_t n_found, n_asked;
    bool discovered; /* in this look */
    bool on_terminal, colours, painted;
    struct redis_probe *probe;
    struct loop_timer *again;
    struct settle settle;
    int64_t give_up_ms;
    int exit_code;
};

static void find_add(struct check *c, const char *host, uint16_t port)
{
    for (size_t i = 0; i < c->n_found; i++)
        if (c->found[i].port == port && str_eq(c->found[i].host, host))
            return;
    if (c->n_found < CHECK_MEMBERS_MAX && str_copy(c->found[c->n_found].host, sizeof(c->found[0].host), host))
        c->found[c->n_found++].port = port;
}

static int by_address(const void *a, const void *b)
{
    const struct check_address *x = a, *y = b;
    int order = strverscmp(x->host, y->host);

    return order ? order : (int)x->port - (int)y->port;
}

/* A node that was asked under another name than the cluster's is taken under the cluster's. Who was found in an
 * earlier look and is silent now is still in the rows of the others. */
static void find_members(struct check *c, const struct node_view *views, size_t n)
{
    bool first = c->n_found == 0, any = false;

    for (size_t i = 0; i < n; i++)
        any |= views[i].reach == REACH_OK;
    if (!first && !any)
        return;
    c->n_found = 0;
    for (size_t i = 0; i < n; i++) {
        const struct view_row *me = views[i].reach == REACH_OK ? view_myself(&views[i]) : NULL;

        if ((!me && first) || (me && (!me->ip[0] || !me->port)))
            find_add(c, c->asked[i].host, c->asked[i].port);
        for (size_t r = 0; me && r < views[i].n_rows; r++) {
            const struct view_row *row = &views[i].rows[r];

            if (row->ip[0] && row->port && !(row->flags & (NODE_HANDSHAKE | NODE_NOADDR)))
                find_add(c, row->ip, row->port);
        }
    }
    qsort(c->found, c->n_found, sizeof(c->found[0]), by_address);
}

static int replicas_wanted(const struct check *c, const struct node_view *views, size_t n)
{
    size_t owners = 0, first = 0;

    while (first < n && views[first].reach != REACH_OK)
        first++;
    for (size_t r = 0; first < n && r < views[first].n_rows; r++)
        owners += views[first].rows[r].n_ranges > 0;
    return c->o.replicas >= 0 ? c->o.replicas : owners ? (int)(n / owners) - 1 : 0;
}

/* 0: a file or a pipe, whose lines may be of any length. */
static int terminal_width(void)
{
    struct winsize w;
    int64_t columns;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 0)
        return w.ws_col;
    return getenv("COLUMNS") && str_to_int(getenv("COLUMNS"), 20, 1000, &columns) ? (int)columns : 0;
}

/* In place: each line is painted over the old one, so that nothing flickers. */
static void paint(struct check *c, const char *text)
{
    char now[32];

    str_rfc3339(loop_wall_ms(), false, now);
    fputs(c->painted ? "\033[H" : "\033[2J\033[H", stdout);
    c->painted = true;
    printf("%s, every %d s, Ctrl-C ends\033[K\n\033[K\n", now, c->o.watch_s);
    while (*text) {
        size_t n = strcspn(text, "\n");

        printf("%.*s\033[K\n", (int)n, text);
        text += n + (text[n] == '\n');
    }
    fputs("\033[J", stdout);
}

static void report(struct check *c, const struct report_look *l)
{
    AUTO_BUF struct buf b = { 0 };

    if (c->o.quiet)
        return;
    buf_init(&b, REPORT_BYTES_MAX);
    if (c->o.as_json)
        report_json(l, !c->o.watch_s, &b);
    else
        report_table(l, &b);
    if (c->on_terminal && c->o.watch_s && !c->o.as_json)
        paint(c, buf_text(&b));
    else
        printf("%s%s", buf_text(&b), c->o.watch_s && !c->o.as_json ? "\n" : "");
    /* nobody reads any more: head, or a closed window */
    if (fflush(stdout) == EOF && errno == EPIPE)
        loop_stop(c->loop);
}

/* True when the last word is said. */
static bool judge(struct check *c, const struct node_view *views, size_t n)
{
    AUTO_FREE struct member *members = xcalloc(n + 1, sizeof(*members));
    struct expected x = { .members = members, .n_members = n, .replicas_per_shard = replicas_wanted(c, views, n) };
    bool asks_to_settle = c->o.settled || c->o.watch_s;
    struct verdict v;
    int64_t left_ms;

    for (size_t i = 0; i < n; i++)
        members[i] = (struct member){ .ip = c->found[i].host, .port = c->found[i].port, .node = c->found[i].host,
                                      .zone = check_zone_of(&c->o, c->found[i].host) };
    verdict_judge(&x, views, n, &v);
    left_ms = verdict_settle(&c->settle, &v, 0, loop_now_ms());
    if (c->o.settled && !v.holds[P_SETTLED] && loop_now_ms() < c->give_up_ms) {
        loop_timer_set(c->again, left_ms > 0 && left_ms < LOOK_AGAIN_MS ? left_ms : LOOK_AGAIN_MS);
        return false;
    }
    report(c, &(struct report_look){ &x, views, &v, asks_to_settle, terminal_width(), c->colours });
    c->exit_code = v.state == REDIS_HEALTHY && (!c->o.settled || v.holds[P_SETTLED]) ? 0
                   : v.state == REDIS_UNKNOWN                                        ? CHECK_EXIT_UNKNOWN
                                                                                     : 1;
    return true;
}

static void ask(struct check *c);

static void look(void *arg)
{
    struct check *c = arg;

    c->discovered = false;
    ask(c);
}

static void on_views(void *arg, struct node_view *views, size_t n)
{
    struct check *c = arg;

    c->probe = NULL;
    if (!c->discovered) {
        find_members(c, views, n);
        c->discovered = true;
        ask(c);
    } else if (judge(c, views, n)) {
        if (c->o.watch_s)
            loop_timer_set(c->again, c->o.watch_s * 1000LL);
        else
            loop_stop(c->loop);
    }
    views_free(views, n);
}

/* First whoever is known, to learn who there is; then all of them. */
static void choose_asked(struct check *c)
{
    c->n_asked = 0;
    for (size_t i = 0; i < c->n_found; i++)
        c->asked[c->n_asked++] = c->found[i];
    for (size_t i = 0; !c->discovered && i < c->o.n_given && c->n_asked < CHECK_MEMBERS_MAX; i++)
        c->asked[c->n_asked++] = c->o.given[i];
}

static void ask(struct check *c)
{
    AUTO_FREE struct redis_target *targets = NULL;

    choose_asked(c);
    targets = xcalloc(c->n_asked, sizeof(*targets));
    for (size_t i = 0; i < c->n_asked; i++)
        targets[i] = (struct redis_target){ .ip = c->asked[i].host, .port = c->asked[i].port };
    c->probe = redis_probe_start(c->loop, targets, c->n_asked, &c->o.auth, c->o.timeout_ms, on_views, c);
}

static void on_end(void *arg)
{
    struct check *c = arg;

    loop_stop(c->loop);
}

static void prepare(struct check *c)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

    c->on_terminal = isatty(STDOUT_FILENO) && !str_eq(term, "dumb");
    c->colours = c->on_terminal && str_empty(no_color);
    c->exit_code = CHECK_EXIT_UNKNOWN; /* until a look is over */
    c->loop = loop_new();
    c->again = loop_timer_new(c->loop, look, c);
    c->give_up_ms = loop_now_ms() + SETTLE_MS;
    signal(SIGPIPE, SIG_IGN);
    loop_on_signal(c->loop, SIGINT, on_end, c);
    loop_on_signal(c->loop, SIGTERM, on_end, c);
}

int app_check(int argc, char **argv)
{
    AUTO_FREE struct check *c = xcalloc(1, sizeof(*c));
    int rc = check_options_read(&c->o, argc, argv);

    if (rc >= 0) {
        check_options_done(&c->o);
        return rc;
    }
    prepare(c);
    look(c);
    loop_run(c->loop);
    redis_probe_cancel(c->probe);
    loop_timer_free(c->again);
    loop_free(c->loop);
    check_options_done(&c->o);
    return c->exit_code;
}
