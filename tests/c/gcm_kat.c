/* gcm_kat.c - one line for each implementation: what its known answers said. For machines where Python does not run.
 *
 * Beyond what gcm_init does by itself it seals a burst of long messages with each and with the portable one, which
 * must agree. Exit status 1 if any usable implementation is wrong, or none is usable.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "gcm/gcm.h"

#define NUM 9
#define LEN 2053

static uint8_t first[NUM][LEN + GCM_TAG_LEN], other[NUM][LEN + GCM_TAG_LEN];

static int seal(const struct gcm_impl *impl, uint8_t out[NUM][LEN + GCM_TAG_LEN])
{
    static const uint8_t octets[32] = "an example key, of which 32 are";
    struct gcm_key *key = gcm_key_new(impl, octets, 32);
    struct gcm_msg msgs[NUM];

    if (key == NULL)
        return -1;
    for (size_t i = 0; i < NUM; i++) {
        size_t len = LEN - i * 201;
        memset(out[i], (int)i, len);
        msgs[i] = (struct gcm_msg){.aad = octets, .aad_len = (uint32_t)i, .data = out[i], .tag = out[i] + len};
        msgs[i].data_len = (uint32_t)len;
        memset(msgs[i].iv, (int)i, GCM_IV_LEN);
    }
    gcm_seal(key, msgs, NUM);
    gcm_key_free(key);
    return 0;
}

int main(void)
{
    int bad = 0, usable = 0;

    printf("cpu:");
    for (uint32_t bit = 1; cpu_feature_name(bit) != NULL; bit <<= 1)
        if (cpu_features() & bit)
            printf(" %s", cpu_feature_name(bit));
    printf("\n");
    if (seal(gcm_impl_find("portable"), first) != 0)
        return 1;
    for (size_t i = 0; i < gcm_num_impls(); i++) {
        const struct gcm_impl_status *status = gcm_impl_status(i);
        printf("%s: %s, %d of %d known answers failed\n", status->impl->name,
               status->why_not == NULL ? "usable" : status->why_not, status->num_failed, status->num_tests);
        bad |= status->num_failed > 0;
        if (status->why_not != NULL)
            continue;
        usable++;
        if (seal(status->impl, other) != 0 || memcmp(first, other, sizeof first) != 0) {
            printf("%s: does not agree with portable\n", status->impl->name);
            bad = 1;
        }
    }
    return bad || usable == 0;
}
