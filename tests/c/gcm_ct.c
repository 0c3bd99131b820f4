/* gcm_ct.c - run one implementation with its secrets poisoned, for valgrind's memcheck to watch, or for taint.py.
 *
 * Memcheck follows undefined bits through every computation and reports a branch, or an address, that depends on one.
 * So the key and the plaintext are declared undefined, though they hold values; whatever depends on them is tainted
 * as they are. What leaves as public is declared defined again: ciphertext and tag when they have been made, and,
 * inside open, whether the tag matched (declassify, which csrc/gcm/impl.h leaves to this file).
 *
 * Compiled with PYSEC_STEPS it needs no valgrind, which does not know every instruction: it writes down each step of
 * the implementation (steps.h), and tests/unit/gcm/taint.py does with them as memcheck does.
 *
 * usage: gcm_ct IMPLEMENTATION [N]: all bursts, or one of every N. Exit status 2: not run under valgrind, or it cannot
 * be had here.
 */
#ifdef PYSEC_STEPS
#include "steps.h"
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gcm/gcm.h"

#ifndef PYSEC_STEPS

/* Valgrind's client requests, from its manual: a row of rotations that does nothing elsewhere. Written out, so that
 * no header is needed. */
#define REQUEST_RUNNING 0x1001
#define REQUEST_COUNT_ERRORS 0x1201
#define REQUEST_UNDEFINED 0x4d430001
#define REQUEST_DEFINED 0x4d430002

static uint64_t request(uint64_t what, const void *p, uint64_t len)
{
    volatile uint64_t args[6] = {what, (uint64_t)(uintptr_t)p, len, 0, 0, 0};
    uint64_t result = 0;
#if defined(__x86_64__)
    __asm__ __volatile__("rolq $3, %%rdi; rolq $13, %%rdi; rolq $61, %%rdi; rolq $51, %%rdi; xchgq %%rbx, %%rbx"
                         : "=d"(result)
                         : "a"(args), "0"(result)
                         : "cc", "memory");
#elif defined(__aarch64__)
    register uint64_t x3 __asm__("x3") = result;
    register volatile uint64_t *x4 __asm__("x4") = args;
    __asm__ __volatile__("ror x12, x12, #3; ror x12, x12, #13; ror x12, x12, #51; ror x12, x12, #61; orr x10, x10, x10"
                         : "+r"(x3)
                         : "r"(x4)
                         : "cc", "memory", "x12");
    result = x3;
#endif
    return result;
}

static int is_watched(void)
{
    return request(REQUEST_RUNNING, NULL, 0) != 0;
}

static unsigned long num_reports(void)
{
    return (unsigned long)request(REQUEST_COUNT_ERRORS, NULL, 0);
}

static void poison(void *p, size_t len)
{
    (void)request(REQUEST_UNDEFINED, p, len);
}

static void publish(void *p, size_t len)
{
    (void)request(REQUEST_DEFINED, p, len);
}

/* Everything is watched, all the time. */
#define WATCHED(call) call

#else

static int watching;

static int is_watched(void)
{
    steps_init();
    return 1;
}

static unsigned long num_reports(void)
{
    steps_flush();
    return 0; /* who reads the steps knows better */
}

static void poison(void *p, size_t len)
{
    steps_event(STEP_UNDEFINED, p, len);
}

static void publish(void *p, size_t len)
{
    steps_off(); /* declassify is called by what is watched */
    steps_event(STEP_DEFINED, p, len);
    if (watching)
        steps_on();
}

#define WATCHED(call)                                                                                                  \
    do {                                                                                                               \
        watching = 1;                                                                                                  \
        steps_event(STEP_BEGIN, NULL, 0);                                                                              \
        steps_on();                                                                                                    \
        call;                                                                                                          \
        steps_off();                                                                                                   \
        watching = 0;                                                                                                  \
    } while (0)

#endif

void declassify(void *p, size_t len);

void declassify(void *p, size_t len)
{
    publish(p, len);
}

#define MAX_LEN 2304
#define BURST 19

static uint8_t plain[BURST][MAX_LEN], rooms[BURST][2 * MAX_LEN + 64];
static struct gcm_msg msgs[BURST];

/* AAD and data. The rows meet every path of the kernels: part blocks, each number of blocks in a lane and of lanes in a
 * stride, several strides, integrity only. The last four are long. */
static const uint32_t lens[][2] = {
    {0, 0},    {0, 1},    {1, 0},    {20, 5},    {20, 8},   {28, 11},   {28, 16},   {20, 31},  {50, 32},
    {58, 47},  {70, 48},  {78, 65},  {28, 112},  {20, 127}, {28, 128},  {20, 129},  {28, 160}, {20, 255},
    {12, 256}, {28, 300}, {20, 640}, {127, 0},   {128, 0},  {129, 9},   {300, 0},   {513, 33}, {7, 383},
    {20, 384}, {28, 48},  {28, 114}, {28, 64},   {20, 77},  {28, 90},   {28, 498},  {20, 242}, {60, 0},
    {28, 340}, {20, 448}, {28, 420}, {20, 576},  {28, 701}, {78, 768},  {20, 831},  {28, 900}, {20, 960},
    {700, 0},  {142, 70}, {66, 480}, {28, 1010}, {1514, 0}, {20, 2200}, {28, 1500},
};

#define NUM_LENS (sizeof lens / sizeof lens[0])
#define NUM_SHORT (NUM_LENS - 4)

/* How AAD, data and tag of a message lie: an octet and more between them, or one behind the other, as MACsec has them
 * and as the kernels want them in a set of short messages. */
enum layout { APART, TIGHT };

/* fill makes a burst whose message i has the lengths of row from + i * step. */
static void fill(size_t from, size_t step, size_t num, enum layout layout)
{
    for (size_t i = 0; i < num; i++) {
        const uint32_t *row = lens[(from + i * step) % NUM_LENS];
        uint8_t *data = rooms[i] + (layout == TIGHT ? row[0] : MAX_LEN), *end = data + row[1];
        msgs[i] = (struct gcm_msg){.aad = rooms[i], .aad_len = row[0], .data = data, .data_len = row[1]};
        msgs[i].tag = layout == TIGHT ? end : end + 1;
        memset(msgs[i].iv, (int)(from + i), GCM_IV_LEN);
        memset(rooms[i], (int)i, row[0]);
        for (size_t k = 0; k < row[1]; k++)
            data[k] = plain[i][k] = (uint8_t)(i + 3 * k);
        poison(data, row[1]);
    }
}

static int burst(const struct gcm_key *key, size_t from, size_t step, size_t num, enum layout layout)
{
    size_t num_bad;

    fill(from, step, num, layout);
    WATCHED(gcm_seal(key, msgs, num));
    for (size_t i = 0; i < num; i++) { /* what goes out on the wire is public */
        publish(msgs[i].data, msgs[i].data_len);
        publish(msgs[i].tag, GCM_TAG_LEN);
    }
    if (num > 1)
        msgs[1].tag[9] ^= 0x10;
    WATCHED(num_bad = gcm_open(key, msgs, num));
    if (num_bad != (num > 1 ? 1 : 0))
        return -1;
    for (size_t i = 0; i < num; i++) {
        publish(msgs[i].data, msgs[i].data_len); /* only to compare it here */
        if (msgs[i].ok ? memcmp(msgs[i].data, plain[i], msgs[i].data_len) != 0 : i != 1)
            return -1;
    }
    return 0;
}

/* bursts runs one of every few: mixed ones, small ones, and runs of one size, which go through other code. */
static int bursts(const struct gcm_key *key, size_t every)
{
    static size_t turn;

    for (size_t from = 0; from < NUM_LENS; from += 9)
        if (turn++ % every == 0 && burst(key, from, 1, BURST, from % 2 ? TIGHT : APART) != 0)
            return -1;
    for (size_t from = 0; from < NUM_LENS; from++)
        if (turn++ % every == 0 && burst(key, from, 1, 1 + from % 3, APART) != 0)
            return -1;
    for (size_t from = 0; from < NUM_SHORT; from++)
        if (turn++ % every == 0 && burst(key, from, 0, 4 + 5 * from % 13, TIGHT) != 0)
            return -1;
    return 0;
}

static int run(const struct gcm_impl *impl, size_t key_len, size_t every)
{
    uint8_t octets[32], block[16];
    struct gcm_key *key;
    int wrong;

    for (size_t i = 0; i < sizeof octets; i++)
        octets[i] = (uint8_t)(i * 29 + 7);
    poison(octets, sizeof octets);
    WATCHED(key = gcm_key_new(impl, octets, key_len));
    if (key == NULL)
        return -1;
    memset(block, 0x42, sizeof block);
    poison(block, sizeof block);
    WATCHED(gcm_encrypt_block(key, block, block));
    wrong = bursts(key, every);
    WATCHED(gcm_key_free(key));
    return wrong;
}

int main(int argc, char **argv)
{
    const struct gcm_impl *impl = argc > 1 ? gcm_impl_find(argv[1]) : NULL;
    size_t every = argc > 2 ? (size_t)atoi(argv[2]) : 1;

    if (impl == NULL || every == 0 || !is_watched()) {
        fprintf(stderr, "gcm_ct: %s\n", impl == NULL ? "no such implementation here" : "not under valgrind");
        return 2;
    }
    if (run(impl, 16, every) != 0 || run(impl, 32, every) != 0) {
        fprintf(stderr, "gcm_ct: wrong answers\n");
        return 3;
    }
    fprintf(stderr, "%s: expanded, sealed and opened with secrets poisoned; %lu reports\n", impl->name, num_reports());
    return 0;
}
