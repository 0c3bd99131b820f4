/* schedule.inc.h - key set-up as every implementation does it. Who includes it has struct state with rounds, and
 *   round_key_set   puts a round key, given as words in network order, where it belongs
 *   sub_word        SubBytes on four octets, in constant time
 */

/* expand_rounds is the key expansion of FIPS 197 5.2. */
static __attribute__((noinline)) void expand_rounds(struct state *st, const uint8_t *key, int num_words)
{
    uint32_t w[60], rcon = 0x01000000;

    st->rounds = (unsigned)num_words + 6;
    for (int i = 0; i < 4 * (num_words + 7); i++) {
        if (i < num_words) {
            w[i] = load_be32(key + 4 * i);
            continue;
        }
        uint32_t t = w[i - 1];
        if (i % num_words == 0) {
            t = sub_word(t << 8 | t >> 24) ^ rcon;
            rcon <<= 1;
            if (i == 8 * num_words) /* x^8 = x^4 + x^3 + x + 1; a matter of AES-128 alone */
                rcon = 0x1b000000;
        } else if (num_words == 8 && i % 8 == 4) {
            t = sub_word(t);
        }
        w[i] = w[i - num_words] ^ t;
    }
    for (int r = 0; r < num_words + 7; r++) {
        const uint32_t *k = w + 4 * r;
        round_key_set(st, r, (struct words){(uint64_t)k[0] << 32 | k[1], (uint64_t)k[2] << 32 | k[3]});
    }
}

/* over_x divides by x. What falls off is x^0, and x^0 / x = x^127 + x^6 + x + 1. */
static inline struct words over_x(struct words w)
{
    uint64_t carry = w.hi >> 63;

    return (struct words){(w.hi << 1 | w.lo >> 63) ^ ((UINT64_C(0) - carry) & UINT64_C(0xc200000000000000)),
                          w.lo << 1 ^ carry};
}
