/*
 * app/why.h - `everserve why`: the last decisions on a resource, and the evidence as it is now.
 */
#ifndef APP_WHY_H
#define APP_WHY_H

/* argv[0] is "why". Exit code: 0, 2 trouble, 64 wrong usage. */
int app_why(int argc, char **argv);

#endif
