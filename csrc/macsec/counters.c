#include "secy.h"

#include <string.h>

/* sc_counter gives the place of a verdict among an SC's counters, or -1 (802.1AE-2018 10.7.9 g to l). */
static int sc_counter(int verdict)
{
    if (verdict >= PYSEC_V_IN_OK && verdict <= PYSEC_V_IN_NOT_VALID)
        return verdict - PYSEC_V_IN_OK;
    return verdict == PYSEC_V_IN_DUPLICATE ? PYSEC_V_IN_NOT_VALID - PYSEC_V_IN_OK + 1 : -1;
}

void count_frame(struct lane *lane, int lane_number, struct rx_sc *sc, const struct pysec_frame *frame)
{
    bump(&lane->packets[frame->verdict], 1);
    if (frame->reason != PYSEC_R_NONE)
        bump(&lane->reasons[frame->reason], 1);
    if (frame->verdict == PYSEC_V_IN_NO_SA || frame->verdict == PYSEC_V_IN_NO_SA_ERROR)
        bump(&lane->no_sa[2 * (frame->verdict == PYSEC_V_IN_NO_SA_ERROR) + (frame->reason == PYSEC_R_UNUSED_SA)], 1);
    int place = sc ? sc_counter(frame->verdict) : -1;
    if (place >= 0)
        bump(&sc->packets[lane_number][place], 1);
}

void pysec_secy_count_overrun(struct pysec_secy *secy, uint64_t num_frames)
{
    atomic_fetch_add_explicit(&secy->overruns, num_frames, memory_order_relaxed);
}

void pysec_secy_get_counters(struct pysec_secy *secy, struct pysec_counters *counters)
{
    memset(counters, 0, sizeof *counters);
    for (int i = 0; i < NUM_LANES; i++) {
        struct lane *lane = &secy->lanes[i];
        for (int v = 0; v < PYSEC_NUM_VERDICTS; v++)
            counters->packets[v] += atomic_load_explicit(&lane->packets[v], memory_order_relaxed);
        for (int r = 0; r < PYSEC_NUM_REASONS; r++)
            counters->reasons[r] += atomic_load_explicit(&lane->reasons[r], memory_order_relaxed);
        for (int k = 0; k < 4; k++)
            counters->no_sa[k] += atomic_load_explicit(&lane->no_sa[k], memory_order_relaxed);
        counters->in_octets_validated += atomic_load_explicit(&lane->in_octets_validated, memory_order_relaxed);
        counters->in_octets_decrypted += atomic_load_explicit(&lane->in_octets_decrypted, memory_order_relaxed);
        counters->out_octets_protected += atomic_load_explicit(&lane->out_octets_protected, memory_order_relaxed);
        counters->out_octets_encrypted += atomic_load_explicit(&lane->out_octets_encrypted, memory_order_relaxed);
    }
    counters->packets[PYSEC_V_IN_OVERRUN] += atomic_load_explicit(&secy->overruns, memory_order_relaxed);
}

/* pns_passed gives how many PNs the SAs of an SC have seen pass, present and past. */
static uint64_t pns_passed(const struct rx_sc *sc)
{
    uint64_t passed = sc->ended_pns;
    for (int an = 0; an < NUM_ANS; an++)
        if (sc->sa[an])
            passed += atomic_load(&sc->sa[an]->next_pn) - sc->sa[an]->first_pn;
    return passed;
}

int pysec_secy_get_sc_gaps(struct pysec_secy *secy, struct pysec_sc_gaps *gaps, uint64_t sci)
{
    memset(gaps, 0, sizeof *gaps);
    pthread_mutex_lock(&secy->control);
    const struct rx_sc *sc = sc_table_find(atomic_load(&secy->scs), sci);
    if (sc) {
        gaps->passed = pns_passed(sc); /* first: a frame that comes meanwhile is not taken for lost */
        for (int lane = 0; lane < NUM_LANES; lane++) {
            gaps->valid += atomic_load(&sc->packets[lane][sc_counter(PYSEC_V_IN_OK)]);
            gaps->valid += atomic_load(&sc->packets[lane][sc_counter(PYSEC_V_IN_DELAYED)]);
        }
        gaps->reordered = atomic_load(&sc->reordered);
        gaps->deepest = atomic_load(&sc->deepest);
    }
    pthread_mutex_unlock(&secy->control);
    return sc ? 0 : PYSEC_E_NOENT;
}

/* 802.1AE-2018 10.7.9, 10.7.18: the counts of an SC are those of its present and its past SAs. They are kept with the
 * SC, so replacing an SA loses nothing. There is one transmit SC, so its counts are the SecY's. */
int pysec_secy_get_sc_counters(struct pysec_secy *secy, struct pysec_counters *counters, uint64_t sci)
{
    struct pysec_counters all;
    memset(counters, 0, sizeof *counters);
    pthread_mutex_lock(&secy->control);
    struct rx_sc *sc = sc_table_find(atomic_load(&secy->scs), sci);
    for (int lane = 0; sc && lane < NUM_LANES; lane++)
        for (int v = PYSEC_V_IN_OK; v <= PYSEC_V_IN_DUPLICATE; v++)
            if (sc_counter(v) >= 0)
                counters->packets[v] += atomic_load_explicit(&sc->packets[lane][sc_counter(v)], memory_order_relaxed);
    pthread_mutex_unlock(&secy->control);
    if (sci != secy->sci)
        return sc ? 0 : PYSEC_E_NOENT;
    pysec_secy_get_counters(secy, &all);
    counters->packets[PYSEC_V_OUT_PROTECTED] = all.packets[PYSEC_V_OUT_PROTECTED];
    counters->packets[PYSEC_V_OUT_ENCRYPTED] = all.packets[PYSEC_V_OUT_ENCRYPTED];
    return 0;
}
