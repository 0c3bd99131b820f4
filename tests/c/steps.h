/* steps.h - a program that writes down every instruction of a part of itself: where it was, and with which registers.
 *
 * For instructions that valgrind does not know. The CPU's trap flag stops the program after each instruction; the
 * handler of that trap writes a row to stdout. Who reads them (tests/unit/gcm/taint.py) has the code from the file, so
 * addresses must be those of the file: compile with -static -no-pie. x86-64 Linux only.
 *
 * A row is 25 numbers of 64 bits: RIP, the sixteen general registers in the order of their numbers, k0 to k7. An event
 * is a row that begins with 0, then which, an address and a length.
 */
#ifndef TESTS_STEPS_H
#define TESTS_STEPS_H

#define _GNU_SOURCE
#include <cpuid.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#define ROW 25
#define ROWS 2048

enum step_event { STEP_BEGIN, STEP_UNDEFINED, STEP_DEFINED };

static uint64_t rows[ROWS][ROW];
static size_t num_rows, mask_offset;

static void steps_flush(void)
{
    const uint8_t *p = (const uint8_t *)rows;
    size_t left = num_rows * sizeof rows[0];

    while (left > 0) {
        ssize_t n = write(STDOUT_FILENO, p, left);
        if (n <= 0)
            _exit(4);
        p += n;
        left -= (size_t)n;
    }
    num_rows = 0;
}

static uint64_t *next_row(void)
{
    if (num_rows == ROWS)
        steps_flush();
    return rows[num_rows++];
}

/* on_step: the saved state has k0 to k7 where CPUID says, if the system saves them and they are not all nought. */
static void on_step(int number, siginfo_t *info, void *context)
{
    static const int order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                  REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
    const ucontext_t *uc = context;
    const uint8_t *saved = (const uint8_t *)uc->uc_mcontext.fpregs;
    uint64_t *row = next_row(), present;

    (void)number;
    (void)info;
    row[0] = (uint64_t)uc->uc_mcontext.gregs[REG_RIP];
    for (int i = 0; i < 16; i++)
        row[1 + i] = (uint64_t)uc->uc_mcontext.gregs[order[i]];
    memcpy(&present, saved + 512, sizeof present);
    if (mask_offset > 0 && present >> 5 & 1)
        memcpy(row + 17, saved + mask_offset, 64);
    else
        memset(row + 17, 0, 64);
}

static void steps_event(enum step_event event, const void *p, uint64_t len)
{
    uint64_t *row = next_row();

    memset(row, 0, sizeof rows[0]);
    row[1] = event;
    row[2] = (uint64_t)(uintptr_t)p;
    row[3] = len;
}

static void steps_init(void)
{
    static uint8_t stack[1 << 16];
    struct sigaction action = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    stack_t other = {.ss_sp = stack, .ss_size = sizeof stack};
    unsigned a, b, c, d;

    if (__get_cpuid_count(13, 5, &a, &b, &c, &d) && a == 64)
        mask_offset = b;
    sigaltstack(&other, NULL);
    sigaction(SIGTRAP, &action, NULL);
}

/* steps_off and steps_on are around all that is not to be written down, above all around the writing itself. */
static inline __attribute__((always_inline)) void steps_on(void)
{
    __asm__ __volatile__("lea -128(%%rsp), %%rsp; pushfq; orq $0x100, (%%rsp); popfq; lea 128(%%rsp), %%rsp"
                         :
                         :
                         : "cc", "memory");
}

static inline __attribute__((always_inline)) void steps_off(void)
{
    __asm__ __volatile__("lea -128(%%rsp), %%rsp; pushfq; andq $~0x100, (%%rsp); popfq; lea 128(%%rsp), %%rsp"
                         :
                         :
                         : "cc", "memory");
}

#endif
