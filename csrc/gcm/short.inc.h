/* short.inc.h - messages of up to eight blocks, one a lane; a part of burst.inc.h.
 *
 * They lie as MACsec lays them: 17 to 32 octets of AAD (addresses and SecTAG are 20 or 28), data and tag, one behind
 * the other. So whole blocks can be read and written: behind the data comes the tag, which is written last, and in
 * opening is written back as it was. Where a vector has four lanes they go in fours; with two, in pairs. */

#define MAX_SHORT 8 /* blocks */

/* short_gaps is 0 if AAD, data and tag of a message lie one behind the other. */
INLINE uint64_t short_gaps(const struct gcm_msg *m)
{
    const uintptr_t aad = (uintptr_t)m->aad, data = (uintptr_t)m->data, tag = (uintptr_t)m->tag;

    return ((aad + m->aad_len) ^ data) | ((data + m->data_len) ^ tag);
}

/* is_tight: it lies as MACsec lays it, and has data. */
INLINE int is_tight(const struct gcm_msg *m)
{
    return (m->data_len > 0) & (m->aad_len - 17u < 16) & (short_gaps(m) == 0);
}

INLINE int short_fits(const struct gcm_msg *m)
{
    return (m->data_len <= 16 * MAX_SHORT) & is_tight(m);
}

/* As many messages as there are lanes, whose ciphertext is made and whose hash is not. */
struct made {
    vec x[MAX_SHORT + 2];
    vec mask, icv; /* mask: E(K, J0), with the lengths' share of the tag */
    struct gcm_msg *const *q;
};

/* slide_swap + r: how the last 16 octets of an AAD of 16 + r octets become its second block's number. */
static const uint8_t slide_swap[32] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
                                       0x80, 0x80, 0x80, 0x80, 0x80, 15,   14,   13,   12,   11,   10,
                                       9,    8,    7,    6,    5,    4,    3,    2,    1,    0};
/* first_of + 16 - len: ones in the first len octets */
static const uint8_t first_of[32] = {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};

/* LANES: X(i) for each lane, with commas between. */
#if VEC_BLOCKS == 4
#define LANES(X)                                                                                                       \
    {                                                                                                                  \
        X(0), X(1), X(2), X(3)                                                                                         \
    }
#else
#define LANES(X)                                                                                                       \
    {                                                                                                                  \
        X(0), X(1)                                                                                                     \
    }
#endif
#define Q_IV(i) q[i]->iv
#define Q_DATA(i) q[i]->data
#define Q_TAG(i) q[i]->tag
#define DATA_AT(i) data[i] + at

/* A block of each message, at the same distance from where its data begin. */
INLINE vec gather_at(uint8_t *const *data, ptrdiff_t at)
{
    const uint8_t *const p[VEC_BLOCKS] = LANES(DATA_AT);

    return vec_gather(p);
}

INLINE void scatter_at(uint8_t *const *data, ptrdiff_t at, vec v)
{
    uint8_t *const p[VEC_BLOCKS] = LANES(DATA_AT);

    vec_scatter(p, v);
}

/* keep_of has ones where the last block of each message has octets. */
INLINE vec keep_of(struct gcm_msg *const *q, const int N)
{
    const uint8_t *p[VEC_BLOCKS];

    for (int i = 0; i < VEC_BLOCKS; i++)
        p[i] = &first_of[16 * (uint32_t)N - q[i]->data_len];
    return vec_gather(p);
}

INLINE vec gather_ivs(const struct state *st, struct gcm_msg *const *q)
{
    const uint8_t *const p[VEC_BLOCKS] = LANES(Q_IV);

    return vec_round(vec_xor(vec_ivs(vec_gather(p)), round_key(st, 0)), round_key(st, 1));
}

/* hash_pair takes blocks i and i + 1 of the N + 2 of AAD and data. */
SPECIAL void hash_pair(const struct state *st, struct sums *a, const struct made *f, const int N, const int i)
{
    const size_t e = (size_t)(N + 3 - i); /* H itself is for the lengths */

    if (i + 1 < N + 2)
        add_two_at(st, a, f->x[i], f->x[i + 1], e);
    else if (i < N + 2)
        add_one_at(st, a, f->x[i], e);
}

/* The lengths' share of the tags, of messages of as much AAD: their block times H. Runs of one length are the rule, so
 * it is kept. */
struct lengths_share {
    uint64_t key; /* of which lengths */
    vec share;
};

INLINE vec share_of_lengths(const struct state *st, struct lengths_share *l, struct gcm_msg *const *q)
{
    uint64_t lens[VEC_BLOCKS][2], key = (uint64_t)q[0]->aad_len << 48;

    for (int i = 0; i < VEC_BLOCKS; i++) /* each less than 4096, or the message were a jumbo */
        key |= (uint64_t)q[i]->data_len << (12 * i);
    if (key != l->key) {
        for (int i = 0; i < VEC_BLOCKS; i++) {
            lens[i][0] = (uint64_t)q[i]->data_len * 8;
            lens[i][1] = (uint64_t)q[0]->aad_len * 8;
        }
        struct sums s = product(vec_load(lens), vec_bcast(power_at(st, 1)));
        l->share = vec_swap(reduce(&s));
        l->key = key;
    }
    return l->share;
}

SPECIAL size_t made_end(const struct made *f, const struct sums *a, const int sealing)
{
    vec tag = vec_xor(vec_swap(reduce(a)), f->mask);
    size_t bad = 0;

    if (sealing) {
        struct gcm_msg *const *const q = f->q;
        uint8_t *const to[VEC_BLOCKS] = LANES(Q_TAG);
        vec_scatter(to, tag);
        return 0;
    }
    uint32_t ok = vec_equal(f->icv, tag);
    declassify(&ok, sizeof ok);
    for (size_t i = 0; i < VEC_BLOCKS; i++) {
        f->q[i]->ok = ok >> i & 1;
        bad += !(ok >> i & 1);
    }
    return bad;
}

#define SHORT_ONE(i)                                                                                                   \
    if ((i) <= N)                                                                                                      \
        s[i] = vec_round(s[i], key_);
#define SHORT_ROUND(r)                                                                                                 \
    do {                                                                                                               \
        const vec key_ = round_key(st, r);                                                                             \
        EIGHT(SHORT_ONE) SHORT_ONE(8)                                                                                  \
    } while (0)

/* short_step en- or decrypts a set of messages of N blocks and hashes the one before, if any. */
SPECIAL size_t short_step(const struct state *st, struct made *f, struct gcm_msg *const *q, struct gcm_msg *const *next,
                          vec *r1, struct lengths_share *l, const int N, const int hashing, const int sealing)
{
    struct sums a = {vec_zero(), vec_zero(), vec_zero()};
    const uint32_t aad_len = q[0]->aad_len;
    const ptrdiff_t aad_at = -(ptrdiff_t)aad_len;
    vec s[MAX_SHORT + 1], aad0, aad1;
    uint8_t *const data[VEC_BLOCKS] = LANES(Q_DATA); /* once: what is stored might be in q, for all compilers know */
    uint32_t any = 0;
    size_t bad = 0;

    __asm__("" : "+r"(st)); /* in the loop, so that no address of a table is kept from one time to the next */
    for (int i = 0; i < VEC_BLOCKS; i++)
        any |= q[i]->data_len;
#define START(i)                                                                                                       \
    if ((i) <= N)                                                                                                      \
        s[i] = vec_xor(*r1, vec_bcast(&st->delta[(i) + 1]));
    EIGHT(START)
    START(8)
#undef START
    SHORT_ROUND(2);
    if (hashing)
        hash_pair(st, &a, f, N, 0);
    SHORT_ROUND(3);
    if (hashing)
        hash_pair(st, &a, f, N, 2);
    *r1 = gather_ivs(st, next);
    SHORT_ROUND(4);
    if (hashing)
        hash_pair(st, &a, f, N, 4);
    aad0 = gather_at(data, aad_at);
    aad1 = gather_at(data, -16);
    SHORT_ROUND(5);
    if (hashing)
        hash_pair(st, &a, f, N, 6);
    SHORT_ROUND(6);
    if (hashing)
        hash_pair(st, &a, f, N, 8);
    SHORT_ROUND(7);
    SHORT_ROUND(8);
    if (hashing)
        bad = made_end(f, &a, sealing);
    SHORT_ROUND(9);
    if (st->rounds > 10) {
        SHORT_ROUND(10);
        SHORT_ROUND(11);
        SHORT_ROUND(12);
        SHORT_ROUND(13);
    }
    const vec key = round_key(st, st->rounds);
    f->mask = vec_xor(vec_last_round(s[0], key), share_of_lengths(st, l, q));
    f->x[0] = vec_swap(aad0);
    f->x[1] = vec_shuffle(aad1, vec_bcast(slide_swap + aad_len - 16));
    f->q = q;
    if (!sealing) {
        const uint8_t *const from[VEC_BLOCKS] = LANES(Q_TAG);
        f->icv = vec_gather(from);
    }
#define END(i)                                                                                                         \
    if ((i) < N) {                                                                                                     \
        vec in = gather_at(data, 16 * (i)), out = vec_last_round(s[(i) + 1], vec_xor(in, key));                        \
        if ((i) == N - 1 && any % 16 != 0) {                                                                           \
            const vec keep = keep_of(q, N);                                                                            \
            if (sealing)                                                                                               \
                out = vec_and(out, keep);                                                                              \
            else                                                                                                       \
                out = vec_choose(keep, out, in); /* the ICV's first octets stay */                                     \
            f->x[(i) + 2] = vec_swap(vec_and(sealing ? out : in, keep));                                               \
        } else {                                                                                                       \
            f->x[(i) + 2] = vec_swap(sealing ? out : in);                                                              \
        }                                                                                                              \
        scatter_at(data, 16 * (i), out);                                                                               \
    }
    EIGHT(END)
#undef END
    return bad;
}

SPECIAL size_t short_run(const struct state *st, struct gcm_msg *const *q, size_t sets, const int N, const int sealing)
{
    struct made f;
    struct sums a = {vec_zero(), vec_zero(), vec_zero()};
    struct lengths_share l = {0, vec_zero()};
    vec r1 = gather_ivs(st, q);
    size_t bad = short_step(st, &f, q, sets > 1 ? q + VEC_BLOCKS : q, &r1, &l, N, 0, sealing);

    for (size_t i = 1; i < sets; i++)
        bad +=
            short_step(st, &f, q + VEC_BLOCKS * i, i + 1 < sets ? q + VEC_BLOCKS * (i + 1) : q, &r1, &l, N, 1, sealing);
    hash_pair(st, &a, &f, N, 0);
    hash_pair(st, &a, &f, N, 2);
    hash_pair(st, &a, &f, N, 4);
    hash_pair(st, &a, &f, N, 6);
    hash_pair(st, &a, &f, N, 8);
    return bad + made_end(&f, &a, sealing);
}

/* run_short does sets of messages of so many blocks, all with as much AAD. */
SPECIAL size_t run_short(const struct state *st, struct gcm_msg *const *q, size_t sets, size_t blocks,
                         const int sealing)
{
    switch (blocks) {
    case 1:
        return short_run(st, q, sets, 1, sealing);
    case 2:
        return short_run(st, q, sets, 2, sealing);
    case 3:
        return short_run(st, q, sets, 3, sealing);
    case 4:
        return short_run(st, q, sets, 4, sealing);
    case 5:
        return short_run(st, q, sets, 5, sealing);
    case 6:
        return short_run(st, q, sets, 6, sealing);
    case 7:
        return short_run(st, q, sets, 7, sealing);
    default:
        return short_run(st, q, sets, 8, sealing);
    }
}

static __attribute__((noinline)) size_t seal_short(const struct state *st, struct gcm_msg *const *q, size_t sets,
                                                   size_t blocks)
{
    return run_short(st, q, sets, blocks, 1);
}

static __attribute__((noinline)) size_t open_short(const struct state *st, struct gcm_msg *const *q, size_t sets,
                                                   size_t blocks)
{
    return run_short(st, q, sets, blocks, 0);
}
