/* gcm_stack.c - nothing of a key or of keystream stays on the stack when a call is over.
 *
 * Each call runs on a stack of its own, which is then searched for every secret the call had in hand: the octets of
 * the key, the expanded key as it lies in memory (round keys, powers of H), and the keystream, each in eight octets at
 * any address, also read backwards. usage: gcm_stack IMPLEMENTATION; exit status 1 if anything is found.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "gcm/gcm.h"

#define STACK_LEN 65536
#define MAX_LEN 700

static uint8_t stack[STACK_LEN] __attribute__((aligned(64)));
static ucontext_t here, there;

static const struct gcm_impl *impl;
static uint8_t *state;
static uint8_t key[32], plain[MAX_LEN], data[MAX_LEN], tag[GCM_TAG_LEN], aad[MAX_LEN], block[16];
static size_t key_len;
static struct gcm_msg msg;

static void do_expand(void)
{
    impl->expand(state, key, key_len);
}

static void do_seal(void)
{
    impl->seal(state, &msg, 1);
}

static void do_open(void)
{
    impl->open(state, &msg, 1);
}

static void do_block(void)
{
    impl->encrypt_block(state, block, block);
}

static void on_own_stack(void (*call)(void))
{
    memset(stack, 0x5a, sizeof stack);
    getcontext(&there);
    there.uc_stack.ss_sp = stack;
    there.uc_stack.ss_size = sizeof stack;
    there.uc_link = &here;
    makecontext(&there, call, 0);
    swapcontext(&here, &there);
}

/* dull tells whether eight octets are too common to be searched for: at most two values among them. */
static int dull(const uint8_t *p)
{
    uint8_t a = p[0], b = p[0];

    for (int i = 1; i < 8; i++) {
        if (p[i] == a || p[i] == b)
            continue;
        if (a != b)
            return 0;
        b = p[i];
    }
    return 1;
}

static size_t search(const char *what, const char *call, const uint8_t *secret, size_t len)
{
    size_t num = 0;

    for (size_t i = 0; i + 8 <= len; i += 8) {
        uint8_t back[8];

        if (dull(secret + i))
            continue;
        for (int k = 0; k < 8; k++)
            back[k] = secret[i + 7 - k];
        for (size_t at = 0; at + 8 <= STACK_LEN; at++) {
            if (memcmp(stack + at, secret + i, 8) != 0 && memcmp(stack + at, back, 8) != 0)
                continue;
            if (num++ == 0)
                printf("%s: %s left octets %zu of the %s on its stack, %zu below its top\n", impl->name, call, i, what,
                       STACK_LEN - at);
        }
    }
    return num;
}

static size_t search_all(const char *call, const uint8_t *keystream, size_t len)
{
    return search("key", call, key, key_len) + search("expanded key", call, state, impl->state_len) +
           search("keystream", call, keystream, len);
}

static size_t run(uint32_t aad_len, uint32_t data_len)
{
    uint8_t keystream[MAX_LEN + 16];
    size_t num = 0;

    memcpy(data, plain, sizeof data);
    msg = (struct gcm_msg){.aad = aad, .aad_len = aad_len, .data = data, .data_len = data_len, .tag = tag};
    memset(msg.iv, 0xc3, GCM_IV_LEN);
    on_own_stack(do_seal);
    for (size_t i = 0; i < data_len; i++)
        keystream[i] = plain[i] ^ data[i];
    num += search_all("seal", keystream, data_len);
    on_own_stack(do_open);
    return num + search_all("open", keystream, data_len);
}

int main(int argc, char **argv)
{
    size_t num = 0, deepest = 0;

    impl = argc > 1 ? gcm_impl_find(argv[1]) : NULL;
    if (impl == NULL)
        return 2;
    state = aligned_alloc(64, (impl->state_len + 63) / 64 * 64);
    if (state == NULL)
        return 2;
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)(i * 73 + 5);
    for (size_t i = 0; i < sizeof plain; i++)
        plain[i] = (uint8_t)(i * 89 + 1 + i / 256);
    for (key_len = 16; key_len <= 32; key_len += 16) {
        memset(state, 0, impl->state_len);
        on_own_stack(do_expand);
        num += search_all("expand", NULL, 0);
        on_own_stack(do_block);
        num += search_all("encrypt_block", block, 16);
        for (uint32_t len = 0; len <= 290; len += 29)
            num += run(20, len) + run(len, 16);
        num += run(28, 650) + run(650, 3);
    }
    while (deepest < STACK_LEN && stack[deepest] == 0x5a)
        deepest++;
    printf("%s: %zu places; %zu octets of stack used\n", impl->name, num, STACK_LEN - deepest);
    return num > 0;
}
