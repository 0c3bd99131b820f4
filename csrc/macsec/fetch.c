/* fetch.c - thousands of SCs do not fit in the nearest cache, and a burst that meets them one by one waits for memory
 * again and again. All frames of a burst are known, so their misses can run side by side. */
#include "../base/bytes.h"
#include "validate.h"

#define FETCH_AHEAD_FROM 16 /* SCs: fewer stay in the cache by themselves */

/* explicit_sci gives the SCI that a frame seems to carry, or SCI_NONE. Nothing depends on it but what is fetched. */
static uint64_t explicit_sci(const struct rx_burst *burst, const struct pysec_frame *frame)
{
    if (frame->offset > burst->arena_len || burst->arena_len - frame->offset < ADDRESSES_LEN + SECTAG_SCI_LEN)
        return SCI_NONE;
    const uint8_t *mpdu = burst->arena + frame->offset + ADDRESSES_LEN;
    return mpdu[2] & TCI_SC ? load_be64(mpdu + 8) : SCI_NONE;
}

void fetch_ahead(const struct rx_burst *burst, const struct pysec_frame *frames, size_t num_frames)
{
    if (num_frames < 2 || atomic_load_explicit(&burst->table->count, memory_order_relaxed) < FETCH_AHEAD_FROM)
        return;
    const struct sc_slot *slots[PYSEC_MAX_BURST];
    struct rx_sc *scs[PYSEC_MAX_BURST];
    int lane = lane_index(burst->secy, burst->lane);
    for (size_t i = 0; i < num_frames; i++) {
        uint64_t sci = explicit_sci(burst, &frames[i]);
        slots[i] = sci == SCI_NONE ? NULL : sc_table_slot(burst->table, sci);
        __builtin_prefetch(slots[i]);
    }
    for (size_t i = 0; i < num_frames; i++) {
        scs[i] = slots[i] ? atomic_load_explicit(&slots[i]->sc, memory_order_acquire) : NULL;
        if (!scs[i])
            continue;
        __builtin_prefetch(scs[i]);
        __builtin_prefetch(&scs[i]->packets[lane], 1);
    }
    for (size_t i = 0; i < num_frames; i++) {
        if (!scs[i])
            continue;
        uint32_t an = burst->arena[frames[i].offset + ADDRESSES_LEN + 2] & TCI_AN;
        __builtin_prefetch(atomic_load_explicit(&scs[i]->in_use[an], memory_order_relaxed), 1);
    }
}
