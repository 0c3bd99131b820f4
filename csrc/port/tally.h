/* tally.h - the counters of one direction. One thread writes, any thread reads: relaxed atomics are enough, and cost
 * what a plain addition costs. */
#ifndef PYSEC_PORT_TALLY_H
#define PYSEC_PORT_TALLY_H

#include <stdatomic.h>
#include <stdint.h>

struct tally {
    _Atomic uint64_t frames_in;
    _Atomic uint64_t octets_in;
    _Atomic uint64_t frames_out;
    _Atomic uint64_t octets_out;
    _Atomic uint64_t refused;
    _Atomic uint64_t too_long;
    _Atomic uint64_t malformed;
    _Atomic uint64_t own;
    _Atomic uint64_t failed;
    _Atomic uint64_t unsent;
    _Atomic uint64_t uncontrolled;
    _Atomic uint64_t uncontrolled_lost;
    _Atomic uint64_t from_uncontrolled;
    _Atomic uint64_t super_frames;
    _Atomic uint64_t checksums;
    _Atomic uint64_t partial_checksums;
    _Atomic uint64_t vlan_restored;
    _Atomic uint64_t sleeps;
    _Atomic uint64_t waits;
    _Atomic uint64_t overruns;
    _Atomic uint64_t read_errors;
    _Atomic int last_error;
    _Atomic int ended;
};

/* tally_add adds to a counter that only the calling thread writes. */
static inline void tally_add(_Atomic uint64_t *counter, uint64_t n)
{
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);

    atomic_store_explicit(counter, now + n, memory_order_relaxed);
}

static inline uint64_t tally_get(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

#endif
