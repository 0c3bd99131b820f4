#include "secy.h"

#include <stdlib.h>
#include <string.h>

/* The seed is secret, so nobody who only sends frames can choose SCIs that end up in one long probe. */
static uint32_t hash(uint64_t sci, uint64_t seed)
{
    unsigned __int128 product = (unsigned __int128)(sci ^ seed) * (0x9e3779b97f4a7c15u ^ seed << 1);
    return (uint32_t)(((uint64_t)(product >> 64) ^ (uint64_t)product) >> 20);
}

struct sc_table *sc_table_new(uint32_t max_scs, uint64_t seed)
{
    uint32_t slots = 4;
    while (slots < 2 * max_scs)
        slots *= 2;
    struct sc_table *table = new_zeroed(sizeof *table + slots * sizeof table->slot[0]);
    if (!table)
        return NULL;
    table->seed = seed;
    table->mask = slots - 1;
    return table;
}

const struct sc_slot *sc_table_slot(const struct sc_table *table, uint64_t sci)
{
    return &table->slot[hash(sci, table->seed) & table->mask];
}

struct rx_sc *sc_table_find(const struct sc_table *table, uint64_t sci)
{
    for (uint32_t i = hash(sci, table->seed);; i++) {
        const struct sc_slot *slot = &table->slot[i & table->mask];
        struct rx_sc *sc = atomic_load_explicit(&slot->sc, memory_order_acquire);
        if (!sc || slot->sci == sci)
            return sc;
    }
}

void sc_table_add(struct sc_table *table, struct rx_sc *sc)
{
    uint32_t i = hash(sc->sci, table->seed);
    while (atomic_load_explicit(&table->slot[i & table->mask].sc, memory_order_relaxed))
        i++;
    table->slot[i & table->mask].sci = sc->sci;
    atomic_store_explicit(&table->slot[i & table->mask].sc, sc, memory_order_release);
    atomic_store(&table->only, atomic_fetch_add(&table->count, 1) == 0 ? sc : NULL);
}

struct sc_table *sc_table_without(const struct sc_table *table, const struct rx_sc *sc, uint32_t max_scs)
{
    struct sc_table *copy = sc_table_new(max_scs, table->seed);
    if (!copy)
        return NULL;
    for (uint32_t i = 0; i <= table->mask; i++) {
        struct rx_sc *other = atomic_load_explicit(&table->slot[i].sc, memory_order_relaxed);
        if (other && other != sc)
            sc_table_add(copy, other);
    }
    return copy;
}
