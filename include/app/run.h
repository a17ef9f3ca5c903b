/*
 * app/run.h - everserve run: the operator.
 */
#ifndef APP_RUN_H
#define APP_RUN_H

/* argv[0] is "run". Exit status: 0 after a graceful end, 1 when it could not start, 64 on wrong usage. */
int app_run(int argc, char **argv);

#endif
