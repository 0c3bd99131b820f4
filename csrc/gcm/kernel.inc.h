/* kernel.inc.h - AES-GCM (SP 800-38D), written once. Each CPU file defines the operations below and includes this.
 *
 * Counter mode. A block of keystream is E(K, IV || i) with a 32-bit i; i = 1 is J0, which masks the tag, and the data
 * begins at i = 2 (SP 800-38D 7.1). Blocks are encrypted several at once in "lanes".
 *
 * GHASH. A block is a polynomial over GF(2) modulo x^128 + x^7 + x^2 + x + 1; the first bit of its first octet is the
 * coefficient of x^0 (SP 800-38D 6.3). Read as a 128-bit number in network order, bit 127 - i is therefore the
 * coefficient of x^i: numbers are reflected. The carry-less product of two reflected numbers has the coefficient of x^i
 * in bit 254 - i, one place below where a 256-bit reflected number has it; so it is the reflected number of x times the
 * product. Rather than shift each product we keep each power of H already divided by x: then
 *     product(a, H^k / x) = a H^k
 * as a 256-bit reflected number, and only the reduction is left.
 *
 * Horner's rule Y <- (Y + B) H takes a reduction for every block. n blocks together take one:
 *     ((Y + B1) H + B2) H ... = (Y + B1) H^n + B2 H^(n-1) + ... + Bn H
 * so the products are summed unreduced, the i-th block of a group of n times H^(n+1-i), for n up to NUM_POWERS.
 * A group never needs more than a count of the blocks still to come, and that depends on lengths alone.
 *
 * What a CPU file defines:
 *   block                                 16 octets of a message in a register, or two
 *   block_load, block_store               16 octets anywhere in memory
 *   block_of, block_words                 from and to struct words
 *   block_xor
 *   struct lanes                          LANES blocks on their way through AES
 *   lanes_counters, lanes_blocks          fill lanes with IV || i, or with any blocks; add round key 0
 *   lanes_round, lanes_last               one round of AES; the last round
 *   lanes_get                             the blocks out of the lanes
 *   struct power, power_set               one H^k / x in the form that sum_add likes
 *   struct sum, sum_add, sum_reduce       products, unreduced; sum_add adds block times power
 *   struct state                          has: rounds, power[NUM_POWERS]; round keys in its own form
 *   round_key_set, sub_word               key set-up
 *   STACK_OCTETS                          how much stack a burst uses, at most
 * Functions of lanes take n, how many are wanted: 2, 4 or 8, constant after inlining. More may be computed.
 */

#include "part.h"
#include "schedule.inc.h"

#define LANES 8
#define STRIDE (16 * LANES) /* octets that fill the lanes */
#define INLINE static inline __attribute__((always_inline))

/* ---- GHASH ------------------------------------------------------------------------------------------------------ */

struct hash {
    block y;        /* the digest, reduced; nought once it has gone into a group */
    struct sum sum; /* the group in hand */
    size_t left;    /* blocks still to come in it */
    size_t later;   /* and after it */
};

/* hash_expect announces n blocks, when none is outstanding. */
INLINE void hash_expect(struct hash *h, size_t n)
{
    h->left = n < NUM_POWERS ? n : NUM_POWERS;
    h->later = n - h->left;
}

INLINE void hash_block(struct hash *h, const struct state *st, block b)
{
    sum_add(&h->sum, &st->power[h->left - 1], block_xor(b, h->y));
    h->y = block_of((struct words){0, 0});
    if (--h->left == 0) {
        h->y = sum_reduce(&h->sum);
        h->sum = (struct sum){0};
        hash_expect(h, h->later);
    }
}

/* hash_stride is the digest y carried on over one stride. */
INLINE block hash_stride(const struct state *st, block y, const uint8_t *p)
{
    struct sum sum = {0};

    for (int i = 0; i < LANES; i++) {
        block b = block_load(p + 16 * i);
        sum_add(&sum, &st->power[LANES - 1 - i], i == 0 ? block_xor(b, y) : b);
    }
    return sum_reduce(&sum);
}

/* ---- Counter mode ----------------------------------------------------------------------------------------------- */

INLINE struct words iv_words(const uint8_t *iv)
{
    return (struct words){load_be64(iv), (uint64_t)load_be32(iv + 8) << 32};
}

INLINE void lanes_rounds(struct lanes *l, const struct state *st, int from, int n)
{
    for (int r = from; r < st->rounds; r++)
        lanes_round(l, st, r, n);
    lanes_last(l, st, n);
}

INLINE void lanes_xor(uint8_t *p, const struct lanes *l)
{
    block ks[LANES];

    lanes_get(ks, l, LANES);
    for (int i = 0; i < LANES; i++)
        block_store(p + 16 * i, block_xor(block_load(p + 16 * i), ks[i]));
}

/* crypt_stride encrypts or decrypts one stride from counter i on. */
INLINE void crypt_stride(const struct state *st, uint8_t *p, struct words iv, uint32_t i)
{
    struct lanes l;

    lanes_counters(&l, st, iv, i, LANES);
    lanes_rounds(&l, st, 1, LANES);
    lanes_xor(p, &l);
}

/* crypt_hash_stride does the same and meanwhile carries y on over the stride at `from`, which may be the same one:
 * it is read before anything is written. A round of AES and a product per step keep both units of the CPU busy. */
INLINE block crypt_hash_stride(const struct state *st, uint8_t *p, struct words iv, uint32_t i, block y,
                               const uint8_t *from)
{
    struct lanes l;
    struct sum sum = {0};

    lanes_counters(&l, st, iv, i, LANES);
    for (int k = 0; k < LANES; k++) { /* there are 10 rounds or 14 */
        block b = block_load(from + 16 * k);
        lanes_round(&l, st, 1 + k, LANES);
        sum_add(&sum, &st->power[LANES - 1 - k], k == 0 ? block_xor(b, y) : b);
    }
    y = sum_reduce(&sum);
    lanes_rounds(&l, st, 1 + LANES, LANES);
    lanes_xor(p, &l);
    return y;
}

INLINE void keystream_lanes(const struct state *st, block *ks, struct words iv, uint32_t i, int n)
{
    struct lanes l;

    lanes_counters(&l, st, iv, i, n);
    lanes_rounds(&l, st, 1, n);
    lanes_get(ks, &l, n);
}

/* keystream makes at least n blocks, 0 < n <= LANES, from counter i on. ks has room for LANES. */
INLINE void keystream(const struct state *st, block *ks, struct words iv, uint32_t i, size_t n)
{
    if (n <= 2)
        keystream_lanes(st, ks, iv, i, 2);
    else if (n <= 4)
        keystream_lanes(st, ks, iv, i, 4);
    else
        keystream_lanes(st, ks, iv, i, LANES);
}

/* tag_masks makes E(K, J0) for up to LANES messages at once: for a burst of short frames or of GMACs, AES on single
 * blocks would cost more than all the rest. */
INLINE void tag_masks(const struct state *st, block *masks, const struct gcm_msg *msgs, size_t num_msgs)
{
    struct words j0[LANES] = {{0, 0}};
    struct lanes l;

    for (size_t i = 0; i < num_msgs; i++) {
        j0[i] = iv_words(msgs[i].iv);
        j0[i].lo |= 1;
    }
    if (num_msgs <= 2) {
        lanes_blocks(&l, st, j0, 2);
        lanes_rounds(&l, st, 1, 2);
        lanes_get(masks, &l, 2);
    } else {
        lanes_blocks(&l, st, j0, LANES);
        lanes_rounds(&l, st, 1, LANES);
        lanes_get(masks, &l, LANES);
    }
}

/* ---- One message ------------------------------------------------------------------------------------------------ */

/* strides does the part of the data that fills the lanes, num > 0 times. Sealing hashes each stride one step after
 * it was encrypted, beside the encryption of the next. */
INLINE block strides(const struct state *st, uint8_t *p, size_t num, struct words iv, block y, int sealing)
{
    uint32_t i = 2;

    if (!sealing) {
        for (; num > 0; num--, p += STRIDE, i += LANES)
            y = crypt_hash_stride(st, p, iv, i, y, p);
        return y;
    }
    crypt_stride(st, p, iv, i);
    for (; num > 1; num--) {
        i += LANES;
        y = crypt_hash_stride(st, p + STRIDE, iv, i, y, p);
        p += STRIDE;
    }
    return hash_stride(st, y, p);
}

/* tail does the rest of the data, 0 < len < STRIDE. */
INLINE void tail(const struct state *st, struct hash *h, block *ks, uint8_t *p, size_t len, struct words iv, uint32_t i,
                 int sealing)
{
    size_t rest = len % 16;

    keystream(st, ks, iv, i, (len + 15) / 16);
    for (; len >= 16; len -= 16, p += 16, ks++) {
        block in = block_load(p);
        block out = block_xor(in, *ks);
        block_store(p, out);
        hash_block(h, st, sealing ? out : in);
    }
    if (rest > 0) {
        block in = block_of(part_load(p, rest));
        struct words out = part_clear(block_words(block_xor(in, *ks)), rest);
        part_store(p, out, rest);
        hash_block(h, st, sealing ? block_of(out) : in);
    }
}

/* crypt_message does all of one message but the comparison, and returns its tag (SP 800-38D 7.1, 7.2). */
INLINE block crypt_message(const struct state *st, const struct gcm_msg *msg, block mask, block *ks, int sealing)
{
    const uint8_t *aad = msg->aad;
    uint8_t *data = msg->data;
    size_t aad_len = msg->aad_len, data_len = msg->data_len, num = data_len / STRIDE, rest = data_len % STRIDE;
    struct words iv = iv_words(msg->iv), lengths = {(uint64_t)aad_len * 8, (uint64_t)data_len * 8};
    struct hash h = {.y = block_of((struct words){0, 0})};
    size_t ending = (rest + 15) / 16 + 1; /* blocks after the last stride */

    for (; aad_len >= STRIDE; aad_len -= STRIDE, aad += STRIDE)
        h.y = hash_stride(st, h.y, aad);

    /* Without a stride of data, what is left of the AAD, the data and the lengths are hashed in one go. */
    hash_expect(&h, (aad_len + 15) / 16 + (num > 0 ? 0 : ending));
    for (; aad_len >= 16; aad_len -= 16, aad += 16)
        hash_block(&h, st, block_load(aad));
    if (aad_len > 0)
        hash_block(&h, st, block_of(part_load(aad, aad_len)));

    if (num > 0) {
        h.y = strides(st, data, num, iv, h.y, sealing);
        hash_expect(&h, ending);
    }
    if (rest > 0)
        tail(st, &h, ks, data + num * STRIDE, rest, iv, (uint32_t)(2 + num * LANES), sealing);
    hash_block(&h, st, block_of(lengths));
    return block_xor(h.y, mask);
}

/* ---- A burst ---------------------------------------------------------------------------------------------------- */

struct scratch { /* what must not stay behind */
    block masks[LANES];
    block ks[LANES];
};

/* burn erases the stack that a burst used: compilers spill keystream, sums and powers wherever they like. */
static __attribute__((noinline)) void burn(void)
{
    uint8_t stack[STACK_OCTETS];

    wipe(stack, sizeof stack);
}

static __attribute__((noinline)) void seal_burst(const struct state *st, struct gcm_msg *msgs, size_t num_msgs)
{
    struct scratch s;

    for (size_t i = 0; i < num_msgs; i++) {
        if (i % LANES == 0)
            tag_masks(st, s.masks, msgs + i, num_msgs - i < LANES ? num_msgs - i : LANES);
        block_store(msgs[i].tag, crypt_message(st, &msgs[i], s.masks[i % LANES], s.ks, 1));
    }
}

static __attribute__((noinline)) size_t open_burst(const struct state *st, struct gcm_msg *msgs, size_t num_msgs)
{
    struct scratch s;
    size_t num_bad = 0;

    for (size_t i = 0; i < num_msgs; i++) {
        uint8_t tag[GCM_TAG_LEN];
        uint32_t ok;

        if (i % LANES == 0)
            tag_masks(st, s.masks, msgs + i, num_msgs - i < LANES ? num_msgs - i : LANES);
        block_store(tag, crypt_message(st, &msgs[i], s.masks[i % LANES], s.ks, 0));
        ok = ct_equal_16(tag, msgs[i].tag);
        declassify(&ok, sizeof ok); /* the sender of a message may know whether it verified */
        msgs[i].ok = ok;
        if (!ok) { /* SP 800-38D 7.2: the output is FAIL and nothing else */
            wipe(msgs[i].data, msgs[i].data_len);
            num_bad++;
        }
    }
    return num_bad;
}

static void impl_seal(const void *state, struct gcm_msg *msgs, size_t num_msgs)
{
    seal_burst(state, msgs, num_msgs);
    burn();
}

static size_t impl_open(const void *state, struct gcm_msg *msgs, size_t num_msgs)
{
    size_t num_bad = open_burst(state, msgs, num_msgs);

    burn();
    return num_bad;
}

/* ---- One block, and the key ------------------------------------------------------------------------------------- */

static __attribute__((noinline)) void encrypt_words(const struct state *st, uint8_t out[16], struct words in)
{
    struct words both[2] = {in, in};
    struct lanes l;
    block blocks[LANES];

    lanes_blocks(&l, st, both, 2);
    lanes_rounds(&l, st, 1, 2);
    lanes_get(blocks, &l, 2);
    block_store(out, blocks[0]);
}

static void impl_encrypt_block(const void *state, uint8_t out[16], const uint8_t in[16])
{
    encrypt_words(state, out, (struct words){load_be64(in), load_be64(in + 8)});
    burn();
}

static __attribute__((noinline)) void expand_powers(struct state *st)
{
    uint8_t octets[16];
    block h;

    encrypt_words(st, octets, (struct words){0, 0});
    h = block_load(octets);
    power_set(&st->power[0], over_x(block_words(h)));
    for (int k = 1; k < NUM_POWERS; k++) {
        struct sum sum = {0};
        sum_add(&sum, &st->power[0], h);
        h = sum_reduce(&sum);
        power_set(&st->power[k], over_x(block_words(h)));
    }
}

static void impl_expand(void *state, const uint8_t *key, size_t key_len)
{
    expand_rounds(state, key, (int)(key_len / 4));
    burn();
    expand_powers(state);
    burn();
}
