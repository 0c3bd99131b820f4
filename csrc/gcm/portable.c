/* portable.c - AES-GCM in plain C, in constant time, for any CPU. It is the reference for the others.
 *
 * AES is bitsliced. Eight blocks are eight numbers of 128 bits; transposed, number b holds bit b of every octet:
 * octet p of it has one bit for each of the eight blocks. SubBytes then is a circuit of ANDs and XORs over eight
 * numbers and looks nothing up; MixColumns moves whole octets, for all blocks alike. No address and no branch depends
 * on a key or on data.
 *
 * ShiftRows is never done. After k rounds what belongs in row r of column c lies in column c + k r (modulo 4), so
 * MixColumns looks for the next row of a column k columns on, and round keys are laid out to match. (Due to
 * Adomnicai and Peyrin.)
 *
 * The circuit inverts in GF(2^8) as a tower of quadratic extensions, which is due to Itoh and Tsujii and, with the
 * normal bases used here, to Canright:
 *     GF(4)   = GF(2)[W]  / W^2 + W + 1     a pair (a1, a0) is a1 W^2  + a0 W
 *     GF(16)  = GF(4)[Z]  / Z^2 + Z + W     a pair (a1, a0) is a1 Z^4  + a0 Z
 *     GF(256) = GF(16)[Y] / Y^2 + Y + V     a pair (a1, a0) is a1 Y^16 + a0 Y,    V = W^2 Z
 * In each the two conjugates sum to 1 and multiply to the constant term c, and from that
 *     (a1, a0) (b1, b0) = (a1 b1 + e, a0 b0 + e)    with e = c (a1 + a0) (b1 + b0)
 *     1 / (a1, a0)      = (a0 / d, a1 / d)          with d = a1 a0 + c (a1 + a0)^2
 * In GF(4), with c = 1, squaring swaps the pair, and so does inverting. W, Z and Y are the elements bc, 5c and fe of
 * the field of FIPS 197: of the 128 towers of this shape the one whose changes of basis take the fewest XORs.
 *
 * GHASH multiplies polynomials over GF(2) with the CPU's integer multiplier. If only every fourth bit of two factors
 * can be set, at most 15 ones meet in a column below bit 60, so what is carried stays in the three bits between, is
 * masked off, and leaves the parity. Four such sets of bits make a factor, so sixteen products make the low half of
 * a product. The high half is the low half of the product of the factors read backwards. (Both due to Pornin.)
 * This is constant time wherever a 64-bit multiplication is, which holds on x86-64 and on ARMv8-A.
 */
#include "impl.h"

#include "../base/bytes.h"
#include "../base/secret.h"
#include "words.h"

#define STACK_OCTETS 2048

/* ---- Blocks ------------------------------------------------------------------------------------------------------ */

typedef struct words block;

static inline block block_load(const uint8_t *p)
{
    return (block){load_be64(p), load_be64(p + 8)};
}

static inline void block_store(uint8_t *p, block b)
{
    store_be64(p, b.hi);
    store_be64(p + 8, b.lo);
}

static inline block block_of(struct words w)
{
    return w;
}

static inline struct words block_words(block b)
{
    return b;
}

static inline block block_xor(block a, block b)
{
    return (block){a.hi ^ b.hi, a.lo ^ b.lo};
}

/* ---- SubBytes ---------------------------------------------------------------------------------------------------- */

/* Four columns of the AES state; row r of a column is bits 8r to 8r + 7. The compiler makes one vector register of
 * it where there is one, and otherwise two or four plain ones. */
typedef uint32_t columns __attribute__((vector_size(16)));

struct gf4 {
    columns a1, a0;
};

struct gf16 {
    struct gf4 a1, a0;
};

static inline struct gf4 gf4_add(struct gf4 a, struct gf4 b)
{
    return (struct gf4){a.a1 ^ b.a1, a.a0 ^ b.a0};
}

static inline struct gf4 gf4_mul(struct gf4 a, struct gf4 b)
{
    columns e = (a.a1 ^ a.a0) & (b.a1 ^ b.a0);

    return (struct gf4){(a.a1 & b.a1) ^ e, (a.a0 & b.a0) ^ e};
}

static inline struct gf4 gf4_square(struct gf4 a)
{
    return (struct gf4){a.a0, a.a1};
}

static inline struct gf4 gf4_mul_w(struct gf4 a)
{
    return (struct gf4){a.a1 ^ a.a0, a.a1};
}

static inline struct gf16 gf16_add(struct gf16 a, struct gf16 b)
{
    return (struct gf16){gf4_add(a.a1, b.a1), gf4_add(a.a0, b.a0)};
}

static inline struct gf16 gf16_mul(struct gf16 a, struct gf16 b)
{
    struct gf4 e = gf4_mul_w(gf4_mul(gf4_add(a.a1, a.a0), gf4_add(b.a1, b.a0)));

    return (struct gf16){gf4_add(gf4_mul(a.a1, b.a1), e), gf4_add(gf4_mul(a.a0, b.a0), e)};
}

static inline struct gf16 gf16_invert(struct gf16 a)
{
    struct gf4 d = gf4_add(gf4_mul(a.a1, a.a0), gf4_mul_w(gf4_square(gf4_add(a.a1, a.a0))));
    struct gf4 one_over_d = gf4_square(d);

    return (struct gf16){gf4_mul(one_over_d, a.a0), gf4_mul(one_over_d, a.a1)};
}

/* gf16_square_mul_v is V a^2, which is linear. */
static inline struct gf16 gf16_square_mul_v(struct gf16 a)
{
    return (struct gf16){{a.a0.a0 ^ a.a1.a0, a.a0.a1 ^ a.a1.a1}, {a.a0.a1, a.a0.a0 ^ a.a0.a1}};
}

/* sub_bytes replaces x by 1/x, put through the matrix of FIPS 197 5.1.1. Its constant 63 is the same in every octet,
 * so ShiftRows and MixColumns leave it alone and it can be added with the round key: see round_key_set. */
static inline void sub_bytes(columns x[8])
{
    /* Into the tower. */
    columns x06 = x[0] ^ x[6], x12 = x[1] ^ x[2], x01 = x[0] ^ x[1], x056 = x[5] ^ x06, x0567 = x[7] ^ x056;
    columns x036 = x[3] ^ x06;
    struct gf16 a0 = {{x[4] ^ x056, x12 ^ x0567}, {x0567, x[1] ^ x056}};
    struct gf16 a1 = {{x[0], x[3] ^ x[4] ^ x[7] ^ x01}, {x12 ^ x036, x056}};

    struct gf16 d = gf16_add(gf16_mul(a1, a0), gf16_square_mul_v(gf16_add(a1, a0)));
    struct gf16 one_over_d = gf16_invert(d);
    struct gf16 b1 = gf16_mul(one_over_d, a0), b0 = gf16_mul(one_over_d, a1);

    /* Out of it and through the matrix, as one linear map. */
    columns y0 = b0.a0.a0, y1 = b0.a0.a1, y2 = b0.a1.a0, y3 = b0.a1.a1;
    columns y4 = b1.a0.a0, y5 = b1.a0.a1, y6 = b1.a1.a0, y7 = b1.a1.a1;
    columns y06 = y0 ^ y6, y13 = y1 ^ y3, y026 = y2 ^ y06, y35 = y3 ^ y5, y067 = y7 ^ y06;
    x[0] = y4 ^ y13;
    x[1] = y4 ^ y0 ^ y1;
    x[2] = y35 ^ y067;
    x[3] = y13 ^ y026;
    x[4] = y026;
    x[5] = y35;
    x[6] = y2 ^ y6;
    x[7] = y06;
}

/* ---- Lanes ------------------------------------------------------------------------------------------------------- */

struct lanes {
    columns bit[8];
};

struct power {
    uint64_t lo, hi, mid;                /* mid = lo + hi, after Karatsuba */
    uint64_t lo_back, hi_back, mid_back; /* the same, read backwards */
};

struct state {
    struct lanes key[15];
    struct power power[NUM_POWERS];
    int rounds;
};

static inline void swap_bits(columns *a, columns *b, int shift, uint32_t mask)
{
    columns t = ((*a >> shift) ^ *b) & mask;

    *b ^= t;
    *a ^= t << shift;
}

/* transpose turns eight blocks into eight planes of bits, and back. */
static inline void transpose(columns x[8])
{
    for (int i = 0; i < 8; i += 2)
        swap_bits(&x[i], &x[i + 1], 1, 0x55555555);
    for (int i = 0; i < 8; i += 4) {
        swap_bits(&x[i], &x[i + 2], 2, 0x33333333);
        swap_bits(&x[i + 1], &x[i + 3], 2, 0x33333333);
    }
    for (int i = 0; i < 4; i++)
        swap_bits(&x[i], &x[i + 4], 4, 0x0f0f0f0f);
}

static inline columns columns_of(struct words w)
{
    return (columns){__builtin_bswap32((uint32_t)(w.hi >> 32)), __builtin_bswap32((uint32_t)w.hi),
                     __builtin_bswap32((uint32_t)(w.lo >> 32)), __builtin_bswap32((uint32_t)w.lo)};
}

static inline struct words columns_words(columns x)
{
    return (struct words){(uint64_t)__builtin_bswap32(x[0]) << 32 | __builtin_bswap32(x[1]),
                          (uint64_t)__builtin_bswap32(x[2]) << 32 | __builtin_bswap32(x[3])};
}

static inline void add_round_key(struct lanes *l, const struct lanes *key)
{
    for (int i = 0; i < 8; i++)
        l->bit[i] ^= key->bit[i];
}

/* turn moves what is in column c + k to column c. */
static inline columns turn(columns x, int k)
{
    return k == 0   ? x
           : k == 1 ? (columns){x[1], x[2], x[3], x[0]}
           : k == 2 ? (columns){x[2], x[3], x[0], x[1]}
                    : (columns){x[3], x[0], x[1], x[2]};
}

/* mix_columns: with u = row r + row r + 1, row r becomes 2 u + row r + 1 + the u of two rows on. After k rounds the
 * next row of a column is k columns on. */
static inline void mix_columns(columns x[8], int k)
{
    columns next[8], u[8];

    for (int i = 0; i < 8; i++) {
        next[i] = turn(x[i] >> 8 | x[i] << 24, k);
        u[i] = x[i] ^ next[i];
    }
    for (int i = 0; i < 8; i++) {
        columns twice = i == 0 ? u[7] : u[i - 1];
        if (i == 1 || i == 3 || i == 4) /* x^8 = x^4 + x^3 + x + 1 */
            twice ^= u[7];
        x[i] = twice ^ next[i] ^ turn(u[i] >> 16 | u[i] << 16, 2 * k % 4);
    }
}

static void lanes_blocks(struct lanes *l, const struct state *st, const struct words *in, int n)
{
    for (int i = 0; i < 8; i++)
        l->bit[i] = i < n ? columns_of(in[i]) : (columns){0, 0, 0, 0};
    transpose(l->bit);
    add_round_key(l, &st->key[0]);
}

static void lanes_counters(struct lanes *l, const struct state *st, struct words iv, uint32_t i, int n)
{
    struct words in[8];

    for (int k = 0; k < 8; k++)
        in[k] = (struct words){iv.hi, iv.lo | (uint32_t)(i + (uint32_t)k)};
    lanes_blocks(l, st, in, n);
}

static void lanes_round(struct lanes *l, const struct state *st, int round, int n)
{
    (void)n;
    sub_bytes(l->bit);
    switch (round % 4) {
    case 0:
        mix_columns(l->bit, 0);
        break;
    case 1:
        mix_columns(l->bit, 1);
        break;
    case 2:
        mix_columns(l->bit, 2);
        break;
    default:
        mix_columns(l->bit, 3);
    }
    add_round_key(l, &st->key[round]);
}

/* lanes_last: 10 and 14 rounds alike leave rows 1 and 3 two columns away from where they belong. */
static void lanes_last(struct lanes *l, const struct state *st, int n)
{
    (void)n;
    sub_bytes(l->bit);
    for (int i = 0; i < 8; i++)
        l->bit[i] ^= (l->bit[i] ^ turn(l->bit[i], 2)) & 0xff00ff00;
    add_round_key(l, &st->key[st->rounds]);
}

static void lanes_get(block *out, const struct lanes *l, int n)
{
    struct lanes x = *l;

    transpose(x.bit);
    for (int i = 0; i < n; i++)
        out[i] = columns_words(x.bit[i]);
}

/* round_key_set puts each octet of the key where the state has the octet that it is for. */
static void round_key_set(struct state *st, int round, struct words w)
{
    columns *x = st->key[round].bit, key = columns_of(w), moved = {0, 0, 0, 0};
    int k = round < st->rounds ? round : 0;

    for (int row = 0; row < 4; row++)
        for (int c = 0; c < 4; c++)
            moved[(c + k * row) % 4] |= key[c] & 0xffu << 8 * row;
    for (int i = 0; i < 8; i++)
        x[i] = moved;
    transpose(x);
    if (round > 0) /* the constant of SubBytes, 63 */
        for (int i = 0; i < 8; i++)
            if (0x63 >> i & 1)
                x[i] = ~x[i];
}

static uint32_t sub_word(uint32_t w)
{
    columns x[8] = {columns_of((struct words){w, 0})};

    transpose(x);
    sub_bytes(x);
    transpose(x);
    return (uint32_t)columns_words(x[0]).hi ^ 0x63636363;
}

/* ---- GHASH ------------------------------------------------------------------------------------------------------- */

/* mul_low is the low half of the carry-less product. */
static inline uint64_t mul_low(uint64_t x, uint64_t y)
{
    const uint64_t m0 = UINT64_C(0x1111111111111111), m1 = m0 << 1, m2 = m0 << 2, m3 = m0 << 3;
    uint64_t x0 = x & m0, x1 = x & m1, x2 = x & m2, x3 = x & m3;
    uint64_t y0 = y & m0, y1 = y & m1, y2 = y & m2, y3 = y & m3;

    return (((x0 * y0) ^ (x1 * y3) ^ (x2 * y2) ^ (x3 * y1)) & m0) |
           (((x0 * y1) ^ (x1 * y0) ^ (x2 * y3) ^ (x3 * y2)) & m1) |
           (((x0 * y2) ^ (x1 * y1) ^ (x2 * y0) ^ (x3 * y3)) & m2) |
           (((x0 * y3) ^ (x1 * y2) ^ (x2 * y1) ^ (x3 * y0)) & m3);
}

static inline uint64_t backwards(uint64_t x)
{
    x = (x >> 1 & UINT64_C(0x5555555555555555)) | (x & UINT64_C(0x5555555555555555)) << 1;
    x = (x >> 2 & UINT64_C(0x3333333333333333)) | (x & UINT64_C(0x3333333333333333)) << 2;
    x = (x >> 4 & UINT64_C(0x0f0f0f0f0f0f0f0f)) | (x & UINT64_C(0x0f0f0f0f0f0f0f0f)) << 4;
    return __builtin_bswap64(x);
}

/* Products of the low words, of the high words, and of the sums; each as its low half and, backwards, its high. */
struct sum {
    uint64_t lo, hi, mid;
    uint64_t lo_back, hi_back, mid_back;
};

static void power_set(struct power *p, struct words w)
{
    p->lo = w.lo;
    p->hi = w.hi;
    p->mid = w.lo ^ w.hi;
    p->lo_back = backwards(p->lo);
    p->hi_back = backwards(p->hi);
    p->mid_back = p->lo_back ^ p->hi_back;
}

static void sum_add(struct sum *s, const struct power *p, block b)
{
    uint64_t lo_back = backwards(b.lo), hi_back = backwards(b.hi);

    s->lo ^= mul_low(b.lo, p->lo);
    s->hi ^= mul_low(b.hi, p->hi);
    s->mid ^= mul_low(b.lo ^ b.hi, p->mid);
    s->lo_back ^= mul_low(lo_back, p->lo_back);
    s->hi_back ^= mul_low(hi_back, p->hi_back);
    s->mid_back ^= mul_low(lo_back ^ hi_back, p->mid_back);
}

/* fold carries one word of a reflected number on by x^-128: bits that stand for x^i go to x^(i-128) times
 * 1 + x + x^2 + x^7, which is two words up, and a little to the right of that. */
static inline void fold(uint64_t *two_up, uint64_t *one_up, uint64_t w)
{
    *two_up ^= w ^ w >> 1 ^ w >> 2 ^ w >> 7;
    *one_up ^= w << 63 ^ w << 62 ^ w << 57;
}

static block sum_reduce(const struct sum *s)
{
    /* Backwards, the high half has its bits one place up: a product of two words has 127 bits. */
    uint64_t lo1 = backwards(s->lo_back) >> 1, hi1 = backwards(s->hi_back) >> 1, mid1 = backwards(s->mid_back) >> 1;
    uint64_t w0 = s->lo, w1 = lo1 ^ s->mid ^ s->lo ^ s->hi, w2 = s->hi ^ mid1 ^ lo1 ^ hi1, w3 = hi1;

    fold(&w2, &w1, w0);
    fold(&w3, &w2, w1);
    return (block){w3, w2};
}

#include "kernel.inc.h"

static int probe(const char **why_not)
{
    (void)why_not;
    return 1;
}

const struct gcm_impl gcm_portable = {
    .name = "portable",
    .what = "constant-time C: AES bitsliced in eight lanes, GHASH by integer multiplication",
    .state_len = sizeof(struct state),
    .probe = probe,
    .expand = impl_expand,
    .seal = impl_seal,
    .open = impl_open,
    .encrypt_block = impl_encrypt_block,
};
