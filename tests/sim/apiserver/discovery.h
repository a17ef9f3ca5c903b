/*
 * sim/apiserver/discovery.h - what is here: /api, /apis, /version, /openapi.
 */
#ifndef SIM_APISERVER_DISCOVERY_H
#define SIM_APISERVER_DISCOVERY_H

#include "sim/apiserver/server.h"

/* False: no such document; the request is untouched. */
bool discovery_serve(struct request *q);
bool openapi_serve(struct request *q); /* likewise, /openapi/... */

#endif
