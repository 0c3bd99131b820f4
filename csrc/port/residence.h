/* residence.h - how long bursts stay in a port: a histogram of one direction, if it was asked for.
 *
 * The time runs from the return of the call that read a burst to the return of the last one that handed it on, so it
 * has in it what the SecY and the port do, and the calls of sending. Not in it: what a frame waited in the system's
 * queue before it was read, which nobody here can know. Every frame of a burst leaves no later than the last, so for a
 * frame it is a bound. One thread writes, any thread reads.
 */
#ifndef PYSEC_PORT_RESIDENCE_H
#define PYSEC_PORT_RESIDENCE_H

#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

#include "port/tally.h"
#include "pysec_port.h"

struct residence {
    uint32_t every; /* 0: nothing is sampled; else one burst of so many */
    uint32_t passed;
    _Atomic uint64_t max_ns;
    _Atomic uint64_t counts[PYSEC_PORT_RESIDENCE_BUCKETS];
};

static inline uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* residence_bucket is where a time is counted: one bucket for each ns up to 31, then 16 to an octave. */
uint32_t residence_bucket(uint64_t ns);

/* residence_begin is to be called when a burst has been read; its answer is for residence_end. 0: not this burst. */
static inline uint64_t residence_begin(struct residence *residence)
{
    if (residence->every == 0 || ++residence->passed < residence->every)
        return 0;
    residence->passed = 0;
    return now_ns();
}

/* residence_count counts one time. */
void residence_count(struct residence *residence, uint64_t ns);

/* residence_end is to be called when the burst has been handed on. */
static inline void residence_end(struct residence *residence, uint64_t begun)
{
    if (begun != 0)
        residence_count(residence, now_ns() - begun);
}

#endif
