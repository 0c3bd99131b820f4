/* absent.c - implementations for another kind of CPU, so that whoever looks for one finds it, and why it is not used.
 */
#include <stddef.h>

#include "impl.h"

static int probe(const char **why_not)
{
    *why_not = "not in this build";
    return 0;
}

#if !defined(__x86_64__)
const struct gcm_impl gcm_aesni = {.name = "aesni", .what = "for x86-64 with AES-NI", .probe = probe};
const struct gcm_impl gcm_vaes256 = {.name = "vaes256", .what = "for x86-64 with VAES", .probe = probe};
const struct gcm_impl gcm_vaes512 = {.name = "vaes512", .what = "for x86-64 with VAES and AVX-512", .probe = probe};
const struct gcm_impl gcm_zen512 = {.name = "zen512", .what = "for x86-64 of AMD's with AVX-512", .probe = probe};
#endif

#if !defined(__AARCH64EL__)
const struct gcm_impl gcm_arm64 = {.name = "arm64", .what = "for ARMv8-A with AES and PMULL", .probe = probe};
#endif
