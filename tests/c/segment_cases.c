/* segment_cases.c - super-frames and frames from stdin, cut and merged, for a test to compare with its own.
 *
 * Records of stdin; numbers have two octets, the highest first:
 *   'C' header len octets            cut, or finish the checksum of, what a TAP interface handed over
 *   'M' num (len octets)...          merge frames
 *   header: flags, gso_type (one octet each), hdr_len, gso_size, csum_start, csum_offset
 * Answers on stdout:
 *   to 'C'   num (len octets)...     the frames; num 0: refused
 *   to 'M'   num (taken header len octets)...   the messages, how many frames each is made of; len has four octets
 *
 * All memory is exactly as large as it must be, so that AddressSanitizer sees the first octet too far. Exit status 2
 * if the input is no cases. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/merge.h"
#include "port/segment.h"

#define MAX_FRAMES 65536

static uint32_t take_number(int octets)
{
    uint32_t x = 0;

    while (octets-- > 0) {
        int c = getchar();
        if (c == EOF)
            exit(2);
        x = x << 8 | (uint32_t)c;
    }
    return x;
}

static void put_number(uint32_t x, int octets)
{
    while (octets-- > 0)
        putchar((int)(x >> 8 * octets & 0xff));
}

static void put_octets(const uint8_t *p, size_t len)
{
    if (len > 0 && fwrite(p, 1, len, stdout) != len)
        exit(2);
}

/* exact takes octets into memory of just that size; the caller frees it. */
static uint8_t *exact(size_t len)
{
    uint8_t *p = malloc(len > 0 ? len : 1);

    if (p == NULL || (len > 0 && fread(p, 1, len, stdin) != len))
        exit(2);
    return p;
}

static struct virtio_net_hdr take_header(void)
{
    struct virtio_net_hdr header;

    header.flags = (uint8_t)take_number(1);
    header.gso_type = (uint8_t)take_number(1);
    header.hdr_len = (uint16_t)take_number(2);
    header.gso_size = (uint16_t)take_number(2);
    header.csum_start = (uint16_t)take_number(2);
    header.csum_offset = (uint16_t)take_number(2);
    return header;
}

static void cut_case(void)
{
    struct virtio_net_hdr header = take_header();
    uint32_t len = take_number(2);
    uint8_t *octets = exact(len);
    struct cut cut;

    if (header.gso_type == VIRTIO_NET_HDR_GSO_NONE) {
        int good = checksum_finish(octets, len, &header);
        put_number((uint32_t)good, 2);
        if (good) {
            put_number(len, 2);
            put_octets(octets, len);
        }
    } else if (!cut_begin(&cut, octets, len, &header)) {
        put_number(0, 2);
    } else {
        uint32_t num = cut_left(&cut);
        uint32_t frame_len;
        uint8_t *out = malloc(cut_longest(&cut));
        if (out == NULL)
            exit(2);
        put_number(num, 2);
        while ((frame_len = cut_next(&cut, out)) > 0) {
            put_number(frame_len, 2);
            put_octets(out, frame_len);
            num--;
        }
        if (num != 0 || cut_left(&cut) != 0)
            exit(3);
        free(out);
    }
    free(octets);
}

static void merge_case(void)
{
    static struct iovec pieces[MAX_FRAMES];
    static uint8_t *frames[MAX_FRAMES];
    uint32_t num = take_number(2);
    uint32_t messages = 0;
    char *answer = NULL;
    size_t answer_len = 0;
    FILE *out = stdout, *memory = open_memstream(&answer, &answer_len);

    if (memory == NULL)
        exit(2);
    for (uint32_t i = 0; i < num; i++) {
        pieces[i].iov_len = take_number(2);
        pieces[i].iov_base = frames[i] = exact(pieces[i].iov_len);
    }
    stdout = memory;
    for (uint32_t at = 0; at < num; messages++) {
        struct virtio_net_hdr header;
        uint32_t taken = merge_next(&header, pieces + at, num - at);
        size_t len = 0;
        for (uint32_t i = 0; i < taken; i++)
            len += pieces[at + i].iov_len;
        put_number(taken, 2);
        put_number(header.flags, 1);
        put_number(header.gso_type, 1);
        put_number(header.hdr_len, 2);
        put_number(header.gso_size, 2);
        put_number(header.csum_start, 2);
        put_number(header.csum_offset, 2);
        put_number((uint32_t)len, 4);
        for (uint32_t i = 0; i < taken; i++)
            put_octets(pieces[at + i].iov_base, pieces[at + i].iov_len);
        at += taken;
    }
    fclose(memory);
    stdout = out;
    put_number(messages, 2);
    put_octets((const uint8_t *)answer, answer_len);
    free(answer);
    for (uint32_t i = 0; i < num; i++)
        free(frames[i]);
}

int main(void)
{
    int c;

    while ((c = getchar()) != EOF) {
        if (c == 'C')
            cut_case();
        else if (c == 'M')
            merge_case();
        else
            return 2;
    }
    return 0;
}
