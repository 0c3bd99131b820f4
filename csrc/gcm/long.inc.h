/* long.inc.h - messages whose blocks fill the lanes by themselves, as many together as there are lanes; a part of
 * burst.inc.h. */

/* masks_of gives E(K, J0) of each message, and the states of their counter blocks after round 1, each for crypt. */
INLINE vec masks_of(const struct state *st, const uint8_t *const iv[VEC_BLOCKS], block r1[VEC_BLOCKS])
{
    const vec r1s = vec_round(vec_xor(vec_ivs(vec_gather(iv)), round_key(st, 0)), round_key(st, 1));
    vec mask = vec_xor(r1s, vec_bcast(&st->delta[1]));

    vec_store(r1, r1s);
    for (uint64_t r = 2; r < st->rounds; r++)
        mask = vec_round(mask, round_key(st, r));
    return vec_last_round(mask, round_key(st, st->rounds));
}

/* tags_end writes the tags of n messages, or compares them; it returns how many did not verify. */
INLINE size_t tags_end(struct gcm_msg *const *q, const size_t n, vec tags, uint8_t *const tag_at[VEC_BLOCKS],
                       const int sealing)
{
    size_t bad = 0;

    if (sealing) {
        vec_scatter(tag_at, tags);
        return 0;
    }
    uint32_t ok = vec_equal(vec_gather((const uint8_t *const *)tag_at), tags);
    declassify(&ok, sizeof ok); /* the sender of a message may know whether it verified */
    for (size_t i = 0; i < n; i++) {
        q[i]->ok = ok >> i & 1;
        bad += !q[i]->ok;
    }
    return bad;
}

/* few_long does up to VEC_BLOCKS messages and returns how many did not verify. The AAD of all is read before any data
 * are written: a load that reaches into data just stored would have to wait for them. */
SPECIAL size_t few_long(const struct state *st, struct gcm_msg *const *q, const size_t n, const int sealing)
{
    const uint8_t *iv[VEC_BLOCKS];
    uint8_t *tag_at[VEC_BLOCKS], spare[16] = {0};
    struct sums a[VEC_BLOCKS];
    block r1[VEC_BLOCKS] __attribute__((aligned(64)));
    uint64_t lens[VEC_BLOCKS][2] __attribute__((aligned(64)));
    vec lo[VEC_BLOCKS], mid[VEC_BLOCKS], hi[VEC_BLOCKS];

    for (size_t i = 0; i < VEC_BLOCKS; i++) {
        const struct gcm_msg *m = q[i < n ? i : 0];
        iv[i] = m->iv;
        lens[i][0] = (uint64_t)m->data_len * 8;
        lens[i][1] = (uint64_t)m->aad_len * 8;
        tag_at[i] = i < n ? m->tag : spare;
    }
    const vec masks = masks_of(st, iv, r1);

    for (size_t i = 0; i < VEC_BLOCKS; i++)
        a[i] = i < n ? hash_aad(st, q[i]) : no_sums();
    for (size_t i = 0; i < n; i++)
        if (q[i]->data_len > 0)
            a[i] = crypt(st, a[i], q[i]->data, q[i]->data_len, vec_bcast(&r1[i]), sealing);

    for (size_t i = 0; i < VEC_BLOCKS; i++)
        lo[i] = a[i].lo, mid[i] = a[i].mid, hi[i] = a[i].hi;
    const struct sums data = {vec_fold(lo), vec_fold(mid), vec_fold(hi)};
    const struct sums lengths = product(vec_load(lens), vec_bcast(power_at(st, 1)));
    const struct sums all = sums_add(&data, &lengths);
    return tags_end(q, n, vec_xor(vec_swap(reduce(&all)), masks), tag_at, sealing);
}

#if AAD_IN_PAIRS
/* pair_of_aads gives the products of the AADs of two messages: two blocks each, so the lower half of the lanes is one's
 * and the upper the other's. What is read beyond an AAD is data or tag. */
INLINE struct sums pair_of_aads(const struct state *st, const struct gcm_msg *m, const struct gcm_msg *n, vec keep)
{
    const size_t em = ((size_t)m->data_len + 15) / 16 + 3, en = ((size_t)n->data_len + 15) / 16 + 3;

    return product(vec_swap(vec_and(vec_pair(m->aad, n->aad), keep)), vec_pair(power_at(st, em), power_at(st, en)));
}

/* fetch asks for the data of a message that comes soon. In a ring larger than the cache that is worth a third of the
 * time; in a small one it costs 1 to 4 %. */
INLINE void fetch(const struct gcm_msg *m)
{
    for (uint32_t at = 0; at < m->data_len; at += 64)
        __builtin_prefetch(m->data + at);
}

/* four_long is few_long for as many messages as there are lanes, all of them tight and with as much AAD. next: those
 * that follow, or NULL. */
SPECIAL size_t four_long(const struct state *st, struct gcm_msg *const *q, struct gcm_msg *const *next,
                         struct lengths_share *l, const int sealing)
{
    static const uint8_t first_of_32[64] = {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
                                            255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
                                            255, 255, 255, 255, 255, 255, 255, 255, 255, 255};
    const uint8_t *const iv[VEC_BLOCKS] = LANES(Q_IV), *const keep_at = first_of_32 + 32 - q[0]->aad_len;
    uint8_t *const tag_at[VEC_BLOCKS] = LANES(Q_TAG);
    block r1[VEC_BLOCKS] __attribute__((aligned(64)));
    vec lo[VEC_BLOCKS], mid[VEC_BLOCKS], hi[VEC_BLOCKS];
    const vec keep = vec_pair(keep_at, keep_at);
    const struct sums even = pair_of_aads(st, q[0], q[2], keep), odd = pair_of_aads(st, q[1], q[3], keep);
    const vec masks = vec_xor(masks_of(st, iv, r1), share_of_lengths(st, l, q));

    for (int i = 0; i < VEC_BLOCKS; i++) {
        __asm__("" : "+r"(i)); /* one copy of what follows, not four: they would not fit the cache of instructions */
        if (next != NULL)
            fetch(next[i]);
        const struct sums a = crypt(st, no_sums(), q[i]->data, q[i]->data_len, vec_bcast(&r1[i]), sealing);
        lo[i] = a.lo, mid[i] = a.mid, hi[i] = a.hi;
    }
    const struct sums all = {vec_fold_onto((vec[]){even.lo, odd.lo}, lo),
                             vec_fold_onto((vec[]){even.mid, odd.mid}, mid),
                             vec_fold_onto((vec[]){even.hi, odd.hi}, hi)};
    return tags_end(q, VEC_BLOCKS, vec_xor(vec_swap(reduce(&all)), masks), tag_at, sealing);
}
#endif

/* run_long does any number of them. tight: is_tight says so of all, and they have as much AAD. */
SPECIAL size_t run_long(const struct state *st, struct gcm_msg *const *q, size_t num, int tight, const int sealing)
{
    size_t bad = 0;
#if AAD_IN_PAIRS
    struct lengths_share l = {0, vec_zero()};

    for (; tight && num >= VEC_BLOCKS; num -= VEC_BLOCKS, q += VEC_BLOCKS)
        bad += four_long(st, q, num < 2 * VEC_BLOCKS ? NULL : q + VEC_BLOCKS, &l, sealing);
#else
    (void)tight;
#endif
    for (; num > VEC_BLOCKS; num -= VEC_BLOCKS, q += VEC_BLOCKS)
        bad += few_long(st, q, VEC_BLOCKS, sealing);
    return num > 0 ? bad + few_long(st, q, num, sealing) : bad;
}

static __attribute__((noinline)) size_t seal_long(const struct state *st, struct gcm_msg *const *q, size_t num,
                                                  int tight)
{
    return run_long(st, q, num, tight, 1);
}

static __attribute__((noinline)) size_t open_long(const struct state *st, struct gcm_msg *const *q, size_t num,
                                                  int tight)
{
    return run_long(st, q, num, tight, 0);
}

/* A burst of one goes a way of its own, without what only several need. */
static __attribute__((noinline)) size_t seal_one(const struct state *st, struct gcm_msg *m)
{
    return few_long(st, &m, 1, 1);
}

static __attribute__((noinline)) size_t open_one(const struct state *st, struct gcm_msg *m)
{
    return few_long(st, &m, 1, 0);
}
