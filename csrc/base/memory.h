/* memory.h - memory for what the frame path touches. */
#ifndef PYSEC_BASE_MEMORY_H
#define PYSEC_BASE_MEMORY_H

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_LINE 64

/* new_zeroed gives len octets of zeros that begin on a cache line, or NULL; free() takes them back. */
static inline void *new_zeroed(size_t len)
{
    size_t rounded = (len + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE; /* aligned_alloc wants whole multiples */
    void *p = aligned_alloc(CACHE_LINE, rounded);
    return p ? memset(p, 0, rounded) : NULL;
}

#endif
