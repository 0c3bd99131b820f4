/* burst.inc.h - AES-GCM (SP 800-38D) for CPUs whose vectors hold several blocks, written once. Each CPU file defines
 * the operations below and includes this. The algebra of counter mode and of GHASH, the form in which powers of H are
 * kept and why n blocks together take one reduction is told in kernel.inc.h; here is what bursts add to it.
 *
 * Round 1. Counters of one message differ in their last octet only, as long as they pass no multiple of 256. So of the
 * state after round 1 only one column differs, by what depends on key and counter alone: state = r1 + delta[counter],
 * r1 being IV || 0 after round 1. That is an XOR in place of a round. The table is looked up by the counter.
 *
 * Short messages (short.inc.h) of equal numbers of blocks go through together, one a lane: vector b holds block b of
 * each. Nothing has to be folded, and one reduction serves all of them.
 *
 * Long messages (long.inc.h) fill the lanes with their own blocks; vector v is multiplied with four powers of H that
 * follow each other in the table. Sums stay unreduced to the end; those of as many messages as a vector has lanes are
 * then folded into one vector, one lane each, and reduced together with the blocks of their lengths.
 *
 * Very long ones (jumbo.inc.h) would need a longer table. They are cut into segments: in all but the last a vector is
 * multiplied with one power in all lanes, which leaves a digest for each lane that goes on into the next segment.
 *
 * In all of them the AES of some vectors stands beside the products of those before, so that both units of the CPU
 * have work at any time. Messages are independent, so their order within a burst means nothing.
 *
 * What a CPU file defines:
 *   vec, VEC_BLOCKS, block, INLINE       a vector, its blocks (2 or 4), one block
 *   GROUP                                vectors that go through AES together: 4 or 8
 *   STACK_OCTETS                         how much stack the functions use that see secrets, at most
 *   block_load, block_store              16 octets anywhere in memory
 *   vec_load, vec_store                  a whole vector anywhere; _part: its first octets, nothing beyond them touched
 *   vec_bcast, vec_of, vec_first         a block from memory in each lane; a block in lane 0; that lane
 *   vec_zero, vec_xor, vec_xor3, vec_and, vec_choose, vec_shuffle, vec_halves, vec_clear_after
 *   vec_round, vec_last_round            AES
 *   vec_swap                             blocks to numbers in network order, and back
 *   vec_gather, vec_scatter, vec_ivs     a block from, or to, a place for each lane; IV || 0 of these
 *   vec_equal                            which lanes are equal, in constant time
 *   KARATSUBA                            1: three products of words for one of blocks, with vec_low_words and
 *                                        vec_high_words, which put these words of two vectors together; 0: four
 *   KEYS_IN_LANES                        1: the table has each round key in all lanes; 0: once, to be spread by
 * vec_bcast PAIRS_KEPT                           1: the table has what Karatsuba's way makes of two vectors of powers
 *   GROUP_IN_ASM                         1: step_group (group.inc.h) does whole groups; 0: compilers do
 *   AAD_IN_PAIRS                         1: of four long messages two AADs go in one vector, with vec_pair, which puts
 *                                        two blocks each from two places together, and vec_fold_onto; 0: they do not
 *   clmul, vec_swap_words, vec_poly      carry-less products of words in each lane, and what the reduction needs
 *   vec_fold, vec_sum                    the sums over lanes: of several vectors, one a lane; of one
 *   clear_registers                      leaves nothing in vector registers
 */
/* Functions that are made anew for each constant they are called with. For sanitizers, whose checks would swell each
 * copy, and for who asks for it, there is one of each, and it looks at its arguments. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(ONE_OF_EACH)
#define SPECIAL static __attribute__((noinline))
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SPECIAL static __attribute__((noinline))
#endif
#endif
#ifndef SPECIAL
#define SPECIAL INLINE
#endif

#define SEGMENT (128 / VEC_BLOCKS) /* vectors of a very long message between reductions: 2 KiB */
#define MAX_POWER (SEGMENT * VEC_BLOCKS + 4)
#define NUM_DELTAS (258 + 2 * VEC_BLOCKS)

#define NUM_FOLDED 12 /* of MAX_SHORT data blocks, two of AAD and the lengths, the highest power + 1 */

/* About 8.5 KiB, or 14 with what others make anew each time. A message touches what its length calls for: one of 64
 * octets, 13 cache lines, or 24. */
struct state {
#if KEYS_IN_LANES
    vec key[15];
    uint64_t rounds, unused[3];
#else
    block key[15];
    uint64_t rounds, unused[5];
#endif
    block delta[NUM_DELTAS];             /* by counter modulo 256; delta[2] begins a cache line */
    block power[MAX_POWER + VEC_BLOCKS]; /* power[MAX_POWER - e] is H^e / x; noughts from e = 0 on */
#if KARATSUBA
    block folded[NUM_FOLDED]; /* folded[e]: what add_two_folded asks for, of H^e and H^(e - 1) */
#endif
    vec stride[SEGMENT]; /* stride[i]: H^(VEC_BLOCKS (SEGMENT - i)) / x in each lane */
#if PAIRS_KEPT
    /* For each place in power and stride what add_two_folded asks for, of the vectors there and behind it. They lie as
     * those do, so that one address serves for both. */
    block pair[MAX_POWER + VEC_BLOCKS];
    block pair_align[NUM_FOLDED];
    vec pair_of_strides[SEGMENT];
#endif
};
#if PAIRS_KEPT
#define PAIRS_AT (offsetof(struct state, pair) - offsetof(struct state, power))
_Static_assert(PAIRS_AT == offsetof(struct state, pair_of_strides) - offsetof(struct state, stride), "one distance");
#endif

/* Loops that compilers need not find out about: over eight, and over the vectors of a group. */
#define EIGHT(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
#if GROUP == 4
#define EACH(X) X(0) X(1) X(2) X(3)
#else
#define EACH(X) EIGHT(X)
#endif

#include "field.inc.h"

#if GROUP_IN_ASM
#include "group.inc.h"
#endif
#include "crypt.inc.h"

#include "jumbo.inc.h"
#include "short.inc.h"

#include "long.inc.h"

/* ---- A burst ---------------------------------------------------------------------------------------------------- */

#define WINDOW 64 /* messages that are sorted together */

/* open_jumbo_checked keeps the tag that would be right from staying behind. */
INLINE size_t open_jumbo_checked(const struct state *st, struct gcm_msg *m)
{
    uint8_t tag[GCM_TAG_LEN];

    open_jumbo(st, m, tag);
    m->ok = ct_equal_16(tag, m->tag);
    declassify(&m->ok, sizeof m->ok); /* the sender of a message may know whether it verified */
    wipe(tag, sizeof tag);
    return !m->ok;
}

/* a_set of short messages, num of them there; the last one stands for those that are missing, and what is done to it
 * again is the same. */
INLINE size_t a_set(const struct state *st, struct gcm_msg *const *q, size_t num, size_t blocks, const int sealing)
{
    struct gcm_msg *set[VEC_BLOCKS];
    size_t bad = 0;

    for (size_t i = 0; i < VEC_BLOCKS; i++)
        set[i] = q[i < num ? i : num - 1];
    if (sealing)
        return seal_short(st, set, 1, blocks);
    (void)open_short(st, set, 1, blocks);
    for (size_t i = 0; i < num; i++)
        bad += !q[i]->ok;
    return bad;
}

/* sets does num short messages of so many blocks, all with as much AAD. Too few for a set go to rest. */
SPECIAL size_t sets(const struct state *st, struct gcm_msg *const *q, size_t num, size_t blocks, struct gcm_msg ***rest,
                    const int sealing)
{
    const size_t whole = num / VEC_BLOCKS, left = num % VEC_BLOCKS;
    size_t bad = 0;

    if (whole > 0)
        bad += sealing ? seal_short(st, q, whole, blocks) : open_short(st, q, whole, blocks);
    if (left >= SET_FROM)
        return bad + a_set(st, q + whole * VEC_BLOCKS, left, blocks, sealing);
    for (size_t i = 0; i < left; i++)
        *(*rest)++ = q[whole * VEC_BLOCKS + i];
    return bad;
}

SPECIAL size_t longs(const struct state *st, struct gcm_msg *const *q, size_t num, int tight, const int sealing)
{
    if (num == 0)
        return 0;
    return sealing ? seal_long(st, q, num, tight) : open_long(st, q, num, tight);
}

/* run_window sorts up to WINDOW messages by the way they go, and lets them go. It knows no secret itself. */
SPECIAL size_t run_window(const struct state *st, struct gcm_msg *msgs, size_t num, const int sealing)
{
    struct gcm_msg *shorts[MAX_SHORT][WINDOW], *tights[WINDOW], *others[WINDOW];
    struct gcm_msg **next_tight = tights, **next_other = others;
    size_t num_shorts[MAX_SHORT] = {0}, bad = 0;
    const uint32_t aad_len = msgs->aad_len, data_len = msgs->data_len;
    uint64_t unlike = 0;

    if (num == 1 && !is_jumbo(msgs))
        return sealing ? seal_one(st, msgs) : open_one(st, msgs);
    /* All like the first one is the rule where speed counts, and to find that out costs little. */
    for (size_t i = 0; i < num; i++) {
        shorts[0][i] = &msgs[i];
        unlike |= (msgs[i].aad_len ^ aad_len) | (msgs[i].data_len ^ data_len) | short_gaps(&msgs[i]);
    }
    if (unlike == 0 && short_fits(msgs)) {
        bad = sets(st, shorts[0], num, (data_len + 15) / 16, &next_tight, sealing);
        return bad + longs(st, tights, (size_t)(next_tight - tights), 1, sealing);
    }
    if (unlike == 0 && !is_jumbo(msgs))
        return longs(st, shorts[0], num, is_tight(msgs), sealing);
    for (size_t i = 0; i < num; i++) {
        struct gcm_msg *m = &msgs[i];
        const int tight = is_tight(m) & (m->aad_len == aad_len);
        if (tight && m->data_len <= 16 * MAX_SHORT) {
            const size_t b = (m->data_len - 1) / 16;
            shorts[b][num_shorts[b]++] = m;
        } else if (!is_jumbo(m)) {
            *(tight && AAD_IN_PAIRS ? next_tight++ : next_other++) = m;
        } else if (sealing) {
            seal_jumbo(st, m, m->tag);
        } else {
            bad += open_jumbo_checked(st, m);
        }
    }
    for (size_t b = 0; b < MAX_SHORT; b++)
        if (num_shorts[b] > 0)
            bad += sets(st, shorts[b], num_shorts[b], b + 1, AAD_IN_PAIRS ? &next_tight : &next_other, sealing);
    bad += longs(st, tights, (size_t)(next_tight - tights), 1, sealing);
    return bad + longs(st, others, (size_t)(next_other - others), 0, sealing);
}

/* burn erases the stack that the calls above used: compilers spill states, sums and powers wherever they like.
 * Registers first: whoever saves them next (a signal, the dynamic linker at the first call of memset) puts them on the
 * stack. */
static __attribute__((noinline)) void burn(void)
{
    uint8_t stack[STACK_OCTETS];

    clear_registers();
    wipe(stack, sizeof stack);
}

static void impl_seal(const void *state, struct gcm_msg *msgs, size_t num_msgs)
{
    for (size_t i = 0; i < num_msgs; i += WINDOW)
        run_window(state, msgs + i, num_msgs - i < WINDOW ? num_msgs - i : WINDOW, 1);
    burn();
    __asm__ __volatile__(""); /* not a jump: burn has to begin where the calls above began, below this frame */
}

static size_t impl_open(const void *state, struct gcm_msg *msgs, size_t num_msgs)
{
    size_t bad = 0;

    for (size_t i = 0; i < num_msgs; i += WINDOW)
        bad += run_window(state, msgs + i, num_msgs - i < WINDOW ? num_msgs - i : WINDOW, 0);
    burn();
    if (bad > 0) /* SP 800-38D 7.2: the output is FAIL and nothing else */
        for (size_t i = 0; i < num_msgs; i++)
            if (!msgs[i].ok)
                wipe(msgs[i].data, msgs[i].data_len);
    return bad;
}

static void impl_encrypt_block(const void *state, uint8_t out[16], const uint8_t in[16])
{
    block_store(out, aes_encrypt(state, block_load(in)));
    burn();
}

static void impl_expand(void *state, const uint8_t *key, size_t key_len)
{
    expand_rounds(state, key, (int)(key_len / 4));
    burn();
    expand_tables(state);
    burn();
}
