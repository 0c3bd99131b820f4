/* gcm_api.c - AES-GCM for those who have no frames. Messages in a buffer that the caller lends, by offsets: every
 * offset is checked here, so that the layer below can trust its pointers. Or by pointers that the caller answers for
 * (pysec_gcm.h): these go through as they are. */
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "../gcm/gcm.h"
#include "../pysec.h"
#include "../pysec_gcm.h"

#define BATCH 64

/* A burst by pointers is not translated, at 48 octets that would take a third of its time: the public struct is the
 * inner one under another name. */
#define SAME(public_field, field)                                                                                      \
    _Static_assert(offsetof(struct pysec_gcm_op, public_field) == offsetof(struct gcm_msg, field) &&                   \
                       sizeof(((struct pysec_gcm_op *)0)->public_field) == sizeof(((struct gcm_msg *)0)->field),       \
                   "struct pysec_gcm_op and struct gcm_msg differ in " #field)
SAME(aad, aad);
SAME(data, data);
SAME(tag, tag);
SAME(aad_len, aad_len);
SAME(data_len, data_len);
SAME(nonce, iv);
SAME(ok, ok);
_Static_assert(sizeof(struct pysec_gcm_op) == sizeof(struct gcm_msg), "a burst has another stride");
_Static_assert(_Alignof(struct pysec_gcm_op) == _Alignof(struct gcm_msg), "a burst has another alignment");
_Static_assert(PYSEC_GCM_MAX_DATA == GCM_MAX_DATA_LEN, "the public bound is another one");

struct pysec_gcm {
    struct gcm_key *key;
};

int pysec_gcm_num_impls(void)
{
    return (int)gcm_num_impls();
}

int pysec_gcm_get_info(struct pysec_gcm_info *info, int i)
{
    if (i < 0 || (size_t)i >= gcm_num_impls())
        return PYSEC_E_INVAL;
    const struct gcm_impl_status *status = gcm_impl_status((size_t)i);
    *info = (struct pysec_gcm_info){
        .name = status->impl->name,
        .what = status->impl->what,
        .why_not = status->why_not,
        .priority = status->priority,
        .num_tests = status->num_tests,
        .num_failed = status->num_failed,
    };
    return 0;
}

int pysec_gcm_new(struct pysec_gcm **out, const uint8_t *key, size_t key_len, const char *impl)
{
    if (key_len != 16 && key_len != 32)
        return PYSEC_E_INVAL;
    const struct gcm_impl *found = gcm_impl_find(impl);
    if (!found)
        return PYSEC_E_NOENT;
    struct pysec_gcm *gcm = malloc(sizeof *gcm);
    if (!gcm)
        return PYSEC_E_NOMEM;
    gcm->key = gcm_key_new(found, key, key_len);
    if (!gcm->key) {
        free(gcm);
        return PYSEC_E_NOMEM;
    }
    *out = gcm;
    return 0;
}

void pysec_gcm_free(struct pysec_gcm *gcm)
{
    if (!gcm)
        return;
    gcm_key_free(gcm->key);
    free(gcm);
}

const char *pysec_gcm_impl(const struct pysec_gcm *gcm)
{
    return gcm_key_impl(gcm->key)->name;
}

static bool lies_in(size_t base_len, uint32_t offset, uint32_t len)
{
    return offset <= base_len && len <= base_len - offset;
}

static bool all_sound(size_t base_len, const struct pysec_gcm_msg *msgs, size_t num_msgs)
{
    for (size_t i = 0; i < num_msgs; i++)
        if (msgs[i].data_len > GCM_MAX_DATA_LEN || !lies_in(base_len, msgs[i].aad, msgs[i].aad_len) ||
            !lies_in(base_len, msgs[i].data, msgs[i].data_len) || !lies_in(base_len, msgs[i].tag, GCM_TAG_LEN))
            return false;
    return true;
}

/* to_pointers translates a batch for the layer below. */
static void to_pointers(struct gcm_msg *out, uint8_t *base, const struct pysec_gcm_msg *msgs, size_t num_msgs)
{
    for (size_t i = 0; i < num_msgs; i++) {
        out[i].aad = base + msgs[i].aad;
        out[i].aad_len = msgs[i].aad_len;
        out[i].data = base + msgs[i].data;
        out[i].data_len = msgs[i].data_len;
        out[i].tag = base + msgs[i].tag;
        memcpy(out[i].iv, msgs[i].nonce, GCM_IV_LEN);
    }
}

int pysec_gcm_seal(const struct pysec_gcm *gcm, uint8_t *base, size_t base_len, struct pysec_gcm_msg *msgs,
                   size_t num_msgs)
{
    if (!gcm || !all_sound(base_len, msgs, num_msgs))
        return PYSEC_E_INVAL;
    struct gcm_msg batch[BATCH];
    for (size_t done = 0; done < num_msgs; done += BATCH) {
        size_t n = num_msgs - done < BATCH ? num_msgs - done : BATCH;
        to_pointers(batch, base, msgs + done, n);
        gcm_seal(gcm->key, batch, n);
    }
    return 0;
}

int pysec_gcm_open(const struct pysec_gcm *gcm, size_t *num_bad, uint8_t *base, size_t base_len,
                   struct pysec_gcm_msg *msgs, size_t num_msgs)
{
    if (!gcm || !num_bad || !all_sound(base_len, msgs, num_msgs))
        return PYSEC_E_INVAL;
    struct gcm_msg batch[BATCH];
    *num_bad = 0;
    for (size_t done = 0; done < num_msgs; done += BATCH) {
        size_t n = num_msgs - done < BATCH ? num_msgs - done : BATCH;
        to_pointers(batch, base, msgs + done, n);
        *num_bad += gcm_open(gcm->key, batch, n);
        for (size_t i = 0; i < n; i++)
            msgs[done + i].ok = batch[i].ok;
    }
    return 0;
}

void pysec_gcm_seal_ops(const struct pysec_gcm *gcm, struct pysec_gcm_op *ops, size_t num_ops)
{
    gcm_seal(gcm->key, (struct gcm_msg *)ops, num_ops);
}

size_t pysec_gcm_open_ops(const struct pysec_gcm *gcm, struct pysec_gcm_op *ops, size_t num_ops)
{
    return gcm_open(gcm->key, (struct gcm_msg *)ops, num_ops);
}
