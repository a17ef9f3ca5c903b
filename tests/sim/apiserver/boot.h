/*
 * sim/apiserver/boot.h - a server with what every cluster has: four namespaces, the
 * Service of the API itself, priority classes, admin.
 */
#ifndef SIM_APISERVER_BOOT_H
#define SIM_APISERVER_BOOT_H

#include "sim/apiserver/server.h"

struct server *boot_server(void);
void boot_stop(struct server *s);

#endif
