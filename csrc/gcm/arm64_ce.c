/* arm64_ce.c - AES-GCM with the AES and PMULL instructions of ARMv8-A: most 64-bit ARM CPUs, from the Cortex-A53 on.
 *
 * Eight blocks go through AES together, because an AESE takes several cycles but one or two start in each. Beside
 * each round one block of GHASH is multiplied. AESE adds the round key first, then does SubBytes and ShiftRows, and
 * AESMC does MixColumns; so round r of FIPS 197 ends where ours has yet to add its key. We add key r - 1 in round r:
 *     AESMC(AESE(b, key[0])), AESMC(AESE(b, key[1])), ..., AESE(b, key[rounds - 1]) + key[rounds]
 * and nothing is added when lanes are filled. CPUs that fuse AESE with the AESMC behind it want the pair undivided and
 * in one register; written as one expression, gcc and clang leave it so.
 *
 * GHASH works on reflected numbers, as kernel.inc.h explains. A block as it lies in memory becomes its two words hi
 * and lo by turning round the octets of each half (REV64); hi then is in lane 0 and lo in lane 1. A product of two
 * blocks takes three PMULLs of 64 bits, after Karatsuba: hi by hi (the lanes 0), lo by lo (the lanes 1, PMULL2), and
 * sum by sum. What PMULL returns is a number of 128 bits with its low word in lane 0, the other way about.
 *
 * The reduction is two more. Let a 256-bit reflected number be four words w3 .. w0, w3 on top. A bit of w0 stands for
 * x^i with i >= 192; x^128 = 1 + x + x^2 + x^7 moves it up by 128 places, and by 127, 126 and 121. The first is an XOR
 * of w0 into w2. The others are one carry-less product with c2 << 56, whose 128 bits belong at w1. Then w1, thus
 * changed, goes the same way into w3 and w2. (Due to Gueron.)
 *
 * AESE, AESMC and PMULL take the same time whatever they are given. The functions are compiled for their CPU here, so
 * no flags are needed, and are called only if cpu_features says so.
 */
#include "impl.h"

#include "../base/bytes.h"
#include "../base/cpu.h"
#include "../base/secret.h"
#include "words.h"

#define STACK_OCTETS 1536

static int probe(const char **why_not)
{
    const uint32_t need = CPU_ARM_AES | CPU_ARM_PMULL;

    if ((cpu_features() & need) == need)
        return 100;
    *why_not = "this CPU has no AES or no PMULL instructions, or the system does not report them";
    return 0;
}

/* gcc 12 wants "crypto" for both; clang's "aes" is both. The header of clang 14 also asks for the macro that a flag
 * would have set; later ones do not mind it. */
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("aes"))), apply_to = function)
#if !defined(__ARM_FEATURE_AES)
#define __ARM_FEATURE_AES 1
#endif
#else
#pragma GCC push_options
#pragma GCC target("+crypto")
#endif

#include <arm_neon.h>

/* ---- Blocks: octets in the order of memory ----------------------------------------------------------------------- */

typedef uint8x16_t block;

static inline block block_load(const uint8_t *p)
{
    return vld1q_u8(p);
}

static inline void block_store(uint8_t *p, block b)
{
    vst1q_u8(p, b);
}

static inline block block_of(struct words w)
{
    return vrev64q_u8(vreinterpretq_u8_u64(vcombine_u64(vcreate_u64(w.hi), vcreate_u64(w.lo))));
}

static inline struct words block_words(block b)
{
    uint64x2_t x = vreinterpretq_u64_u8(vrev64q_u8(b));

    return (struct words){vgetq_lane_u64(x, 0), vgetq_lane_u64(x, 1)};
}

static inline block block_xor(block a, block b)
{
    return veorq_u8(a, b);
}

/* ---- Lanes ------------------------------------------------------------------------------------------------------- */

struct lanes {
    block b[8];
};

struct power {
    poly64x2_t h;   /* hi in lane 0, lo in lane 1 */
    poly64x2_t mid; /* their sum, in both */
};

struct state {
    block key[15];
    struct power power[NUM_POWERS];
    int rounds;
};

static inline void lanes_blocks(struct lanes *l, const struct state *st, const struct words *in, int n)
{
    (void)st;
    for (int i = 0; i < n; i++)
        l->b[i] = block_of(in[i]);
}

static inline void lanes_counters(struct lanes *l, const struct state *st, struct words iv, uint32_t i, int n)
{
    const uint32x4_t one = {0, 0, 0, 1};
    uint32x4_t at = {(uint32_t)(iv.hi >> 32), (uint32_t)iv.hi, (uint32_t)(iv.lo >> 32), i};

    (void)st;
    for (int k = 0; k < n; k++) {
        l->b[k] = vrev32q_u8(vreinterpretq_u8_u32(at));
        at = vaddq_u32(at, one);
    }
}

static inline void lanes_round(struct lanes *l, const struct state *st, int round, int n)
{
    block key = st->key[round - 1];

    for (int i = 0; i < n; i++)
        l->b[i] = vaesmcq_u8(vaeseq_u8(l->b[i], key));
}

static inline void lanes_last(struct lanes *l, const struct state *st, int n)
{
    block before = st->key[st->rounds - 1], key = st->key[st->rounds];

    for (int i = 0; i < n; i++)
        l->b[i] = veorq_u8(vaeseq_u8(l->b[i], before), key);
}

static inline void lanes_get(block *out, const struct lanes *l, int n)
{
    for (int i = 0; i < n; i++)
        out[i] = l->b[i];
}

static inline void round_key_set(struct state *st, int round, struct words w)
{
    st->key[round] = block_of(w);
}

/* sub_word: ShiftRows does nothing to four equal columns, so AESE with a key of nought is SubBytes. */
static inline uint32_t sub_word(uint32_t w)
{
    block x = vaeseq_u8(vreinterpretq_u8_u32(vdupq_n_u32(w)), vdupq_n_u8(0));

    return vgetq_lane_u32(vreinterpretq_u32_u8(x), 0);
}

/* ---- GHASH ------------------------------------------------------------------------------------------------------- */

struct sum {
    block lo, hi, mid;
};

/* low_by_low and high_by_high multiply what is in the lanes 0, and in the lanes 1. */
static inline block low_by_low(poly64x2_t a, poly64x2_t b)
{
    return vreinterpretq_u8_p128(vmull_p64(vgetq_lane_p64(a, 0), vgetq_lane_p64(b, 0)));
}

static inline block high_by_high(poly64x2_t a, poly64x2_t b)
{
    return vreinterpretq_u8_p128(vmull_high_p64(a, b));
}

/* swap_words exchanges the two words. */
static inline block swap_words(block x)
{
    return vextq_u8(x, x, 8);
}

static inline poly64x2_t to_poly(block x)
{
    return vreinterpretq_p64_u8(x);
}

static inline void power_set(struct power *p, struct words w)
{
    block h = vrev64q_u8(block_of(w));

    p->h = to_poly(h);
    p->mid = to_poly(veorq_u8(h, swap_words(h)));
}

static inline void sum_add(struct sum *s, const struct power *p, block b)
{
    block x = vrev64q_u8(b), mid = veorq_u8(x, swap_words(x));

    s->hi = veorq_u8(s->hi, low_by_low(to_poly(x), p->h));
    s->lo = veorq_u8(s->lo, high_by_high(to_poly(x), p->h));
    s->mid = veorq_u8(s->mid, low_by_low(to_poly(mid), p->mid));
}

static inline block sum_reduce(const struct sum *s)
{
    const poly64x2_t c = vreinterpretq_p64_u64(vdupq_n_u64(UINT64_C(0xc200000000000000)));
    const block none = vdupq_n_u8(0);
    block mid = veorq_u8(s->mid, veorq_u8(s->lo, s->hi));
    block lo = veorq_u8(s->lo, vextq_u8(none, mid, 8)), hi = veorq_u8(s->hi, vextq_u8(mid, none, 8));

    lo = veorq_u8(swap_words(lo), low_by_low(to_poly(lo), c));
    lo = veorq_u8(swap_words(lo), low_by_low(to_poly(lo), c));
    return vrev64q_u8(swap_words(veorq_u8(lo, hi)));
}

#include "kernel.inc.h"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

const struct gcm_impl gcm_arm64 = {
    .name = "arm64",
    .what = "AES and PMULL of ARMv8-A, eight blocks interleaved",
    .state_len = sizeof(struct state),
    .probe = probe,
    .expand = impl_expand,
    .seal = impl_seal,
    .open = impl_open,
    .encrypt_block = impl_encrypt_block,
};
