/* pysec_gcm.h - AES-GCM bursts by pointers, for C programs that count cycles.
 *
 * pysec.h takes messages by offsets into one buffer and checks every one of them, which suits a caller who cannot be
 * trusted with pointers. These calls take pointers and check nothing: a burst costs one indirect call more than the
 * cipher itself. Keys are those of pysec.h (pysec_gcm_new, pysec_gcm_free), and so are the implementations.
 *
 * Any number of threads may use one key at the same time; each works on ops of its own.
 */
#ifndef PYSEC_GCM_OPS_H
#define PYSEC_GCM_OPS_H

#include "pysec.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

#define PYSEC_GCM_MAX_DATA 0x7fffffffu /* octets of data in one message, far below the bound of SP 800-38D 5.2.1.1 */

/* One message, in memory that the caller owns. aad, data and tag must not overlap, but may touch, as they do in a
 * MACsec frame; no alignment is asked for. A pointer whose length is 0 is not looked at. Nothing outside of
 * aad[0 .. aad_len), data[0 .. data_len) and tag[0 .. 16) is read or written. Two ops of a burst share no memory but
 * aad. */
struct pysec_gcm_op {
    const uint8_t *aad; /* authenticated, not encrypted */
    uint8_t *data;      /* encrypted or decrypted in place */
    uint8_t *tag;       /* 16 octets: seal writes them, open compares them */
    uint32_t aad_len;
    uint32_t data_len; /* at most PYSEC_GCM_MAX_DATA */
    uint8_t nonce[12]; /* the 96-bit IV of SP 800-38D 8.2.1 */
    uint32_t ok;       /* set by open: 1 if the tag matched; otherwise 0, and the data is all zeros */
};

/* pysec_gcm_seal_ops encrypts num_ops messages in place and writes their tags. It cannot fail. It checks neither
 * lengths nor nonces: the caller must never give the same nonce twice with a key. Messages of one burst may differ in
 * their lengths in any way; 0 messages are nothing to do. */
void pysec_gcm_seal_ops(const struct pysec_gcm *key, struct pysec_gcm_op *ops, size_t num_ops);

/* pysec_gcm_open_ops decrypts num_ops messages in place, sets `ok` of each, and returns how many did not verify: what
 * it returns must not be ignored. Tags are compared in constant time, and the data of a message that does not verify
 * is zeroed, while its neighbours come out right. */
size_t pysec_gcm_open_ops(const struct pysec_gcm *key, struct pysec_gcm_op *ops, size_t num_ops);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
