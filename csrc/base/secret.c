#include "secret.h"

#include <string.h>

void wipe(void *p, size_t len)
{
    if (len == 0)
        return;
    memset(p, 0, len);
    /* The barrier says that somebody may read the memory afterwards, so the memset cannot be called dead. */
    __asm__ __volatile__("" : : "r"(p) : "memory");
}

uint32_t ct_equal_16(const uint8_t *a, const uint8_t *b)
{
    uint32_t diff = 0;
    for (int i = 0; i < 16; i++)
        diff |= (uint32_t)(a[i] ^ b[i]);
    return (diff - 1) >> 31;
}
