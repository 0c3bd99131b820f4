/* avx512.inc.h - the operations that burst.inc.h asks for, with VAES, VPCLMULQDQ and AVX-512: four blocks in a
 * register, thirty-two registers. For the files that order the work for one kind of core or another, which end the
 * target that this begins.
 *
 * The frequency licences that made AVX-512 a bad bargain on Skylake servers do not touch cores that have VAES with it:
 * the measured clock under this code is the clock without it (docs/PERFORMANCE.md).
 */
#include "impl.h"

#include "../base/bytes.h"
#include "../base/cpu.h"
#include "../base/secret.h"
#include "words.h"

/* avx512_priority is priority if CPU and system have all of it, else nought, with the reason. */
static int avx512_priority(int priority, const char **why_not)
{
    const uint32_t need = CPU_SSSE3 | CPU_SSE41 | CPU_AESNI | CPU_PCLMUL | CPU_AVX2 | CPU_VAES | CPU_VPCLMUL |
                          CPU_AVX512F | CPU_AVX512BW | CPU_AVX512VL;

    if ((cpu_features() & need) == need)
        return priority;
    *why_not = "this CPU or system has no AVX-512 (F, BW, VL) with VAES and VPCLMULQDQ";
    return 0;
}

#if defined(__clang__)
#pragma clang attribute push(                                                                                          \
    __attribute__((target("ssse3,sse4.1,aes,pclmul,avx2,vaes,vpclmulqdq,avx512f,avx512bw,avx512vl"))),                 \
    apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("ssse3,sse4.1,aes,pclmul,avx2,vaes,vpclmulqdq,avx512f,avx512bw,avx512vl")
#endif

#include <immintrin.h>

/* ---- Vectors of four blocks -------------------------------------------------------------------------------------- */

#define VEC_BLOCKS 4
#define GROUP 8 /* vectors that go through AES together: 8 states, 3 sums and their makings fill the registers */
#define INLINE static inline __attribute__((always_inline))

typedef __m512i vec;
typedef __m128i block;

INLINE block block_load(const void *p)
{
    return _mm_loadu_si128(p);
}

INLINE void block_store(void *p, block b)
{
    _mm_storeu_si128(p, b);
}

INLINE vec vec_load(const void *p)
{
    return _mm512_loadu_si512(p);
}

INLINE void vec_store(void *p, vec v)
{
    _mm512_storeu_si512(p, v);
}

/* The first len octets, 0 < len <= 64; nothing beyond them is touched, and a load gives zeros for the rest. */
INLINE __mmask64 first_octets(size_t len)
{
    return _cvtu64_mask64(~UINT64_C(0) >> (64 - len));
}

INLINE vec vec_load_part(const void *p, size_t len)
{
    return _mm512_maskz_loadu_epi8(first_octets(len), p);
}

INLINE void vec_store_part(void *p, vec v, size_t len)
{
    _mm512_mask_storeu_epi8(p, first_octets(len), v);
}

INLINE vec vec_clear_after(vec v, size_t len)
{
    return _mm512_maskz_mov_epi8(first_octets(len), v);
}

/* A block in each lane, by a load alone: compilers like to keep the block in a register and spread it by a shuffle,
 * for which a port is missing here. */
INLINE vec vec_bcast(const void *p)
{
    vec v;

    __asm__("vbroadcasti32x4 %1, %0" : "=v"(v) : "m"(*(const block *)p));
    return v;
}

INLINE vec vec_of(block b)
{
    return _mm512_zextsi128_si512(b);
}

INLINE block vec_first(vec v)
{
    return _mm512_castsi512_si128(v);
}

INLINE vec vec_zero(void)
{
    return _mm512_setzero_si512();
}

INLINE vec vec_xor(vec a, vec b)
{
    return _mm512_xor_si512(a, b);
}

INLINE vec vec_xor3(vec a, vec b, vec c)
{
    return _mm512_ternarylogic_epi64(a, b, c, 0x96);
}

INLINE vec vec_round(vec s, vec key)
{
    return _mm512_aesenc_epi128(s, key);
}

INLINE vec vec_last_round(vec s, vec key)
{
    return _mm512_aesenclast_epi128(s, key);
}

/* vec_swap turns blocks into the numbers that they are in network order, and back. */
INLINE vec vec_swap_control(void)
{
    return _mm512_broadcast_i32x4(_mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
}

INLINE vec vec_swap(vec v)
{
    return _mm512_shuffle_epi8(v, vec_swap_control());
}

INLINE vec vec_shuffle(vec v, vec control)
{
    return _mm512_shuffle_epi8(v, control);
}

INLINE vec vec_and(vec a, vec b)
{
    return _mm512_and_si512(a, b);
}

/* vec_choose takes the bits of a where mask has ones, else those of b. */
INLINE vec vec_choose(vec mask, vec a, vec b)
{
    return _mm512_ternarylogic_epi64(mask, a, b, 0xca);
}

/* A block from each of four places, and back. */
INLINE vec vec_gather(const uint8_t *const p[VEC_BLOCKS])
{
    vec v = _mm512_castsi128_si512(block_load(p[0]));

    v = _mm512_inserti32x4(v, block_load(p[1]), 1);
    v = _mm512_inserti32x4(v, block_load(p[2]), 2);
    return _mm512_inserti32x4(v, block_load(p[3]), 3);
}

INLINE void vec_scatter(uint8_t *const p[VEC_BLOCKS], vec v)
{
    block_store(p[0], _mm512_castsi512_si128(v));
    block_store(p[1], _mm512_extracti32x4_epi32(v, 1));
    block_store(p[2], _mm512_extracti32x4_epi32(v, 2));
    block_store(p[3], _mm512_extracti32x4_epi32(v, 3));
}

/* vec_equal has bit i set where lane i of both is the same. */
INLINE uint32_t vec_equal(vec a, vec b)
{
    uint32_t words = _mm512_cmpeq_epi64_mask(a, b), both = words & words >> 1;

    return (both & 1) | (both >> 1 & 2) | (both >> 2 & 4) | (both >> 3 & 8);
}

/* vec_ivs makes IV || 0 of the 16 octets in each lane that begin with an IV. */
INLINE vec vec_ivs(vec v)
{
    return _mm512_maskz_mov_epi32(0x7777, v);
}

/* vec_halves takes the lower half of its lanes from a and the upper from b. */
INLINE vec vec_halves(vec a, vec b)
{
    return _mm512_mask_blend_epi64(0xf0, a, b);
}

/* vec_pair takes the two blocks at a into its lower half and those at b into its upper. */
INLINE vec vec_pair(const void *a, const void *b)
{
    return _mm512_inserti64x4(_mm512_castsi256_si512(_mm256_loadu_si256(a)), _mm256_loadu_si256(b), 1);
}

INLINE vec clmul(vec a, vec b, const int which)
{
    switch (which) {
    case 0x00:
        return _mm512_clmulepi64_epi128(a, b, 0x00);
    case 0x01:
        return _mm512_clmulepi64_epi128(a, b, 0x01);
    case 0x10:
        return _mm512_clmulepi64_epi128(a, b, 0x10);
    default:
        return _mm512_clmulepi64_epi128(a, b, 0x11);
    }
}

INLINE vec vec_swap_words(vec v)
{
    return _mm512_shuffle_epi32(v, 0x4e);
}

/* The low, and the high, words of a and b together. */
INLINE vec vec_low_words(vec a, vec b)
{
    return _mm512_unpacklo_epi64(a, b);
}

INLINE vec vec_high_words(vec a, vec b)
{
    return _mm512_unpackhi_epi64(a, b);
}

INLINE vec vec_poly(void)
{
    return _mm512_set1_epi64((long long)UINT64_C(0xc200000000000000));
}

/* [a0+a2 a1+a3 b0+b2 b1+b3] */
INLINE vec fold_two(vec a, vec b)
{
    return vec_xor(_mm512_mask_blend_epi64(0xf0, a, b), _mm512_shuffle_i64x2(a, b, 0x4e));
}

/* vec_fold_onto adds in lane i the sum of the lanes of v[i]. Of what it is added to, on[0] has that of v[0] and v[2] in
 * two lanes each, on[1] that of v[1] and v[3]. */
INLINE vec vec_fold_onto(const vec on[2], const vec v[VEC_BLOCKS])
{
    const vec odd = _mm512_set_epi64(13, 12, 7, 6, 9, 8, 3, 2);
    const vec x = vec_xor(on[0], fold_two(v[0], v[2])), y = vec_xor(on[1], fold_two(v[1], v[3]));

    return vec_xor(_mm512_mask_blend_epi64(0xcc, x, y), _mm512_permutex2var_epi64(x, odd, y));
}

/* vec_fold gives in lane i the sum of the lanes of v[i]. */
INLINE vec vec_fold(const vec v[VEC_BLOCKS])
{
    const vec nothing[2] = {vec_zero(), vec_zero()};

    return vec_fold_onto(nothing, v);
}

/* vec_sum gives the sum of the lanes. */
INLINE block vec_sum(vec v)
{
    __m256i y = _mm256_xor_si256(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));

    return _mm_xor_si128(_mm256_castsi256_si128(y), _mm256_extracti128_si256(y, 1));
}

/* VZEROALL knows the first sixteen only. */
INLINE void clear_registers(void)
{
    __asm__ __volatile__("vzeroall\n\t"
                         "vpxorq %%zmm16, %%zmm16, %%zmm16\n\tvpxorq %%zmm17, %%zmm17, %%zmm17\n\t"
                         "vpxorq %%zmm18, %%zmm18, %%zmm18\n\tvpxorq %%zmm19, %%zmm19, %%zmm19\n\t"
                         "vpxorq %%zmm20, %%zmm20, %%zmm20\n\tvpxorq %%zmm21, %%zmm21, %%zmm21\n\t"
                         "vpxorq %%zmm22, %%zmm22, %%zmm22\n\tvpxorq %%zmm23, %%zmm23, %%zmm23\n\t"
                         "vpxorq %%zmm24, %%zmm24, %%zmm24\n\tvpxorq %%zmm25, %%zmm25, %%zmm25\n\t"
                         "vpxorq %%zmm26, %%zmm26, %%zmm26\n\tvpxorq %%zmm27, %%zmm27, %%zmm27\n\t"
                         "vpxorq %%zmm28, %%zmm28, %%zmm28\n\tvpxorq %%zmm29, %%zmm29, %%zmm29\n\t"
                         "vpxorq %%zmm30, %%zmm30, %%zmm30\n\tvpxorq %%zmm31, %%zmm31, %%zmm31"
                         :
                         :
                         : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
                           "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "xmm16", "xmm17", "xmm18", "xmm19", "xmm20",
                           "xmm21", "xmm22", "xmm23", "xmm24", "xmm25", "xmm26", "xmm27", "xmm28", "xmm29", "xmm30",
                           "xmm31", "memory");
}
