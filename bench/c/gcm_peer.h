/* gcm_peer.h - what bench/c/gcm_bench.c asks of a library that it measures beside ours.
 *
 * A peer is a shared object that exports gcm_peer_start. It gets the same struct pysec_gcm_op that ours gets: the
 * payload in place, the additional data right before it, the tag right behind.
 */
#ifndef BENCH_GCM_PEER_H
#define BENCH_GCM_PEER_H

#include <stddef.h>
#include <stdint.h>

#include "pysec_gcm.h"

/* One way to call a library: those that have several are measured in each. */
struct gcm_way {
    const char *name;
    int without_data; /* 1: for messages of additional data alone */
    /* key_new expands a key for one direction (opens: 1 or 0); impl is for ours only. NULL: it cannot. */
    void *(*key_new)(const uint8_t *key, size_t key_len, const char *impl, int opens);
    void (*key_free)(void *key);
    void (*seal)(void *key, struct pysec_gcm_op *ops, size_t num_ops);
    size_t (*open)(void *key, struct pysec_gcm_op *ops, size_t num_ops); /* how many did not verify */
};

/* gcm_peer_start is called once. It sets *ways to *num_ways of them and *provider to the name of the library in the
 * rows, and returns which version it is, or NULL if it cannot run here. */
const char *gcm_peer_start(const struct gcm_way **ways, size_t *num_ways, const char **provider);

/* same_tag compares 16 octets in constant time, as whoever uses a library that leaves it to them has to. */
static inline int same_tag(const uint8_t *a, const uint8_t *b)
{
    uint64_t x[2], y[2];
    __builtin_memcpy(x, a, 16);
    __builtin_memcpy(y, b, 16);
    return !((x[0] ^ y[0]) | (x[1] ^ y[1]));
}

#endif
