/* checksum.h - the Internet checksum (RFC 1071) that IPv4, TCP and UDP share.
 *
 * A running sum is any number of 16-bit words in network order, added up in 64 bits and not yet folded; that is enough
 * for more octets than a frame can have. Its value is the same however the octets are grouped (RFC 1071 2), so the
 * inner loop adds words of the machine's own order, and turns the result round once. */
#ifndef PYSEC_PORT_CHECKSUM_H
#define PYSEC_PORT_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"

/* checksum_fold brings a running sum down to 16 bits. It is 0 only for a sum of 0. */
static inline uint16_t checksum_fold(uint64_t sum)
{
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

/* checksum_add adds octets to a running sum. An odd one at the end counts as if a zero followed, so only the last of
 * several pieces may have an odd length. */
static inline uint64_t checksum_add(uint64_t sum, const uint8_t *octets, size_t len)
{
    uint64_t low = 0, high = 0; /* halves apart: neither can overflow, and the compiler may use vectors */
    uint8_t pair[2];
    size_t i = 0;

    for (; i + 8 <= len; i += 8) {
        uint64_t words;

        memcpy(&words, octets + i, sizeof(words));
        low += words & 0xffffffff;
        high += words >> 32;
    }
    for (; i + 2 <= len; i += 2) {
        uint16_t word;

        memcpy(&word, octets + i, sizeof(word));
        low += word;
    }
    if (i < len) {
        uint16_t word;

        pair[0] = octets[i];
        pair[1] = 0;
        memcpy(&word, pair, sizeof(word));
        low += word;
    }
    {
        uint16_t native = checksum_fold((uint64_t)checksum_fold(low) + checksum_fold(high));

        memcpy(pair, &native, sizeof(pair));
    }
    return sum + load_be16(pair);
}

#endif
