/* cpu.h - what this CPU can do, and what the system lets it do.
 *
 * A feature is reported only if it can be used: on x86-64 the vector state beyond SSE counts when XGETBV says that
 * the system saves it, because an instruction that the CPU knows but whose registers are lost at the next interrupt
 * is worse than one it does not know.
 */
#ifndef PYSEC_BASE_CPU_H
#define PYSEC_BASE_CPU_H

#include <stdint.h>

enum cpu_feature {
    CPU_SSSE3 = 1u << 0,
    CPU_SSE41 = 1u << 1,
    CPU_AESNI = 1u << 2,
    CPU_PCLMUL = 1u << 3,
    CPU_AVX = 1u << 4,
    CPU_AVX2 = 1u << 5,
    CPU_VAES = 1u << 6,
    CPU_VPCLMUL = 1u << 7,
    CPU_AVX512F = 1u << 8,
    CPU_AVX512BW = 1u << 9,
    CPU_AVX512VL = 1u << 10,
    CPU_ARM_AES = 1u << 11,
    CPU_ARM_PMULL = 1u << 12
};

/* cpu_features returns the enum cpu_feature bits that can be used here. It asks the CPU each time and is meant for
 * set-up. */
uint32_t cpu_features(void);

#if defined(__x86_64__)
/* cpu_is_amd tells whether AMD made this CPU, which decides between orders of the same work and nothing else. */
int cpu_is_amd(void);
#endif

/* cpu_feature_name returns the name of one bit as /proc/cpuinfo writes it, NULL if it is not one of the enum. */
const char *cpu_feature_name(uint32_t feature);

#endif
