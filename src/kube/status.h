/*
 * kube/status.h - what an API server's answer means for the one who asked.
 *
 * Pure. Source: apimachinery pkg/apis/meta/v1 Status and StatusReason.
 */
#ifndef KUBE_STATUS_H
#define KUBE_STATUS_H

#include "base/err.h"
#include "json/json.h"

/* status: HTTP's, or the code of an ERROR event. body: the Status object; NULL when there is none.
 * Returns 0 and ERR_NONE for 2xx, else -kind; the message is the server's own, shortened.
 * details.retryAfterSeconds counts when retry_after_ms is 0. */
int kube_status_to_err(int status, int32_t retry_after_ms, const cJSON *body, struct err *e);

/* A list or watch from this resourceVersion is no longer possible: list again. */
bool kube_status_is_gone(int status, const cJSON *body);

/* 504 "Too large resource version": the server has not seen this version yet. */
bool kube_status_is_rv_too_large(int status, const cJSON *body);

#endif
