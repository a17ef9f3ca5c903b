/*
 * cache/pack.h - a resource's text in a third of its size, for as long as nobody reads it.
 *
 * Pure. A thousand resources are kept as text between their passes, and most of each is the same in all of them: names
 * of fields, conditions that say that all is well. Such phrases (src/cache/pack.c) become one or two control
 * characters, which printed JSON never holds. A phrase that is missing there costs memory, nothing else; any text
 * without NUL comes back as it was.
 */
#ifndef CACHE_PACK_H
#define CACHE_PACK_H

char *pack_text(const char *text);     /* caller frees */
char *unpack_text(const char *packed); /* of pack_text alone; caller frees */

#endif
