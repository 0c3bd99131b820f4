/* past.c - where the packet numbers of ended receive SAs stand.
 *
 * Without these records, whoever recorded frames could have them accepted again when a KI comes back, and an SSCI could
 * be given to another SCI, with IVs that were used. They are a queue, oldest first, bounded; a search goes through all
 * of it, as SAs are created seldom. When there are too many the oldest goes, and its going is counted. */
#include <stdlib.h>

#include "secy.h"

/* unlink_past takes a record out of the queue; before is the one in front of it, or NULL. */
static void unlink_past(struct pysec_secy *secy, struct rx_sa *before, struct rx_sa *past)
{
    *(before ? &before->next_of_sak : &secy->first_past) = past->next_of_sak;
    if (secy->last_past == past)
        secy->last_past = before;
    secy->num_past_rx_sas--;
}

void past_add(struct pysec_secy *secy, struct rx_sa *sa)
{
    sa->next_of_sak = NULL;
    *(secy->last_past ? &secy->last_past->next_of_sak : &secy->first_past) = sa;
    secy->last_past = sa;
    if (++secy->num_past_rx_sas <= MAX_PAST_RX_SAS)
        return;
    struct rx_sa *oldest = secy->first_past;
    unlink_past(secy, NULL, oldest);
    free(oldest);
    secy->num_forgotten++;
}

struct rx_sa *past_take(struct pysec_secy *secy, const struct sak *sak, uint64_t sci)
{
    struct rx_sa *before = NULL, *past = secy->first_past;
    while (past && (past->sak != sak || past->sci != sci)) {
        before = past;
        past = past->next_of_sak;
    }
    if (past)
        unlink_past(secy, before, past);
    return past;
}

void past_drop_of(struct pysec_secy *secy, const struct sak *sak)
{
    struct rx_sa *before = NULL, *past = secy->first_past;
    while (past) {
        struct rx_sa *next = past->next_of_sak;
        if (past->sak == sak) {
            unlink_past(secy, before, past);
            free(past);
        } else {
            before = past;
        }
        past = next;
    }
}
