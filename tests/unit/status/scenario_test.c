/*
 * Plays tests/scenarios/NAME.txt: what happens goes in, what is decided comes out as the lines that begin
 * with ">". The file must hold exactly these; UPDATE_SCENARIOS=1 writes them. tests/scenarios/README.md
 * tells the commands.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <glob.h>
#include <stdlib.h>

#include <cmocka.h>

#include "stage.h"

enum { FILE_MAX = STAGE_TEXT_MAX, FILES_MAX = 100 };

/* --- commands --- */

static void say_numbers(struct stage *s)
{
    for (size_t i = 0; i < s->plan.n_actions; i++) {
        const struct action *a = &s->plan.actions[i];
        if (a->kind != ACT_APPLY || (a->child != CHILD_DEPLOYMENT && a->child != CHILD_HPA))
            continue;
        if (a->child == CHILD_HPA)
            buf_fmt(&s->out, ">     autoscaler from %lld to %lld%s\n", (long long)json_get_int(a->body, "spec.minReplicas", -1),
                    (long long)json_get_int(a->body, "spec.maxReplicas", -1),
                    json_has(a->body, "spec.behavior.scaleDown.selectPolicy") ? ", never down" : "");
        else if (json_has(a->body, "spec.replicas"))
            buf_fmt(&s->out, ">     Deployment with %lld replicas\n", (long long)json_get_int(a->body, "spec.replicas", -1));
        else
            buf_fmt(&s->out, ">     Deployment without a number\n");
    }
}

static void do_pass(struct stage *s, const char *arg)
{
    (void)arg;
    pass(s);
    AUTO_FREE char *text = plan_render(&s->plan);
    buf_fmt(&s->out, "> %s\n", text);
    say_numbers(s);
    forget(s);
}

static int64_t time_of(const char *arg)
{
    char *end;
    int64_t n = strtoll(arg, &end, 10);

    if (n <= 0 || (!str_eq(end, "s") && !str_eq(end, "ms")))
        fail_msg("\"%s\" is no time: 30s, 500ms", arg);
    return str_eq(end, "s") ? n * 1000 : n;
}

static void do_run(struct stage *s, const char *arg)
{
    int64_t end_ms = s->now_ms + time_of(arg);

    while (s->now_ms < end_ms) {
        pass(s);
        bool is_calm = !s->plan.n_actions && s->plan.look_again_ms != 0;
        AUTO_FREE char *text = plan_render(&s->plan);
        char *again = strstr(text, " again in ");
        if (again)
            *again = 0;
        if (!s->said || !str_eq(text, s->said)) {
            buf_fmt(&s->out, "> %s\n", text);
            say_numbers(s);
        }
        free(s->said);
        s->said = TAKE(text);
        forget(s);
        let_pass_ms(s, is_calm ? 500 : W_TICK_MS);
    }
}

static void do_quietly(struct stage *s, const char *arg)
{
    char *before = buf_take(&s->out);

    do_run(s, arg);
    buf_clear(&s->out);
    buf_str(&s->out, before);
    free(before);
}

static void do_wait(struct stage *s, const char *arg)
{
    let_pass_ms(s, time_of(arg));
}

static void do_spec(struct stage *s, const char *block)
{
    set_spec(s, block);
}

static enum child child_named(const char *label)
{
    for (int c = 0; c < N_CHILDREN; c++)
        if (str_eq(child_types[c].label, label))
            return (enum child)c;
    fail_msg("there is no child \"%s\"", label);
    return N_CHILDREN;
}

static void do_drift(struct stage *s, const char *label)
{
    s->rec[child_named(label)].owned_hash ^= 1;
}

static void do_vanish(struct stage *s, const char *label)
{
    enum child c = child_named(label);

    s->exists[c] = false;
    s->foreign[c] = NULL;
}

static void do_foreign(struct stage *s, const char *label)
{
    do_vanish(s, label);
    s->foreign[child_named(label)] = "was not made by everserve";
}

static void do_scale(struct stage *s, const char *arg)
{
    struct record *r = &s->rec[CHILD_DEPLOYMENT];

    r->spec_replicas = r->replicas = r->ready = r->updated = r->available = atoi(arg);
    r->owns_replicas = r->init_owns_replicas = false;
}

static void do_blind(struct stage *s, const char *arg)
{
    snprintf(s->blind, sizeof(s->blind), "%s", arg);
    s->sees = false;
}

static void do_sees(struct stage *s, const char *arg)
{
    (void)arg;
    s->blind[0] = '\0';
    s->sees = true;
}

static void set_offer(struct stage *s, const char *what, bool there)
{
    static const struct { const char *name; enum capability what; } offers[] = {
        { "vpa", CAP_VPA }, { "keda", CAP_KEDA }, { "zero", CAP_SCALE_TO_ZERO }, { "gateway", CAP_GATEWAY },
    };

    s->caps.knows_zero |= str_eq(what, "zero");
    for (size_t i = 0; i < COUNT(offers); i++)
        if (str_eq(offers[i].name, what)) {
            capabilities_set(&s->caps, offers[i].what, there);
            return;
        }
    fail_msg("no cluster offers \"%s\"", what);
}

static void do_offers(struct stage *s, const char *arg)
{
    set_offer(s, arg, true);
}

static void do_lacks(struct stage *s, const char *arg)
{
    set_offer(s, arg, false);
}

/* A start of the operator: to be asked again. */
static void do_unlearn(struct stage *s, const char *arg)
{
    set_offer(s, arg, false);
    s->caps.knows_zero = false;
}

static void do_ready(struct stage *s, const char *arg)
{
    s->rec[CHILD_DEPLOYMENT].ready = atoi(arg);
}

static void do_canary(struct stage *s, const char *arg)
{
    if (!s->exists[CHILD_CANARY])
        fail_msg("no version is on trial");
    trial_tell(&s->trial, arg);
}

static void do_image(struct stage *s, const char *label)
{
    enum child c = child_named(label);

    buf_fmt(&s->out, "> %s\n", s->exists[c] && s->image[c] ? s->image[c] : "absent");
}

/* "CrashLoopBackOff 3": the first pod of the new version waits, and was restarted so often. */
static void do_stuck(struct stage *s, const char *arg)
{
    struct record *r = &s->rec[CHILD_DEPLOYMENT];
    char why[32] = "";
    int restarts = 0;

    sscanf(arg, "%31s %d", why, &restarts);
    r->replicas = r->spec_replicas + 1;
    r->updated = r->unavailable = 1;
    r->ready = r->available = r->spec_replicas;
    s->stuck = (struct pod){ .name = (char *)(uintptr_t)"fraud-x", .serves = true, .restarts = restarts, .exit_code = restarts > 0 };
    memcpy(s->stuck.waiting, why, sizeof(s->stuck.waiting));
}

static void do_nodes(struct stage *s, const char *arg)
{
    serving_nodes(&s->serving, arg);
}

static void do_gateway(struct stage *s, const char *arg)
{
    char how[16] = "", why[32] = "";

    sscanf(arg, "%15s %31s", how, why);
    s->accepted = str_eq(how, "accepts");
    memcpy(s->refused, why, sizeof(s->refused));
}

static void do_devices(struct stage *s, const char *arg)
{
    s->devices = atoi(arg);
}

static void do_serving(struct stage *s, const char *arg)
{
    serving_pods(&s->serving, arg, &s->rec[CHILD_DEPLOYMENT], START_WALL_MS + s->now_ms);
}

static void do_late(struct stage *s, const char *arg)
{
    (void)arg;
    s->rec[CHILD_DEPLOYMENT].deadline_exceeded = true;
}

static void do_revisions(struct stage *s, const char *arg)
{
    (void)arg;
    s->tells_revisions = true;
}

static int pod_named(const struct stage *s, const char *arg)
{
    int64_t i = 0;

    if (!s->pods_run || !str_to_int(arg, 0, s->redis.n_pods - 1, &i))
        fail_msg("there is no Redis pod %s", arg);
    return (int)i;
}

static void do_kill(struct stage *s, const char *arg)
{
    w_kill(&s->redis, pod_named(s, arg));
}

static void do_start(struct stage *s, const char *arg)
{
    s->ends[pod_named(s, arg)] = false;
    w_start(&s->redis, pod_named(s, arg), true);
}

static void do_end(struct stage *s, const char *arg)
{
    s->ends[pod_named(s, arg)] = true;
}

static void do_cordon(struct stage *s, const char *arg)
{
    s->hosts[pod_named(s, arg)].cordoned = true;
}

static void do_uncordon(struct stage *s, const char *arg)
{
    s->hosts[pod_named(s, arg)].cordoned = false;
}

/* One letter per pod. */
static void do_zones(struct stage *s, const char *arg)
{
    for (size_t i = 0; arg[i] && i < W_PODS; i++)
        snprintf(s->hosts[i].zone, sizeof(s->hosts[i].zone), "%c", arg[i]);
}

static void do_hide(struct stage *s, const char *arg)
{
    s->redis.hidden[pod_named(s, arg)] = true;
}

static void do_room(struct stage *s, const char *arg)
{
    s->room = atoi(arg);
    w_scale(&s->redis, pods_with_room(s));
}

static void do_seen(struct stage *s, const char *arg)
{
    s->redis.hidden[pod_named(s, arg)] = false;
}

static void do_restart(struct stage *s, const char *arg)
{
    (void)arg;
    s->kept_is_read = false;
    s->trouble = (struct rollout_memory){ .since_ms = 0 };
    s->settle = (struct settle){ 0 };
    s->heal = (struct heal_memory){ 0 };
    s->roles = (struct roles_memory){ 0 };
    s->kept[0] = '\0'; /* nobody has looked yet */
    s->knows_password = s->exists[CHILD_REDIS_SECRET];
}

static void do_crash(struct stage *s, const char *arg)
{
    s->may_send = atoi(arg);
    pass(s);
    forget(s);
    s->may_send = INT32_MAX;
    s->died = false;
    do_restart(s, arg);
}

static void do_delete(struct stage *s, const char *arg)
{
    (void)arg;
    s->deleting = true;
}

static void do_show(struct stage *s, const char *path)
{
    const cJSON *c;

    cJSON_ArrayForEach(c, json_member(s->status, "conditions"))
        if (str_eq(json_get_str(c, "type"), path)) {
            buf_fmt(&s->out, "> %s %s, %s: %s\n", path, json_get_str(c, "status"), json_get_str(c, "reason"),
                    json_get_str(c, "message"));
            return;
        }
    AUTO_FREE char *text = json_has(s->status, path) ? json_print(json_at(s->status, path)) : xstrdup("absent");
    buf_fmt(&s->out, "> %s\n", text);
}

static const struct word {
    const char *name;
    void (*run)(struct stage *s, const char *arg);
} words[] = {
    { "spec", do_spec },     { "pass", do_pass },         { "run", do_run },     { "wait", do_wait }, { "quietly", do_quietly },
    { "drift", do_drift },   { "vanish", do_vanish },     { "foreign", do_foreign }, { "scale", do_scale },
    { "ready", do_ready },   { "kill", do_kill },         { "start", do_start }, { "hide", do_hide },
    { "end", do_end },       { "cordon", do_cordon },     { "uncordon", do_uncordon }, { "zones", do_zones },
    { "stuck", do_stuck },   { "late", do_late },         { "revisions", do_revisions },
    { "seen", do_seen },     { "room", do_room },     { "restart", do_restart },   { "crash", do_crash },       { "delete", do_delete }, { "show", do_show },
    { "blind", do_blind },   { "sees", do_sees },         { "offers", do_offers }, { "lacks", do_lacks }, { "unlearn", do_unlearn },
    { "nodes", do_nodes },   { "devices", do_devices },   { "gateway", do_gateway }, { "serving", do_serving },
    { "canary", do_canary }, { "image", do_image },
};

/* --- the player --- */

/* The indented lines that follow; *next moves past them. */
static char *take_block(struct stage *s, const char **next)
{
    const char *from = *next;

    while (**next == ' ')
        *next += strcspn(*next, "\n") + 1;
    char *block = xstrndup(from, (size_t)(*next - from));
    buf_fmt(&s->out, "%s", block);
    return block;
}

static void play_line(struct stage *s, const char *line, const char **next)
{
    char name[32] = "", arg[200] = "";

    buf_fmt(&s->out, "%s\n", line);
    if (line[0] == '#' || sscanf(line, "%31s %199[^\n]", name, arg) < 1)
        return;
    AUTO_FREE char *block = take_block(s, next);
    for (size_t i = 0; i < COUNT(words); i++)
        if (str_eq(words[i].name, name)) {
            words[i].run(s, block[0] ? block : arg);
            return;
        }
    fail_msg("there is no command \"%s\"", name);
}

static void play(struct stage *s, const char *text)
{
    while (*text) {
        AUTO_FREE char *line = xstrndup(text, strcspn(text, "\n"));
        text += strlen(line);
        text += *text == '\n';
        if (line[0] != '>')
            play_line(s, line, &text);
    }
}

static char *read_text(const char *path)
{
    char *text = xcalloc(1, FILE_MAX);
    FILE *f = fopen(path, "re");

    assert_non_null(f);
    size_t n = fread(text, 1, FILE_MAX - 1, f);
    fclose(f);
    text[n] = 0;
    return text;
}

static void compare(const char *path, const char *want, const char *got)
{
    for (int n = 1; *want || *got; n++) {
        int w = (int)strcspn(want, "\n"), g = (int)strcspn(got, "\n");
        if (w != g || strncmp(want, got, (size_t)w))
            fail_msg("%s:%d\n  the file says %.*s\n  it comes out %.*s", path, n, w, want, g, got);
        want += w + (want[w] == '\n');
        got += g + (got[g] == '\n');
    }
}

static void update(const char *path, const char *text)
{
    FILE *f = fopen(path, "we");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void scenario(void **state)
{
    const char *path = *state;
    struct stage *s = stage_new();
    AUTO_FREE char *text = read_text(path);

    s->pieces = 12; /* whole shards of 1, 2, 3, 4, 6 and 12 */
    play(s, text);
    AUTO_FREE char *got = xstrdup(buf_text(&s->out));
    stage_done(s);
    if (getenv("UPDATE_SCENARIOS"))
        update(path, got);
    else
        compare(path, text, got);
}

int main(void)
{
    struct CMUnitTest tests[FILES_MAX];
    size_t n = 0;
    glob_t found;

    if (glob("tests/scenarios/*.txt", 0, NULL, &found) != 0)
        return 1; /* none: run from the top folder */
    for (; n < found.gl_pathc && n < FILES_MAX; n++)
        tests[n] = (struct CMUnitTest){ strrchr(found.gl_pathv[n], '/') + 1, scenario, NULL, NULL, found.gl_pathv[n] };
    int failed = _cmocka_run_group_tests("scenarios", tests, n, NULL, NULL);
    globfree(&found);
    return failed;
}
