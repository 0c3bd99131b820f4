/* replay.h - packet numbers on receipt: recovery, the lowest acceptable PN, and duplicates.
 *
 * Packet numbers run from 1 to 2^64 - 1. nextPN and the lowest acceptable PN can become 2^64 (2^32 with a short PN),
 * one past the end, and 2^64 is kept as 0. So every comparison is made on x - 1, where 0 becomes the greatest: that
 * is also how 802.1AE-2018 10.6.5 b) wants a PN of zero treated.
 *
 *   pn_less(a, b)     a < b, with 0 as 2^64
 *
 * State moves only for a frame whose ICV has been verified (802.1AE-2018 10.6.5): anybody can make up a PN. */
#ifndef PYSEC_MACSEC_REPLAY_H
#define PYSEC_MACSEC_REPLAY_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define XPN_MAX_WINDOW ((1u << 30) - 1) /* 802.1AE-2018 10.7.8 */
#define SEEN_BITS 65536u                /* PNs behind nextPN that the bitmap remembers */
#define SEEN_WORDS (SEEN_BITS / 64)

static inline bool pn_less(uint64_t a, uint64_t b)
{
    return a - 1 < b - 1;
}

/* xpn_recover gives the 64-bit PN of which the frame carries 32 bits: those in front of them are the lowest
 * acceptable PN's, or one more if that crossed half of its low range and the frame has not (802.1AE-2018 10.6.2).
 * Right for the lowest acceptable PN and the 2^31 after it. Rises with lowest, never falls. */
static inline uint64_t xpn_recover(uint64_t lowest, uint32_t pn)
{
    uint64_t high = lowest >> 32;
    if (lowest & 0x80000000u && !(pn & 0x80000000u))
        high++;
    return high << 32 | pn;
}

/* lowest_after gives the lowest acceptable PN once nextPN is next (802.1AE-2018 10.6.5). */
static inline uint64_t lowest_after(uint64_t lowest, uint64_t next, uint32_t window)
{
    if (next - 1 < window) /* fewer PNs than the window have been used */
        return lowest;
    return pn_less(lowest, next - window) ? next - window : lowest;
}

/* The bitmap: bit pn mod 65536 says whether pn was received, for the 65536 PNs below nextPN. The window is at most as
 * long, so every PN that is still acceptable has a bit of its own. */
static inline bool seen_get(const uint64_t *seen, uint64_t pn)
{
    return seen[pn % SEEN_BITS / 64] >> pn % 64 & 1;
}

static inline void seen_set(uint64_t *seen, uint64_t pn)
{
    seen[pn % SEEN_BITS / 64] |= (uint64_t)1 << pn % 64;
}

/* seen_advance makes room for the PNs from next to pn, none of which has been seen. */
static inline void seen_advance(uint64_t *seen, uint64_t next, uint64_t pn)
{
    if (pn - next >= SEEN_BITS) {
        memset(seen, 0, SEEN_WORDS * sizeof *seen);
        return;
    }
    for (uint64_t n = next; n - next <= pn - next; n++) {
        if (n % 64 == 0 && pn - n >= 63) {
            seen[n % SEEN_BITS / 64] = 0;
            n += 63;
        } else {
            seen[n % SEEN_BITS / 64] &= ~((uint64_t)1 << n % 64);
        }
    }
}

#endif
