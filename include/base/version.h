/*
 * base/version.h - the version that binaries, user agents and labels carry.
 */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

#define EVERSERVE_VERSION "0.1.0"

#endif
