/* gcm_ct.c - run one implementation with its secrets poisoned, for valgrind's memcheck to watch.
 *
 * Memcheck follows undefined bits through every computation and reports a branch, or an address, that depends on one.
 * So the key and the plaintext are declared undefined, though they hold values; whatever depends on them is tainted
 * as they are. What leaves as public is declared defined again: ciphertext and tag when they have been made, and,
 * inside open, whether the tag matched (declassify, which csrc/gcm/impl.h leaves to this file).
 *
 * usage: gcm_ct IMPLEMENTATION. Exit status 2: not run under valgrind, or it cannot be had here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gcm/gcm.h"

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

static void poison(void *p, size_t len)
{
    (void)request(REQUEST_UNDEFINED, p, len);
}

static void publish(void *p, size_t len)
{
    (void)request(REQUEST_DEFINED, p, len);
}

void declassify(void *p, size_t len);

void declassify(void *p, size_t len)
{
    publish(p, len);
}

#define MAX_LEN 700
#define BURST 19

static uint8_t plain[BURST][MAX_LEN], data[BURST][MAX_LEN], tag[BURST][GCM_TAG_LEN], aad[MAX_LEN];
static struct gcm_msg msgs[BURST];

/* fill makes a burst whose message i has the lengths of row (from + i). Rows meet every path of the kernel. */
static void fill(size_t from)
{
    static const uint32_t lens[][2] = {{0, 0},    {0, 1},    {1, 0},    {20, 5},   {20, 8},   {28, 11},  {28, 16},
                                       {20, 31},  {50, 32},  {58, 47},  {70, 48},  {78, 65},  {28, 112}, {20, 127},
                                       {28, 128}, {20, 129}, {28, 160}, {20, 255}, {12, 256}, {28, 300}, {20, 640},
                                       {127, 0},  {128, 0},  {129, 9},  {300, 0},  {513, 33}, {7, 383},  {20, 384}};

    for (size_t i = 0; i < BURST; i++) {
        const uint32_t *row = lens[(from + i) % (sizeof lens / sizeof lens[0])];
        msgs[i] = (struct gcm_msg){.aad = aad, .aad_len = row[0], .data = data[i], .data_len = row[1], .tag = tag[i]};
        memset(msgs[i].iv, (int)(from + i), GCM_IV_LEN);
        for (size_t k = 0; k < row[1]; k++)
            data[i][k] = plain[i][k] = (uint8_t)(i + 3 * k);
        poison(data[i], row[1]);
    }
}

static int burst(const struct gcm_key *key, size_t from, size_t num)
{
    fill(from);
    gcm_seal(key, msgs, num);
    for (size_t i = 0; i < num; i++) { /* what goes out on the wire is public */
        publish(data[i], msgs[i].data_len);
        publish(tag[i], GCM_TAG_LEN);
    }
    if (num > 1)
        tag[1][9] ^= 0x10;
    if (gcm_open(key, msgs, num) != (num > 1 ? 1 : 0))
        return -1;
    for (size_t i = 0; i < num; i++) {
        publish(data[i], msgs[i].data_len); /* only to compare it here */
        if (msgs[i].ok ? memcmp(data[i], plain[i], msgs[i].data_len) != 0 : i != 1)
            return -1;
    }
    return 0;
}

static int run(const struct gcm_impl *impl, size_t key_len)
{
    uint8_t octets[32], block[16];
    struct gcm_key *key;

    for (size_t i = 0; i < sizeof octets; i++)
        octets[i] = (uint8_t)(i * 29 + 7);
    poison(octets, sizeof octets);
    key = gcm_key_new(impl, octets, key_len);
    if (key == NULL)
        return -1;
    memset(block, 0x42, sizeof block);
    poison(block, sizeof block);
    gcm_encrypt_block(key, block, block);
    for (size_t from = 0; from < 28; from += 9)
        if (burst(key, from, BURST) != 0)
            return -1;
    for (size_t from = 0; from < 28; from++)
        if (burst(key, from, 1 + from % 3) != 0)
            return -1;
    gcm_key_free(key);
    return 0;
}

int main(int argc, char **argv)
{
    const struct gcm_impl *impl = argc > 1 ? gcm_impl_find(argv[1]) : NULL;

    if (request(REQUEST_RUNNING, NULL, 0) == 0 || impl == NULL) {
        fprintf(stderr, "gcm_ct: %s\n", impl == NULL ? "no such implementation here" : "not under valgrind");
        return 2;
    }
    if (run(impl, 16) != 0 || run(impl, 32) != 0) {
        fprintf(stderr, "gcm_ct: wrong answers\n");
        return 3;
    }
    printf("%s: expanded, sealed and opened with secrets poisoned; %lu reports\n", impl->name,
           (unsigned long)request(REQUEST_COUNT_ERRORS, NULL, 0));
    return 0;
}
