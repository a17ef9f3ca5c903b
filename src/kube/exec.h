/*
 * kube/exec.h - credentials from a program that the kubeconfig names.
 *
 * Not pure: runs the program. Protocol: client.authentication.k8s.io/v1
 * ExecCredential, of which v1beta1 differs only in its name.
 */
#ifndef KUBE_EXEC_H
#define KUBE_EXEC_H

#include "json/json.h"

struct exec_plugin;

/* user.exec; *out is NULL when there is none. cluster: for provideClusterInfo. */
int exec_plugin_new(const cJSON *user, const cJSON *cluster, struct exec_plugin **out, struct err *e) MUST_USE;
void exec_plugin_free(struct exec_plugin *p); /* NULL is fine */

#endif
