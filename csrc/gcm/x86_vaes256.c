/* x86_vaes256.c - AES-GCM with VAES, VPCLMULQDQ and AVX2: two blocks in a register, sixteen registers. Zen 3, and the
 * client cores from Alder Lake on, whose AVX-512 is off or not there.
 *
 * Ordered as x86_vaes512.c is. Half the registers hold half the states: four vectors go through AES together, which
 * is less than fills its units, but what comes next depends on nothing in hand, and a core reaches well into it. There
 * are neither three-way XORs nor masks here. Parts of a vector are put together from loads inside them that overlap.
 */
#include "impl.h"

#include "../base/bytes.h"
#include "../base/cpu.h"
#include "../base/secret.h"
#include "part.h"
#include "words.h"

static int probe(const char **why_not)
{
    const uint32_t need = CPU_SSSE3 | CPU_SSE41 | CPU_AESNI | CPU_PCLMUL | CPU_AVX | CPU_AVX2 | CPU_VAES | CPU_VPCLMUL;

    if ((cpu_features() & need) == need)
        return 200;
    *why_not = "this CPU or system has no AVX2 with VAES and VPCLMULQDQ";
    return 0;
}

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("ssse3,sse4.1,aes,pclmul,avx2,vaes,vpclmulqdq"))),                  \
                             apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("ssse3,sse4.1,aes,pclmul,avx2,vaes,vpclmulqdq")
#endif

#include <immintrin.h>

/* ---- Vectors of two blocks --------------------------------------------------------------------------------------- */

#define VEC_BLOCKS 2
#define GROUP 4 /* vectors that go through AES together: 4 states, 4 of data and 3 sums leave 5 registers */
#define INLINE static inline __attribute__((always_inline))
#define KEYS_IN_LANES 0
#define AAD_IN_PAIRS 0
#define PAIRS_KEPT 0
#define GROUP_IN_ASM 0
#define KARATSUBA 1 /* Zen 3 needs two cycles and four micro-operations for a vector's carry-less product */
#define SET_FROM 1  /* short messages from which on a set of them is faster than the way of long ones */
#define STACK_OCTETS 1024

typedef __m256i vec;
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
    return _mm256_loadu_si256(p);
}

INLINE void vec_store(void *p, vec v)
{
    _mm256_storeu_si256(p, v);
}

/* A block in each lane, by a load alone: compilers like to keep the block in a register and spread it by a shuffle,
 * for which a port is missing here. */
INLINE vec vec_bcast(const void *p)
{
    vec v;

    __asm__("vbroadcasti128 %1, %0" : "=x"(v) : "m"(*(const block *)p));
    return v;
}

INLINE vec vec_of(block b)
{
    return _mm256_zextsi128_si256(b);
}

INLINE vec vec_pair(block low, block high)
{
    return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
}

INLINE block vec_first(vec v)
{
    return _mm256_castsi256_si128(v);
}

INLINE block vec_second(vec v)
{
    return _mm256_extracti128_si256(v, 1);
}

INLINE vec vec_zero(void)
{
    return _mm256_setzero_si256();
}

INLINE vec vec_xor(vec a, vec b)
{
    return _mm256_xor_si256(a, b);
}

/* In this order: left alone, compilers gather products first and add them up last, and have no registers for that. */
INLINE vec vec_xor3(vec a, vec b, vec c)
{
    a = _mm256_xor_si256(a, b);
    __asm__("" : "+x"(a));
    return _mm256_xor_si256(a, c);
}

INLINE vec vec_and(vec a, vec b)
{
    return _mm256_and_si256(a, b);
}

/* vec_choose takes the bits of a where mask has ones, else those of b. */
INLINE vec vec_choose(vec mask, vec a, vec b)
{
    return _mm256_xor_si256(b, _mm256_and_si256(mask, _mm256_xor_si256(a, b)));
}

INLINE vec vec_shuffle(vec v, vec control)
{
    return _mm256_shuffle_epi8(v, control);
}

/* vec_swap turns blocks into the numbers that they are in network order, and back. */
INLINE vec vec_swap(vec v)
{
    return _mm256_shuffle_epi8(
        v, _mm256_broadcastsi128_si256(_mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)));
}

INLINE vec vec_round(vec s, vec key)
{
    return _mm256_aesenc_epi128(s, key);
}

INLINE vec vec_last_round(vec s, vec key)
{
    return _mm256_aesenclast_epi128(s, key);
}

/* ---- Parts of a vector ------------------------------------------------------------------------------------------- */

/* A shuffle by shift_down + n moves a block's octets n places down, noughts behind them; n may be -16 to 16. */
#define NONE_16 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128
static const uint8_t shift_controls[48] = {NONE_16, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, NONE_16};
#define shift_down (shift_controls + 16)

/* A load from ones_before - n has ones in the first n octets. */
#define ONES_16 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255
static const uint8_t ones_controls[64] = {ONES_16, ONES_16};
#define ones_before (ones_controls + 32)

/* The first len octets, 0 < len <= 32; nothing beyond them is touched, and a load gives noughts for the rest. */
INLINE vec vec_load_part(const uint8_t *p, size_t len)
{
    if (len >= 16) {
        const block last = block_load(p + len - 16);
        return vec_pair(block_load(p), _mm_shuffle_epi8(last, block_load(shift_down + (32 - len))));
    }
    const struct words w = part_load(p, len);
    return vec_swap(vec_of(_mm_set_epi64x((long long)w.hi, (long long)w.lo)));
}

INLINE void vec_store_part(uint8_t *p, vec v, size_t len)
{
    if (len >= 16) {
        const block from_first = _mm_shuffle_epi8(vec_first(v), block_load(shift_down + (len - 16)));
        const block from_second = _mm_shuffle_epi8(vec_second(v), block_load(shift_down + len - 32));
        block_store(p, vec_first(v));
        block_store(p + len - 16, _mm_or_si128(from_first, from_second));
        return;
    }
    const block number = vec_first(vec_swap(v));
    part_store(p, (struct words){(uint64_t)_mm_extract_epi64(number, 1), (uint64_t)_mm_cvtsi128_si64(number)}, len);
}

INLINE vec vec_clear_after(vec v, size_t len)
{
    return _mm256_and_si256(v, vec_load(ones_before - len));
}

/* ---- Lanes ------------------------------------------------------------------------------------------------------- */

/* A block from each of two places, and back. */
INLINE vec vec_gather(const uint8_t *const p[VEC_BLOCKS])
{
    return vec_pair(block_load(p[0]), block_load(p[1]));
}

INLINE void vec_scatter(uint8_t *const p[VEC_BLOCKS], vec v)
{
    block_store(p[0], vec_first(v));
    block_store(p[1], vec_second(v));
}

/* vec_equal has bit i set where lane i of both is the same. */
INLINE uint32_t vec_equal(vec a, vec b)
{
    const uint32_t words = (uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpeq_epi64(a, b)));
    const uint32_t both = words & words >> 1;

    return (both & 1) | (both >> 1 & 2);
}

/* vec_ivs makes IV || 0 of the 16 octets in each lane that begin with an IV. */
INLINE vec vec_ivs(vec v)
{
    return _mm256_blend_epi32(v, vec_zero(), 0x88);
}

/* vec_halves takes the lower lane from a and the upper from b. */
INLINE vec vec_halves(vec a, vec b)
{
    return _mm256_blend_epi32(a, b, 0xf0);
}

/* vec_fold gives in lane i the sum of the lanes of v[i]. */
INLINE vec vec_fold(const vec v[VEC_BLOCKS])
{
    return vec_xor(vec_halves(v[0], v[1]), _mm256_permute2x128_si256(v[0], v[1], 0x21));
}

/* vec_sum gives the sum of the lanes. */
INLINE block vec_sum(vec v)
{
    return _mm_xor_si128(vec_first(v), vec_second(v));
}

INLINE void clear_registers(void)
{
    __asm__ __volatile__("vzeroall"
                         :
                         :
                         : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
                           "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "memory");
}

/* ---- Products ---------------------------------------------------------------------------------------------------- */

INLINE vec clmul(vec a, vec b, const int which)
{
    switch (which) {
    case 0x00:
        return _mm256_clmulepi64_epi128(a, b, 0x00);
    case 0x01:
        return _mm256_clmulepi64_epi128(a, b, 0x01);
    case 0x10:
        return _mm256_clmulepi64_epi128(a, b, 0x10);
    default:
        return _mm256_clmulepi64_epi128(a, b, 0x11);
    }
}

INLINE vec vec_swap_words(vec v)
{
    return _mm256_shuffle_epi32(v, 0x4e);
}

INLINE vec vec_low_words(vec a, vec b)
{
    return _mm256_unpacklo_epi64(a, b);
}

INLINE vec vec_high_words(vec a, vec b)
{
    return _mm256_unpackhi_epi64(a, b);
}

INLINE vec vec_poly(void)
{
    return _mm256_set1_epi64x((long long)UINT64_C(0xc200000000000000));
}

#include "burst.inc.h"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

const struct gcm_impl gcm_vaes256 = {
    .name = "vaes256",
    .what = "VAES, VPCLMULQDQ and AVX2, two blocks a vector, bursts interleaved",
    .state_len = sizeof(struct state),
    .probe = probe,
    .expand = impl_expand,
    .seal = impl_seal,
    .open = impl_open,
    .encrypt_block = impl_encrypt_block,
};
