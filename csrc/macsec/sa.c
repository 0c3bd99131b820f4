/* sa.c - the life of receive SCs and of SAs: create, enable, update, retire (802.1AE-2018 10.7.11 to 10.7.24).
 *
 * Each step may be repeated: asked again for what already is, it changes nothing and succeeds. An SA is named by its
 * KI, never by its AN alone, so that a late command for an old key cannot touch the new key in the same place. */
#include "replay.h"
#include "secy.h"

#include <stdlib.h>
#include <string.h>

#include "../base/secret.h"

static bool is_pn(const struct pysec_secy *secy, uint64_t pn)
{
    return pn >= 1 && pn <= secy->last_pn;
}

/* ssci_is_free says whether an SCI may have this SSCI with this SAK (802.1AE-2018 10.7.13, 10.7.22): no other SCI has
 * it, and no SA that has ended had it, or had this SCI with another. For the IVs come of it, and some were used. */
static bool ssci_is_free(const struct pysec_secy *secy, const struct sak *sak, uint64_t sci, uint32_t ssci)
{
    if (!secy->xpn)
        return true;
    if (sak->tx_sa && sak->tx_sa->ssci == ssci && secy->sci != sci)
        return false;
    if (sak->transmitted && (sak->tx_ssci == ssci) != (secy->sci == sci))
        return false;
    for (const struct rx_sa *sa = sak->rx_sas; sa; sa = sa->next_of_sak)
        if (sa->ssci == ssci && sa->sci != sci)
            return false;
    for (const struct rx_sa *past = secy->first_past; past; past = past->next_of_sak)
        if (past->sak == sak && (past->ssci == ssci) != (past->sci == sci))
            return false;
    return true;
}

static bool sc_is_receiving(const struct rx_sc *sc)
{
    for (int an = 0; an < NUM_ANS; an++)
        if (sc->sa[an] && sc->sa[an]->in_use)
            return true;
    return false;
}

/* set_in_use publishes a receive SA to the frame path, or takes it back (802.1AE-2018 10.7.15). */
static void set_in_use(struct pysec_secy *secy, struct rx_sa *sa, bool in_use)
{
    bool before = sc_is_receiving(sa->sc);
    sa->in_use = in_use;
    atomic_store(&sa->sc->in_use[sa->an], in_use ? sa : NULL);
    bool after = sc_is_receiving(sa->sc);
    if (before != after)
        atomic_fetch_add(&secy->num_receiving, after ? 1u : (uint32_t)-1);
}

static void rx_sa_unlink(struct pysec_secy *secy, struct rx_sa *sa)
{
    if (sa->in_use)
        set_in_use(secy, sa, false);
    sa->sc->sa[sa->an] = NULL;
    struct rx_sa **link = &sa->sak->rx_sas;
    while (*link != sa)
        link = &(*link)->next_of_sak;
    *link = sa->next_of_sak;
}

/* rx_sa_end ends an SA that no burst can see any more: its packet numbers are remembered, everything else is gone. */
static void rx_sa_end(struct pysec_secy *secy, struct rx_sa *sa)
{
    free(atomic_load(&sa->seen));
    atomic_store(&sa->seen, NULL);
    wipe(&sa->iv, sizeof sa->iv);
    sa->key = NULL;
    sa->sc->ended_pns += atomic_load(&sa->next_pn) - sa->first_pn;
    sa->sc = NULL;
    past_add(secy, sa);
}

static void tx_sa_unlink(struct pysec_secy *secy, struct tx_sa *sa)
{
    if (atomic_load(&secy->encoding) == sa)
        atomic_store(&secy->encoding, NULL);
    secy->tx[sa->an] = NULL;
    sa->sak->tx_sa = NULL;
}

/* tx_sa_free records where the packet numbers stand, once no burst can take any more, and wipes the SA. */
static void tx_sa_free(struct tx_sa *sa)
{
    if (!sa)
        return;
    sa->sak->tx_next_pn = atomic_load(&sa->next_pn);
    sa->sak->tx_ssci = sa->ssci;
    sa->sak->transmitted = true;
    wipe(sa, sizeof *sa);
    free(sa);
}

/* ---- receive SCs */

static struct rx_sc *find_sc(const struct pysec_secy *secy, uint64_t sci)
{
    return sc_table_find(atomic_load(&secy->scs), sci);
}

static int create_sc(struct pysec_secy *secy, uint64_t sci)
{
    struct sc_table *table = atomic_load(&secy->scs);
    if (find_sc(secy, sci))
        return 0;
    if (table->count >= secy->max_scs)
        return PYSEC_E_FULL;
    struct rx_sc *sc = new_zeroed(sizeof *sc);
    if (!sc)
        return PYSEC_E_NOMEM;
    sc->sci = sci;
    sc_table_add(table, sc);
    return 0;
}

/* 802.1AE-2018 10.7.11 */
int pysec_secy_create_receive_sc(struct pysec_secy *secy, uint64_t sci)
{
    if (sci == SCI_NONE)
        return PYSEC_E_INVAL;
    pthread_mutex_lock(&secy->control);
    int error = create_sc(secy, sci);
    pthread_mutex_unlock(&secy->control);
    return error;
}

static int delete_sc(struct pysec_secy *secy, uint64_t sci)
{
    struct sc_table *table = atomic_load(&secy->scs);
    struct rx_sc *sc = find_sc(secy, sci);
    if (!sc)
        return 0;
    struct sc_table *rest = sc_table_without(table, sc, secy->max_scs);
    if (!rest)
        return PYSEC_E_NOMEM;
    struct rx_sa *ended[NUM_ANS];
    for (int an = 0; an < NUM_ANS; an++) {
        ended[an] = sc->sa[an];
        if (ended[an])
            rx_sa_unlink(secy, ended[an]);
    }
    atomic_store(&secy->scs, rest);
    secy_quiesce(secy);
    for (int an = 0; an < NUM_ANS; an++)
        if (ended[an])
            rx_sa_end(secy, ended[an]);
    free(sc);
    free(table);
    return 0;
}

int pysec_secy_delete_receive_sc(struct pysec_secy *secy, uint64_t sci)
{
    pthread_mutex_lock(&secy->control);
    int error = delete_sc(secy, sci);
    pthread_mutex_unlock(&secy->control);
    return error;
}

/* ---- receive SAs */

/* raise_lowest_pn raises the lowest acceptable PN of an SA that bursts may be using. */
static void raise_lowest_pn(struct rx_sa *sa, uint64_t lowest_pn)
{
    replay_lock(sa);
    if (pn_less(atomic_load(&sa->lowest_pn), lowest_pn))
        atomic_store(&sa->lowest_pn, lowest_pn);
    replay_unlock(sa);
}

/* continue_past has a new SA go on where an earlier one with the same KI and SCI stopped, if the caller's lowest PN
 * lies below that. */
static void continue_past(struct pysec_secy *secy, struct rx_sa *sa)
{
    struct rx_sa *past = past_take(secy, sa->sak, sa->sci);
    if (!past)
        return;
    uint64_t lowest = atomic_load(&past->lowest_pn), next = atomic_load(&past->next_pn);
    if (pn_less(atomic_load(&sa->lowest_pn), lowest))
        atomic_store(&sa->lowest_pn, lowest);
    if (pn_less(atomic_load(&sa->next_pn), next))
        atomic_store(&sa->next_pn, next);
    uint64_t *seen = atomic_load(&sa->seen);
    if (seen) /* which PNs below nextPN came before is not known any more: none of them again */
        memset(seen, 0xff, SEEN_WORDS * sizeof *seen);
    free(past);
}

static struct rx_sa *find_rx_sa(const struct sak *sak, const struct rx_sc *sc)
{
    struct rx_sa *sa = sak->rx_sas;
    while (sa && sa->sc != sc)
        sa = sa->next_of_sak;
    return sa;
}

static int create_rx_sa(struct pysec_secy *secy, uint64_t sci, uint32_t an, const uint8_t *ki, uint64_t lowest_pn,
                        uint32_t ssci)
{
    struct rx_sc *sc = find_sc(secy, sci);
    struct sak *sak = sak_find_installed(secy, ki);
    if (!sc || !sak)
        return PYSEC_E_NOENT;
    struct rx_sa *sa = find_rx_sa(sak, sc);
    if (sa && (sa->an != an || (secy->xpn && sa->ssci != ssci)))
        return PYSEC_E_EXIST;
    if (sa) {
        raise_lowest_pn(sa, lowest_pn);
        return 0;
    }
    if (!ssci_is_free(secy, sak, sci, ssci))
        return PYSEC_E_SSCI;
    bool with_bitmap = atomic_load(&secy->controls)->config.refuse_duplicates;
    uint64_t *seen = with_bitmap ? calloc(SEEN_WORDS, sizeof *seen) : NULL;
    sa = new_zeroed(sizeof *sa);
    if (!sa || (with_bitmap && !seen)) {
        free(sa);
        free(seen);
        return PYSEC_E_NOMEM;
    }
    sa->key = sak->key;
    sa->sak = sak;
    sa->sc = sc;
    sa->sci = sci;
    sa->an = (uint8_t)an;
    sa->ssci = ssci;
    sa->offset = sak->offset;
    atomic_init(&sa->seen, seen);
    atomic_init(&sa->next_pn, lowest_pn);
    atomic_init(&sa->lowest_pn, lowest_pn);
    iv_base_init(&sa->iv, secy->xpn, sci, ssci, sak->salt);
    continue_past(secy, sa);
    sa->first_pn = atomic_load(&sa->next_pn);

    struct rx_sa *prior = sc->sa[an]; /* 802.1AE-2018 10.7.13: any prior SA with the same AN is deleted */
    if (prior)
        rx_sa_unlink(secy, prior);
    sc->sa[an] = sa;
    sa->next_of_sak = sak->rx_sas;
    sak->rx_sas = sa;
    if (prior) {
        secy_quiesce(secy);
        rx_sa_end(secy, prior);
    }
    return 0;
}

/* 802.1AE-2018 10.7.13 */
int pysec_secy_create_receive_sa(struct pysec_secy *secy, uint64_t sci, uint32_t an, const uint8_t ki[16],
                                 uint64_t lowest_pn, uint32_t ssci)
{
    if (an >= NUM_ANS || !ki || !is_pn(secy, lowest_pn))
        return PYSEC_E_INVAL;
    pthread_mutex_lock(&secy->control);
    int error = create_rx_sa(secy, sci, an, ki, lowest_pn, ssci);
    pthread_mutex_unlock(&secy->control);
    return error;
}

/* with_rx_sa finds the SA of an SC and a KI, under the mutex; NULL if there is none. */
static struct rx_sa *with_rx_sa(struct pysec_secy *secy, uint64_t sci, const uint8_t *ki)
{
    struct rx_sc *sc = find_sc(secy, sci);
    struct sak *sak = sak_find_installed(secy, ki);
    return sc && sak ? find_rx_sa(sak, sc) : NULL;
}

/* 802.1AE-2018 10.7.15 */
int pysec_secy_enable_receive(struct pysec_secy *secy, uint64_t sci, const uint8_t ki[16], int enable)
{
    pthread_mutex_lock(&secy->control);
    struct rx_sa *sa = with_rx_sa(secy, sci, ki);
    if (sa && sa->in_use != (enable != 0)) {
        set_in_use(secy, sa, enable != 0);
        if (!enable)
            secy_quiesce(secy); /* so that no frame is accepted with it after this returns */
    }
    pthread_mutex_unlock(&secy->control);
    return sa ? 0 : PYSEC_E_NOENT;
}

/* 802.1AE-2018 10.7.15, updtLowestPN */
int pysec_secy_update_lowest_pn(struct pysec_secy *secy, uint64_t sci, const uint8_t ki[16], uint64_t lowest_pn)
{
    if (!is_pn(secy, lowest_pn))
        return PYSEC_E_INVAL;
    pthread_mutex_lock(&secy->control);
    struct rx_sa *sa = with_rx_sa(secy, sci, ki);
    if (sa)
        raise_lowest_pn(sa, lowest_pn);
    pthread_mutex_unlock(&secy->control);
    return sa ? 0 : PYSEC_E_NOENT;
}

/* ---- transmit SAs */

/* raise_next_pn raises the packet number that the next frame gets; never lowers it. */
static void raise_next_pn(struct tx_sa *sa, uint64_t floor)
{
    uint64_t next = atomic_load(&sa->next_pn);
    while (pn_less(next, floor) && !atomic_compare_exchange_weak(&sa->next_pn, &next, floor))
        ;
}

/* move_ceiling sets the ceiling of a transmit SA. A burst that is at work may have read the old one, so when it falls
 * the packet numbers are looked at again once every such burst has ended. */
static int move_ceiling(struct pysec_secy *secy, struct tx_sa *sa, uint64_t ceiling)
{
    uint64_t before = atomic_load(&sa->ceiling);
    if (ceiling && pn_less(ceiling, atomic_load(&sa->next_pn)))
        return PYSEC_E_PN_USED;
    atomic_store(&sa->ceiling, ceiling);
    if (ceiling && pn_less(ceiling, before)) { /* 0 counts as 2^64: no ceiling */
        secy_quiesce(secy);
        if (pn_less(ceiling, atomic_load(&sa->next_pn))) {
            atomic_store(&sa->ceiling, before);
            return PYSEC_E_PN_USED;
        }
    }
    atomic_fetch_and(&sa->events, ~(1u << PYSEC_EV_PN_CEILING | 1u << (8 + PYSEC_EV_PN_CEILING)));
    return 0;
}

static int create_tx_sa(struct pysec_secy *secy, uint32_t an, const uint8_t *ki, uint64_t next_pn, uint32_t ssci,
                        bool confidentiality, uint64_t ceiling, uint64_t threshold)
{
    struct sak *sak = sak_find_installed(secy, ki);
    if (!sak)
        return PYSEC_E_NOENT;
    struct tx_sa *sa = sak->tx_sa;
    if (sa) {
        if (sa->an != an || sa->confidentiality != confidentiality || (secy->xpn && sa->ssci != ssci))
            return PYSEC_E_EXIST;
        raise_next_pn(sa, next_pn);
        return ceiling ? move_ceiling(secy, sa, ceiling) : 0;
    }
    if (sak->transmitted && pn_less(next_pn, sak->tx_next_pn))
        return PYSEC_E_PN_USED;
    if (!ssci_is_free(secy, sak, secy->sci, ssci))
        return PYSEC_E_SSCI;
    struct tx_sa *prior = secy->tx[an];
    if (prior && atomic_load(&secy->encoding) == prior)
        return PYSEC_E_BUSY;
    sa = calloc(1, sizeof *sa);
    if (!sa)
        return PYSEC_E_NOMEM;
    sa->key = sak->key;
    sa->sak = sak;
    sa->an = (uint8_t)an;
    sa->ssci = ssci;
    sa->offset = sak->offset;
    sa->confidentiality = confidentiality;
    atomic_init(&sa->next_pn, next_pn);
    atomic_init(&sa->ceiling, ceiling);
    atomic_init(&sa->threshold, threshold ? threshold : secy->last_pn / 4 * 3 + 3);
    iv_base_init(&sa->iv, secy->xpn, secy->sci, ssci, sak->salt);
    if (prior) { /* 802.1AE-2018 10.7.22 */
        tx_sa_unlink(secy, prior);
        secy_quiesce(secy);
        tx_sa_free(prior);
    }
    sak->tx_sa = sa;
    secy->tx[an] = sa;
    return 0;
}

/* 802.1AE-2018 10.7.22 */
int pysec_secy_create_transmit_sa(struct pysec_secy *secy, uint32_t an, const uint8_t ki[16], uint64_t next_pn,
                                  uint32_t ssci, int confidentiality, uint64_t pn_ceiling, uint64_t pn_threshold)
{
    if (an >= NUM_ANS || !ki || !is_pn(secy, next_pn) || pn_threshold > secy->last_pn)
        return PYSEC_E_INVAL;
    if (pn_ceiling && (pn_ceiling < next_pn || pn_ceiling - 1 > secy->last_pn))
        return PYSEC_E_INVAL;
    pthread_mutex_lock(&secy->control);
    int error = create_tx_sa(secy, an, ki, next_pn, ssci, confidentiality != 0, pn_ceiling, pn_threshold);
    pthread_mutex_unlock(&secy->control);
    return error;
}

/* 802.1AE-2018 10.7.24. No quiet point on the switch: a burst that began with the old SA ends with it, and packet
 * numbers of the two SAs are apart. Stopping waits, also for an SA that another has replaced meanwhile, so that nothing
 * is sent with it after this returns. */
int pysec_secy_enable_transmit(struct pysec_secy *secy, const uint8_t ki[16], int enable)
{
    pthread_mutex_lock(&secy->control);
    struct sak *sak = sak_find_installed(secy, ki);
    struct tx_sa *sa = sak ? sak->tx_sa : NULL;
    if (sa && enable)
        atomic_store(&secy->encoding, sa);
    if (sa && !enable) {
        if (atomic_load(&secy->encoding) == sa)
            atomic_store(&secy->encoding, NULL);
        secy_quiesce(secy);
    }
    pthread_mutex_unlock(&secy->control);
    return sa ? 0 : PYSEC_E_NOENT;
}

int pysec_secy_set_pn_ceiling(struct pysec_secy *secy, const uint8_t ki[16], uint64_t pn_ceiling)
{
    if (pn_ceiling && pn_ceiling - 1 > secy->last_pn)
        return PYSEC_E_INVAL;
    pthread_mutex_lock(&secy->control);
    struct sak *sak = sak_find_installed(secy, ki);
    struct tx_sa *sa = sak ? sak->tx_sa : NULL;
    int error = sa ? move_ceiling(secy, sa, pn_ceiling) : PYSEC_E_NOENT;
    pthread_mutex_unlock(&secy->control);
    return error;
}

/* ---- the end */

int pysec_secy_retire(struct pysec_secy *secy, const uint8_t ki[16])
{
    pthread_mutex_lock(&secy->control);
    struct sak *sak = sak_find(secy, ki);
    if (sak && sak->key) {
        struct tx_sa *tx = sak->tx_sa;
        struct rx_sa *ended = NULL;
        if (tx)
            tx_sa_unlink(secy, tx);
        while (sak->rx_sas) {
            struct rx_sa *sa = sak->rx_sas;
            rx_sa_unlink(secy, sa);
            sa->next_of_sak = ended;
            ended = sa;
        }
        secy_quiesce(secy);
        tx_sa_free(tx);
        while (ended) {
            struct rx_sa *sa = ended;
            ended = sa->next_of_sak;
            rx_sa_end(secy, sa);
        }
        sak_retire(secy, sak);
    }
    pthread_mutex_unlock(&secy->control);
    return sak ? 0 : PYSEC_E_NOENT;
}
