/*
 * sim/apiserver/proto.h - the few objects that kubectl sends as protobuf: what
 * "kubectl create" makes without a file, evictions, "auth can-i".
 *
 * Pure. Every length is checked. Source of the numbers: the generated.proto files of
 * Kubernetes' API packages.
 */
#ifndef SIM_APISERVER_PROTO_H
#define SIM_APISERVER_PROTO_H

#include "json/json.h"

#define PROTO_MEDIA_TYPE "application/vnd.kubernetes.protobuf"

/* ERR_ABSENT: a kind that is not known here; ERR_INVALID: not such a message. Caller owns *out. */
int proto_decode(const void *data, size_t len, cJSON **out, struct err *e) MUST_USE;

#endif
