/*
 * sim/apiserver/apiserver.h - subcommand "apiserver" of everserve-sim.
 */
#ifndef SIM_APISERVER_APISERVER_H
#define SIM_APISERVER_APISERVER_H

/* Runs until SIGTERM or SIGINT; argv[0] is the subcommand's name. Returns the exit code. */
int apiserver_main(int argc, char **argv);

#endif
