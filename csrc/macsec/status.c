/* status.c - what the control side can read: status, lists, events (802.1AE-2018 10.7.14, 10.7.21, 10.7.23). */
#include "secy.h"

#include <string.h>

void pysec_secy_get_status(struct pysec_secy *secy, struct pysec_status *status)
{
    memset(status, 0, sizeof *status);
    pthread_mutex_lock(&secy->control);
    const struct controls *controls = atomic_load(&secy->controls);
    const struct pysec_config *config = &controls->config;
    struct tx_sa *encoding = atomic_load(&secy->encoding);
    uint32_t num_receiving = atomic_load(&secy->num_receiving);
    status->sci = secy->sci;
    status->suite = secy->suite;
    status->num_receive_scs = atomic_load(&secy->scs)->count;
    status->num_receiving_scs = num_receiving;
    status->num_saks = secy->num_saks;
    status->num_retired_kis = secy->num_retired;
    status->num_forgotten_kis = secy->num_forgotten;
    status->including_sci = config->always_include_sci || (num_receiving > 1 && !config->use_es && !config->use_scb);
    status->transmitting = encoding != NULL;
    status->encoding_an = encoding ? encoding->an : 255;
    status->exhausted = controls->protect && encoding && is_exhausted(secy, encoding);
    status->mac_operational = config->controlled_port_enabled && encoding && num_receiving > 0 && !status->exhausted;
    status->gcm_impl = secy->impl->name;
    pthread_mutex_unlock(&secy->control);
}

static void describe_tx(const struct pysec_secy *secy, struct pysec_sa_status *out, struct tx_sa *sa)
{
    memset(out, 0, sizeof *out);
    memcpy(out->ki, sa->sak->ki, KI_LEN);
    out->sci = secy->sci;
    out->next_pn = atomic_load(&sa->next_pn);
    out->pn_ceiling = atomic_load(&sa->ceiling);
    out->pn_threshold = atomic_load(&sa->threshold);
    out->ssci = sa->ssci;
    out->an = sa->an;
    out->transmit = 1;
    out->in_use = atomic_load(&secy->encoding) == sa;
    out->confidentiality = sa->confidentiality;
    out->confidentiality_offset = (uint8_t)sa->offset;
    out->exhausted = is_exhausted(secy, sa);
}

static void describe_rx(struct pysec_sa_status *out, struct rx_sa *sa)
{
    memset(out, 0, sizeof *out);
    memcpy(out->ki, sa->sak->ki, KI_LEN);
    out->sci = sa->sc->sci;
    out->next_pn = atomic_load(&sa->next_pn);
    out->lowest_pn = atomic_load(&sa->lowest_pn);
    out->ssci = sa->ssci;
    out->an = sa->an;
    out->in_use = sa->in_use;
    out->confidentiality_offset = (uint8_t)sa->offset;
}

int pysec_secy_list_sas(struct pysec_secy *secy, struct pysec_sa_status *sas, size_t max, size_t *num)
{
    size_t n = 0;
    pthread_mutex_lock(&secy->control);
    for (int an = 0; an < NUM_ANS; an++) {
        if (!secy->tx[an])
            continue;
        if (n < max)
            describe_tx(secy, &sas[n], secy->tx[an]);
        n++;
    }
    const struct sc_table *table = atomic_load(&secy->scs);
    for (uint32_t i = 0; i <= table->mask; i++) {
        struct rx_sc *sc = atomic_load(&table->slot[i].sc);
        for (int an = 0; sc && an < NUM_ANS; an++) {
            if (!sc->sa[an])
                continue;
            if (n < max)
                describe_rx(&sas[n], sc->sa[an]);
            n++;
        }
    }
    pthread_mutex_unlock(&secy->control);
    *num = n;
    return 0;
}

int pysec_secy_list_receive_scs(struct pysec_secy *secy, uint64_t *scis, size_t max, size_t *num)
{
    size_t n = 0;
    pthread_mutex_lock(&secy->control);
    const struct sc_table *table = atomic_load(&secy->scs);
    for (uint32_t i = 0; i <= table->mask; i++) {
        struct rx_sc *sc = atomic_load(&table->slot[i].sc);
        if (!sc)
            continue;
        if (n < max)
            scis[n] = sc->sci;
        n++;
    }
    pthread_mutex_unlock(&secy->control);
    *num = n;
    return 0;
}

/* ---- events. An SA keeps two bits for each kind: noted, and reported already. */

void raise_event(struct pysec_secy *secy, _Atomic uint32_t *events, enum pysec_event_kind kind)
{
    uint32_t noted = 1u << kind, reported = 1u << (8 + kind);
    if (atomic_load_explicit(events, memory_order_relaxed) & (noted | reported))
        return;
    atomic_fetch_or(events, noted);
    atomic_store(&secy->events_pending, 1);
}

/* take_event takes one noted event of an SA; 0 if there is none. */
static uint32_t take_event(_Atomic uint32_t *events)
{
    uint32_t bits = atomic_load(events);
    for (uint32_t kind = PYSEC_EV_PN_THRESHOLD; kind <= PYSEC_EV_PN_CEILING; kind++) {
        if (!(bits & 1u << kind))
            continue;
        atomic_fetch_or(events, 1u << (8 + kind));
        atomic_fetch_and(events, ~(1u << kind));
        return kind;
    }
    return 0;
}

static void fill_event(struct pysec_event *event, uint32_t kind, const struct pysec_sa_status *sa)
{
    memset(event, 0, sizeof *event);
    event->kind = kind;
    event->an = sa->an;
    event->sci = sa->sci;
    event->next_pn = sa->next_pn;
    event->transmit = sa->transmit;
    memcpy(event->ki, sa->ki, KI_LEN);
}

static int next_event(struct pysec_secy *secy, struct pysec_event *event)
{
    struct pysec_sa_status status;
    for (int an = 0; an < NUM_ANS; an++) {
        uint32_t kind = secy->tx[an] ? take_event(&secy->tx[an]->events) : 0;
        if (!kind)
            continue;
        describe_tx(secy, &status, secy->tx[an]);
        fill_event(event, kind, &status);
        return 1;
    }
    const struct sc_table *table = atomic_load(&secy->scs);
    for (uint32_t i = 0; i <= table->mask; i++) {
        struct rx_sc *sc = atomic_load(&table->slot[i].sc);
        for (int an = 0; sc && an < NUM_ANS; an++) {
            uint32_t kind = sc->sa[an] ? take_event(&sc->sa[an]->events) : 0;
            if (!kind)
                continue;
            describe_rx(&status, sc->sa[an]);
            fill_event(event, kind, &status);
            return 1;
        }
    }
    return 0;
}

int pysec_secy_next_event(struct pysec_secy *secy, struct pysec_event *event)
{
    if (!atomic_exchange(&secy->events_pending, 0))
        return 0;
    pthread_mutex_lock(&secy->control);
    int found = next_event(secy, event);
    if (found) /* there may be more */
        atomic_store(&secy->events_pending, 1);
    pthread_mutex_unlock(&secy->control);
    return found;
}
