/* part.h - less than a block, in memory.
 *
 * Nothing outside a message is read or written, not even octets that would be thrown away: messages lie against the
 * ends of pages. Loads and stores inside it overlap instead.
 */
#ifndef PYSEC_GCM_PART_H
#define PYSEC_GCM_PART_H

#include <stddef.h>

#include "../base/bytes.h"
#include "words.h"

/* part_load gives len octets, 0 <= len < 16, and noughts behind them. */
static inline struct words part_load(const uint8_t *p, size_t len)
{
    struct words w = {0, 0};

    if (len >= 8) {
        w.hi = load_be64(p);
        if (len > 8)
            w.lo = load_be64(p + len - 8) << (8 * (16 - len));
    } else if (len >= 4) {
        w.hi = (uint64_t)load_be32(p) << 32 | (uint64_t)load_be32(p + len - 4) << (8 * (8 - len));
    } else if (len > 0) {
        w.hi = (uint64_t)p[0] << 56 | (uint64_t)p[len / 2] << (56 - 8 * (len / 2)) |
               (uint64_t)p[len - 1] << (56 - 8 * (len - 1));
    }
    return w;
}

/* part_store writes the first len octets of a block, 0 <= len < 16. */
static inline void part_store(uint8_t *p, struct words w, size_t len)
{
    if (len >= 8) {
        store_be64(p, w.hi);
        if (len > 8)
            store_be64(p + len - 8, w.lo >> (8 * (16 - len)) | w.hi << (8 * (len - 8)));
    } else if (len >= 4) {
        store_be32(p, (uint32_t)(w.hi >> 32));
        store_be32(p + len - 4, (uint32_t)(w.hi >> (8 * (8 - len))));
    } else {
        for (size_t i = 0; i < len; i++)
            p[i] = (uint8_t)(w.hi >> (56 - 8 * i));
    }
}

/* part_clear zeroes all but the first len octets of a block, 0 < len < 16. */
static inline struct words part_clear(struct words w, size_t len)
{
    if (len > 8) {
        w.lo &= ~UINT64_C(0) << (8 * (16 - len));
    } else {
        w.hi &= ~UINT64_C(0) << (8 * (8 - len));
        w.lo = 0;
    }
    return w;
}

#endif
