/* x86_aesni.c - AES-GCM with AES-NI and PCLMULQDQ on 128-bit registers: every x86-64 CPU since about 2010.
 *
 * Eight blocks go through AES together, because an AESENC takes several cycles but one or two start in each. Beside
 * each round one block of GHASH is multiplied; the two use different units.
 *
 * The product of two 128-bit numbers takes three carry-less multiplications of 64 bits, after Karatsuba: low by low,
 * high by high, and sum by sum. The reduction is two more. Let a 256-bit reflected number be four words w3 .. w0, w3
 * on top. A bit of w0 stands for x^i with i >= 192; x^128 = 1 + x + x^2 + x^7 moves it up by 128 places, and by 127,
 * 126 and 121. The first is an XOR of w0 into w2. The others are one carry-less product with c2 << 56, whose 128 bits
 * belong at w1. Then w1, thus changed, goes the same way into w3 and w2. (Due to Gueron.)
 *
 * The functions are compiled for their CPU here, so no flags are needed, and are called only if cpu_features says so.
 */
#include "impl.h"

#include "../base/bytes.h"
#include "../base/cpu.h"
#include "../base/secret.h"
#include "words.h"

#define STACK_OCTETS 1536

static int probe(const char **why_not)
{
    const uint32_t need = CPU_SSSE3 | CPU_SSE41 | CPU_AESNI | CPU_PCLMUL;

    if ((cpu_features() & need) == need)
        return 100;
    *why_not = "this CPU has no AES-NI or no PCLMULQDQ";
    return 0;
}

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("ssse3,sse4.1,aes,pclmul"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("ssse3,sse4.1,aes,pclmul")
#endif

#include <immintrin.h>

/* ---- Blocks: octets in the order of memory, octet 0 in the lowest bits --------------------------------------------
 */

typedef __m128i block;

static inline block block_load(const uint8_t *p)
{
    return _mm_loadu_si128((const __m128i *)p);
}

static inline void block_store(uint8_t *p, block b)
{
    _mm_storeu_si128((__m128i *)p, b);
}

/* swap turns a block into the number that it is in network order, and back. */
static inline __m128i swap(__m128i x)
{
    return _mm_shuffle_epi8(x, _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
}

static inline __m128i number_of(struct words w)
{
    return _mm_set_epi64x((long long)w.hi, (long long)w.lo);
}

static inline block block_of(struct words w)
{
    return swap(number_of(w));
}

static inline struct words block_words(block b)
{
    b = swap(b);
    return (struct words){(uint64_t)_mm_extract_epi64(b, 1), (uint64_t)_mm_cvtsi128_si64(b)};
}

static inline block block_xor(block a, block b)
{
    return _mm_xor_si128(a, b);
}

/* ---- Lanes ------------------------------------------------------------------------------------------------------- */

struct lanes {
    __m128i b[8];
};

struct power {
    __m128i h;   /* as a number */
    __m128i mid; /* the sum of its words, in the low one */
};

struct state {
    __m128i key[15];
    struct power power[NUM_POWERS];
    int rounds;
};

static inline void lanes_blocks(struct lanes *l, const struct state *st, const struct words *in, int n)
{
    for (int i = 0; i < n; i++)
        l->b[i] = _mm_xor_si128(block_of(in[i]), st->key[0]);
}

static inline void lanes_counters(struct lanes *l, const struct state *st, struct words iv, uint32_t i, int n)
{
    __m128i first = number_of((struct words){iv.hi, iv.lo | i});

    for (int k = 0; k < n; k++)
        l->b[k] = _mm_xor_si128(swap(_mm_add_epi32(first, _mm_set_epi32(0, 0, 0, k))), st->key[0]);
}

static inline void lanes_round(struct lanes *l, const struct state *st, int round, int n)
{
    __m128i key = st->key[round];

    for (int i = 0; i < n; i++)
        l->b[i] = _mm_aesenc_si128(l->b[i], key);
}

static inline void lanes_last(struct lanes *l, const struct state *st, int n)
{
    __m128i key = st->key[st->rounds];

    for (int i = 0; i < n; i++)
        l->b[i] = _mm_aesenclast_si128(l->b[i], key);
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

/* sub_word: ShiftRows does nothing to four equal columns, so the last round with a key of nought is SubBytes. */
static inline uint32_t sub_word(uint32_t w)
{
    __m128i x = _mm_aesenclast_si128(_mm_set1_epi32((int)w), _mm_setzero_si128());

    return (uint32_t)_mm_cvtsi128_si32(x);
}

/* ---- GHASH ------------------------------------------------------------------------------------------------------- */

struct sum {
    __m128i lo, hi, mid;
};

/* swap_words exchanges the two words. */
static inline __m128i swap_words(__m128i x)
{
    return _mm_shuffle_epi32(x, 0x4e);
}

static inline void power_set(struct power *p, struct words w)
{
    p->h = number_of(w);
    p->mid = _mm_xor_si128(p->h, swap_words(p->h));
}

static inline void sum_add(struct sum *s, const struct power *p, block b)
{
    __m128i x = swap(b), mid = _mm_xor_si128(x, swap_words(x));

    s->lo = _mm_xor_si128(s->lo, _mm_clmulepi64_si128(x, p->h, 0x00));
    s->hi = _mm_xor_si128(s->hi, _mm_clmulepi64_si128(x, p->h, 0x11));
    s->mid = _mm_xor_si128(s->mid, _mm_clmulepi64_si128(mid, p->mid, 0x00));
}

static inline block sum_reduce(const struct sum *s)
{
    const __m128i c = _mm_set_epi64x(0, (long long)UINT64_C(0xc200000000000000));
    __m128i mid = _mm_xor_si128(s->mid, _mm_xor_si128(s->lo, s->hi));
    __m128i lo = _mm_xor_si128(s->lo, _mm_slli_si128(mid, 8)), hi = _mm_xor_si128(s->hi, _mm_srli_si128(mid, 8));

    lo = _mm_xor_si128(swap_words(lo), _mm_clmulepi64_si128(lo, c, 0x00));
    lo = _mm_xor_si128(swap_words(lo), _mm_clmulepi64_si128(lo, c, 0x00));
    return swap(_mm_xor_si128(lo, hi));
}

#include "kernel.inc.h"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

const struct gcm_impl gcm_aesni = {
    .name = "aesni",
    .what = "AES-NI and PCLMULQDQ, eight blocks interleaved",
    .state_len = sizeof(struct state),
    .probe = probe,
    .expand = impl_expand,
    .seal = impl_seal,
    .open = impl_open,
    .encrypt_block = impl_encrypt_block,
};
