/* peer_ipsec_mb.c - Intel's multi-buffer library: its direct call for one message, its burst of jobs, and for
 * additional data alone its GMAC calls. The key is expanded once; comparing the tag is left to the caller, and counted.
 */
#include <intel-ipsec-mb.h>
#include <stdlib.h>
#include <string.h>

#include "gcm_peer.h"

#define JOBS_AT_ONCE 128

struct mb_key {
    struct gcm_key_data data;
    size_t len;
};

static IMB_MGR *mb;

static void *key_new(const uint8_t *key, size_t key_len, const char *impl, int opens)
{
    struct mb_key *k = aligned_alloc(64, (sizeof *k + 63) / 64 * 64);
    (void)impl;
    (void)opens; /* good for both directions */
    if (!k)
        return NULL;
    k->len = key_len;
    if (key_len == 16)
        IMB_AES128_GCM_PRE(mb, key, &k->data);
    else
        IMB_AES256_GCM_PRE(mb, key, &k->data);
    return k;
}

/* ---- A call a message */

static void direct_seal(void *key, struct pysec_gcm_op *ops, size_t num_ops)
{
    struct mb_key *k = key;
    struct gcm_context_data c;
    if (k->len == 16)
        for (struct pysec_gcm_op *op = ops; op < ops + num_ops; op++)
            IMB_AES128_GCM_ENC(mb, &k->data, &c, op->data, op->data, op->data_len, op->nonce, op->aad, op->aad_len,
                               op->tag, 16);
    else
        for (struct pysec_gcm_op *op = ops; op < ops + num_ops; op++)
            IMB_AES256_GCM_ENC(mb, &k->data, &c, op->data, op->data, op->data_len, op->nonce, op->aad, op->aad_len,
                               op->tag, 16);
}

static size_t direct_open(void *key, struct pysec_gcm_op *ops, size_t num_ops)
{
    struct mb_key *k = key;
    struct gcm_context_data c;
    uint8_t tag[16];
    size_t num_bad = 0;
    for (struct pysec_gcm_op *op = ops; op < ops + num_ops; op++) {
        if (k->len == 16)
            IMB_AES128_GCM_DEC(mb, &k->data, &c, op->data, op->data, op->data_len, op->nonce, op->aad, op->aad_len, tag,
                               16);
        else
            IMB_AES256_GCM_DEC(mb, &k->data, &c, op->data, op->data, op->data_len, op->nonce, op->aad, op->aad_len, tag,
                               16);
        num_bad += !same_tag(tag, op->tag);
    }
    return num_bad;
}

/* ---- A burst of jobs, without the checks that it offers */

static void fill_job(IMB_JOB *job, const struct mb_key *k, struct pysec_gcm_op *op, uint8_t *tag, int opens)
{
    job->cipher_mode = IMB_CIPHER_GCM;
    job->hash_alg = IMB_AUTH_AES_GMAC;
    job->cipher_direction = opens ? IMB_DIR_DECRYPT : IMB_DIR_ENCRYPT;
    job->chain_order = opens ? IMB_ORDER_HASH_CIPHER : IMB_ORDER_CIPHER_HASH;
    job->enc_keys = &k->data;
    job->dec_keys = &k->data;
    job->key_len_in_bytes = k->len;
    job->src = op->data;
    job->dst = op->data;
    job->cipher_start_src_offset_in_bytes = 0;
    job->hash_start_src_offset_in_bytes = 0;
    job->msg_len_to_cipher_in_bytes = op->data_len;
    job->msg_len_to_hash_in_bytes = op->data_len;
    job->iv = op->nonce;
    job->iv_len_in_bytes = 12;
    job->u.GCM.aad = op->aad;
    job->u.GCM.aad_len_in_bytes = op->aad_len;
    job->auth_tag_output = tag;
    job->auth_tag_output_len_in_bytes = 16;
#if IMB_VERSION_NUM >= IMB_VERSION(1, 4, 0)
    imb_set_session(mb, job);
#endif
}

/* some_jobs does at most JOBS_AT_ONCE messages and returns how many did not verify: all of them, if the library did not
 * finish them all, which the check of each case would notice. */
static size_t some_jobs(struct mb_key *k, struct pysec_gcm_op *ops, size_t num_ops, int opens)
{
    IMB_JOB *jobs[JOBS_AT_ONCE], *done[JOBS_AT_ONCE];
    uint8_t tags[JOBS_AT_ONCE][16];
    size_t num_bad = 0;
    uint32_t got = IMB_GET_NEXT_BURST(mb, (uint32_t)num_ops, jobs);
    if (got < num_ops) {
        IMB_FLUSH_BURST(mb, JOBS_AT_ONCE, jobs);
        got = IMB_GET_NEXT_BURST(mb, (uint32_t)num_ops, jobs);
    }
    for (uint32_t i = 0; i < got; i++)
        fill_job(jobs[i], k, &ops[i], opens ? tags[i] : ops[i].tag, opens);
    memcpy(done, jobs, sizeof done);
    uint32_t finished = IMB_SUBMIT_BURST_NOCHECK(mb, got, done);
    if (finished < got)
        finished += IMB_FLUSH_BURST(mb, got - finished, done);
    if (finished != num_ops)
        return num_ops;
    for (size_t i = 0; opens && i < num_ops; i++)
        num_bad += !same_tag(tags[i], ops[i].tag);
    return num_bad;
}

static size_t all_jobs(struct mb_key *k, struct pysec_gcm_op *ops, size_t num_ops, int opens)
{
    size_t num_bad = 0;
    for (; num_ops > JOBS_AT_ONCE; ops += JOBS_AT_ONCE, num_ops -= JOBS_AT_ONCE)
        num_bad += some_jobs(k, ops, JOBS_AT_ONCE, opens);
    return num_bad + some_jobs(k, ops, num_ops, opens);
}

static void burst_seal(void *key, struct pysec_gcm_op *ops, size_t num_ops)
{
    all_jobs(key, ops, num_ops, 0);
}

static size_t burst_open(void *key, struct pysec_gcm_op *ops, size_t num_ops)
{
    return all_jobs(key, ops, num_ops, 1);
}

/* ---- GMAC */

static void gmac(struct mb_key *k, const struct pysec_gcm_op *op, uint8_t *tag)
{
    struct gcm_context_data c;
    if (k->len == 16) {
        IMB_AES128_GMAC_INIT(mb, &k->data, &c, op->nonce, 12);
        IMB_AES128_GMAC_UPDATE(mb, &k->data, &c, op->aad, op->aad_len);
        IMB_AES128_GMAC_FINALIZE(mb, &k->data, &c, tag, 16);
    } else {
        IMB_AES256_GMAC_INIT(mb, &k->data, &c, op->nonce, 12);
        IMB_AES256_GMAC_UPDATE(mb, &k->data, &c, op->aad, op->aad_len);
        IMB_AES256_GMAC_FINALIZE(mb, &k->data, &c, tag, 16);
    }
}

static void gmac_seal(void *key, struct pysec_gcm_op *ops, size_t num_ops)
{
    for (struct pysec_gcm_op *op = ops; op < ops + num_ops; op++)
        gmac(key, op, op->tag);
}

static size_t gmac_open(void *key, struct pysec_gcm_op *ops, size_t num_ops)
{
    uint8_t tag[16];
    size_t num_bad = 0;
    for (struct pysec_gcm_op *op = ops; op < ops + num_ops; op++) {
        gmac(key, op, tag);
        num_bad += !same_tag(tag, op->tag);
    }
    return num_bad;
}

static const struct gcm_way the_ways[] = {
    {"direct", 0, key_new, free, direct_seal, direct_open},
    {"burst", 0, key_new, free, burst_seal, burst_open},
    {"gmac", 1, key_new, free, gmac_seal, gmac_open},
};

const char *gcm_peer_start(const struct gcm_way **ways, size_t *num_ways, const char **provider)
{
    IMB_ARCH arch;
    mb = alloc_mb_mgr(0);
    if (!mb)
        return NULL;
    init_mb_mgr_auto(mb, &arch);
    *ways = the_ways;
    *num_ways = sizeof the_ways / sizeof *the_ways;
    *provider = "ipsec-mb";
    return imb_get_version_str();
}
