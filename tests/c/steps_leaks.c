/* steps_leaks.c - one thing at a time that taint.py must report, or must not, each a few instructions.
 *
 * usage: steps_leaks NAME; the rows of steps.h on stdout. The instructions are written out, so that no compiler can
 * turn one leak into another. Exit status 77: this CPU has no AVX-512.
 */
#include "steps.h"

#include <stdio.h>
#include <stdlib.h>

static uint8_t secret[64] __attribute__((aligned(64))), known[64] __attribute__((aligned(64)));
static uint8_t out[256] __attribute__((aligned(64)));
static uint64_t table[256];

#define ASM(text, ...) __asm__ __volatile__(text : : "D"(secret), "S"(known), "d"(out), "b"(table) : __VA_ARGS__)
#define LIST                                                                                                           \
    "rax", "rcx", "r8", "r9", "xmm0", "xmm1", "xmm2", "k1", "k2", "cc", "memory" /* what the pieces below may use */
#define PIECE(name, text)                                                                                              \
    static __attribute__((noinline, target("avx512f,avx512bw,bmi2"))) void name(void)                                  \
    {                                                                                                                  \
        ASM(text, LIST);                                                                                               \
    }

/* To be reported. */
PIECE(branch, "mov (%%rdi), %%eax; test $1, %%al; jz 1f; nop; 1:")
PIECE(look_up, "movzbl (%%rdi), %%eax; mov (%%rbx,%%rax,8), %%rcx")
PIECE(look_up_by_vector, "vmovdqu64 (%%rdi), %%zmm0; vpxorq %%zmm0, %%zmm0, %%zmm1; vpaddq %%zmm0, %%zmm1, %%zmm2; "
                         "vmovq %%xmm2, %%rax; and $7, %%eax; mov (%%rbx,%%rax,8), %%rcx")
PIECE(store_by_secret, "movzbl (%%rdi), %%eax; movb $1, (%%rdx,%%rax)")
PIECE(branch_by_mask, "vmovdqu64 (%%rdi), %%zmm0; vptestmb %%zmm0, %%zmm0, %%k1; kortestq %%k1, %%k1; jz 1f; nop; 1:")
PIECE(branch_by_set_flag, "cmpb $3, (%%rdi); setc %%al; movzbl %%al, %%ecx; dec %%ecx; js 1f; nop; 1:")
PIECE(gather, "vmovdqu64 (%%rdi), %%zmm0; vpsrld $29, %%zmm0, %%zmm0; kxnorw %%k1, %%k1, %%k1; "
              "vpgatherdd (%%rbx,%%zmm0,4), %%zmm1%{%%k1%}")
PIECE(gather_by_known, "vpxorq %%zmm0, %%zmm0, %%zmm0; kxnorw %%k1, %%k1, %%k1; "
                       "vpgatherdd (%%rbx,%%zmm0,4), %%zmm1%{%%k1%}")
PIECE(store_under_secret_mask, "vmovdqu64 (%%rdi), %%zmm0; vptestmb %%zmm0, %%zmm0, %%k1; "
                               "vmovdqu8 %%zmm0, (%%rdx)%{%%k1%}")
PIECE(division, "movzbl (%%rdi), %%eax; mov $7, %%ecx; mov %%rdx, %%r8; xor %%edx, %%edx; div %%ecx; mov %%r8, %%rdx")
PIECE(deposit, "mov (%%rdi), %%rax; mov $7, %%ecx; pdep %%rax, %%rcx, %%r8")
PIECE(through_the_stack, "push (%%rdi); pop %%rax; test %%rax, %%rax; js 1f; nop; 1:")
PIECE(through_a_copy,
      "mov %%rdi, %%r8; mov %%rsi, %%r9; mov %%rdi, %%rsi; mov %%rdx, %%rdi; mov $40, %%ecx; rep movsb; "
      "mov %%r8, %%rdi; mov %%r9, %%rsi; cmpb $0, 39(%%rdx); je 1f; nop; 1:")
PIECE(part_of_a_register, "mov (%%rdi), %%rax; mov (%%rsi), %%al; test %%rax, %%rax; js 1f; nop; 1:")
PIECE(under_a_merging_mask, "vmovdqu64 (%%rdi), %%zmm0; mov $1, %%eax; kmovq %%rax, %%k1; "
                            "vmovdqu8 (%%rsi), %%zmm0%{%%k1%}; vmovd %%xmm0, %%eax; test %%eax, %%eax; js 1f; nop; 1:")
PIECE(indirect_jump, "movzbl (%%rdi), %%eax; and $0, %%eax; lea 1f(%%rip), %%rcx; add %%rax, %%rcx; jmp *%%rcx; 1:")
PIECE(comparison_of_strings, "mov %%rdi, %%r8; mov %%rsi, %%r9; mov $8, %%ecx; repe cmpsb; mov %%r8, %%rdi; "
                             "mov %%r9, %%rsi")

/* Not to be reported. */
PIECE(clean, "vmovdqu64 (%%rdi), %%zmm0; vpaddq %%zmm0, %%zmm0, %%zmm1; vmovdqu64 %%zmm1, (%%rdx); "
             "mov $20, %%ecx; test %%ecx, %%ecx; jz 1f; nop; 1:")
PIECE(choice_without_branch, "mov (%%rdi), %%rax; test %%rax, %%rax; cmovs %%rdx, %%rax; mov %%rax, (%%rdx)")
PIECE(cleared_register, "mov (%%rdi), %%rax; xor %%eax, %%eax; test %%eax, %%eax; jz 1f; nop; 1:")
PIECE(cleared_memory, "vmovdqu64 (%%rdi), %%zmm0; vmovdqu64 %%zmm0, (%%rdx); vpxorq %%zmm0, %%zmm0, %%zmm0; "
                      "vmovdqu64 %%zmm0, (%%rdx); cmpb $0, 5(%%rdx); je 1f; nop; 1:")
PIECE(under_a_known_mask, "vmovdqu64 (%%rdi), %%zmm0; mov $0xf0, %%eax; kmovq %%rax, %%k1; "
                          "vmovdqu8 %%zmm0, (%%rdx)%{%%k1%}; cmpb $0, 3(%%rdx); je 1f; nop; 1: "
                          "cmpb $0, 8(%%rdx); je 1f; nop; 1:")
PIECE(overwritten_under_a_mask, "vmovdqu64 (%%rdi), %%zmm0; vmovdqu64 %%zmm0, (%%rdx); vmovdqu64 (%%rsi), %%zmm1; "
                                "mov $0xf0, %%eax; kmovq %%rax, %%k1; vmovdqu8 %%zmm1, (%%rdx)%{%%k1%}; "
                                "cmpb $0, 4(%%rdx); je 1f; nop; 1:")
PIECE(neighbour, "cmpb $0, 64(%%rdi); je 1f; nop; 1: cmpb $0, -1(%%rdi); je 1f; nop; 1:")
PIECE(stack_pointer, "mov (%%rdi), %%rax; push %%rax; pop %%rcx; push %%rsi; pop %%rsi")

static const struct {
    const char *name;
    void (*run)(void);
} pieces[] = {
    {"branch", branch},
    {"look_up", look_up},
    {"look_up_by_vector", look_up_by_vector},
    {"store_by_secret", store_by_secret},
    {"branch_by_mask", branch_by_mask},
    {"branch_by_set_flag", branch_by_set_flag},
    {"gather", gather},
    {"gather_by_known", gather_by_known},
    {"store_under_secret_mask", store_under_secret_mask},
    {"division", division},
    {"deposit", deposit},
    {"through_the_stack", through_the_stack},
    {"through_a_copy", through_a_copy},
    {"part_of_a_register", part_of_a_register},
    {"under_a_merging_mask", under_a_merging_mask},
    {"indirect_jump", indirect_jump},
    {"comparison_of_strings", comparison_of_strings},
    {"clean", clean},
    {"choice_without_branch", choice_without_branch},
    {"cleared_register", cleared_register},
    {"cleared_memory", cleared_memory},
    {"under_a_known_mask", under_a_known_mask},
    {"overwritten_under_a_mask", overwritten_under_a_mask},
    {"neighbour", neighbour},
    {"stack_pointer", stack_pointer},
};

int main(int argc, char **argv)
{
    if (!__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("bmi2"))
        return 77;
    memset(secret, 0x35, sizeof secret);
    steps_init();
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        if (argc != 2 || strcmp(argv[1], pieces[i].name) != 0)
            continue;
        steps_event(STEP_UNDEFINED, secret, sizeof secret);
        steps_event(STEP_BEGIN, NULL, 0);
        steps_on();
        pieces[i].run();
        steps_off();
        steps_flush();
        return 0;
    }
    return 2;
}
