/*
 * json/owned.h - what of a live object is ours, and is it what we want?
 *
 * Pure. Server-side apply records in metadata.managedFields which fields our
 * manager set (FieldsV1: "f:name" members, "k:{...}" associative items, "v:value"
 * set items, "i:n" indexes, "." the node itself; a leaf {} owns the whole value below it).
 * Source: structured-merge-diff, fieldpath/serialize.go.
 *
 * Projecting the live object onto that set gives what the server holds of what
 * we applied. We keep only the hash of the projection; equal to the hash of the
 * desired object means that nothing needs to be sent. The hash takes no notice
 * of the order of members, nor of items of arrays of objects, where it means
 * nothing: of initContainers and env, and of scalars, it does.
 */
#ifndef JSON_OWNED_H
#define JSON_OWNED_H

#include "json/json.h"

/* The FieldsV1 of the manager's Apply entry (no subresource); NULL when it owns nothing. Lent. */
const cJSON *owned_fields(const cJSON *live, const char *manager);

/* A copy of the parts of live that fields names; identity (apiVersion, kind, metadata.name,
 * metadata.namespace) is left out, on both sides of every comparison. Caller frees. */
cJSON *owned_project(const cJSON *live, const cJSON *fields);

/* Hash of a desired or projected object, without identity. Null members do not count. */
uint64_t owned_hash(const cJSON *obj);

/* The same without the order of initContainers and env: for hashes that outlive us. Statuses have had them since release
 * 0.1.0, where another hash of the same template would restart pods; kept templates are named by them. */
uint64_t owned_hash_any_order(const cJSON *obj);

/* The careful comparison, for when hashes differ because the server normalised:
 * every desired value is held by live (quantities by amount, objects inside a leaf may
 * have gained the server's defaults, which are known by name) and owned, and every owned field is still desired.
 * On false, why (may be NULL) names the first path that differs and how. */
bool owned_matches(const cJSON *live, const cJSON *fields, const cJSON *desired, struct err *why);

/* Every difference that applying desired would make good, one row each: live NULL, it is added; want NULL, it is ours and
 * goes; both the same, it is as wanted but not ours yet. Items of arrays are named by their key: "containers[main].image".
 * No row exactly when owned_matches. fields NULL: nothing is ours. */
void owned_diff(const cJSON *live, const cJSON *fields, const cJSON *desired,
                void (*row)(void *arg, const char *path, const cJSON *live, const cJSON *want), void *arg);

/* True when fields owns this dotted path, e.g. "spec.replicas". */
bool owned_has(const cJSON *fields, const char *path);

#endif
