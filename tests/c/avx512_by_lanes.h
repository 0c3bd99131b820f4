/* avx512_by_lanes.h - the AVX-512 operations that csrc/gcm/avx512.inc.h uses, lane by lane with AES-NI and PCLMULQDQ.
 *
 * So what is built on that file can be run, and be found wrong, on a CPU without AVX-512. What this cannot show: that
 * the real instructions do the same (their known answers run when a build is loaded that has them), speed, what stays
 * in registers, constant time. A test includes it in place of <immintrin.h>.
 */
#include <immintrin.h>
#include <string.h>

typedef union {
    __m128i lane[4];
    uint64_t word[8];
    uint32_t half[16];
    uint8_t octet[64];
} lanes;

typedef uint64_t lanes_mask;
#define __m512i lanes
#define __mmask64 lanes_mask
#define LANES static __attribute__((noinline, unused)) lanes

/* For each lane i, each word i and so on: r has what the expression gives. */
#define OF_LANES(expression)                                                                                           \
    lanes r;                                                                                                           \
    for (int i = 0; i < 4; i++)                                                                                        \
        r.lane[i] = (expression);                                                                                      \
    return r
#define OF_WORDS(expression)                                                                                           \
    lanes r;                                                                                                           \
    for (int i = 0; i < 8; i++)                                                                                        \
        r.word[i] = (expression);                                                                                      \
    return r
#define OF_OCTETS(expression)                                                                                          \
    lanes r;                                                                                                           \
    for (int i = 0; i < 64; i++)                                                                                       \
        r.octet[i] = (expression);                                                                                     \
    return r

LANES lanes_load(const void *p)
{
    lanes v;

    memcpy(&v, p, sizeof v);
    return v;
}

LANES lanes_load_masked(lanes_mask k, const uint8_t *p)
{
    OF_OCTETS(k >> i & 1 ? p[i] : 0);
}

LANES lanes_clear_masked(lanes_mask k, lanes v)
{
    OF_OCTETS(k >> i & 1 ? v.octet[i] : 0);
}

LANES lanes_first(__m128i b)
{
    OF_LANES(i == 0 ? b : _mm_setzero_si128());
}

LANES lanes_each(__m128i b)
{
    OF_LANES(b);
}

LANES lanes_xor(lanes a, lanes b)
{
    OF_LANES(_mm_xor_si128(a.lane[i], b.lane[i]));
}

LANES lanes_and(lanes a, lanes b)
{
    OF_LANES(_mm_and_si128(a.lane[i], b.lane[i]));
}

/* The table of the three-input function: bit 4 a + 2 b + c of which. */
LANES lanes_ternary(lanes a, lanes b, lanes c, int which)
{
    lanes r;

    memset(&r, 0, sizeof r);
    for (int bit = 0; bit < 8; bit++)
        for (int i = 0; i < 8 && which >> bit & 1; i++)
            r.word[i] |= (bit & 4 ? a.word[i] : ~a.word[i]) & (bit & 2 ? b.word[i] : ~b.word[i]) &
                         (bit & 1 ? c.word[i] : ~c.word[i]);
    return r;
}

LANES lanes_round(lanes s, lanes k)
{
    OF_LANES(_mm_aesenc_si128(s.lane[i], k.lane[i]));
}

LANES lanes_last_round(lanes s, lanes k)
{
    OF_LANES(_mm_aesenclast_si128(s.lane[i], k.lane[i]));
}

LANES lanes_shuffle(lanes v, lanes control)
{
    OF_LANES(_mm_shuffle_epi8(v.lane[i], control.lane[i]));
}

LANES lanes_clmul(lanes a, lanes b, int which)
{
    lanes r;

    for (int i = 0; i < 4; i++) {
        const __m128i x = which & 1 ? _mm_unpackhi_epi64(a.lane[i], a.lane[i]) : a.lane[i];
        const __m128i y = which & 16 ? _mm_unpackhi_epi64(b.lane[i], b.lane[i]) : b.lane[i];
        r.lane[i] = _mm_clmulepi64_si128(x, y, 0x00);
    }
    return r;
}

LANES lanes_insert(lanes v, __m128i b, int at)
{
    v.lane[at] = b;
    return v;
}

LANES lanes_insert_half(lanes v, __m256i b, int at)
{
    v.lane[2 * at] = _mm256_castsi256_si128(b);
    v.lane[2 * at + 1] = _mm256_extracti128_si256(b, 1);
    return v;
}

LANES lanes_low_words(lanes a, lanes b)
{
    OF_LANES(_mm_unpacklo_epi64(a.lane[i], b.lane[i]));
}

LANES lanes_high_words(lanes a, lanes b)
{
    OF_LANES(_mm_unpackhi_epi64(a.lane[i], b.lane[i]));
}

LANES lanes_swap_words(lanes v)
{
    OF_WORDS(v.word[i ^ 1]);
}

LANES lanes_blend_words(unsigned k, lanes a, lanes b)
{
    OF_WORDS(k >> i & 1 ? b.word[i] : a.word[i]);
}

LANES lanes_clear_halves(unsigned k, lanes v)
{
    lanes r;

    for (int i = 0; i < 16; i++)
        r.half[i] = k >> i & 1 ? v.half[i] : 0;
    return r;
}

LANES lanes_pick_words(lanes a, lanes index, lanes b)
{
    OF_WORDS(index.word[i] & 8 ? b.word[index.word[i] & 7] : a.word[index.word[i] & 7]);
}

/* Two lanes of a, then two of b, as pairs of bits say. */
LANES lanes_pick_lanes(lanes a, lanes b, int which)
{
    OF_LANES(i < 2 ? a.lane[which >> (2 * i) & 3] : b.lane[which >> (2 * i) & 3]);
}

static __attribute__((noinline, unused)) uint32_t lanes_equal_words(lanes a, lanes b)
{
    uint32_t r = 0;

    for (int i = 0; i < 8; i++)
        r |= (uint32_t)(a.word[i] == b.word[i]) << i;
    return r;
}

static __attribute__((noinline, unused)) void lanes_store_masked(uint8_t *p, lanes_mask k, lanes v)
{
    for (int i = 0; i < 64; i++)
        if (k >> i & 1)
            p[i] = v.octet[i];
}

#define lanes_of_words(h, g, f, e, d, c, b, a) ((lanes){.word = {a, b, c, d, e, f, g, h}})
#define lanes_half(v, at) _mm256_set_m128i((v).lane[2 * (at) + 1], (v).lane[2 * (at)])

#define _cvtu64_mask64(k) (k)
#define _mm512_loadu_si512(p) lanes_load(p)
#define _mm512_storeu_si512(p, v) ((void)memcpy(p, &(v), 64))
#define _mm512_maskz_loadu_epi8(k, p) lanes_load_masked(k, (const uint8_t *)(p))
#define _mm512_mask_storeu_epi8(p, k, v) lanes_store_masked((uint8_t *)(p), k, v)
#define _mm512_maskz_mov_epi8(k, v) lanes_clear_masked(k, v)
#define _mm512_maskz_mov_epi32(k, v) lanes_clear_halves(k, v)
#define _mm512_zextsi128_si512(b) lanes_first(b)
#define _mm512_castsi128_si512(b) lanes_first(b)
#define _mm512_castsi512_si128(v) ((v).lane[0])
#define _mm512_castsi512_si256(v) lanes_half(v, 0)
#define _mm512_extracti64x4_epi64(v, at) lanes_half(v, at)
#define _mm512_extracti32x4_epi32(v, at) ((v).lane[at])
#define _mm512_inserti32x4(v, b, at) lanes_insert(v, b, at)
#define _mm512_castsi256_si512(b) lanes_insert_half(lanes_each(_mm_setzero_si128()), b, 0)
#define _mm512_inserti64x4(v, b, at) lanes_insert_half(v, b, at)
#define _mm512_unpacklo_epi64(a, b) lanes_low_words(a, b)
#define _mm512_unpackhi_epi64(a, b) lanes_high_words(a, b)
#define _mm512_broadcast_i32x4(b) lanes_each(b)
#define _mm512_setzero_si512() lanes_each(_mm_setzero_si128())
#define _mm512_set1_epi64(w) lanes_each(_mm_set1_epi64x(w))
#define _mm512_set_epi64 lanes_of_words
#define _mm512_xor_si512(a, b) lanes_xor(a, b)
#define _mm512_and_si512(a, b) lanes_and(a, b)
#define _mm512_ternarylogic_epi64(a, b, c, which) lanes_ternary(a, b, c, which)
#define _mm512_aesenc_epi128(s, k) lanes_round(s, k)
#define _mm512_aesenclast_epi128(s, k) lanes_last_round(s, k)
#define _mm512_shuffle_epi8(v, control) lanes_shuffle(v, control)
#define _mm512_shuffle_epi32(v, which) lanes_swap_words(v) /* of 0x4e, which is all that is asked for */
#define _mm512_shuffle_i64x2(a, b, which) lanes_pick_lanes(a, b, which)
#define _mm512_permutex2var_epi64(a, index, b) lanes_pick_words(a, index, b)
#define _mm512_mask_blend_epi64(k, a, b) lanes_blend_words(k, a, b)
#define _mm512_cmpeq_epi64_mask(a, b) lanes_equal_words(a, b)
#define _mm512_clmulepi64_epi128(a, b, which) lanes_clmul(a, b, which)
