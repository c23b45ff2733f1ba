/* SPDX-License-Identifier: MIT */
/* What the fuzz targets share: libFuzzer's entry points, and a demand that ends the process. */
#ifndef VALVE_TESTS_FUZZ_H
#define VALVE_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* libFuzzer calls this for each input. 0: fit for the corpus. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold of every input: an abort is a finding. */
#define DEMAND(condition) ((condition) ? (void)0 : fuzz_give_up(#condition, __FILE__, __LINE__))

static inline _Noreturn void fuzz_give_up(const char *condition, const char *file, int line)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
    abort();
}

#endif
