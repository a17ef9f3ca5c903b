/*
 * up/up.h - `everserve-sim up` and `everserve-sim exec`: the whole local cluster
 * as one command.
 */
#ifndef SIM_UP_UP_H
#define SIM_UP_UP_H

int up_main(int argc, char **argv);   /* argv[0] is the subcommand; returns the exit code */
int exec_main(int argc, char **argv);

#endif
