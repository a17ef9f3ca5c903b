/*
 * yaml_scalar.h - what an unquoted YAML scalar means. Pure, private to the room.
 */
#ifndef YAML_SCALAR_H
#define YAML_SCALAR_H

enum scalar_kind { SCALAR_TEXT, SCALAR_NULL, SCALAR_TRUE, SCALAR_FALSE, SCALAR_INT, SCALAR_FLOAT };

/* num is set for SCALAR_INT and SCALAR_FLOAT. 0644, 0o644, 0x1a4 and 0b1 are integers, as for kubectl. */
enum scalar_kind scalar_resolve(const char *s, double *num);

#endif
