/* crypt.inc.h - one message whose blocks fill the lanes by themselves: its data, its AAD; a part of burst.inc.h. */

/* ---- Vectors of one message -------------------------------------------------------------------------------------- */

#define ROUND_ONE(i)                                                                                                   \
    if ((i) < N)                                                                                                       \
        s[i] = vec_round(s[i], key_);
#define ROUND(r)                                                                                                       \
    do {                                                                                                               \
        const vec key_ = round_key(st, r);                                                                             \
        EACH(ROUND_ONE)                                                                                                \
    } while (0)

#if PAIRS_KEPT
#define ADD_TWO(a, x0, x1, h)                                                                                          \
    add_two_folded(a, x0, vec_load(h), x1, vec_load((h) + sizeof(vec)), vec_load((h) + PAIRS_AT))
#else
#define ADD_TWO(a, x0, x1, h) add_two(a, x0, vec_load(h), x1, vec_load((h) + sizeof(vec)))
#endif

/* Of the n vectors in x those with the numbers i and i + 1, times the powers from h on. */
#define HASH_TWO(i)                                                                                                    \
    do {                                                                                                               \
        if ((i) + 1 < n)                                                                                               \
            ADD_TWO(a, vec_swap(x[i]), vec_swap(x[(i) + 1]), h + (i) * sizeof(vec));                                   \
        else if ((i) < n)                                                                                              \
            add_one(a, vec_swap(x[i]), vec_load(h + (i) * sizeof(vec)));                                               \
    } while (0)

/* step en- or decrypts N vectors of data in place and meanwhile adds to a the products of n others, which it finds in
 * x, with the powers from h on. What it leaves in x is the ciphertext of its own, noughts behind it. tail: octets of
 * the last vector, or 0 for a whole one. N and n are constants where this is used, so no test of them remains.
 *
 * Order: products stand between the rounds, so that both units have work. Data are loaded after the rounds, when x is
 * free again: eight states, eight vectors of x and what a product needs fill the registers. */
SPECIAL void step(const struct state *st, struct sums *a, vec *x, uint8_t *data, vec r1, const block *delta,
                  const uint8_t *h, const int N, const int n, const size_t tail, const int sealing)
{
    vec s[GROUP], t[GROUP];

#if GROUP_IN_ASM
    if (N == GROUP && n == GROUP) {
        step_group(st, a, x, data, r1, delta, h, tail, sealing);
        return;
    }
#endif
#define START(i)                                                                                                       \
    if ((i) < N)                                                                                                       \
        s[i] = vec_xor(r1, vec_load(delta + (i)*VEC_BLOCKS));
    EACH(START)
#undef START
    ROUND(2);
    HASH_TWO(0);
    ROUND(3);
    ROUND(4);
    HASH_TWO(2);
    ROUND(5);
    ROUND(6);
    HASH_TWO(4);
    ROUND(7);
    ROUND(8);
    HASH_TWO(6);
    ROUND(9);
    if (st->rounds > 10) {
        ROUND(10);
        ROUND(11);
        ROUND(12);
        ROUND(13);
    }
    const vec key = round_key(st, st->rounds);
#define LOAD(i)                                                                                                        \
    if ((i) < N)                                                                                                       \
        t[i] =                                                                                                         \
            (i) < N - 1 || !tail ? vec_load(data + (i) * sizeof(vec)) : vec_load_part(data + (i) * sizeof(vec), tail);
    EACH(LOAD)
#undef LOAD
#define END(i)                                                                                                         \
    if ((i) < N) {                                                                                                     \
        vec out = vec_last_round(s[i], vec_xor(t[i], key));                                                            \
        if ((i) < N - 1 || !tail) {                                                                                    \
            vec_store(data + (i) * sizeof(vec), out);                                                                  \
        } else {                                                                                                       \
            vec_store_part(data + (i) * sizeof(vec), out, tail);                                                       \
            if (sealing)                                                                                               \
                out = vec_clear_after(out, tail);                                                                      \
        }                                                                                                              \
        x[i] = sealing ? out : t[i];                                                                                   \
    }
    EACH(END)
#undef END
}

/* hash_vectors adds the products of n vectors in x, alone. */
SPECIAL void hash_vectors(struct sums *a, const vec *x, const uint8_t *h, const int n)
{
    HASH_TWO(0);
    HASH_TWO(2);
    HASH_TWO(4);
    HASH_TWO(6);
}

/* The first N vectors of a message, those that do not fill groups; or all of it. */
#define FIRST(N)                                                                                                       \
    case N:                                                                                                            \
        if (left > (N)) {                                                                                              \
            step(st, &a, x, data, r1, delta, h, N, 0, 0, sealing);                                                     \
            if ((N) < GROUP)                                                                                           \
                hash_vectors(&a, x, h, N);                                                                             \
            break;                                                                                                     \
        }                                                                                                              \
        step(st, &a, x, data, r1, delta, h, N, 0, len - ((N)-1) * sizeof(vec), sealing);                               \
        hash_vectors(&a, x, h, N);                                                                                     \
        return a;

#define GROUP_OCTETS (GROUP * sizeof(vec))

/* crypt does the data of one message, len > 0 octets, and gives a with its products. The groups after the first one
 * follow in a pipeline, each hashed beside the AES of the next. */
SPECIAL struct sums crypt(const struct state *st, struct sums a, uint8_t *data, size_t len, vec r1, const int sealing)
{
    const size_t num = (len + sizeof(vec) - 1) / sizeof(vec), first = (num - 1) % GROUP + 1;
    size_t left = num;
    const block *delta = &st->delta[2];
    const uint8_t *h = (const uint8_t *)power_at(st, (len + 15) / 16 + 1);
    vec x[GROUP];

#define CLEAR(i)                                                                                                       \
    if ((i) < GROUP)                                                                                                   \
        x[i] = vec_zero();
    EACH(CLEAR)
#undef CLEAR
    switch (first) {
        FIRST(1)
        FIRST(2)
        FIRST(3)
#if GROUP > 4
        FIRST(4)
        FIRST(5)
        FIRST(6)
        FIRST(7)
#endif
        FIRST(GROUP)
    }
    left -= first, len -= first * sizeof(vec), data += first * sizeof(vec), delta += first * VEC_BLOCKS;
    if (first < GROUP) { /* and has been hashed */
        h += first * sizeof(vec);
        step(st, &a, x, data, r1, delta, h, GROUP, 0, left > GROUP ? sizeof(vec) : len - (GROUP_OCTETS - sizeof(vec)),
             sealing);
        left -= GROUP, len -= GROUP_OCTETS, data += GROUP_OCTETS, delta += GROUP * VEC_BLOCKS;
    }
    for (; left > GROUP; left -= GROUP) {
        step(st, &a, x, data, r1, delta, h, GROUP, GROUP, 0, sealing);
        len -= GROUP_OCTETS, data += GROUP_OCTETS, delta += GROUP * VEC_BLOCKS, h += GROUP_OCTETS;
    }
    if (left > 0) {
        step(st, &a, x, data, r1, delta, h, GROUP, GROUP, len - (GROUP_OCTETS - sizeof(vec)), sealing);
        h += GROUP_OCTETS;
    }
    hash_vectors(&a, x, h, GROUP);
    return a;
}

/* ---- AAD --------------------------------------------------------------------------------------------------------- */

/* hash_octets adds len > 0 octets, the first block plus carry times H^e, the next times H^(e - 1) and so on. */
SPECIAL void hash_octets(const struct state *st, struct sums *a, vec carry, const uint8_t *from, size_t len, size_t e)
{
    const uint8_t *h = (const uint8_t *)power_at(st, e);

    for (; len > 2 * sizeof(vec); len -= 2 * sizeof(vec), from += 2 * sizeof(vec), h += 2 * sizeof(vec)) {
        add_two(a, vec_xor(carry, vec_swap(vec_load(from))), vec_load(h), vec_swap(vec_load(from + sizeof(vec))),
                vec_load(h + sizeof(vec)));
        carry = vec_zero();
    }
    if (len > sizeof(vec)) {
        add_one(a, vec_xor(carry, vec_swap(vec_load(from))), vec_load(h));
        carry = vec_zero();
        len -= sizeof(vec), from += sizeof(vec), h += sizeof(vec);
    }
    add_one(a, vec_xor(carry, vec_swap(vec_load_part(from, len))), vec_load(h));
}

/* hash_aad gives the products of a message's AAD. The lengths' block comes in at the end, for several messages. */
INLINE struct sums hash_aad(const struct state *st, const struct gcm_msg *m)
{
    const size_t e = ((size_t)m->aad_len + 15) / 16 + ((size_t)m->data_len + 15) / 16 + 1;
    struct sums a = no_sums();

    if (m->aad_len > sizeof(vec))
        hash_octets(st, &a, vec_zero(), m->aad, m->aad_len, e);
    else if (m->aad_len > 0)
        a = product(vec_swap(vec_load_part(m->aad, m->aad_len)), vec_load(power_at(st, e)));
    return a;
}
