/* gcm_limits.h - what this very core can do: cycles for one AES round and for one carry-less multiply, in vectors of
 * each width that it has, many at once. From these follows the least that a frame can cost. */
#ifndef BENCH_GCM_LIMITS_H
#define BENCH_GCM_LIMITS_H

struct gcm_limit {
    const char *name; /* "aes" or "clmul" */
    int bits;         /* of the vector */
    double cycles;    /* core cycles for one instruction, many independent ones at once; arm64: AESE with AESMC */
};

#define GCM_MAX_LIMITS 6

/* gcm_limits measures and returns how many it has filled in: 0 where there is no such instruction. */
int gcm_limits(struct gcm_limit limits[GCM_MAX_LIMITS]);

#endif
