/* gcm_idle.c - in the place of implementations that this machine's CPU cannot run: to be found, and not to be had.
 *
 * They take longer to compile than all the rest, for each set of flags that a test asks for, and none of it would run.
 * tests/canary/plant.py leaves their files out; where one is there, its definition is stronger than the one here.
 */
#include <stddef.h>

#include "gcm/impl.h"

static int probe(const char **why_not)
{
    *why_not = "this CPU cannot run it, so it was left out";
    return 0;
}

#if defined(__x86_64__)
#define WEAK __attribute__((weak))
WEAK const struct gcm_impl gcm_vaes256 = {.name = "vaes256", .what = "for x86-64 with VAES", .probe = probe};
WEAK const struct gcm_impl gcm_vaes512 = {.name = "vaes512", .what = "for x86-64 with AVX-512", .probe = probe};
WEAK const struct gcm_impl gcm_zen512 = {.name = "zen512", .what = "for AMD's with AVX-512", .probe = probe};
#endif
