/*
 * entry/options.h - options that the subcommands share: how to reach Redis; and the last word of a failure.
 *
 * Not pure.
 */
#ifndef ENTRY_OPTIONS_H
#define ENTRY_OPTIONS_H

#include <stdbool.h>

#include "ask.h"

#define OPTIONS_HELP                                                                                       \
    "  --cli PROGRAM              redis-cli or valkey-cli, of this image (default: redis-cli)\n"           \
    "  --user NAME                whom to log in as (default: the default user)\n"                         \
    "  --password-file FILE       holds the password (default: in the environment, REDISCLI_AUTH)\n"       \
    "  --tls DIR                  speak TLS, with tls.crt, tls.key and ca.crt of DIR\n"

#define OPTIONS_LONG                                                                                       \
    { "cli", required_argument, NULL, 'C' }, { "user", required_argument, NULL, 'U' },                     \
    { "password-file", required_argument, NULL, 'P' }, { "tls", required_argument, NULL, 'T' }

struct options {
    struct ask_how how;
    const char *password_file;
};

bool options_take(struct options *o, int opt, const char *value); /* false: none of these */
bool options_ready(const struct options *o);                      /* reads the password; false: it was said why not */

/* The log's last line, and the pod's termination message. */
void options_last_word(const char *why);

#endif
