/*
 * app/diff.h - `everserve diff`: what the operator would change now, child by child and field by field.
 *
 * The controller's own path (ctrl/look.h): the same watches, the same pass, the same plan; nothing is written.
 */
#ifndef APP_DIFF_H
#define APP_DIFF_H

/* argv[0] is "diff". Exit code: 0 nothing would change, 1 something would, 2 trouble, 64 wrong usage. */
int app_diff(int argc, char **argv);

#endif
