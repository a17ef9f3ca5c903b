/*
 * node/node_main.h - `everserve-sim node`: simulated machines for any control plane.
 *
 * Speaks the Kubernetes API only. One process is N nodes; each pod bound to one
 * of them gets a network namespace, its containers are real processes.
 */
#ifndef SIM_NODE_NODE_MAIN_H
#define SIM_NODE_NODE_MAIN_H

int node_main(int argc, char **argv); /* argv[0] is the subcommand; returns the exit code */

#endif
