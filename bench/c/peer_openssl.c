/* peer_openssl.c - OpenSSL's EVP interface, the context kept with its key as one does, so that a frame sets the IV
 * only. A context is for one direction. */
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "gcm_peer.h"

static EVP_CIPHER *ciphers[2]; /* fetched once: by key length, 16 and 32 */

static void *key_new(const uint8_t *key, size_t key_len, const char *impl, int opens)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    (void)impl;
    if (ctx && EVP_CipherInit_ex(ctx, ciphers[key_len == 32], NULL, key, NULL, !opens) == 1)
        return ctx;
    EVP_CIPHER_CTX_free(ctx);
    return NULL;
}

static void key_free(void *key)
{
    EVP_CIPHER_CTX_free(key);
}

static void seal(void *key, struct pysec_gcm_op *ops, size_t num_ops)
{
    int len = 0;
    for (struct pysec_gcm_op *op = ops; op < ops + num_ops; op++) {
        EVP_EncryptInit_ex(key, NULL, NULL, NULL, op->nonce);
        EVP_EncryptUpdate(key, NULL, &len, op->aad, (int)op->aad_len);
        if (op->data_len)
            EVP_EncryptUpdate(key, op->data, &len, op->data, (int)op->data_len);
        EVP_EncryptFinal_ex(key, op->tag, &len);
        EVP_CIPHER_CTX_ctrl(key, EVP_CTRL_AEAD_GET_TAG, 16, op->tag);
    }
}

static size_t open_ops(void *key, struct pysec_gcm_op *ops, size_t num_ops)
{
    size_t num_bad = 0;
    int len = 0;
    for (struct pysec_gcm_op *op = ops; op < ops + num_ops; op++) {
        EVP_DecryptInit_ex(key, NULL, NULL, NULL, op->nonce);
        EVP_DecryptUpdate(key, NULL, &len, op->aad, (int)op->aad_len);
        if (op->data_len)
            EVP_DecryptUpdate(key, op->data, &len, op->data, (int)op->data_len);
        EVP_CIPHER_CTX_ctrl(key, EVP_CTRL_AEAD_SET_TAG, 16, op->tag);
        num_bad += EVP_DecryptFinal_ex(key, op->data, &len) <= 0;
    }
    return num_bad;
}

static const struct gcm_way the_ways[] = {{"evp", 0, key_new, key_free, seal, open_ops}};

const char *gcm_peer_start(const struct gcm_way **ways, size_t *num_ways, const char **provider)
{
    ciphers[0] = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL);
    ciphers[1] = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    *ways = the_ways;
    *num_ways = 1;
    *provider = "openssl";
    return ciphers[0] && ciphers[1] ? OpenSSL_version(OPENSSL_VERSION) : NULL;
}
