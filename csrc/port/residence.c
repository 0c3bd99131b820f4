/* residence.c - the buckets of a histogram of times: 16 to an octave, so that a bucket is at most a sixteenth of its
 * times wide. */
#include "port/residence.h"

#define SUB_BITS 4
#define SUBS (1u << SUB_BITS)

uint32_t residence_bucket(uint64_t ns)
{
    uint32_t octave;
    uint32_t bucket;

    if (ns < 2 * SUBS)
        return (uint32_t)ns;
    octave = 63 - (uint32_t)__builtin_clzll(ns);
    bucket = (octave - SUB_BITS) * SUBS + (uint32_t)(ns >> (octave - SUB_BITS));
    return bucket < PYSEC_PORT_RESIDENCE_BUCKETS ? bucket : PYSEC_PORT_RESIDENCE_BUCKETS - 1;
}

uint64_t pysec_port_residence_most_ns(uint32_t bucket)
{
    uint32_t octave;

    if (bucket < 2 * SUBS)
        return bucket;
    if (bucket >= PYSEC_PORT_RESIDENCE_BUCKETS - 1)
        return UINT64_MAX;
    octave = bucket / SUBS + SUB_BITS - 1;
    return ((uint64_t)(bucket % SUBS + SUBS + 1) << (octave - SUB_BITS)) - 1;
}

void residence_count(struct residence *residence, uint64_t ns)
{
    tally_add(&residence->counts[residence_bucket(ns)], 1);
    if (ns > tally_get(&residence->max_ns))
        atomic_store_explicit(&residence->max_ns, ns, memory_order_relaxed);
}
