/* numbering.h - gives the distinct pointers of a burst the numbers 0, 1, 2 and so on, in constant time each.
 *
 * The frames of a burst belong to few SAs and fewer keys, and mostly come in runs, so the pointer that came last is
 * tried first, and a hash index is only made when there is a second one. */
#ifndef PYSEC_MACSEC_NUMBERING_H
#define PYSEC_MACSEC_NUMBERING_H

#include <stdint.h>
#include <string.h>

#include "../pysec.h"

#define NUM_INDEX_SLOTS (2 * PYSEC_MAX_BURST)

struct numbering {
    uint32_t num;  /* pointers seen */
    uint32_t last; /* number of the one that came last */
    const void *pointer[PYSEC_MAX_BURST];
    uint16_t index[NUM_INDEX_SLOTS]; /* number + 1, or 0; holds something from the second pointer on */
};

static inline void numbering_clear(struct numbering *n)
{
    n->num = n->last = 0;
}

/* numbering_slot gives the place of a pointer in the index: its own, or the empty one where it belongs. */
static inline uint16_t *numbering_slot(struct numbering *n, const void *pointer)
{
    uint32_t slot = (uint32_t)((uintptr_t)pointer / 64) * 2654435761u >> 16;
    for (;; slot++) {
        uint16_t *entry = &n->index[slot % NUM_INDEX_SLOTS];
        if (*entry == 0 || n->pointer[*entry - 1] == pointer)
            return entry;
    }
}

/* number_of gives the number of a pointer, a new one if it was not seen before: then it is num - 1 afterwards. At most
 * PYSEC_MAX_BURST pointers. */
static inline uint32_t number_of(struct numbering *n, const void *pointer)
{
    if (n->num && n->pointer[n->last] == pointer)
        return n->last;
    if (n->num == 1) {
        memset(n->index, 0, sizeof n->index);
        *numbering_slot(n, n->pointer[0]) = 1;
    }
    uint16_t *entry = n->num ? numbering_slot(n, pointer) : NULL;
    if (entry && *entry)
        return n->last = *entry - 1u;
    n->pointer[n->num] = pointer;
    n->last = n->num++;
    if (entry)
        *entry = (uint16_t)n->num;
    return n->last;
}

#endif
