/*
 * app/check.h - everserve check: the verdict on a live Redis Cluster.
 *
 * Exit code: 0 healthy, 1 not healthy, 2 unknown (silent, denied), 64 wrong usage.
 */
#ifndef APP_CHECK_H
#define APP_CHECK_H

/* argv[0] is "check". */
int app_check(int argc, char **argv);

#endif
