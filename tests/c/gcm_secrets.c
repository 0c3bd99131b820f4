/* gcm_secrets.c - set up, seal, open and encrypt a block with secrets made from a number, and always the same lengths.
 *
 * Run under qemu with qemu_trace.c: between the two system calls that no system has, every instruction and every
 * address is written down. Whatever the number, it must be the same list. Numbers 0 and 1 stand for secrets of noughts
 * and of ones. Ciphertexts and tags are what sealing makes of them; of each burst of several, one tag is spoilt, in an
 * octet that the number chooses.
 *
 * usage: gcm_secrets IMPLEMENTATION NUMBER; exit status 2 if there is no such implementation, 3 for a wrong answer.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "gcm/gcm.h"

#define SYS_TRACE 7777 /* and qemu_trace.c */
#define MAX_LEN 700
#define BURST 11

static uint64_t dice;
static uint8_t octets[32], plain[BURST][MAX_LEN], data[BURST][MAX_LEN], tag[BURST][GCM_TAG_LEN], aad[MAX_LEN],
    block[16];
static struct gcm_msg msgs[BURST];

/* secret fills memory; xorshift64, due to Marsaglia. */
static void secret(uint8_t *p, size_t len, uint64_t number)
{
    if (number < 2) {
        memset(p, number == 0 ? 0 : 0xff, len);
        return;
    }
    for (size_t i = 0; i < len; i++) {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        p[i] = (uint8_t)(dice >> 32);
    }
}

static size_t burst(const struct gcm_key *key, size_t from, size_t num, uint64_t number)
{
    static const uint32_t lens[][2] = {{20, 48},  {28, 0},   {28, 114}, {20, 16}, {58, 33},   {0, 1},  {28, 128},
                                       {28, 129}, {20, 300}, {300, 0},  {7, 640}, {129, 257}, {0, 128}};
    size_t num_bad;

    for (size_t i = 0; i < num; i++) {
        const uint32_t *row = lens[(from + i) % (sizeof lens / sizeof lens[0])];
        msgs[i] = (struct gcm_msg){.aad = aad, .aad_len = row[0], .data = data[i], .data_len = row[1], .tag = tag[i]};
        memset(msgs[i].iv, (int)(from + i), GCM_IV_LEN);
    }
    memcpy(data, plain, sizeof data);
    syscall(SYS_TRACE, 1);
    gcm_seal(key, msgs, num);
    syscall(SYS_TRACE, 0);
    if (num > 1)
        tag[1][number * 7 % 16] ^= 0x10;
    syscall(SYS_TRACE, 1);
    num_bad = gcm_open(key, msgs, num);
    syscall(SYS_TRACE, 0);
    return num_bad;
}

static int run(const struct gcm_impl *impl, size_t key_len, uint64_t number)
{
    struct gcm_key *key;
    int bad = 0;

    syscall(SYS_TRACE, 1);
    key = gcm_key_new(impl, octets, key_len);
    gcm_encrypt_block(key, block, block);
    syscall(SYS_TRACE, 0);
    for (size_t from = 0; from < 13; from += 6)
        bad |= burst(key, from, BURST, number) != 1;
    for (size_t from = 0; from < 13; from++)
        bad |= burst(key, from, 1 + from % 3, number) != (from % 3 > 0);
    syscall(SYS_TRACE, 1);
    gcm_key_free(key);
    syscall(SYS_TRACE, 0);
    return bad;
}

int main(int argc, char **argv)
{
    const struct gcm_impl *impl = argc > 2 ? gcm_impl_find(argv[1]) : NULL;
    uint64_t number = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;

    if (impl == NULL) {
        fprintf(stderr, "gcm_secrets: no such implementation here\n");
        return 2;
    }
    dice = number * UINT64_C(0x9e3779b97f4a7c15);
    secret(octets, sizeof octets, number);
    secret(block, sizeof block, number);
    secret(plain[0], sizeof plain, number);
    return run(impl, 16, number) | run(impl, 32, number) ? 3 : 0;
}
