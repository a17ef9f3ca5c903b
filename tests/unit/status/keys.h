/*
 * Passwords for tests: what a Secret holds that nobody changes.
 */
#ifndef TESTS_KEYS_H
#define TESTS_KEYS_H

#include "desired/keys.h"

#define TEST_HASH "00000000000000000000000000000000000000000000000000000000000000aa"
static const struct redis_keys test_keys = {
    .user = { { { (char *)"secret", TEST_HASH } }, { { (char *)"secret-o", TEST_HASH } }, { { (char *)"secret-r", TEST_HASH } } },
};

#endif
