/* fuzz_segment.c - hostile super-frames through the cutter, and what comes of them through the merger.
 *
 * Input: the ten octets of the header (flags, gso_type, then hdr_len, gso_size, csum_start and csum_offset in network
 * order), the octet `flags` (below), then the super-frame.
 *
 * Promised: the announced number of frames, each no longer than announced, the payloads together the payload; nothing
 * beyond the octets is touched, and a refusal changes nothing. Of the frames: what is merged can be cut again, into
 * frames that differ at most in the identification of IPv4 and its checksum; and the messages are all the frames, in
 * order. Frames that are spoilt (FLAG_SPOIL) are never part of a merged one.
 */
#include "fuzz.h"

#include <string.h>

#include "port/merge.h"
#include "port/segment.h"

enum { MAX_FRAMES = 64, FLAG_SPOIL = 1 };

static uint8_t *exact(const uint8_t *octets, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);
    if (copy == NULL)
        exit(2);
    if (len)
        memcpy(copy, octets, len);
    return copy;
}

static uint16_t take_u16(struct reader *r)
{
    uint16_t high = take_u8(r);
    return (uint16_t)(high << 8 | take_u8(r));
}

/* same_but_identification compares what merging keeps. */
static int same_but_identification(const uint8_t *a, const uint8_t *b, uint32_t len, const struct inet *inet)
{
    uint32_t ip = inet->network;
    if (inet->version == 6)
        return memcmp(a, b, len) == 0;
    return memcmp(a, b, ip + IPV4_ID) == 0 && memcmp(a + ip + 6, b + ip + 6, 4) == 0 &&
           memcmp(a + ip + 12, b + ip + 12, len - ip - 12) == 0;
}

/* cut_again holds a merged message against the frames that went into it. */
static void cut_again(const struct virtio_net_hdr *header, const struct iovec *pieces, uint8_t *const *frames,
                      const uint32_t *lens, uint32_t num)
{
    uint8_t joined[65536 + 64], out[65536];
    uint32_t len = 0, frame_len, i = 0;
    struct cut cut;
    for (uint32_t k = 0; k < num; k++) {
        PROMISE(len + pieces[k].iov_len <= sizeof joined, "no more than IP can tell");
        memcpy(joined + len, pieces[k].iov_base, pieces[k].iov_len);
        len += (uint32_t)pieces[k].iov_len;
    }
    PROMISE(cut_begin(&cut, joined, len, header), "what was merged can be cut");
    PROMISE(cut_left(&cut) == num, "into as many");
    while ((frame_len = cut_next(&cut, out)) > 0) {
        PROMISE(i < num && frame_len == lens[i], "of the same length");
        PROMISE(same_but_identification(out, frames[i], frame_len, &cut.inet), "and the same octets");
        i++;
    }
}

static void merge_all(uint8_t *const *frames, const uint32_t *lens, uint32_t num, uint32_t spoilt)
{
    struct iovec pieces[MAX_FRAMES];
    uint8_t *mine[MAX_FRAMES];
    for (uint32_t i = 0; i < num; i++) {
        mine[i] = exact(frames[i], lens[i]);
        pieces[i].iov_base = mine[i];
        pieces[i].iov_len = lens[i];
    }
    for (uint32_t at = 0; at < num;) {
        struct virtio_net_hdr header;
        uint32_t taken = merge_next(&header, pieces + at, num - at);
        PROMISE(taken >= 1 && taken <= num - at, "some of the frames, and no more than there are");
        if (taken == 1)
            PROMISE(pieces[at].iov_len == lens[at] && memcmp(pieces[at].iov_base, frames[at], lens[at]) == 0,
                    "a frame alone is not changed");
        else
            cut_again(&header, pieces + at, frames + at, lens + at, taken);
        PROMISE(taken == 1 || spoilt < at || spoilt >= at + taken, "a wrong checksum is not made right");
        at += taken;
    }
    for (uint32_t i = 0; i < num; i++)
        free(mine[i]);
}

static void cut_and_merge(const uint8_t *octets, uint32_t len, const struct virtio_net_hdr *header, uint8_t flags)
{
    uint8_t *frames[MAX_FRAMES];
    uint32_t lens[MAX_FRAMES], num = 0, total, payload = 0, left, spoilt = MAX_FRAMES;
    struct cut cut;
    if (!cut_begin(&cut, octets, len, header))
        return;
    left = total = cut_left(&cut);
    PROMISE(total > 0 && cut_longest(&cut) <= len, "there is something to cut");
    while (left > 0 && num < MAX_FRAMES) {
        uint8_t *out = malloc(cut_longest(&cut));
        if (out == NULL)
            exit(2);
        uint32_t frame_len = cut_next(&cut, out);
        PROMISE(frame_len > cut.header_len && frame_len <= cut_longest(&cut), "as long as announced");
        PROMISE(memcmp(out + cut.header_len, octets + cut.header_len + payload, frame_len - cut.header_len) == 0,
                "the payload in its order");
        payload += frame_len - cut.header_len;
        PROMISE(cut_left(&cut) == --left, "one less is left");
        frames[num] = out;
        lens[num++] = frame_len;
    }
    if (left == 0)
        PROMISE(payload == len - cut.header_len, "all of the payload");
    if ((flags & FLAG_SPOIL) != 0 && cut.inet.protocol == INET_TCP) {
        spoilt = (flags >> 1) % num;
        frames[spoilt][lens[spoilt] - 1] ^= 1;
    }
    merge_all(frames, lens, num, spoilt);
    for (uint32_t i = 0; i < num; i++)
        free(frames[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader r = {data, size};
    struct virtio_net_hdr header;
    header.flags = take_u8(&r);
    header.gso_type = take_u8(&r);
    header.hdr_len = take_u16(&r);
    header.gso_size = take_u16(&r);
    header.csum_start = take_u16(&r);
    header.csum_offset = take_u16(&r);
    uint8_t flags = take_u8(&r);
    uint32_t len = r.left > 65535 ? 65535 : (uint32_t)r.left;
    uint8_t *octets = exact(r.at, len);
    cut_and_merge(octets, len, &header, flags);
    if (!checksum_finish(octets, len, &header))
        PROMISE(len == 0 || memcmp(octets, r.at, len) == 0, "a refusal changes nothing");
    free(octets);
    return 0;
}

#ifdef PYSEC_STANDALONE
#include "standalone.c"
#endif
