/* group.inc.h - a whole group of eight vectors through AES beside the products of the eight before, in assembly: what
 * step (crypt.inc.h) does, in an order that compilers do not find. They keep a state or two in memory, and put the
 * products where their scheduler's model of the core likes them.
 *
 * Ordered for Zen 4 and 5: products stand in threes between the halves of a round, as each takes a dispatch cycle to
 * itself on Zen 5; a round key is loaded once for eight states. docs/PERFORMANCE.md has what this buys.
 *
 *   zmm0 to 7    states                             zmm25 to 27  sums: low, between, high
 *   zmm8 to 15   in: ciphertext of the eight        zmm28        state after round 1 but for the counter
 *                before; out: of these              zmm29        last round key
 *   zmm16 to 23  what products need                 zmm30, 31    how octets are swapped, round key */

#define A_ONE(v) "vaesenc %%zmm31, %%zmm" #v ", %%zmm" #v "\n\t"
#define A_KEY(r) "vmovdqa64 64*" #r "(%[key]), %%zmm31\n\t"
#define A_LAST_KEY(r) "vmovdqa64 64*" #r "(%[key]), %%zmm29\n\t"
#define A_LOW A_ONE(0) A_ONE(1) A_ONE(2) A_ONE(3)
#define A_HIGH A_ONE(4) A_ONE(5) A_ONE(6) A_ONE(7)
#define A_ROUND(r) A_KEY(r) A_LOW A_HIGH
#define A_START(v) "vpxorq 64*" #v "(%[delta]), %%zmm28, %%zmm" #v "\n\t"

/* Two vectors, x and y, with the powers v and v + 1: numbers, and low + high words of both and of their powers. */
#define A_READY(x, y, v, w)                                                                                            \
    "vpshufb %%zmm30, %%zmm" #x ", %%zmm" #x "\n\t"                                                                    \
    "vpshufb %%zmm30, %%zmm" #y ", %%zmm" #y "\n\t"                                                                    \
    "vmovdqu64 64*" #v "(%[h]), %%zmm18\n\t"                                                                           \
    "vmovdqu64 64*" #w "(%[h]), %%zmm19\n\t"                                                                           \
    "vpunpcklqdq %%zmm" #y ", %%zmm" #x ", %%zmm16\n\t"                                                                \
    "vpunpckhqdq %%zmm" #y ", %%zmm" #x ", %%zmm17\n\t"                                                                \
    "vpxorq %%zmm17, %%zmm16, %%zmm16\n\t"                                                                             \
    "vmovdqu64 %c[pairs]+64*" #v "(%[h]), %%zmm17\n\t"
#define A_FIRST(x)                                                                                                     \
    "vpclmulqdq $0x00, %%zmm18, %%zmm" #x ", %%zmm20\n\t"                                                              \
    "vpclmulqdq $0x11, %%zmm18, %%zmm" #x ", %%zmm21\n\t"                                                              \
    "vpclmulqdq $0x00, %%zmm17, %%zmm16, %%zmm22\n\t"
#define A_SECOND(y)                                                                                                    \
    "vpclmulqdq $0x00, %%zmm19, %%zmm" #y ", %%zmm18\n\t"                                                              \
    "vpclmulqdq $0x11, %%zmm19, %%zmm" #y ", %%zmm23\n\t"                                                              \
    "vpclmulqdq $0x11, %%zmm17, %%zmm16, %%zmm16\n\t"
#define A_SUMS                                                                                                         \
    "vpternlogq $0x96, %%zmm18, %%zmm20, %%zmm25\n\t"                                                                  \
    "vpternlogq $0x96, %%zmm16, %%zmm22, %%zmm26\n\t"                                                                  \
    "vpternlogq $0x96, %%zmm23, %%zmm21, %%zmm27\n\t"
#define A_EVEN(r, x, y, v, w) A_KEY(r) A_READY(x, y, v, w) A_LOW A_FIRST(x) A_HIGH
#define A_ODD(r, y) A_KEY(r) A_LOW A_SECOND(y) A_ONE(4) A_ONE(5) A_SUMS A_ONE(6) A_ONE(7)

/* The data: c is where the ciphertext goes. Of the last vector some octets only. */
#define A_SEAL(v, c)                                                                                                   \
    "vpxorq 64*" #v "(%[data]), %%zmm29, %%zmm" #c "\n\t"                                                              \
    "vaesenclast %%zmm" #c ", %%zmm" #v ", %%zmm" #c "\n\t"                                                            \
    "vmovdqu64 %%zmm" #c ", 64*" #v "(%[data])\n\t"
#define A_SEAL_LAST                                                                                                    \
    "vmovdqu8 64*7(%[data]), %%zmm15%{%%k1%}%{z%}\n\t"                                                                 \
    "vpxorq %%zmm15, %%zmm29, %%zmm15\n\t"                                                                             \
    "vaesenclast %%zmm15, %%zmm7, %%zmm15\n\t"                                                                         \
    "vmovdqu8 %%zmm15, %%zmm15%{%%k1%}%{z%}\n\t"                                                                       \
    "vmovdqu8 %%zmm15, 64*7(%[data])%{%%k1%}\n\t"
#define A_OPEN(v, c)                                                                                                   \
    "vmovdqu64 64*" #v "(%[data]), %%zmm" #c "\n\t"                                                                    \
    "vpxorq %%zmm" #c ", %%zmm29, %%zmm16\n\t"                                                                         \
    "vaesenclast %%zmm16, %%zmm" #v ", %%zmm16\n\t"                                                                    \
    "vmovdqu64 %%zmm16, 64*" #v "(%[data])\n\t"
#define A_OPEN_LAST                                                                                                    \
    "vmovdqu8 64*7(%[data]), %%zmm15%{%%k1%}%{z%}\n\t"                                                                 \
    "vpxorq %%zmm15, %%zmm29, %%zmm16\n\t"                                                                             \
    "vaesenclast %%zmm16, %%zmm7, %%zmm16\n\t"                                                                         \
    "vmovdqu8 %%zmm16, 64*7(%[data])%{%%k1%}\n\t"
#define A_SEALS                                                                                                        \
    A_SEAL(0, 8) A_SEAL(1, 9) A_SEAL(2, 10) A_SEAL(3, 11) A_SEAL(4, 12) A_SEAL(5, 13) A_SEAL(6, 14) A_SEAL_LAST
#define A_OPENS                                                                                                        \
    A_OPEN(0, 8) A_OPEN(1, 9) A_OPEN(2, 10) A_OPEN(3, 11) A_OPEN(4, 12) A_OPEN(5, 13) A_OPEN(6, 14) A_OPEN_LAST
#define A_STARTS A_START(0) A_START(1) A_START(2) A_START(3) A_START(4) A_START(5) A_START(6) A_START(7)
#define A_PAIR(r, s, x, y, v, w) A_EVEN(r, x, y, v, w) A_ODD(s, y)
#define A_10_ROUNDS                                                                                                    \
    A_PAIR(2, 3, 8, 9, 0, 1) A_PAIR(4, 5, 10, 11, 2, 3) A_PAIR(6, 7, 12, 13, 4, 5) A_PAIR(8, 9, 14, 15, 6, 7)
#define A_14_BEGIN A_PAIR(2, 3, 8, 9, 0, 1) A_ROUND(4) A_PAIR(5, 6, 10, 11, 2, 3) A_ROUND(7)
#define A_14_END A_PAIR(8, 9, 12, 13, 4, 5) A_ROUND(10) A_PAIR(11, 12, 14, 15, 6, 7) A_ROUND(13)
#define A_14_ROUNDS A_14_BEGIN A_14_END

#define A_STEP(LAST, ROUNDS, DATA)                                                                                     \
    __asm__ volatile(A_STARTS ROUNDS A_LAST_KEY(LAST) "kmovq %[mask], %%k1\n\t" DATA                                   \
                     : "+v"(lo), "+v"(mid), "+v"(hi), "+v"(x0), "+v"(x1), "+v"(x2), "+v"(x3), "+v"(x4), "+v"(x5),      \
                       "+v"(x6), "+v"(x7)                                                                              \
                     : "v"(r), "v"(swap), [data] "r"(data), [delta] "r"(delta), [h] "r"(h), [key] "r"(st->key),        \
                       [mask] "r"(mask), [pairs] "i"(PAIRS_AT)                                                         \
                     : "k1", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm16", "xmm17",         \
                       "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm29", "xmm31", "memory")

INLINE void step_group(const struct state *st, struct sums *a, vec *x, uint8_t *data, vec r1, const block *delta,
                       const uint8_t *h, size_t tail, const int sealing)
{
    register vec lo __asm__("zmm25") = a->lo, mid __asm__("zmm26") = a->mid, hi __asm__("zmm27") = a->hi;
    register vec r __asm__("zmm28") = r1;
    register vec swap __asm__("zmm30") = vec_swap_control();
    register vec x0 __asm__("zmm8") = x[0], x1 __asm__("zmm9") = x[1], x2 __asm__("zmm10") = x[2];
    register vec x3 __asm__("zmm11") = x[3], x4 __asm__("zmm12") = x[4], x5 __asm__("zmm13") = x[5];
    register vec x6 __asm__("zmm14") = x[6], x7 __asm__("zmm15") = x[7];
    const uint64_t mask = tail ? ~UINT64_C(0) >> (64 - tail) : ~UINT64_C(0);

    if (st->rounds == 10) {
        if (sealing)
            A_STEP(10, A_10_ROUNDS, A_SEALS);
        else
            A_STEP(10, A_10_ROUNDS, A_OPENS);
    } else {
        if (sealing)
            A_STEP(14, A_14_ROUNDS, A_SEALS);
        else
            A_STEP(14, A_14_ROUNDS, A_OPENS);
    }
    *a = (struct sums){lo, mid, hi};
    x[0] = x0, x[1] = x1, x[2] = x2, x[3] = x3, x[4] = x4, x[5] = x5, x[6] = x6, x[7] = x7;
}
