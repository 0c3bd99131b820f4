/* jumbo.inc.h - messages that are too long for the table of powers: over 2 KiB; a part of burst.inc.h. */

INLINE int is_jumbo(const struct gcm_msg *m)
{
    return ((size_t)m->aad_len + 15) / 16 + ((size_t)m->data_len + 15) / 16 + 1 > MAX_POWER;
}

/* hash_all is the digest of len octets alone. */
INLINE block hash_all(const struct state *st, const uint8_t *from, size_t len)
{
    const size_t most = 16 * (MAX_POWER - VEC_BLOCKS);
    block y = vec_first(vec_zero());

    for (size_t now; len > 0; len -= now, from += now) {
        struct sums a = no_sums();
        now = len < most ? len : most;
        hash_octets(st, &a, vec_of(y), from, now, (now + 15) / 16);
        y = reduce_all(&a);
    }
    return y;
}

/* What there is still to do of a message. */
struct rest {
    uint8_t *data;
    size_t left;    /* vectors */
    size_t tail;    /* octets of the last one */
    size_t counter; /* of the next block */
    size_t power;   /* of H, for the next block, if there were enough of them */
    vec r1;         /* for the next block */
    vec carry;      /* to be added to the next vector before it is hashed */
};

INLINE void advance(struct rest *w, size_t num)
{
    w->data += num * sizeof(vec);
    w->left -= num;
    w->counter += num * VEC_BLOCKS;
    w->power -= num * VEC_BLOCKS;
}

/* powers_of tells what the next vectors are multiplied with. The first segment is the short one: the digests that a
 * segment leaves need a power for each lane in what follows. */
INLINE const uint8_t *powers_of(const struct state *st, const struct rest *w)
{
    return w->left <= SEGMENT ? (const uint8_t *)power_at(st, w->power)
                              : (const uint8_t *)&st->stride[SEGMENT - 1 - (w->left - 1) % SEGMENT];
}

/* end_segment makes a carry of the sums if a segment has just ended, with `left` vectors to come. */
INLINE void end_segment(struct rest *w, struct sums *a, size_t left)
{
    if (left % SEGMENT == 0) {
        w->carry = vec_xor(w->carry, reduce(a));
        *a = no_sums();
    }
}

INLINE vec take_carry(struct rest *w, vec x)
{
    const vec carry = w->carry;

    w->carry = vec_zero();
    return vec_xor(x, vec_swap(carry));
}

/* round_one is IV || 256 high after round 1, in each lane. */
INLINE vec round_one(const struct state *st, const struct gcm_msg *m, uint32_t high)
{
    uint8_t octets[16];

    memcpy(octets, m->iv, GCM_IV_LEN);
    store_be32(octets + GCM_IV_LEN, high << 8);
    return vec_round(vec_xor(vec_bcast(octets), round_key(st, 0)), round_key(st, 1));
}

/* deltas_of gives r1 and deltas of the next num vectors. Where their counters reach a multiple of 256, or the next one
 * after them is one, its upper octets come into round 1: the states are put together in own, and r1 is nought. */
INLINE const block *deltas_of(const struct state *st, const struct gcm_msg *m, struct rest *w, vec *own, vec *r1,
                              size_t num)
{
    const size_t turn = w->counter / 256 * 256 + 256;
    const vec below = w->r1;

    *r1 = below;
    if (w->counter + num * VEC_BLOCKS < turn)
        return &st->delta[w->counter % 256];
    w->r1 = round_one(st, m, (uint32_t)(turn / 256));
    for (size_t i = 0, counter = w->counter; i < num; i++, counter += VEC_BLOCKS) {
        vec mine = counter >= turn ? w->r1 : counter + VEC_BLOCKS <= turn ? below : vec_halves(below, w->r1);
        own[i] = vec_xor(mine, vec_load(&st->delta[counter % 256]));
    }
    *r1 = vec_zero();
    return (const block *)own;
}

/* few_vectors does N of those that do not fill groups, without a pipeline. */
SPECIAL void few_vectors(const struct state *st, struct sums *a, const struct gcm_msg *m, struct rest *w, const int N,
                         const int sealing)
{
    vec x[GROUP], own[GROUP], r1;
    const block *delta = deltas_of(st, m, w, own, &r1, (size_t)N);
    const uint8_t *h = powers_of(st, w);

    step(st, a, x, w->data, r1, delta, h, N, 0, w->left == (size_t)N ? w->tail : sizeof(vec), sealing);
    x[0] = take_carry(w, x[0]);
    hash_vectors(a, x, h, N);
    advance(w, (size_t)N);
}

/* groups does the rest, which is whole groups. */
SPECIAL void groups(const struct state *st, struct sums *a, const struct gcm_msg *m, struct rest *w, const int sealing)
{
    vec x[GROUP], own[GROUP], r1;
    const uint8_t *h = powers_of(st, w), *next;
    const block *delta = deltas_of(st, m, w, own, &r1, GROUP);

    if (w->counter > 2)
        end_segment(w, a, w->left);
    step(st, a, x, w->data, r1, delta, h, GROUP, 0, w->left == GROUP ? w->tail : sizeof(vec), sealing);
    x[0] = take_carry(w, x[0]);
    for (advance(w, GROUP); w->left > 0; advance(w, GROUP)) {
        next = powers_of(st, w);
        delta = deltas_of(st, m, w, own, &r1, GROUP);
        if (w->left > GROUP)
            step(st, a, x, w->data, r1, delta, h, GROUP, GROUP, 0, sealing);
        else
            step(st, a, x, w->data, r1, delta, h, GROUP, GROUP, w->tail, sealing);
        if (w->left % SEGMENT == 0) {
            end_segment(w, a, w->left);
            x[0] = take_carry(w, x[0]);
        }
        h = next;
    }
    hash_vectors(a, x, h, GROUP);
}

SPECIAL void jumbo(const struct state *st, struct gcm_msg *m, uint8_t tag[GCM_TAG_LEN], const int sealing)
{
    const uint64_t lens[2] = {(uint64_t)m->data_len * 8, (uint64_t)m->aad_len * 8};
    struct sums a = no_sums(), end;
    struct rest w = {
        .data = m->data,
        .left = ((size_t)m->data_len + sizeof(vec) - 1) / sizeof(vec),
        .tail = m->data_len > 0 ? (m->data_len - 1) % sizeof(vec) + 1 : 0,
        .counter = 2,
        .power = ((size_t)m->data_len + 15) / 16 + 1,
        .r1 = round_one(st, m, 0),
        .carry = vec_of(hash_all(st, m->aad, m->aad_len)),
    };
    vec mask = vec_xor(w.r1, vec_bcast(&st->delta[1]));

    for (uint64_t r = 2; r < st->rounds; r++)
        mask = vec_round(mask, round_key(st, r));
    mask = vec_last_round(mask, round_key(st, st->rounds));
#if GROUP > 4
    if (w.left % GROUP & 4)
        few_vectors(st, &a, m, &w, 4, sealing);
#endif
    if (w.left % GROUP & 2)
        few_vectors(st, &a, m, &w, 2, sealing);
    if (w.left % GROUP & 1)
        few_vectors(st, &a, m, &w, 1, sealing);
    if (w.left > 0)
        groups(st, &a, m, &w, sealing);
    end = product(vec_xor(vec_of(block_load(lens)), w.carry), vec_load(power_at(st, 1)));
    end = sums_add(&end, &a);
    block_store(tag, vec_first(vec_xor(vec_swap(vec_of(reduce_all(&end))), mask)));
}

static __attribute__((noinline)) void seal_jumbo(const struct state *st, struct gcm_msg *m, uint8_t tag[GCM_TAG_LEN])
{
    jumbo(st, m, tag, 1);
}

static __attribute__((noinline)) void open_jumbo(const struct state *st, struct gcm_msg *m, uint8_t tag[GCM_TAG_LEN])
{
    jumbo(st, m, tag, 0);
}
