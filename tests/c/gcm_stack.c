/* gcm_stack.c - nothing of a key, of plaintext or of keystream stays on the stack when a call is over.
 *
 * Each call runs on a stack of its own, which is then searched for every secret the call had in hand, eight octets at
 * any address, also read backwards: the octets of the key; the expanded key as it lies in memory (round keys, powers
 * of H); plaintext, keystream and the blocks that mask the tags; and after a forgery the tag that would have been
 * right. Bursts of one and of many, of one length and of mixed ones: they may go different ways.
 *
 * usage: gcm_stack IMPLEMENTATION; exit status 1 if anything is found, 2 if it cannot be had.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "gcm/gcm.h"

#define STACK_LEN (1 << 18)
#define MAX_LEN 2304
#define MAX_MSGS 32
#define FILLER 0x5a

static uint8_t stack[STACK_LEN] __attribute__((aligned(64)));
static ucontext_t here, there;

static const struct gcm_impl *impl;
static struct gcm_key *made, *other;
static uint8_t octets[32], block[16];
static size_t key_len, num_found, num_msgs, deepest;

static uint8_t plain[MAX_LEN + MAX_MSGS], aad[MAX_LEN];
static uint8_t data[MAX_MSGS][MAX_LEN], keystream[MAX_MSGS][MAX_LEN], tag[MAX_MSGS][GCM_TAG_LEN];
static uint8_t mask[MAX_MSGS][16], right_tag[MAX_MSGS][GCM_TAG_LEN];
static struct gcm_msg msgs[MAX_MSGS];

/* ---- What is called ---------------------------------------------------------------------------------------------- */

static void do_new(void)
{
    made = gcm_key_new(impl, octets, key_len);
}

static void do_seal(void)
{
    gcm_seal(made, msgs, num_msgs);
}

static void do_open(void)
{
    (void)gcm_open(made, msgs, num_msgs);
}

static void do_block(void)
{
    gcm_encrypt_block(made, block, block);
}

/* ---- The search -------------------------------------------------------------------------------------------------- */

/* Every eight octets of the stack in use, by value: a table of places + 1. */
static uint32_t table[1 << 20];
static size_t used_from;

static uint64_t eight(const uint8_t *p)
{
    uint64_t value;

    memcpy(&value, p, sizeof value);
    return value;
}

static size_t slot_of(uint64_t value)
{
    size_t slot = (size_t)(value * UINT64_C(0x9e3779b97f4a7c15) >> 44);

    while (table[slot] != 0 && eight(stack + table[slot] - 1) != value)
        slot = (slot + 1) % (sizeof table / sizeof table[0]);
    return slot;
}

static void on_own_stack(void (*call)(void))
{
    memset(stack, FILLER, sizeof stack);
    getcontext(&there);
    there.uc_stack.ss_sp = stack;
    there.uc_stack.ss_size = sizeof stack;
    there.uc_link = &here;
    makecontext(&there, call, 0);
    swapcontext(&here, &there);

    memset(table, 0, sizeof table);
    for (used_from = 0; used_from < STACK_LEN && stack[used_from] == FILLER; used_from++)
        ;
    if (STACK_LEN - used_from > deepest)
        deepest = STACK_LEN - used_from;
    for (size_t at = used_from; at + 8 <= STACK_LEN; at++)
        table[slot_of(eight(stack + at))] = (uint32_t)at + 1;
}

/* dull tells whether eight octets are too common to be searched for: at most two values among them; or but one bit of
 * every four may be set, as in a word that is spread for integer multiplication. There are few of those, so that key
 * and data have some in common, and where they lie, words that are not spread lie too. */
static int dull(const uint8_t *p)
{
    const uint64_t every_fourth = UINT64_C(0x1111111111111111);
    uint8_t a = p[0], b = p[0];

    for (int i = 0; i < 4; i++)
        if ((eight(p) & ~(every_fourth << i)) == 0)
            return 1;
    for (int i = 1; i < 8; i++) {
        if (p[i] == a || p[i] == b)
            continue;
        if (a != b)
            return 0;
        b = p[i];
    }
    return 1;
}

static void search_eight(const char *what, const char *call, const uint8_t *secret, size_t i)
{
    uint64_t value = eight(secret + i);
    uint32_t at = table[slot_of(value)];

    if (at == 0)
        at = table[slot_of(__builtin_bswap64(value))];
    if (at == 0 || dull(secret + i))
        return;
    if (num_found++ < 10)
        printf("%s: %s of %zu left octets %zu of the %s on its stack, %zu below its top\n", impl->name, call, num_msgs,
               i, what, (size_t)STACK_LEN + 1 - at);
}

static void search(const char *what, const char *call, const uint8_t *secret, size_t len)
{
    for (size_t i = 0; i + 8 <= len; i += 8)
        search_eight(what, call, secret, i);
}

/* search_key: what two keys have in common in their memory is no secret, and neither is a pointer into it. */
static void search_key(const char *call)
{
    const uint8_t *p = (const uint8_t *)made, *q = (const uint8_t *)other;
    size_t len = malloc_usable_size(made), other_len = malloc_usable_size(other);

    search("key", call, octets, key_len);
    for (size_t i = 0; i + 8 <= len && i + 8 <= other_len; i += 8)
        if (eight(p + i) != eight(q + i) && eight(p + i) - (uintptr_t)p > len)
            search_eight("expanded key", call, p, i);
}

/* ---- Bursts ------------------------------------------------------------------------------------------------------ */

static void search_burst(const char *call)
{
    search_key(call);
    for (size_t i = 0; i < num_msgs; i++) {
        search("plaintext", call, plain + i, msgs[i].data_len);
        search("keystream", call, keystream[i], msgs[i].data_len);
        search("tag's mask", call, mask[i], 16);
    }
}

/* run seals, opens and refuses num messages; message i has the lengths first, or with a step others. */
static void run(size_t num, uint32_t aad_len, uint32_t data_len, uint32_t step)
{
    num_msgs = num;
    for (size_t i = 0; i < num; i++) {
        uint8_t *d = data[i];
        msgs[i] = (struct gcm_msg){.aad = aad, .aad_len = aad_len, .data = d, .tag = tag[i]};
        msgs[i].data_len = (data_len + (uint32_t)i * step) % (MAX_LEN + 1);
        memset(msgs[i].iv, (int)(0xc3 + i), GCM_IV_LEN);
        memcpy(d, plain + i, msgs[i].data_len);
        memset(mask[i], 0, sizeof mask[i]);
        memcpy(mask[i], msgs[i].iv, GCM_IV_LEN);
        mask[i][15] = 1;
        gcm_encrypt_block(made, mask[i], mask[i]);
    }
    on_own_stack(do_seal);
    for (size_t i = 0; i < num; i++)
        for (size_t k = 0; k < msgs[i].data_len; k++)
            keystream[i][k] = plain[i + k] ^ data[i][k];
    search_burst("seal");
    on_own_stack(do_open);
    search_burst("open");

    gcm_seal(made, msgs, num);
    for (size_t i = 0; i < num; i++) {
        memcpy(right_tag[i], tag[i], GCM_TAG_LEN);
        tag[i][3] ^= 1;
        tag[i][11] ^= 1;
    }
    on_own_stack(do_open);
    search_burst("open of forgeries");
    for (size_t i = 0; i < num; i++)
        search("right tag", "open of forgeries", right_tag[i], GCM_TAG_LEN);
}

static void run_all(void)
{
    static const size_t nums[] = {1, 2, 3, 4, 5, 8, 9, 19, 32};

    for (size_t k = 0; k < sizeof nums / sizeof nums[0]; k++) {
        for (uint32_t len = 0; len <= 290; len += 29)
            run(nums[k], 20, len, 0);
        run(nums[k], 28, 48, 0);
        run(nums[k], 28, 114, 0);
        run(nums[k], 28, 650, 0);
        run(nums[k], 28, 5, 71);
        run(nums[k], 142, 0, 0);
        run(nums[k], 650, 3, 1);
    }
    for (uint32_t len = 320; len <= MAX_LEN; len += 128)
        run(1 + len / 128 % 5, 28, len, 0);
    run(1, MAX_LEN, 0, 0);
}

int main(int argc, char **argv)
{
    impl = argc > 1 ? gcm_impl_find(argv[1]) : NULL;
    if (impl == NULL)
        return 2;
    for (size_t i = 0; i < sizeof plain; i++)
        plain[i] = (uint8_t)(i * 89 + 1 + i / 256 * 7);
    for (key_len = 16; key_len <= 32; key_len += 16) {
        for (size_t i = 0; i < sizeof octets; i++)
            octets[i] = (uint8_t)(i * 31 + 111);
        other = gcm_key_new(impl, octets, key_len);
        for (size_t i = 0; i < sizeof octets; i++)
            octets[i] = (uint8_t)(i * 73 + 5);
        num_msgs = 0;
        on_own_stack(do_new);
        if (made == NULL || other == NULL)
            return 2;
        search_key("gcm_key_new");
        on_own_stack(do_block);
        search_key("gcm_encrypt_block");
        search("block", "gcm_encrypt_block", block, sizeof block);
        run_all();
        gcm_key_free(made);
        gcm_key_free(other);
    }
    printf("%s: %zu places; %zu octets of stack used\n", impl->name, num_found, deepest);
    return num_found > 0;
}
