/* gcm_limits.c - loops of 24 instructions on 12 registers, which is more than any core has in flight, each register's
 * chain being as long as the loop runs. The figure is the lower quartile: what disturbs a loop makes it slower, what
 * disturbs the measuring of the clock works both ways. */
#include "gcm_limits.h"

#include <stdint.h>
#include <stdlib.h>

#include "../../csrc/base/cpu.h"
#include "clock.h"

#define LOOPS 20000
#define UNROLLED 24
#define REPEATS 21

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* cycles_of takes the core cycles of one instruction of a loop. */
static double cycles_of(void (*loop)(uint64_t))
{
    double found[REPEATS];
    loop(LOOPS);
    for (int i = 0; i < REPEATS; i++) {
        double before = core_ghz();
        uint64_t start = now_ns();
        loop(LOOPS);
        uint64_t took = now_ns() - start;
        found[i] = (double)took * (before + core_ghz()) / 2 / LOOPS / UNROLLED;
    }
    qsort(found, REPEATS, sizeof *found, by_value);
    return found[REPEATS / 4];
}

#define TWICE(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#define ALL(X) TWICE(X) TWICE(X)
#define S(x) #x

#if defined(__x86_64__)

/* Registers 0 to 15 only, so that no wider set need be known to the compiler: whatever their width, it hears that the
 * parts which it uses are lost. */
#define LOST                                                                                                           \
    "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm15"
#define LOOP(name, INSTRUCTION, END)                                                                                   \
    static void name(uint64_t n)                                                                                       \
    {                                                                                                                  \
        __asm__ volatile(".p2align 6\n1:\n\t" ALL(INSTRUCTION) "dec %0\n\tjnz 1b\n\t" END : "+r"(n) : : LOST);         \
    }
#define AES_X(i) "aesenc %%xmm15, %%xmm" S(i) "\n\t"
#define AES_Y(i) "vaesenc %%ymm15, %%ymm" S(i) ", %%ymm" S(i) "\n\t"
#define AES_Z(i) "vaesenc %%zmm15, %%zmm" S(i) ", %%zmm" S(i) "\n\t"
#define CLMUL_X(i) "pclmulqdq $0x11, %%xmm15, %%xmm" S(i) "\n\t"
#define CLMUL_Y(i) "vpclmulqdq $0x11, %%ymm15, %%ymm" S(i) ", %%ymm" S(i) "\n\t"
#define CLMUL_Z(i) "vpclmulqdq $0x11, %%zmm15, %%zmm" S(i) ", %%zmm" S(i) "\n\t"

LOOP(aes_x, AES_X, "")
LOOP(aes_y, AES_Y, "vzeroupper")
LOOP(aes_z, AES_Z, "vzeroupper")
LOOP(clmul_x, CLMUL_X, "")
LOOP(clmul_y, CLMUL_Y, "vzeroupper")
LOOP(clmul_z, CLMUL_Z, "vzeroupper")

static const struct {
    const char *name;
    int bits;
    uint32_t needs;
    void (*loop)(uint64_t);
} loops[] = {
    {"aes", 128, CPU_AESNI, aes_x},
    {"clmul", 128, CPU_PCLMUL, clmul_x},
    {"aes", 256, CPU_VAES | CPU_AVX2, aes_y},
    {"clmul", 256, CPU_VPCLMUL | CPU_AVX2, clmul_y},
    {"aes", 512, CPU_VAES | CPU_AVX512F, aes_z},
    {"clmul", 512, CPU_VPCLMUL | CPU_AVX512F, clmul_z},
};

#elif defined(__aarch64__)

#define LOST "cc", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v15"
#define LOOP(name, INSTRUCTION)                                                                                        \
    static void name(uint64_t n)                                                                                       \
    {                                                                                                                  \
        __asm__ volatile(".arch armv8-a+crypto\n\t.p2align 6\n1:\n\t" ALL(INSTRUCTION) "subs %0, %0, #1\n\tb.ne 1b"    \
                         : "+r"(n)                                                                                     \
                         :                                                                                             \
                         : LOST);                                                                                      \
    }
#define AES_V(i) "aese v" S(i) ".16b, v15.16b\n\taesmc v" S(i) ".16b, v" S(i) ".16b\n\t"
#define CLMUL_V(i) "pmull v" S(i) ".1q, v" S(i) ".1d, v15.1d\n\t"

LOOP(aes_v, AES_V)
LOOP(clmul_v, CLMUL_V)

static const struct {
    const char *name;
    int bits;
    uint32_t needs;
    void (*loop)(uint64_t);
} loops[] = {{"aes", 128, CPU_ARM_AES, aes_v}, {"clmul", 128, CPU_ARM_PMULL, clmul_v}};

#endif

int gcm_limits(struct gcm_limit limits[GCM_MAX_LIMITS])
{
    int num = 0;
#if defined(__x86_64__) || defined(__aarch64__)
    uint32_t have = cpu_features();
    for (size_t i = 0; i < sizeof loops / sizeof *loops; i++)
        if ((have & loops[i].needs) == loops[i].needs)
            limits[num++] = (struct gcm_limit){loops[i].name, loops[i].bits, cycles_of(loops[i].loop)};
#endif
    return num;
}
