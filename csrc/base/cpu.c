#include "cpu.h"

#include <stddef.h>

#if defined(__x86_64__)

#include <cpuid.h>

/* Bits of XCR0: which registers the system saves and restores. */
#define XCR0_AVX 0x06u    /* XMM and the upper halves of YMM */
#define XCR0_AVX512 0xe6u /* these, the mask registers, and both parts of ZMM */

static uint32_t saved_state(void)
{
    uint32_t eax, edx;

    /* Spelt as an instruction, because the intrinsic needs -mxsave. Only reached if CPUID reports OSXSAVE. */
    __asm__ __volatile__("xgetbv" : "=a"(eax), "=d"(edx) : "c"(0));
    return eax;
}

uint32_t cpu_features(void)
{
    uint32_t eax, ebx, ecx, edx, found = 0, xcr0 = 0;

    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx))
        return 0;
    if (ecx & (1u << 9))
        found |= CPU_SSSE3;
    if (ecx & (1u << 19))
        found |= CPU_SSE41;
    if (ecx & (1u << 25))
        found |= CPU_AESNI;
    if (ecx & (1u << 1))
        found |= CPU_PCLMUL;

    if (ecx & (1u << 27)) /* OSXSAVE */
        xcr0 = saved_state();
    if ((xcr0 & XCR0_AVX) != XCR0_AVX || !(ecx & (1u << 28)))
        return found;
    found |= CPU_AVX;
    if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx))
        return found;
    if (ebx & (1u << 5))
        found |= CPU_AVX2;
    if (ecx & (1u << 9))
        found |= CPU_VAES;
    if (ecx & (1u << 10))
        found |= CPU_VPCLMUL;

    if ((xcr0 & XCR0_AVX512) != XCR0_AVX512)
        return found;
    if (ebx & (1u << 16))
        found |= CPU_AVX512F;
    if (ebx & (1u << 30))
        found |= CPU_AVX512BW;
    if (ebx & (1u << 31))
        found |= CPU_AVX512VL;
    return found;
}

int cpu_is_amd(void)
{
    uint32_t eax, ebx, ecx, edx;

    return __get_cpuid(0, &eax, &ebx, &ecx, &edx) && ebx == 0x68747541 && edx == 0x69746e65 && ecx == 0x444d4163;
}

#elif defined(__aarch64__) && defined(__linux__)

#include <sys/auxv.h>

/* The kernel's numbers for AT_HWCAP, from its ABI; written out because <asm/hwcap.h> is not everywhere. */
#define ARM64_HWCAP_AES (1ul << 3)
#define ARM64_HWCAP_PMULL (1ul << 4)

uint32_t cpu_features(void)
{
    unsigned long hwcap = getauxval(AT_HWCAP);
    uint32_t found = 0;

    if (hwcap & ARM64_HWCAP_AES)
        found |= CPU_ARM_AES;
    if (hwcap & ARM64_HWCAP_PMULL)
        found |= CPU_ARM_PMULL;
    return found;
}

#else

uint32_t cpu_features(void)
{
    return 0;
}

#endif

const char *cpu_feature_name(uint32_t feature)
{
    switch (feature) {
    case CPU_SSSE3:
        return "ssse3";
    case CPU_SSE41:
        return "sse4_1";
    case CPU_AESNI:
    case CPU_ARM_AES:
        return "aes";
    case CPU_PCLMUL:
        return "pclmulqdq";
    case CPU_AVX:
        return "avx";
    case CPU_AVX2:
        return "avx2";
    case CPU_VAES:
        return "vaes";
    case CPU_VPCLMUL:
        return "vpclmulqdq";
    case CPU_AVX512F:
        return "avx512f";
    case CPU_AVX512BW:
        return "avx512bw";
    case CPU_AVX512VL:
        return "avx512vl";
    case CPU_ARM_PMULL:
        return "pmull";
    default:
        return NULL;
    }
}
