/* fuzz.h - what the fuzz targets share: a reader of their input, and the way in which they complain. */
#ifndef PYSEC_FUZZ_H
#define PYSEC_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* libFuzzer, or standalone.c, calls this. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A promise of the code under test; a fuzzer takes the abort for a finding. */
#define PROMISE(holds, what)                                                                                           \
    do {                                                                                                               \
        if (!(holds)) {                                                                                                \
            fprintf(stderr, "broken promise: %s\n", what);                                                             \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

struct reader {
    const uint8_t *at;
    size_t left;
};

/* take_u8 and take_u32 give zeros once the input has ended, so that every input means something. */
static inline uint8_t take_u8(struct reader *r)
{
    if (r->left == 0)
        return 0;
    r->left--;
    return *r->at++;
}

static inline uint32_t take_u32(struct reader *r)
{
    uint32_t x = 0;
    for (int i = 0; i < 4; i++)
        x = x << 8 | take_u8(r);
    return x;
}

#endif
