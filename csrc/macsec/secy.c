#include "secy.h"

#include <stdlib.h>
#include <string.h>

#include "../base/secret.h"
#include "replay.h"

#define MAX_RECEIVE_CHANNELS 4096
#define PORT_OF_ES 1 /* 802.1AE-2018 9.5 */
#define PORT_OF_SCB 0

void pysec_secy_defaults(struct pysec_config *config)
{
    memset(config, 0, sizeof *config);
    config->validate_frames = PYSEC_VALIDATE_STRICT; /* 802.1AE-2018 10.7.8 */
    config->replay_protect = 1;
    config->protect_frames = 1; /* 802.1AE-2018 10.7.17 */
    config->controlled_port_enabled = 1;
    config->num_bypass_ethertypes = 1;
    config->bypass_ethertype[0] = 0x888e; /* EAPOL, as the KaY lives on the uncontrolled port */
}

static int check_config(const struct pysec_config *config, uint64_t sci)
{
    if (config->validate_frames > PYSEC_VALIDATE_STRICT || config->vlan_tags_in_clear > 2)
        return PYSEC_E_INVAL;
    if (config->num_bypass_ethertypes > PYSEC_MAX_BYPASS || config->num_bypass_addresses > PYSEC_MAX_BYPASS)
        return PYSEC_E_INVAL;
    if (config->refuse_duplicates && (!config->replay_protect || config->replay_window > PYSEC_MAX_DUPLICATE_WINDOW))
        return PYSEC_E_INVAL;
    /* 802.1AE-2018 9.5: who reads ES or SCB supplies the port identifier, so ours must be that one. */
    if (config->use_scb ? (sci & 0xffff) != PORT_OF_SCB : config->use_es && (sci & 0xffff) != PORT_OF_ES)
        return PYSEC_E_INVAL;
    for (int i = 0; i < config->num_bypass_addresses; i++)
        if (!(config->bypass_address[i][0] & 1)) /* group addresses only */
            return PYSEC_E_INVAL;
    return 0;
}

/* controls_new makes the controls in use from those that were asked for. */
static struct controls *controls_new(const struct pysec_config *config, bool xpn)
{
    struct controls *controls = calloc(1, sizeof *controls);
    if (!controls)
        return NULL;
    controls->config = *config;
    controls->window = config->replay_window;
    if (xpn && controls->window > XPN_MAX_WINDOW) /* 802.1AE-2018 10.7.8 */
        controls->window = XPN_MAX_WINDOW;
    controls->null_mode = config->validate_frames == PYSEC_VALIDATE_NULL;
    controls->protect = config->protect_frames && !controls->null_mode; /* 802.1AE-2018 10.6 */
    return controls;
}

int pysec_secy_new(struct pysec_secy **out, uint64_t sci, int suite, const struct pysec_config *config,
                   uint32_t max_receive_channels, const char *impl, uint64_t seed)
{
    if (!out || !config || sci == SCI_NONE || suite < PYSEC_GCM_AES_128 || suite > PYSEC_GCM_AES_XPN_256 ||
        max_receive_channels < 1 || max_receive_channels > MAX_RECEIVE_CHANNELS || check_config(config, sci))
        return PYSEC_E_INVAL;
    const struct gcm_impl *gcm = gcm_impl_find(impl);
    if (!gcm)
        return PYSEC_E_NOENT;

    struct pysec_secy *secy = new_zeroed(sizeof *secy);
    if (!secy)
        return PYSEC_E_NOMEM;
    secy->sci = sci;
    secy->suite = suite;
    secy->xpn = suite >= PYSEC_GCM_AES_XPN_128;
    secy->last_pn = secy->xpn ? UINT64_MAX : UINT32_MAX;
    secy->impl = gcm;
    secy->max_scs = max_receive_channels;
    pthread_mutex_init(&secy->control, NULL);
    atomic_init(&secy->controls, controls_new(config, secy->xpn));
    atomic_init(&secy->scs, sc_table_new(max_receive_channels, seed));
    if (!atomic_load(&secy->controls) || !atomic_load(&secy->scs)) {
        pysec_secy_free(secy);
        return PYSEC_E_NOMEM;
    }
    *out = secy;
    return 0;
}

static void free_sas(struct sak *sak)
{
    if (sak->tx_sa) {
        wipe(sak->tx_sa, sizeof *sak->tx_sa);
        free(sak->tx_sa);
    }
    while (sak->rx_sas) {
        struct rx_sa *sa = sak->rx_sas;
        sak->rx_sas = sa->next_of_sak;
        free(atomic_load(&sa->seen));
        wipe(sa, sizeof *sa);
        free(sa);
    }
}

void pysec_secy_free(struct pysec_secy *secy)
{
    if (!secy)
        return;
    for (int i = 0; i < SAK_BUCKETS; i++)
        for (struct sak *sak = secy->buckets[i]; sak; sak = sak->next_in_bucket)
            free_sas(sak);
    sak_free_all(secy);
    struct sc_table *table = atomic_load(&secy->scs);
    for (uint32_t i = 0; table && i <= table->mask; i++)
        free(atomic_load(&table->slot[i].sc));
    free(table);
    free(atomic_load(&secy->controls));
    pthread_mutex_destroy(&secy->control);
    wipe(secy, sizeof *secy);
    free(secy);
}

/* give_bitmaps gives every receive SA a bitmap, or takes them away. Which PNs came before the option was switched on is
 * not known, so all of them count as seen. Without memory the SAs that got one keep it, which does no harm. */
static int give_bitmaps(struct pysec_secy *secy, bool wanted)
{
    for (int i = 0; i < SAK_BUCKETS; i++) {
        for (struct sak *sak = secy->buckets[i]; sak; sak = sak->next_in_bucket) {
            for (struct rx_sa *sa = sak->rx_sas; sa; sa = sa->next_of_sak) {
                uint64_t *seen = atomic_load(&sa->seen);
                if (wanted == (seen != NULL))
                    continue;
                uint64_t *fresh = wanted ? calloc(SEEN_WORDS, sizeof *fresh) : NULL;
                if (wanted && !fresh)
                    return PYSEC_E_NOMEM;
                if (fresh)
                    memset(fresh, 0xff, SEEN_WORDS * sizeof *fresh);
                atomic_store(&sa->seen, fresh);
                if (seen) {
                    secy_quiesce(secy);
                    free(seen);
                }
            }
        }
    }
    return 0;
}

int pysec_secy_set_config(struct pysec_secy *secy, const struct pysec_config *config)
{
    if (check_config(config, secy->sci))
        return PYSEC_E_INVAL;
    struct controls *controls = controls_new(config, secy->xpn);
    if (!controls)
        return PYSEC_E_NOMEM;
    pthread_mutex_lock(&secy->control);
    struct controls *before = atomic_load(&secy->controls);
    int error = config->refuse_duplicates ? give_bitmaps(secy, true) : 0;
    if (!error) {
        atomic_store(&secy->controls, controls);
        secy_quiesce(secy);
        if (!config->refuse_duplicates)
            give_bitmaps(secy, false);
    }
    free(error ? controls : before);
    pthread_mutex_unlock(&secy->control);
    return error;
}

void pysec_secy_get_config(const struct pysec_secy *secy, struct pysec_config *config)
{
    pthread_mutex_lock((pthread_mutex_t *)&secy->control);
    *config = atomic_load(&secy->controls)->config;
    pthread_mutex_unlock((pthread_mutex_t *)&secy->control);
}

uint64_t pysec_xpn_recover(uint64_t lowest_acceptable_pn, uint32_t pn_field)
{
    return xpn_recover(lowest_acceptable_pn, pn_field);
}
