/*
 * app/look.h - a cluster looked at through the controller's own eyes, for `everserve diff` and `why`.
 *
 * Not pure. Every call blocks until it has its answer. Nothing is ever written (ctrl/look.h).
 */
#ifndef APP_LOOK_H
#define APP_LOOK_H

#include "ctrl/look.h"
#include "json/json.h"
#include "kube/client.h"

enum { LOOK_EXIT_DIFFERS = 1, LOOK_EXIT_TROUBLE = 2, LOOK_EXIT_USAGE = 64, LOOK_NAMES_MAX = 64 };

/* What kubectl's users expect of a plugin. Lends from argv. */
struct look_options {
    const char *kubeconfig, *context, *ns; /* NULL: the usual ones */
    const char *file;                      /* -f; NULL: none */
    const char *names[LOOK_NAMES_MAX];
    size_t n_names;
    bool all, json;
};

/* -1: go on; otherwise the exit code. */
int look_options_read(struct look_options *o, const char *help, int argc, char **argv);

struct look {
    struct loop *loop;
    struct kube *kube;
    struct ctrl *ctrl;
    struct ctrl_look look;
    struct ctrl_config cfg;
    const char *namespaces[1];
    char *ns; /* the one that is meant when none is said; owned */
    const struct look_options *opt;
    void (*on_decided)(void *arg, const struct observed *o, const struct plan *p);
    void *arg;
    bool answered, gave_up;
};

/* Connects. look_close also after a failure. */
int look_open(struct look *l, const struct look_options *o, struct err *e) MUST_USE;
/* Watches a namespace (NULL: all), until everything in it is known. Once. */
int look_watch(struct look *l, const char *ns, struct err *e) MUST_USE;
/* One pass; on_decided is called before it returns, unless the server lets it wait for too long. key "namespace/name". */
int look_at(struct look *l, const char *key, void (*on_decided)(void *arg, const struct observed *o, const struct plan *p),
            void *arg, struct err *e) MUST_USE;
void look_close(struct look *l);

/* NULL and ERR_ABSENT, or another kind. Caller frees. */
cJSON *look_get(struct look *l, const char *path, struct err *e);

/* "name" or "namespace/name" as a key. Caller frees. */
char *look_key(const struct look *l, const char *name);

#endif
