#include "changes.h"

#include <stdio.h>
#include <string.h>

#include "api/names.h"
#include "base/str.h"
#include "json/owned.h"
#include "kube/path.h"

static void note(cJSON *report, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void note(cJSON *report, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    AUTO_FREE char *text = xvasprintf(fmt, ap);
    va_end(ap);
    json_push_str(json_arr(report, "notes"), text);
}

/* --- taken from the plan --- */

static bool redis_is_unseen(const struct plan *p)
{
    return p->redis.wanted && !(p->redis.judged && p->redis.verdict.n_reachable > 0);
}

/* What follows slot health cannot be told by who does not see Redis: it stays as the operator made it. */
static struct desired_input input_of(const struct observed *o, const struct plan *p)
{
    const struct record *hpa = o->child[CHILD_HPA], *pdb = o->child[CHILD_REDIS_PDB];
    struct desired_input in = p->in;

    if (redis_is_unseen(p)) {
        in.hold_down = hpa && hpa->scale_down_disabled;
        in.redis_may_disrupt = pdb && pdb->max_unavailable == 1;
    }
    return in;
}

static void add(struct changes *c, enum child child, const char *change, const char *why, cJSON *body)
{
    if (c->n < COUNT(c->list))
        c->list[c->n++] = (struct change){ child, change, why, body, false };
    else
        cJSON_Delete(body);
}

static void take_action(struct changes *c, const struct observed *o, const struct plan *p, const struct action *a)
{
    struct desired_input in = input_of(o, p);
    bool follows_health = a->child == CHILD_HPA || a->child == CHILD_REDIS_PDB;
    AUTO_BUF struct buf text = { 0 };
    cJSON *item;

    if (a->kind == ACT_APPLY) {
        add(c, a->child, o->child[a->child] ? "update" : "create", a->why,
            follows_health ? desired_child(a->child, o->svc, &in) : json_dup(a->body));
        c->list[c->n - 1].hand_over = a->hand_over_replicas;
        return;
    }
    if (a->kind == ACT_DELETE) {
        add(c, a->child, "delete", a->why, NULL);
        return;
    }
    buf_init(&text, 512);
    plan_render_action(p, a, &text);
    item = json_push_obj(json_arr(c->report, "changes"));
    json_str(item, "change", "act");
    json_str(item, "why", buf_text(&text));
}

static bool has(const struct changes *c, enum child child)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->list[i].child == child)
            return true;
    return false;
}

/* Made one pass after the Deployment, when that is not there yet, or was not handed over. */
static void take_autoscaler(struct changes *c, const struct observed *o, const struct plan *p)
{
    struct desired_input in = input_of(o, p);

    if (o->svc && !p->stopped && !o->child[CHILD_HPA] && !has(c, CHILD_HPA) && o->svc->predictor.autoscaled)
        add(c, CHILD_HPA, "create", "follows the Deployment", desired_child(CHILD_HPA, o->svc, &in));
}

static void take_notes(struct changes *c, const struct observed *o, const struct plan *p)
{
    const char *said = json_get_str(o->status, "redis.state");

    if (redis_is_unseen(p) && json_get_bool(o->status, "redis.bootstrapped", false))
        note(c->report, "Redis was not reached from here%s%s: the operator last said %s; what follows slot health, and what would "
                        "be told to Redis, is left out", p->redis.reason[0] ? ": " : "", p->redis.reason, said ? said : "nothing");
    if (p->redis.wanted && !p->in.redis_keys && !p->stopped)
        note(c->report, "the password of Redis is not known here: what depends on it was not compared");
    if (p->gate.held_up || p->gate.held_down)
        note(c->report, "held: %s", p->gate.reason);
}

void changes_take(void *arg, const struct observed *o, const struct plan *p)
{
    struct changes *c = arg;

    c->report = json_new_obj();
    c->absent = !o;
    if (!o)
        return;
    c->uid = xstrdup(o->uid);
    json_str(c->report, "namespace", o->ns);
    json_str(c->report, "name", o->name);
    json_str(c->report, "reason", p->reason);
    json_str(c->report, "rule", p->rule);
    json_str(c->report, "message", p->message);
    json_arr(c->report, "changes");
    for (size_t i = 0; i < p->n_actions; i++)
        take_action(c, o, p, &p->actions[i]);
    take_autoscaler(c, o, p);
    take_notes(c, o, p);
}

/* --- compared with what is there --- */

struct field_list {
    const struct change *ch;
    cJSON *fields;
};

static bool is_secret(const struct change *ch, const char *path)
{
    return str_eq(child_types[ch->child].kind, "Secret") && (str_has_prefix(path, "data") || str_has_prefix(path, "stringData"));
}

static void on_field(void *arg, const char *path, const cJSON *live, const cJSON *want)
{
    struct field_list *l = arg;
    cJSON *f;

    if (l->ch->hand_over && !want && str_eq(path, "spec.replicas"))
        return; /* it stays as it is, and becomes the autoscaler's */
    f = json_push_obj(l->fields);
    json_str(f, "path", path);
    json_str(f, "change", is_secret(l->ch, path) ? "secret" : !live ? "add" : !want ? "remove" : live == want ? "own" : "replace");
    if (is_secret(l->ch, path))
        return;
    json_put_dup(f, "live", live);
    json_put_dup(f, "wanted", want);
}

static cJSON *push_change(struct changes *c, const struct change *ch, const char *change, const char *why)
{
    cJSON *item = json_push_obj(json_arr(c->report, "changes"));
    char name[512];

    if (!child_name(ch->child, json_get_str(c->report, "name"), name, sizeof(name)))
        name[0] = '\0';
    json_str(item, "change", change);
    json_str(item, "kind", child_types[ch->child].kind);
    json_str(item, "name", name);
    json_str(item, "why", why);
    return item;
}

static void create(struct changes *c, const struct change *ch)
{
    cJSON *item = push_change(c, ch, "create", ch->why), *body = json_dup(ch->body), *v;

    if (str_eq(child_types[ch->child].kind, "Secret"))
        cJSON_ArrayForEach(v, json_member(body, "data"))
            cJSON_SetValuestring(v, "");
    json_put(item, "wanted", body);
}

static void update(struct changes *c, const struct change *ch, const cJSON *live)
{
    AUTO_JSON cJSON *fields = json_new_arr();
    struct field_list list = { ch, fields };
    cJSON *item;

    owned_diff(live, owned_fields(live, API_MANAGER), ch->body, on_field, &list);
    if (!json_count(fields) && !ch->hand_over)
        return;
    item = push_change(c, ch, "update", ch->why);
    if (ch->hand_over)
        note(c->report, "spec.replicas of the Deployment is left to the autoscaler, as it is");
    json_put(item, "fields", TAKE(fields));
}

static void compare_one(struct look *l, struct changes *c, const struct change *ch)
{
    const struct child_type *t = &child_types[ch->child];
    char name[512];
    struct err e = { 0 };
    struct record r;

    if (!child_name(ch->child, json_get_str(c->report, "name"), name, sizeof(name)))
        return;
    AUTO_FREE char *path = kube_path(t->api_path, json_get_str(c->report, "namespace"), t->plural, name, NULL);
    AUTO_JSON cJSON *live = look_get(l, path, &e);

    if (e.kind == ERR_ABSENT && ch->body) {
        create(c, ch);
    } else if (e.kind != ERR_NONE && e.kind != ERR_ABSENT) {
        note(c->report, "%s %s cannot be read: %s", t->kind, name, e.msg);
        c->trouble = true;
    } else if (live && (!record_from(ch->child, live, &r) || !record_is_ours(&r, c->uid))) {
        push_change(c, ch, "leave", "exists and is not ours: it is left alone");
    } else if (live && ch->body) {
        update(c, ch, live);
    } else if (live) {
        push_change(c, ch, "delete", ch->why);
    }
}

void changes_compare(struct look *l, struct changes *c)
{
    for (size_t i = 0; i < c->n; i++)
        compare_one(l, c, &c->list[i]);
}

void changes_done(struct changes *c)
{
    for (size_t i = 0; i < c->n; i++)
        cJSON_Delete(c->list[i].body);
    cJSON_Delete(c->report);
    free(c->key);
    free(c->uid);
    *c = (struct changes){ 0 };
}

/* --- printed --- */

static void print_value(const cJSON *v)
{
    AUTO_FREE char *text = v ? json_print(v) : xstrdup("?");

    printf("%s", text);
}

static void print_field(const cJSON *f)
{
    const char *change = json_get_str(f, "change"), *path = json_get_str(f, "path");
    const cJSON *live = json_member(f, "live"), *wanted = json_member(f, "wanted");

    printf("    %c %s: ", str_eq(change, "add") ? '+' : str_eq(change, "remove") ? '-' : '~', path);
    if (str_eq(change, "secret")) {
        printf("changed");
    } else if (str_eq(change, "own")) {
        print_value(live);
        printf(" (as it is, but somebody else's)");
    } else {
        print_value(live ? live : wanted);
        if (live && wanted) {
            printf(" -> ");
            print_value(wanted);
        }
    }
    printf("\n");
}

static void print_change(const cJSON *c)
{
    const char *change = json_get_str(c, "change"), *why = json_get_str(c, "why");
    const cJSON *f;

    if (str_eq(change, "act")) {
        printf("  > %s\n", why);
        return;
    }
    printf("  %c %s %s (%s)\n", str_eq(change, "create") ? '+' : str_eq(change, "delete") ? '-' : str_eq(change, "leave") ? '!' : '~',
           json_get_str(c, "kind"), json_get_str(c, "name"), why ? why : "");
    cJSON_ArrayForEach(f, json_member(c, "fields"))
        print_field(f);
}

void changes_print(const cJSON *report)
{
    const char *rule = json_get_str(report, "rule");
    const cJSON *c, *changes = json_member(report, "changes");

    printf("%s/%s: %s\n", json_get_str(report, "namespace"), json_get_str(report, "name"),
           json_count(changes) ? "would change" : "nothing would change");
    cJSON_ArrayForEach(c, changes)
        print_change(c);
    if (rule)
        printf("  # %s (%s): %s\n", json_get_str(report, "reason"), rule, json_get_str(report, "message"));
    cJSON_ArrayForEach(c, json_member(report, "notes"))
        printf("  # %s\n", cJSON_GetStringValue(c));
}
