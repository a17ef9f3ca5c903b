/*
 * app/check_options.h - what everserve check was asked for.
 *
 * Reads the command line, REDISCLI_AUTH, and the files that it names; what it lends comes from argv.
 */
#ifndef APP_CHECK_OPTIONS_H
#define APP_CHECK_OPTIONS_H

#include "redis/probe.h"

enum { CHECK_MEMBERS_MAX = 1000, CHECK_EXIT_UNKNOWN = 2, CHECK_EXIT_USAGE = 64, CHECK_ZONE_SIZE = 64 };

struct check_address {
    char host[256];
    uint16_t port;
};

struct check_zone {
    char host[256], zone[CHECK_ZONE_SIZE];
};

struct check_options {
    struct check_address given[CHECK_MEMBERS_MAX];
    size_t n_given;
    struct redis_auth auth;
    char password[512];
    bool as_json, settled, quiet;
    int watch_s;  /* 0: one look */
    int timeout_ms, replicas; /* replicas -1: derived */
    struct check_zone *zones; /* owned; NULL: none */
    size_t n_zones;
};

/* -1: go on; otherwise the exit code, after --help or a complaint. */
int check_options_read(struct check_options *o, int argc, char **argv);
void check_options_done(struct check_options *o);

/* Lent; NULL: not named. */
const char *check_zone_of(const struct check_options *o, const char *host);

#endif
