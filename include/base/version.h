/*
 * base/version.h - the version that binaries, user agents and labels carry.
 */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

#define EVERSERVE_VERSION "0.1.0"

/* Of this program, unless the environment says otherwise (EVERSERVE_IMAGE): it brings the start fence to Redis pods. */
#define EVERSERVE_IMAGE "everserve:" EVERSERVE_VERSION

#endif
