/*
 * app/simulate.h - `everserve simulate`: what the loss of a node or zone, or a drain, would do.
 */
#ifndef APP_SIMULATE_H
#define APP_SIMULATE_H

int app_simulate(int argc, char **argv); /* the exit code */

#endif
