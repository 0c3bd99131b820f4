/* x86_vaes512.c - AES-GCM with AVX-512, ordered for Intel's cores: Ice Lake and later servers.
 *
 * Ordered for one or two 512-bit AES units and one or two 512-bit ALUs (Golden Cove: AES on port 0, carry-less products
 * and shuffles on port 5, XORs on either). There every vector uop counts and loads do not: so round keys and powers are
 * broadcast by loads, three-way XORs join products in pairs, and products are made the schoolbook way, as Karatsuba's
 * extra XORs and shuffle cost what its saved product gains. zen512 is the same with another order.
 */
#include "avx512.inc.h"

static int probe(const char **why_not)
{
    return avx512_priority(300, why_not);
}

#define KARATSUBA 0     /* shuffles go where products go, so there is nothing to gain */
#define KEYS_IN_LANES 0 /* a broadcast is a load */
#define AAD_IN_PAIRS 0
#define PAIRS_KEPT 0
#define GROUP_IN_ASM 0
#define SET_FROM 3 /* short messages from which on a set of them is faster than the way of long ones */
#define STACK_OCTETS 2048

#include "burst.inc.h"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

const struct gcm_impl gcm_vaes512 = {
    .name = "vaes512",
    .what = "VAES, VPCLMULQDQ and AVX-512, four blocks a vector, bursts interleaved",
    .state_len = sizeof(struct state),
    .probe = probe,
    .expand = impl_expand,
    .seal = impl_seal,
    .open = impl_open,
    .encrypt_block = impl_encrypt_block,
};
