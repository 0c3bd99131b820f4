/* sak.c - SAKs by key identifier, installed and remembered.
 *
 * A packet number must never be used twice with a key (SP 800-38D 8). Restarts, rekeys and return to an earlier key
 * are where that goes wrong, so a SAK is known by its KI from the moment it is installed, and its record outlives it:
 * the KI comes back only with the same SAK and only above the packet numbers that were used. Which SAK it was is told
 * by a key check value, AES of the all-ones block. That block is nobody's counter block: the SCI of all ones is never
 * used (802.1AE-2018 9.9), and no frame is 2^32 blocks long. The memory is bounded; the oldest record goes first and
 * its going is counted. */
#include "secy.h"

#include <stdlib.h>
#include <string.h>

#include "../base/secret.h"

static struct sak **bucket_of(struct pysec_secy *secy, const uint8_t ki[KI_LEN])
{
    uint32_t h = 2166136261u;
    for (int i = 0; i < KI_LEN; i++)
        h = (h ^ ki[i]) * 16777619u;
    return &secy->buckets[(h ^ h >> 16) % SAK_BUCKETS];
}

struct sak *sak_find(const struct pysec_secy *secy, const uint8_t ki[KI_LEN])
{
    struct sak *sak = ki ? *bucket_of((struct pysec_secy *)secy, ki) : NULL;
    while (sak && memcmp(sak->ki, ki, KI_LEN) != 0)
        sak = sak->next_in_bucket;
    return sak;
}

struct sak *sak_find_installed(const struct pysec_secy *secy, const uint8_t ki[KI_LEN])
{
    struct sak *sak = sak_find(secy, ki);
    return sak && sak->key ? sak : NULL;
}

/* find_by_check finds any SAK, installed or remembered, that has this check value. */
static struct sak *find_by_check(const struct pysec_secy *secy, const uint8_t check[16])
{
    for (int i = 0; i < SAK_BUCKETS; i++)
        for (struct sak *sak = secy->buckets[i]; sak; sak = sak->next_in_bucket)
            if (ct_equal_16(sak->check, check))
                return sak;
    return NULL;
}

static void unlink_retired(struct pysec_secy *secy, struct sak *sak)
{
    *(sak->older ? &sak->older->newer : &secy->oldest) = sak->newer;
    *(sak->newer ? &sak->newer->older : &secy->newest) = sak->older;
    sak->older = sak->newer = NULL;
    secy->num_retired--;
}

static void forget(struct pysec_secy *secy, struct sak *sak)
{
    struct sak **link = bucket_of(secy, sak->ki);
    while (*link != sak)
        link = &(*link)->next_in_bucket;
    *link = sak->next_in_bucket;
    past_drop_of(secy, sak);
    gcm_key_free(sak->key);
    wipe(sak, sizeof *sak);
    free(sak);
}

void sak_retire(struct pysec_secy *secy, struct sak *sak)
{
    gcm_key_free(sak->key);
    sak->key = NULL;
    secy->num_saks--;
    sak->older = secy->newest;
    *(secy->newest ? &secy->newest->newer : &secy->oldest) = sak;
    secy->newest = sak;
    secy->num_retired++;
    if (secy->num_retired <= MAX_RETIRED_KIS)
        return;
    struct sak *victim = secy->oldest; /* one that never transmitted has the least to remember */
    while (victim && victim->transmitted)
        victim = victim->newer;
    if (!victim)
        victim = secy->oldest;
    unlink_retired(secy, victim);
    forget(secy, victim);
    secy->num_forgotten++;
}

void sak_free_all(struct pysec_secy *secy)
{
    for (int i = 0; i < SAK_BUCKETS; i++)
        while (secy->buckets[i])
            forget(secy, secy->buckets[i]);
}

static int check_arguments(const struct pysec_secy *secy, const uint8_t *ki, const uint8_t *sak, size_t sak_len,
                           const uint8_t *salt, uint32_t offset)
{
    size_t want = secy->suite == PYSEC_GCM_AES_256 || secy->suite == PYSEC_GCM_AES_XPN_256 ? 32 : 16;
    if (!ki || !sak || sak_len != want || (salt != NULL) != secy->xpn)
        return PYSEC_E_INVAL;
    if (offset != 0 && (secy->xpn || (offset != 30 && offset != 50))) /* 802.1AE-2018 10.7.25 */
        return PYSEC_E_INVAL;
    return 0;
}

/* install puts an expanded key under a KI that is new or retired; on success the record owns the key. */
static int install(struct pysec_secy *secy, struct gcm_key *key, const uint8_t *ki, const uint8_t *salt,
                   uint32_t offset)
{
    uint8_t ones[16], check[16];
    memset(ones, 0xff, sizeof ones);
    gcm_encrypt_block(key, check, ones);

    struct sak *sak = sak_find(secy, ki);
    if (sak ? !ct_equal_16(sak->check, check) : find_by_check(secy, check) != NULL)
        return PYSEC_E_KI_REUSED;
    if (sak && sak->key) { /* the same again: nothing to do, if it really is the same */
        bool same = sak->offset == offset && (!salt || memcmp(sak->salt, salt, SALT_LEN) == 0);
        gcm_key_free(same ? key : NULL);
        return same ? 0 : PYSEC_E_EXIST;
    }
    if (sak && salt && memcmp(sak->salt, salt, SALT_LEN) != 0) /* other IVs for the same packet numbers */
        return PYSEC_E_EXIST;
    if (sak) {
        unlink_retired(secy, sak);
    } else {
        sak = calloc(1, sizeof *sak);
        if (!sak)
            return PYSEC_E_NOMEM;
        memcpy(sak->ki, ki, KI_LEN);
        memcpy(sak->check, check, sizeof check);
        if (salt)
            memcpy(sak->salt, salt, SALT_LEN);
        struct sak **bucket = bucket_of(secy, ki);
        sak->next_in_bucket = *bucket;
        *bucket = sak;
    }
    sak->offset = offset;
    sak->key = key;
    secy->num_saks++;
    return 0;
}

/* 802.1AE-2018 10.7.28 */
int pysec_secy_install_sak(struct pysec_secy *secy, const uint8_t ki[16], const uint8_t *sak, size_t sak_len,
                           const uint8_t *salt, uint32_t confidentiality_offset)
{
    int error = check_arguments(secy, ki, sak, sak_len, salt, confidentiality_offset);
    if (error)
        return error;
    struct gcm_key *key = gcm_key_new(secy->impl, sak, sak_len);
    if (!key)
        return PYSEC_E_NOMEM;
    pthread_mutex_lock(&secy->control);
    error = install(secy, key, ki, salt, confidentiality_offset);
    pthread_mutex_unlock(&secy->control);
    if (error)
        gcm_key_free(key);
    return error;
}
