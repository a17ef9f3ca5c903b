/*
 * kube/kubeconfig.h - the text of kubeconfig files as one value.
 *
 * Pure. Several files are merged as kubectl does: the first file to name a
 * cluster, user or context wins, and so does the first current-context.
 * Source: client-go tools/clientcmd/api/v1/types.go and loader.go.
 */
#ifndef KUBE_KUBECONFIG_H
#define KUBE_KUBECONFIG_H

#include "json/json.h"

/* The merged file: { clusters: {name: {...}}, users: {...}, contexts: {...}, current: "" }, each
 * entry with a member ".source", the file it came from. */
struct kubeconfig {
    cJSON *merged;
};

enum { KUBECONFIG_MAX_BYTES = 4 * 1024 * 1024 };

void kubeconfig_init(struct kubeconfig *k);
void kubeconfig_done(struct kubeconfig *k);

/* Adds one file's text; source names it in errors and is the base of relative paths in it. */
int kubeconfig_add(struct kubeconfig *k, const char *source, const char *text, size_t len, struct err *e) MUST_USE;

/* What one context leads to; all lent from k, user may be NULL. context: NULL for the current one. */
struct kubeconfig_choice {
    const char *context, *ns; /* ns: NULL when not said */
    const cJSON *cluster, *user;
};
int kubeconfig_choose(const struct kubeconfig *k, const char *context, struct kubeconfig_choice *out,
                      struct err *e) MUST_USE;

/* The entry's text member of that key; absent is fine and NULL, another type is an error. */
int kubeconfig_text(const cJSON *entry, const char *key, const char **out, struct err *e) MUST_USE;
int kubeconfig_bool(const cJSON *entry, const char *key, bool *out, struct err *e) MUST_USE;

/* A file name of the entry, made absolute with its source's folder; NULL when absent. Caller frees. */
int kubeconfig_file(const cJSON *entry, const char *key, char **out, struct err *e) MUST_USE;

/* A base64 member decoded; NULL when absent; must be text without NUL. Caller frees. */
int kubeconfig_data(const cJSON *entry, const char *key, char **out, struct err *e) MUST_USE;

#endif
