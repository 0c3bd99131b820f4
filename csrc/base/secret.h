/* secret.h - the only two things that are done with secrets outside a cipher: erasing and comparing them. */
#ifndef PYSEC_BASE_SECRET_H
#define PYSEC_BASE_SECRET_H

#include <stddef.h>
#include <stdint.h>

/* wipe erases len octets in a way that the compiler may not leave out, even just before the memory is freed. */
void wipe(void *p, size_t len);

/* ct_equal_16 is 1 if two 16-octet strings are equal, else 0, in time that does not depend on their contents. Every
 * ICV and tag in this library is compared here. */
uint32_t ct_equal_16(const uint8_t *a, const uint8_t *b);

#endif
