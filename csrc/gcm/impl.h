/* impl.h - what the files of gcm/ share and nobody else sees. */
#ifndef PYSEC_GCM_IMPL_H
#define PYSEC_GCM_IMPL_H

#include "gcm.h"

extern const struct gcm_impl gcm_portable;
/* Each of its own file, or of absent.c */
extern const struct gcm_impl gcm_aesni;
extern const struct gcm_impl gcm_vaes256;
extern const struct gcm_impl gcm_vaes512;
extern const struct gcm_impl gcm_zen512;
extern const struct gcm_impl gcm_arm64;

/* gcm_known_answers runs every known answer through one implementation, of which it fills in num_tests and
 * num_failed. state is impl->state_len octets, 64-octet aligned. */
void gcm_known_answers(struct gcm_impl_status *status, void *state);

/* declassify marks a value that was computed from secrets and is made public on purpose, so that what follows may
 * branch on it. It does nothing. In the build that the constant-time proof makes, where secrets are poisoned, the
 * proof's own program supplies it; every call is thus a claim to be argued where it stands. */
#ifdef PYSEC_CONSTANT_TIME_PROOF
void declassify(void *p, size_t len);
#else
static inline void declassify(void *p, size_t len)
{
    (void)p;
    (void)len;
}
#endif

#endif
