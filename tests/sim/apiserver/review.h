/*
 * sim/apiserver/review.h - TokenReview and (Self)SubjectAccessReview.
 */
#ifndef SIM_APISERVER_REVIEW_H
#define SIM_APISERVER_REVIEW_H

#include "sim/apiserver/server.h"

/* False: not one of them, the request is untouched. */
bool review_serve(struct request *q);

#endif
