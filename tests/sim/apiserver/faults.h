/*
 * sim/apiserver/faults.h - trouble on request, and counts of what was asked.
 *
 *   POST /sim/faults   one rule or an array of them; answers with their ids
 *   GET /sim/faults    rules with how often each hit;  DELETE /sim/faults[/ID] ends all, or one
 *   GET /sim/counts?userAgent=PREFIX&exclude=leases,events   requests since the reset
 *   POST /sim/counts/reset
 * Rule: {"match": {"method": "PATCH", "verb": "watch", "path": "*deployments*", "notPath": ...,
 * "userAgent": "everserve"}, "count": 3, "skip": 0, and one or more of:
 *   "status": 503, "retryAfter": 2, "message": "..."     answered so, not carried out
 *   "drop": "before" or "after"    connection reset, not carried out or carried out
 *   "latencyMs": 500               carried out, answered late
 *   "freeze": true                 neither carried out nor answered
 *   "pauseAfterWrites": N          the Nth write is carried out but not answered; further ones freeze
 *   "delayEventsMs": N, "dropEvents": true     for the events of matching watches
 *   "dropWatches": true, "compact": true       done once, at once: streams are cut; old versions forgotten }
 * Paths match by prefix, or with '*' as a pattern; userAgent by prefix. Without count a rule stays.
 */
#ifndef SIM_APISERVER_FAULTS_H
#define SIM_APISERVER_FAULTS_H

#include "sim/apiserver/server.h"

struct faults *faults_new(void);
void faults_free(struct faults *f);

/* True when a rule answered the request (it is gone then). May set what the reply will do. */
bool faults_before(struct request *q);
void faults_count(struct faults *f, const struct request *q, int code);

/* The /sim/... endpoints. False: not one of them. */
bool faults_serve(struct request *q);

/* What happens to an event on its way to a watch: -1 it is dropped, else how many ms late it comes. */
int64_t faults_event_delay(struct faults *f, const char *path, const char *user_agent);

#endif
