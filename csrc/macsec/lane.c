#include "secy.h"

#include <sched.h>

/* The lane that this thread used last is tried first, so that a worker keeps its scratch memory warm. */
static _Thread_local unsigned favourite;

struct lane *lane_enter(struct pysec_secy *secy)
{
    for (;;) {
        for (unsigned i = 0; i < NUM_LANES; i++) {
            struct lane *lane = &secy->lanes[(favourite + i) % NUM_LANES];
            uint64_t epoch = atomic_load_explicit(&lane->epoch, memory_order_relaxed);
            /* Sequentially consistent: the epoch must be seen as odd before any published pointer is read, or
             * secy_quiesce might not wait for us. */
            if (epoch % 2 == 0 && atomic_compare_exchange_strong(&lane->epoch, &epoch, epoch + 1)) {
                favourite = (favourite + i) % NUM_LANES;
                return lane;
            }
        }
        sched_yield();
    }
}

void lane_leave(struct lane *lane)
{
    uint64_t epoch = atomic_load_explicit(&lane->epoch, memory_order_relaxed);
    atomic_store_explicit(&lane->epoch, epoch + 1, memory_order_release);
}

void secy_quiesce(struct pysec_secy *secy)
{
    atomic_thread_fence(memory_order_seq_cst);
    for (int i = 0; i < NUM_LANES; i++) {
        uint64_t epoch = atomic_load(&secy->lanes[i].epoch);
        while (epoch % 2 && atomic_load(&secy->lanes[i].epoch) == epoch)
            sched_yield();
    }
    atomic_thread_fence(memory_order_acquire);
}
