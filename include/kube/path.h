/*
 * kube/path.h - paths and query strings of the Kubernetes API.
 *
 * Pure. Everything given is unescaped text; everything returned is escaped and
 * the caller's to free.
 */
#ifndef KUBE_PATH_H
#define KUBE_PATH_H

#include <stdbool.h>

/* kube_path("/apis/apps/v1", "ns", "deployments", "x", "status"): namespace, name and
 * subresource may be NULL. api_path is taken as it is. */
char *kube_path(const char *api_path, const char *ns, const char *plural, const char *name, const char *subresource);

/* Server-side apply: path?fieldManager=manager, and &force=true. */
char *kube_path_apply(const char *path, const char *manager, bool force);

/* path with key=value added after '?' or '&'; a NULL value adds nothing. Frees path. */
char *kube_path_with(char *path, const char *key, const char *value);

#define KUBE_APPLY_TYPE "application/apply-patch+yaml" /* the body may be JSON */
#define KUBE_MERGE_TYPE "application/merge-patch+json"
#define KUBE_JSON_PATCH_TYPE "application/json-patch+json"

#endif
