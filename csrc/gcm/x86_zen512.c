/* x86_zen512.c - AES-GCM with AVX-512, ordered for AMD's cores: Zen 4 and later.
 *
 * A carry-less product holds its unit there for two cycles (Zen 5; 512 bits), while XORs and shuffles have two units or
 * more of their own. So blocks are multiplied by Karatsuba's way, three products of words in place of four; the AADs of
 * two messages share a vector; and round keys are kept in all lanes, as a broadcast is more than a load.
 */
#include "avx512.inc.h"

static int probe(const char **why_not)
{
    return avx512_priority(cpu_is_amd() ? 310 : 290, why_not);
}

#define KARATSUBA 1
#define KEYS_IN_LANES 1
#define AAD_IN_PAIRS 1
#define PAIRS_KEPT 1
#ifndef GROUP_IN_ASM
#define GROUP_IN_ASM 1
#endif
#define SET_FROM 3        /* short messages from which on a set of them is faster than the way of long ones */
#define STACK_OCTETS 2560 /* clang keeps more on it than gcc does */

#include "burst.inc.h"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

const struct gcm_impl gcm_zen512 = {
    .name = "zen512",
    .what = "as vaes512, in the order that suits AMD's cores",
    .state_len = sizeof(struct state),
    .probe = probe,
    .expand = impl_expand,
    .seal = impl_seal,
    .open = impl_open,
    .encrypt_block = impl_encrypt_block,
};
