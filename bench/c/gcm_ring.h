/* gcm_ring.h - frames as they lie on the wire, in a ring that every provider works on in turn. */
#ifndef BENCH_GCM_RING_H
#define BENCH_GCM_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pysec_gcm.h"

#define RING_IN_CLEAR 65535u /* integrity only: nothing is encrypted */

struct ring_shape {
    uint32_t octets; /* user data of a frame, from its EtherType on; 0: 50, 576 and 1500 octets at 7 : 4 : 1 */
    uint32_t header; /* 20 or 28: addresses and SecTAG, without or with SCI */
    uint32_t clear;  /* the first so many octets of user data are not encrypted */
    uint32_t burst;  /* the ring holds whole bursts only */
    uint32_t mib;    /* size of the ring; 0: 512 frames or 512 KiB, whichever is less, but a burst at least */
};

struct ring {
    struct ring_shape shape;
    struct pysec_gcm_op *ops;
    size_t num;
    uint8_t *memory;
    size_t memory_len;
    uint64_t pn;
};

/* ring_make fills a ring with frames; false without memory. ring_free gives it back. */
bool ring_make(struct ring *ring, const struct ring_shape *shape);
void ring_free(struct ring *ring);

/* ring_next_ivs gives each frame the next packet number: in its IV, and in its SecTAG. In a ring that is larger than
 * the cache the SecTAG keeps the old one: to write it would bring the line in before it is asked for. */
void ring_next_ivs(struct ring *ring);

/* ring_touch loads and stores one word of each line that the frames occupy, four frames prefetched: the least that
 * memory asks of whoever works on them in place. */
void ring_touch(struct ring *ring);

#endif
