/* words.h - a block as two numbers in network order: octet 0 is the top of hi. */
#ifndef PYSEC_GCM_WORDS_H
#define PYSEC_GCM_WORDS_H

#include <stdint.h>

struct words {
    uint64_t hi, lo;
};

#define NUM_POWERS 8 /* of H, that a state keeps */

#endif
