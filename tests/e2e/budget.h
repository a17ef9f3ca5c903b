/*
 * e2e/budget.h - over every scenario: no write of the operator lowers ready replicas below what the user's budget allows.
 *
 * Watches Deployments, budgets, autoscalers and resources of the test's namespace from its beginning to its end, and judges
 * each change of a field that the operator owns by what it permits: a rollout may take away only as many pods as the
 * user's strategy or disruption budget spares, replicas and bounds never fall below minReplicas, a budget never allows
 * more than the user said. A spec that was changed lately counts as well: the operator may not have seen the newest.
 */
#ifndef E2E_BUDGET_H
#define E2E_BUDGET_H

#include "e2e/harness.h"

struct budget;

struct budget *budget_start(struct e2e *t);
/* NULL: nothing was wrong; n_judged: writes that were looked at. Lent until budget_free. */
const char *budget_problem(const struct budget *b, int *n_judged);
void budget_free(struct budget *b); /* NULL is fine; before the client */

#endif
