/*
 * app/fetch.h - `everserve fetch`: a model's file into a folder, checked. What the init container of a serving pod runs.
 */
#ifndef APP_FETCH_H
#define APP_FETCH_H

/* argv[0] is "fetch". Exit status: 0, 1 when it failed, 64 on wrong usage. */
int app_fetch(int argc, char **argv);

#endif
