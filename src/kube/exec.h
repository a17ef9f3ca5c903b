/*
 * kube/exec.h - credentials from a program that the kubeconfig names.
 *
 * Not pure: runs the program, with a pipe as its output, as a guest of the loop;
 * it has 30 s. Protocol: client.authentication.k8s.io/v1 ExecCredential, of which
 * v1beta1 differs only in its name. Its stderr is ours.
 */
#ifndef KUBE_EXEC_H
#define KUBE_EXEC_H

#include "json/json.h"
#include "loop/loop.h"

struct exec_plugin;

struct exec_cred {
    char *token, *cert_pem, *key_pem; /* owned; NULL: not given */
    int64_t expires_wall_ms;          /* INT64_MAX: never */
};

/* user.exec; *out is NULL when there is none. cluster: for provideClusterInfo. */
int exec_plugin_new(const cJSON *user, const cJSON *cluster, struct exec_plugin **out, struct err *e) MUST_USE;
void exec_plugin_free(struct exec_plugin *p); /* ends the program when it runs; NULL is fine */

/* on_done comes once, from the loop: cred (to be moved from) or, when that is NULL, why. */
void exec_plugin_run(struct exec_plugin *p, struct loop *l,
                     void (*on_done)(void *arg, struct exec_cred *cred, const struct err *why), void *arg);
bool exec_plugin_is_running(const struct exec_plugin *p);

/* Pure: what the program printed. ERR_DENIED names the field. */
int exec_cred_parse(const char *text, size_t len, struct exec_cred *out, struct err *e) MUST_USE;
void exec_cred_done(struct exec_cred *c);

#endif
