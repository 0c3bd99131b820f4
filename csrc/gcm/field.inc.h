/* field.inc.h - products in GF(2^128), and the tables of a key; a part of burst.inc.h. */

/* ---- Products ---------------------------------------------------------------------------------------------------- */

INLINE const block *power_at(const struct state *st, size_t e)
{
    return &st->power[MAX_POWER - e];
}

/* Products of numbers, not yet reduced, in each lane: low words, high words, and what lies between. A file that defines
 * KARATSUBA makes three products of words in place of four: mid then holds (low + high) (low + high), which has the
 * other two in it, until reduce takes them out. That pays where a carry-less product is several micro-operations. */
struct sums {
    vec lo, mid, hi;
};

INLINE struct sums no_sums(void)
{
    return (struct sums){vec_zero(), vec_zero(), vec_zero()};
}

INLINE struct sums sums_add(const struct sums *a, const struct sums *b)
{
    return (struct sums){vec_xor(a->lo, b->lo), vec_xor(a->mid, b->mid), vec_xor(a->hi, b->hi)};
}

#if KARATSUBA
/* fold_word gives low + high in both words; fold_words those of a in the low word, of b in the high one. */
INLINE vec fold_word(vec a)
{
    return vec_xor(a, vec_swap_words(a));
}

INLINE vec fold_words(vec a, vec b)
{
    return vec_xor(vec_low_words(a, b), vec_high_words(a, b));
}

INLINE struct sums product(vec x, vec h)
{
    return (struct sums){clmul(x, h, 0x00), clmul(fold_word(x), fold_word(h), 0x00), clmul(x, h, 0x11)};
}

/* add_folded adds x h, folded being low + high of h in its low word. */
INLINE void add_folded(struct sums *a, vec x, vec h, vec folded)
{
    a->lo = vec_xor(a->lo, clmul(x, h, 0x00));
    a->hi = vec_xor(a->hi, clmul(x, h, 0x11));
    a->mid = vec_xor(a->mid, clmul(fold_word(x), folded, 0x00));
}

/* add_two_folded adds x0 h0 + x1 h1, folded having h0's low + high in its low word and h1's in its high one. */
INLINE void add_two_folded(struct sums *a, vec x0, vec h0, vec x1, vec h1, vec folded)
{
    const vec x = fold_words(x0, x1);

    a->lo = vec_xor3(a->lo, clmul(x0, h0, 0x00), clmul(x1, h1, 0x00));
    a->hi = vec_xor3(a->hi, clmul(x0, h0, 0x11), clmul(x1, h1, 0x11));
    a->mid = vec_xor3(a->mid, clmul(x, folded, 0x00), clmul(x, folded, 0x11));
}

INLINE void add_one(struct sums *a, vec x, vec h)
{
    add_folded(a, x, h, fold_word(h));
}

INLINE void add_two(struct sums *a, vec x0, vec h0, vec x1, vec h1)
{
    add_two_folded(a, x0, h0, x1, h1, fold_words(h0, h1));
}

/* add_one_at and add_two_at take the same powers in each lane: H^e, and for x1 H^(e - 1). */
INLINE void add_one_at(const struct state *st, struct sums *a, vec x, size_t e)
{
    add_folded(a, x, vec_bcast(power_at(st, e)), vec_bcast(&st->folded[e]));
}

INLINE void add_two_at(const struct state *st, struct sums *a, vec x0, vec x1, size_t e)
{
    add_two_folded(a, x0, vec_bcast(power_at(st, e)), x1, vec_bcast(power_at(st, e - 1)), vec_bcast(&st->folded[e]));
}
#else
INLINE struct sums product(vec x, vec h)
{
    return (struct sums){clmul(x, h, 0x00), vec_xor(clmul(x, h, 0x01), clmul(x, h, 0x10)), clmul(x, h, 0x11)};
}

/* add_one adds x h. */
INLINE void add_one(struct sums *a, vec x, vec h)
{
    a->lo = vec_xor(a->lo, clmul(x, h, 0x00));
    a->hi = vec_xor(a->hi, clmul(x, h, 0x11));
    a->mid = vec_xor3(a->mid, clmul(x, h, 0x01), clmul(x, h, 0x10));
}

/* add_two adds x0 h0 + x1 h1 with fewer XORs. */
INLINE void add_two(struct sums *a, vec x0, vec h0, vec x1, vec h1)
{
    a->lo = vec_xor3(a->lo, clmul(x0, h0, 0x00), clmul(x1, h1, 0x00));
    a->hi = vec_xor3(a->hi, clmul(x0, h0, 0x11), clmul(x1, h1, 0x11));
    a->mid = vec_xor3(a->mid, clmul(x0, h0, 0x01), clmul(x0, h0, 0x10));
    a->mid = vec_xor3(a->mid, clmul(x1, h1, 0x01), clmul(x1, h1, 0x10));
}

/* add_one_at and add_two_at take the same powers in each lane: H^e, and for x1 H^(e - 1). */
INLINE void add_one_at(const struct state *st, struct sums *a, vec x, size_t e)
{
    add_one(a, x, vec_bcast(power_at(st, e)));
}

INLINE void add_two_at(const struct state *st, struct sums *a, vec x0, vec x1, size_t e)
{
    add_two(a, x0, vec_bcast(power_at(st, e)), x1, vec_bcast(power_at(st, e - 1)));
}
#endif

/* reduce gives the field element of each lane. Two products with the polynomial move the low words up; see
 * x86_aesni.c for the steps, which are Gueron's. */
INLINE vec reduce(const struct sums *s)
{
    const vec p = vec_poly(), between = KARATSUBA ? vec_xor3(s->mid, s->lo, s->hi) : s->mid;
    const vec mid = vec_xor3(between, vec_swap_words(s->lo), clmul(s->lo, p, 0x00));

    return vec_xor3(s->hi, vec_swap_words(mid), clmul(mid, p, 0x00));
}

/* reduce_all gives the one field element that all lanes together are. */
INLINE block reduce_all(const struct sums *a)
{
    const struct sums s = {vec_of(vec_sum(a->lo)), vec_of(vec_sum(a->mid)), vec_of(vec_sum(a->hi))};

    return vec_first(reduce(&s));
}

/* ---- Keys -------------------------------------------------------------------------------------------------------- */

#if KEYS_IN_LANES
INLINE vec round_key(const struct state *st, uint64_t r)
{
    return st->key[r];
}
#else
INLINE vec round_key(const struct state *st, uint64_t r)
{
    return vec_bcast(&st->key[r]);
}
#endif

INLINE void round_key_set(struct state *st, int round, struct words w)
{
    for (size_t i = 0; i < sizeof st->key[round]; i += 16) {
        store_be64((uint8_t *)&st->key[round] + i, w.hi);
        store_be64((uint8_t *)&st->key[round] + i + 8, w.lo);
    }
}

/* sub_word: ShiftRows does nothing to four equal columns, so the last round with a key of nought is SubBytes. */
INLINE uint32_t sub_word(uint32_t w)
{
    const uint32_t columns[4] = {w, w, w, w};
    uint32_t out[4];

    block_store(out, vec_first(vec_last_round(vec_of(block_load(columns)), vec_zero())));
    return out[0];
}

/* aes_encrypt is AES on one block. */
INLINE block aes_encrypt(const struct state *st, block b)
{
    vec s = vec_xor(vec_of(b), round_key(st, 0));

    for (uint64_t r = 1; r < st->rounds; r++)
        s = vec_round(s, round_key(st, r));
    return vec_first(vec_last_round(s, round_key(st, st->rounds)));
}

#include "schedule.inc.h"

/* expand_deltas: what each counter adds to the state after round 1. A round is linear but for SubBytes, which acts on
 * octets, so the difference that the last octet makes does not depend on the others. */
INLINE void expand_deltas(struct state *st)
{
    const uint8_t octet_15[16] = {[15] = 0xff};
    const vec zero = vec_zero(), key = round_key(st, 0), first = vec_round(key, zero), only = vec_bcast(octet_15);
    uint8_t rising[NUM_DELTAS + 15]; /* a counter block is loaded from where its last octet is; written well before */

    for (int i = 0; i < NUM_DELTAS + 15; i++)
        rising[i] = (uint8_t)(i - 15);
    for (int i = 0; i < NUM_DELTAS; i++) {
        vec v = vec_round(vec_xor(key, vec_and(only, vec_of(block_load(rising + i)))), zero);
        block_store(&st->delta[i], vec_first(vec_xor(v, first)));
    }
}

#define IN_A_ROW 16 /* powers made one from the other */

/* expand_powers makes them from the first, H / x. Beyond some, whole vectors that do not depend on each other. */
INLINE void expand_powers(struct state *st, vec one)
{
    vec power = one;
    struct sums s;

    for (size_t i = 0; i < VEC_BLOCKS; i++)
        block_store(&st->power[MAX_POWER + i], vec_first(vec_zero()));
    for (size_t e = 1; e <= IN_A_ROW; e++) {
        block_store(&st->power[MAX_POWER - e], vec_first(power));
        s = product(power, one); /* H^e / x times H / x, times the x that a product has too many */
        power = reduce(&s);
    }
    const vec step = vec_bcast(power_at(st, IN_A_ROW));
    _Static_assert((MAX_POWER - IN_A_ROW) % VEC_BLOCKS == 0, "whole vectors");
    for (size_t e = IN_A_ROW + VEC_BLOCKS; e <= MAX_POWER; e += VEC_BLOCKS) {
        s = product(vec_load(power_at(st, e - IN_A_ROW)), step);
        vec_store(&st->power[MAX_POWER - e], reduce(&s));
    }
    for (size_t i = 0; i < SEGMENT; i++)
        vec_store(&st->stride[i], vec_bcast(power_at(st, VEC_BLOCKS * (SEGMENT - i))));
#if KARATSUBA
    for (size_t e = 2; e < NUM_FOLDED; e++)
        block_store(&st->folded[e], vec_first(fold_words(vec_of(*power_at(st, e)), vec_of(*power_at(st, e - 1)))));
#endif
}

#if PAIRS_KEPT
INLINE void expand_pairs(struct state *st)
{
    for (size_t i = 0; i + VEC_BLOCKS <= MAX_POWER; i += VEC_BLOCKS)
        vec_store(&st->pair[i], fold_words(vec_load(&st->power[i]), vec_load(&st->power[i + VEC_BLOCKS])));
    for (size_t i = 0; i + 1 < SEGMENT; i++)
        vec_store(&st->pair_of_strides[i], fold_words(st->stride[i], st->stride[i + 1]));
    const vec zero = vec_zero();
    vec_store(&st->pair[MAX_POWER], fold_words(vec_load(&st->power[MAX_POWER]), zero));
    vec_store(&st->pair_of_strides[SEGMENT - 1], fold_words(st->stride[SEGMENT - 1], zero));
}
#endif

static __attribute__((noinline)) void expand_tables(struct state *st)
{
    uint8_t octets[16] = {0};
    struct words h;

    expand_deltas(st);
    block_store(octets, aes_encrypt(st, block_load(octets)));
    h = over_x((struct words){load_be64(octets), load_be64(octets + 8)});
    store_be64(octets, h.hi);
    store_be64(octets + 8, h.lo);
    expand_powers(st, vec_swap(vec_of(block_load(octets))));
#if PAIRS_KEPT
    expand_pairs(st);
#endif
}
