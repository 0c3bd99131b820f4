/* gcm.c - which implementations there are, which of them may be used, and the keys that belong to them. */
#include "gcm.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "../base/secret.h"
#include "impl.h"

static const struct gcm_impl *const impls[] = {
    &gcm_portable, &gcm_aesni, &gcm_vaes256, &gcm_vaes512, &gcm_zen512, &gcm_arm64,
};

#define NUM_IMPLS (sizeof impls / sizeof impls[0])

/* The header keeps the state on a 64-octet boundary. */
struct gcm_key {
    const struct gcm_impl *impl;
    size_t state_len;
    _Alignas(64) uint8_t state[];
};

static struct gcm_impl_status found[NUM_IMPLS];
static pthread_once_t found_once = PTHREAD_ONCE_INIT;

/* key_alloc returns a key with nothing in it. aligned_alloc wants whole multiples of the alignment. */
static struct gcm_key *key_alloc(const struct gcm_impl *impl)
{
    size_t len = (sizeof(struct gcm_key) + impl->state_len + 63) / 64 * 64;
    struct gcm_key *key = aligned_alloc(64, len);

    if (key == NULL)
        return NULL;
    key->impl = impl;
    key->state_len = impl->state_len;
    return key;
}

static void look_at(struct gcm_impl_status *status, const struct gcm_impl *impl)
{
    const char *why_not = NULL;
    struct gcm_key *key;

    status->impl = impl;
    status->priority = impl->probe(&why_not);
    if (status->priority <= 0) {
        status->priority = 0;
        status->why_not = why_not;
        return;
    }
    key = key_alloc(impl);
    if (key == NULL) {
        status->why_not = "no memory to run its known answers in";
        return;
    }
    gcm_known_answers(status, key->state);
    if (status->num_failed > 0)
        status->why_not = "it failed its known answers";
    gcm_key_free(key);
}

static void look(void)
{
    for (size_t i = 0; i < NUM_IMPLS; i++)
        look_at(&found[i], impls[i]);
}

size_t gcm_num_impls(void)
{
    return NUM_IMPLS;
}

const struct gcm_impl_status *gcm_impl_status(size_t i)
{
    pthread_once(&found_once, look);
    return i < NUM_IMPLS ? &found[i] : NULL;
}

const struct gcm_impl *gcm_impl_find(const char *name)
{
    const struct gcm_impl_status *best = NULL;

    pthread_once(&found_once, look);
    if (name == NULL)
        name = getenv("PYSEC_GCM");
    if (name != NULL && name[0] == '\0')
        name = NULL;
    for (size_t i = 0; i < NUM_IMPLS; i++) {
        if (found[i].why_not != NULL || (name != NULL && strcmp(name, found[i].impl->name) != 0))
            continue;
        if (best == NULL || found[i].priority > best->priority)
            best = &found[i];
    }
    return best == NULL ? NULL : best->impl;
}

struct gcm_key *gcm_key_new(const struct gcm_impl *impl, const uint8_t *key, size_t key_len)
{
    struct gcm_key *new;

    if (impl == NULL || (key_len != 16 && key_len != 32))
        return NULL;
    new = key_alloc(impl);
    if (new != NULL)
        impl->expand(new->state, key, key_len);
    return new;
}

void gcm_key_free(struct gcm_key *key)
{
    if (key == NULL)
        return;
    wipe(key->state, key->state_len);
    free(key);
}

const struct gcm_impl *gcm_key_impl(const struct gcm_key *key)
{
    return key->impl;
}

void gcm_seal(const struct gcm_key *key, struct gcm_msg *msgs, size_t num_msgs)
{
    key->impl->seal(key->state, msgs, num_msgs);
}

size_t gcm_open(const struct gcm_key *key, struct gcm_msg *msgs, size_t num_msgs)
{
    return key->impl->open(key->state, msgs, num_msgs);
}

void gcm_encrypt_block(const struct gcm_key *key, uint8_t out[16], const uint8_t in[16])
{
    key->impl->encrypt_block(key->state, out, in);
}
