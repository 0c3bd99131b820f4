/* clock.h - the time, and the core's clock just now: what every C harness of the benches measures with. */
#ifndef BENCH_CLOCK_H
#define BENCH_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* step adds so that the compiler can neither join nor reorder: the empty assembly may have changed x. */
static inline uint64_t step(uint64_t x, uint64_t y)
{
    __asm__ volatile("" : "+r"(x), "+r"(y));
    return x + y;
}

static inline uint64_t five_steps(uint64_t x, uint64_t y)
{
    return step(step(step(step(step(x, y), y), y), y), y);
}

/* core_ghz measures the core's clock just now: a chain of adds, each of which needs the one before, takes a cycle
 * each. A register is added, because some cores do away with the addition of a constant before it is executed. The
 * chain is long enough for reading the time to cost a few thousandths of it. */
static inline double core_ghz(void)
{
    uint64_t best = UINT64_MAX, x = 1, y = now_ns() | 1;
    for (int i = 0; i < 5; i++) {
        uint64_t start = now_ns();
        for (int j = 0; j < 1000; j++)
            x = five_steps(five_steps(five_steps(five_steps(x, y), y), y), y);
        uint64_t took = now_ns() - start;
        best = took < best ? took : best;
    }
    __asm__ volatile("" : : "r"(x));
    return best ? 1000.0 * 20 / (double)best : 0;
}

#endif
