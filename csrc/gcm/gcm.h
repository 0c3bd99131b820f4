/* gcm.h - AES-GCM (SP 800-38D) over bursts: one key a call, many messages, a single message being a burst of one.
 *
 * This layer has never heard of a frame. It knows 96-bit IVs and 16-octet tags only, which is all that MACsec asks.
 * Each CPU class has one struct gcm_impl. The choice is made when a key is set up and is stored in the key, so a
 * burst costs one indirect call. An implementation that fails its known answers at load is not offered.
 */
#ifndef PYSEC_GCM_GCM_H
#define PYSEC_GCM_GCM_H

#include <stddef.h>
#include <stdint.h>

#define GCM_TAG_LEN 16
#define GCM_IV_LEN 12
#define GCM_MAX_DATA_LEN 0x7fffffffu /* far below the 2^36 - 32 octets of SP 800-38D 5.2.1.1 */

/* One message, in memory that the caller owns. aad, data and tag do not overlap, but may touch; MACsec's lie one
 * behind the other. Pointers of length 0 are not looked at. */
struct gcm_msg {
    const uint8_t *aad;
    uint8_t *data; /* encrypted or decrypted in place */
    uint8_t *tag;  /* GCM_TAG_LEN octets: written by seal, compared by open */
    uint32_t aad_len;
    uint32_t data_len;
    uint8_t iv[GCM_IV_LEN];
    uint32_t ok; /* set by open: 1 if the tag matched, else 0 and the data is all zeros */
};

struct gcm_key;

/* One CPU class. */
struct gcm_impl {
    const char *name;
    const char *what; /* one line for people */
    size_t state_len; /* octets of expanded key; the memory is 64-octet aligned */
    /* probe returns a priority above 0, or 0 and the reason why this machine cannot run it. */
    int (*probe)(const char **why_not);
    void (*expand)(void *state, const uint8_t *key, size_t key_len);
    void (*seal)(const void *state, struct gcm_msg *msgs, size_t num_msgs);
    size_t (*open)(const void *state, struct gcm_msg *msgs, size_t num_msgs); /* how many did not verify */
    /* encrypt_block is AES on one block, for key check values and tests. */
    void (*encrypt_block)(const void *state, uint8_t out[16], const uint8_t in[16]);
};

/* What gcm_init found out about an implementation. */
struct gcm_impl_status {
    const struct gcm_impl *impl;
    const char *why_not; /* NULL: usable */
    int priority;
    int num_tests;
    int num_failed;
};

/* gcm_num_impls and gcm_impl_status give every implementation that this build knows of, usable here or not. They run
 * the known answers first, once in the life of the process. */
size_t gcm_num_impls(void);
const struct gcm_impl_status *gcm_impl_status(size_t i);

/* gcm_impl_find returns the usable implementation with this name; NULL for name means the one that the environment
 * variable PYSEC_GCM names, else the best. NULL if there is none. */
const struct gcm_impl *gcm_impl_find(const char *name);

/* gcm_key_new expands a key of 16 or 32 octets for an implementation that gcm_impl_find returned; NULL without
 * memory or with another length. gcm_key_free wipes and frees it. */
struct gcm_key *gcm_key_new(const struct gcm_impl *impl, const uint8_t *key, size_t key_len);
void gcm_key_free(struct gcm_key *key);
const struct gcm_impl *gcm_key_impl(const struct gcm_key *key);

void gcm_seal(const struct gcm_key *key, struct gcm_msg *msgs, size_t num_msgs);
size_t gcm_open(const struct gcm_key *key, struct gcm_msg *msgs, size_t num_msgs);
void gcm_encrypt_block(const struct gcm_key *key, uint8_t out[16], const uint8_t in[16]);

#endif
