/* gcm_burst.c - AES-GCM without frames: seals a burst of messages by pointers, opens it, and refuses the one that was
 * changed on the way.
 *
 *   cc -o gcm_burst gcm_burst.c -I build/lib build/lib/libpysec.a -pthread
 */
#include <pysec_gcm.h>
#include <stdio.h>
#include <string.h>

enum { NUM = 8, AAD = 28, STEP = 40, SLOT = AAD + NUM * STEP + 16 };

static const char *what_came(const struct pysec_gcm_op *op, uint8_t want)
{
    for (uint32_t i = 0; i < op->data_len; i++)
        if (op->data[i] != (op->ok ? want : 0))
            return "wrong";
    return op->ok ? "opened" : "refused";
}

int main(void)
{
    static uint8_t memory[NUM][SLOT]; /* each message: additional data, data, room for the tag */
    struct pysec_gcm_op ops[NUM];
    struct pysec_gcm *key;
    int error = pysec_gcm_new(&key, (const uint8_t *)"not a secret key", 16, NULL);
    if (error) {
        fprintf(stderr, "gcm_burst: %s\n", pysec_strerror(error));
        return 1;
    }
    for (uint32_t i = 0; i < NUM; i++) {
        ops[i] = (struct pysec_gcm_op){.aad = memory[i], .aad_len = AAD, .data_len = i * STEP};
        ops[i].data = memory[i] + AAD;
        ops[i].tag = ops[i].data + ops[i].data_len;
        ops[i].nonce[11] = (uint8_t)i; /* yours counts all through the life of the key */
        memset(memory[i], (int)i, AAD);
        memset(ops[i].data, 'a' + (int)i, ops[i].data_len);
    }
    pysec_gcm_seal_ops(key, ops, NUM);
    for (int i = 0; i < NUM; i++) {
        printf("%d: %u octets, tag ", i, ops[i].data_len);
        for (int k = 0; k < 16; k++)
            printf("%02x%s", ops[i].tag[k], k == 15 ? "\n" : "");
    }
    ops[5].data[100] ^= 1; /* somebody changes one bit */
    size_t refused = pysec_gcm_open_ops(key, ops, NUM);
    for (int i = 0; i < NUM; i++) {
        const char *came = what_came(&ops[i], (uint8_t)('a' + i));
        if (ops[i].ok)
            printf("%d: %s, %u octets\n", i, came, ops[i].data_len);
        else
            printf("%d: %s, zeroed\n", i, came);
    }
    printf("%zu of %d refused\n", refused, NUM);
    pysec_gcm_free(key);
    return 0;
}
