#include "app/diff.h"

#include <stdio.h>
#include <string.h>

#include "api/isvc.h"
#include "base/str.h"
#include "changes.h"
#include "file.h"
#include "json/yaml.h"

static const char help[] =
    "everserve diff: what would the operator change now?\n"
    "\n"
    "  kubectl everserve diff [OPTIONS]                 every InferenceService of the namespace\n"
    "  kubectl everserve diff [OPTIONS] [NAMESPACE/]NAME...\n"
    "  kubectl everserve diff [OPTIONS] -f FILE         as if the resources in FILE were applied\n"
    "\n"
    "Looks with the operator's own code, and writes nothing. Each child that would be made (+), changed (~)\n"
    "or deleted (-), each field as  path: live -> wanted,  and what else would be done now (>). What would\n"
    "follow later, when pods are ready, is not shown. Values of Secrets are never shown.\n"
    "\n"
    "  -f, --filename FILE     YAML or JSON, - for standard input; other kinds are skipped\n"
    "  -n, --namespace NAME    default: the context's\n"
    "  -A, --all-namespaces\n"
    "  -o, --output text|json  default text\n"
    "      --context NAME, --kubeconfig FILE\n"
    "  -h, --help\n"
    "\n"
    "Needs the right to list InferenceServices, pods and the kinds of their children in the namespace, and for\n"
    "Redis to get its Secret. Redis itself is asked where its pods can be reached; where not, it says so.\n"
    "\n"
    "Exit code: 0 nothing would change, 1 something would, 2 trouble, 64 wrong usage.\n";

struct diff {
    struct look look;
    cJSON *reports; /* owned */
    char *keys[10000];
    size_t n_keys;
    int worst;
};

static void worse(struct diff *d, int code)
{
    if (code > d->worst)
        d->worst = code;
}

static void complain(struct diff *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void complain(struct diff *d, const char *fmt, ...)
{
    va_list ap;

    fputs("everserve diff: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputs("\n", stderr);
    worse(d, LOOK_EXIT_TROUBLE);
}

static void diff_one(struct diff *d, const char *key)
{
    struct changes c = { 0 };
    struct err e;

    if (look_at(&d->look, key, changes_take, &c, &e) < 0) {
        complain(d, "%s", e.msg);
        return;
    }
    if (c.absent)
        complain(d, "there is no InferenceService %s", key);
    else
        changes_compare(&d->look, &c);
    if (c.trouble)
        worse(d, LOOK_EXIT_TROUBLE);
    if (json_count(json_member(c.report, "changes")))
        worse(d, LOOK_EXIT_DIFFERS);
    if (!c.absent)
        json_push(d->reports, TAKE(c.report));
    changes_done(&c);
}

static void on_key(void *arg, const char *key)
{
    struct diff *d = arg;

    if (d->n_keys < COUNT(d->keys))
        d->keys[d->n_keys++] = xstrdup(key);
}

static void diff_all(struct diff *d)
{
    ctrl_look_each(d->look.ctrl, on_key, d);
    for (size_t i = 0; i < d->n_keys; i++)
        diff_one(d, d->keys[i]);
}

static void diff_doc(struct diff *d, cJSON *doc)
{
    cJSON *meta = json_obj(doc, "metadata");
    struct isvc s;
    struct err e;

    if (!json_has(meta, "namespace"))
        json_str(meta, "namespace", d->look.ns);
    if (isvc_decode(doc, &s, &e) < 0) {
        const char *name = json_get_str(meta, "name");

        complain(d, "InferenceService %s would be refused: %s", name ? name : "without a name", e.msg);
        return;
    }
    AUTO_FREE char *key = xasprintf("%s/%s", s.ns, s.name);

    isvc_done(&s);
    ctrl_look_as(d->look.ctrl, doc);
    diff_one(d, key);
}

/* The namespace that all of the documents are in; NULL: several, or none given. */
static const char *only_namespace(const struct diff *d, const cJSON *docs)
{
    const char *only = NULL;
    const cJSON *doc;

    cJSON_ArrayForEach(doc, docs) {
        const char *ns = json_get_str(doc, "metadata.namespace");

        ns = ns ? ns : d->look.ns;
        if (only && !str_eq(only, ns))
            return NULL;
        only = ns;
    }
    return only;
}

static int read_docs(const char *file, cJSON **out, struct err *e)
{
    AUTO_JSON cJSON *docs = NULL;
    AUTO_BUF struct buf text;

    buf_init(&text, FILE_BYTES_MAX);
    if (file_read(file, &text, e) < 0 || yaml_parse(buf_text(&text), text.len, &docs, e) < 0)
        return err_wrap(e, "%s", file);
    for (int i = json_count(docs) - 1; i >= 0; i--)
        if (!str_eq(json_get_str(cJSON_GetArrayItem(docs, i), "kind"), API_KIND))
            cJSON_DeleteItemFromArray(docs, i);
    if (!json_count(docs))
        return err_set(e, ERR_INVALID, "%s: holds no InferenceService", file);
    *out = TAKE(docs);
    return 0;
}

/* Names may lie in several namespaces. */
static const char *namespace_of_names(struct diff *d, char **keep)
{
    const struct look_options *o = d->look.opt;

    for (size_t i = 0; i < o->n_names; i++) {
        AUTO_FREE char *key = look_key(&d->look, o->names[i]);

        *strchr(key, '/') = '\0';
        if (*keep && !str_eq(*keep, key))
            return NULL;
        free(*keep);
        *keep = TAKE(key);
    }
    return *keep ? *keep : d->look.ns;
}

static int look_around(struct diff *d, const struct look_options *o, struct err *e)
{
    AUTO_JSON cJSON *docs = NULL;
    AUTO_FREE char *ns = NULL;
    cJSON *doc;

    if (look_open(&d->look, o, e) < 0 || (o->file && read_docs(o->file, &docs, e) < 0))
        return -(int)e->kind;
    if (look_watch(&d->look, o->all ? NULL : docs ? only_namespace(d, docs) : namespace_of_names(d, &ns), e) < 0)
        return -(int)e->kind;
    cJSON_ArrayForEach(doc, docs)
        diff_doc(d, doc);
    for (size_t i = 0; i < o->n_names; i++) {
        AUTO_FREE char *key = look_key(&d->look, o->names[i]);

        diff_one(d, key);
    }
    if (!docs && !o->n_names)
        diff_all(d);
    return 0;
}

static void print(const struct diff *d, bool json)
{
    AUTO_FREE char *text = json ? json_print_pretty(d->reports) : NULL;
    const cJSON *report;

    if (json)
        printf("%s\n", text);
    else
        cJSON_ArrayForEach(report, d->reports)
            changes_print(report);
}

int app_diff(int argc, char **argv)
{
    struct look_options o;
    int status = look_options_read(&o, help, argc, argv);
    struct diff *d;
    struct err e = { 0 };

    if (status >= 0)
        return status;
    if (o.file && (o.n_names || o.all)) {
        fputs("everserve diff: -f goes with neither names nor -A\n", stderr);
        return LOOK_EXIT_USAGE;
    }
    d = xcalloc(1, sizeof(*d));
    d->reports = json_new_arr();
    if (look_around(d, &o, &e) < 0)
        complain(d, "%s", e.msg);
    else
        print(d, o.json);
    status = d->worst;
    look_close(&d->look);
    cJSON_Delete(d->reports);
    for (size_t i = 0; i < d->n_keys; i++)
        free(d->keys[i]);
    free(d);
    return status;
}
