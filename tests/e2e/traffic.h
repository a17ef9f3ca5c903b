/*
 * e2e/traffic.h - a client that sends requests without pause through a Service, and counts what fails.
 *
 * Does what kube-proxy does, from the EndpointSlices: picks among the ready endpoints, and goes on sending to one that
 * is not ready any more, or is gone, for as long as the news usually takes (TRAFFIC_NEWS_MS). Each request has a connection
 * of its own and takes some time at the server. Any refusal, reset, silence or answer other than 200 is an error.
 */
#ifndef E2E_TRAFFIC_H
#define E2E_TRAFFIC_H

#include "e2e/harness.h"

enum { TRAFFIC_NEWS_MS = 2000 };

struct traffic;

/* service is also the label of its EndpointSlices. Returns once a first request has been answered. */
struct traffic *traffic_start(struct e2e *t, const char *service);
int traffic_failures(const struct traffic *c);
void traffic_drop(struct traffic *c); /* ends it, whatever it saw */
/* Ends it; any error fails the test. */
void traffic_end(struct e2e *t, struct traffic *c);

#endif
