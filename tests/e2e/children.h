/*
 * e2e/children.h - all children of one InferenceService, and whether they are as
 * they were.
 */
#ifndef E2E_CHILDREN_H
#define E2E_CHILDREN_H

#include "api/child.h"
#include "e2e/harness.h"

const char *child_what(struct e2e *t, enum child c, const char *service); /* "services/fraud-redis" */

/* What makes a child what it is: metadata, spec, data without anything that the server made up
 * (uid, versions, times, managers, addresses, status), owners by kind and name, a password by its length.
 * "null" when absent. Lent. */
const char *child_text(struct e2e *t, enum child c, const char *service);
/* Those of a service with Redis, an autoscaler, and nothing else that has to be asked for. */
enum { N_USUAL_CHILDREN = 10 };
extern const enum child usual_children[N_USUAL_CHILDREN];

/* The same of all N_CHILDREN, one a line. */
const char *children_text(struct e2e *t, const char *service);

/* Where two texts part, with what is around it: for messages. Lent. */
const char *text_difference(struct e2e *t, const char *was, const char *is);

/* Until the child's text is this one. */
void child_wait_text(struct e2e *t, enum child c, const char *service, const char *text, int bound_s);
/* Until all children's text is this one; `after` says what had happened. */
void children_wait_text(struct e2e *t, const char *service, const char *text, int bound_s, const char *after);
/* Until all children's text has stayed the same for a while, and the resource was seen by the operator. */
const char *children_settle(struct e2e *t, const char *service, int bound_s);
/* Until nothing of the service is left. */
void children_wait_gone(struct e2e *t, const char *service, int bound_s);

/* One deletion of the resource that takes everything with it. */
void service_delete(struct e2e *t, const char *service);

#endif
