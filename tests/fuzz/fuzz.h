/*
 * fuzz/fuzz.h - what a fuzz target defines.
 *
 * tests/fuzz/NAME_fuzz.c feeds foreign bytes to one parser; inputs that are
 * worth keeping are files in tests/fuzz/corpus/NAME/. A target returns 0,
 * frees all it makes, and asserts what must hold for any input. `make fuzz`
 * runs it under libFuzzer, `make test` replays the corpus.
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
