/*
 * api/crd.h - the CustomResourceDefinition, printed from the same table that
 * isvc_decode checks with.
 *
 * Pure. `everserve crd` prints it; crds/ holds the printed file, which a test compares.
 */
#ifndef API_CRD_H
#define API_CRD_H

#include "json/json.h"

#define CRD_FILE "crds/inferenceservices.yaml"

/* The caller owns the result. */
cJSON *crd_build(void);

#endif
