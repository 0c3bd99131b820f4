/* gcm_guard.c - octets beside a message are not touched: every buffer lies against a page that may not be touched.
 *
 * An over-read of one octet by a vector load shows nowhere else; here it ends the program with SIGSEGV. Each of AAD,
 * data, tag, the array of messages, and the key stands once at the very end of its pages and once at the very start.
 * Argument: an implementation, or none for all that are usable. Prints one line for each;
 * exit status 2 if there was none to run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gcm/gcm.h"

#define ROOM 16384

struct fence {
    uint8_t *start; /* ROOM octets that may be touched, a forbidden page on both sides */
};

static struct fence fence_new(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *all = mmap(NULL, ROOM + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (all == MAP_FAILED || mprotect(all + page, ROOM, PROT_READ | PROT_WRITE) != 0) {
        perror("gcm_guard: mmap");
        exit(2);
    }
    return (struct fence){all + page};
}

/* place returns where len octets lie: against the page behind, or against the one in front. */
static uint8_t *place(struct fence f, size_t len, int at_end)
{
    return at_end ? f.start + ROOM - len : f.start;
}

static struct fence aad_fence, data_fence, tag_fence, msg_fence, key_fence;

static void pattern(uint8_t *p, size_t len, unsigned seed)
{
    for (size_t i = 0; i < len; i++)
        p[i] = (uint8_t)(seed + 37 * i + (i >> 8));
}

/* try_lengths seals and opens one message, and opens it once more with its tag wrong. */
static int try_lengths(const struct gcm_key *key, size_t aad_len, size_t data_len, int at_end)
{
    static uint8_t want[ROOM];
    struct gcm_msg *msg = (struct gcm_msg *)place(msg_fence, sizeof *msg, at_end);
    uint8_t *aad = place(aad_fence, aad_len, at_end), *data = place(data_fence, data_len, at_end);

    memset(msg, 0, sizeof *msg);
    pattern(aad, aad_len, 1);
    pattern(data, data_len, 2);
    memcpy(want, data, data_len);
    *msg = (struct gcm_msg){.aad = aad, .data = data, .tag = place(tag_fence, GCM_TAG_LEN, at_end)};
    msg->aad_len = (uint32_t)aad_len;
    msg->data_len = (uint32_t)data_len;
    memset(msg->iv, (int)data_len, GCM_IV_LEN);
    gcm_seal(key, msg, 1);
    if (gcm_open(key, msg, 1) != 0 || memcmp(data, want, data_len) != 0)
        return -1;
    gcm_seal(key, msg, 1);
    msg->tag[15] ^= 1;
    return gcm_open(key, msg, 1) == 1 ? 0 : -1; /* and the clearing stays inside, too */
}

/* try_burst puts 37 messages in one array that ends, or starts, at the fence. */
static int try_burst(const struct gcm_key *key, int at_end)
{
    const size_t num = 37;
    struct gcm_msg *msgs = (struct gcm_msg *)place(msg_fence, num * sizeof *msgs, at_end);
    uint8_t *data = data_fence.start;

    for (size_t i = 0; i < num; i++) {
        msgs[i] = (struct gcm_msg){.aad = aad_fence.start, .aad_len = (uint32_t)i, .data = data};
        msgs[i].data_len = (uint32_t)(i * 11);
        msgs[i].tag = data + i * 11;
        data += i * 11 + GCM_TAG_LEN;
    }
    gcm_seal(key, msgs, num);
    return gcm_open(key, msgs, num) == 0 ? 0 : -1;
}

static int run(const struct gcm_impl *impl)
{
    static const size_t long_lens[] = {383, 384, 385, 511, 512, 513, 1023, 1024, 1025, 1500, 1504, 4096, 9000, 9216};
    unsigned long num = 0;

    for (int at_end = 0; at_end < 2; at_end++) {
        for (size_t key_len = 16; key_len <= 32; key_len += 16) {
            uint8_t *key_octets = place(key_fence, key_len, at_end);
            uint8_t *in = place(data_fence, 16, at_end), *out = place(tag_fence, 16, at_end);
            struct gcm_key *key;

            pattern(key_octets, key_len, 3);
            key = gcm_key_new(impl, key_octets, key_len);
            if (key == NULL)
                return -1;
            gcm_encrypt_block(key, out, in);
            for (size_t len = 0; len <= 290; len++, num += 2)
                if (try_lengths(key, 20 + len % 9, len, at_end) != 0 || try_lengths(key, len, 0, at_end) != 0)
                    return -1;
            for (size_t len = 0; len <= 70; len++, num += 2)
                if (try_lengths(key, len, 48, at_end) != 0 || try_lengths(key, len, 129 + len, at_end) != 0)
                    return -1;
            for (size_t i = 0; i < sizeof long_lens / sizeof long_lens[0]; i++, num += 2)
                if (try_lengths(key, 28, long_lens[i], at_end) != 0 || try_lengths(key, long_lens[i], 5, at_end) != 0)
                    return -1;
            if (try_burst(key, at_end) != 0)
                return -1;
            gcm_key_free(key);
        }
    }
    printf("%s: %lu messages between forbidden pages\n", impl->name, num);
    return 0;
}

int main(int argc, char **argv)
{
    int num_run = 0;

    aad_fence = fence_new();
    data_fence = fence_new();
    tag_fence = fence_new();
    msg_fence = fence_new();
    key_fence = fence_new();
    for (size_t i = 0; i < gcm_num_impls(); i++) {
        const struct gcm_impl_status *status = gcm_impl_status(i);
        if (status->why_not != NULL || (argc > 1 && strcmp(argv[1], status->impl->name) != 0))
            continue;
        if (run(status->impl) != 0) {
            printf("%s: wrong\n", status->impl->name);
            return 1;
        }
        num_run++;
    }
    return num_run > 0 ? 0 : 2;
}
