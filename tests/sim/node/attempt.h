/*
 * node/attempt.h - one try of a probe's or hook's handler: httpGet, tcpSocket, exec, sleep.
 *
 * Not pure. Connections are made from inside the pod's network, so that they
 * work while its cable is cut, as the kubelet's do. TLS is not checked: an
 * HTTPS handler is tried as a plain connection.
 */
#ifndef SIM_NODE_ATTEMPT_H
#define SIM_NODE_ATTEMPT_H

#include "json/json.h"
#include "loop/loop.h"
#include "sim/node/net.h"
#include "sim/node/reap.h"
#include "sim/node/run.h"

struct attempt;

/* All lent for the time of the attempt. */
struct attempt_site {
    struct loop *loop;
    struct reap *reap;
    const struct net *net;
    const struct net_pod *pod;
    const cJSON *container;      /* its spec, for ports by name */
    const struct run_spec *spec; /* environment of exec */
    pid_t inside;                /* main process */
};

/* on_done is called once, from the loop, unless cancelled first; why is lent. NULL: the handler is
 * of a kind we do not know. */
struct attempt *attempt_start(const struct attempt_site *site, const cJSON *handler, int64_t timeout_ms,
                              void (*on_done)(void *arg, bool ok, const char *why), void *arg);
void attempt_cancel(struct attempt *a); /* NULL is fine; an exec process is killed */

/* A number, or the name of one of the container's ports; 0: none. */
int attempt_port(const cJSON *container, const cJSON *port);

#endif
