/* merge.c - merging TCP segments.
 *
 * Frames become one if the host could not tell, but for the number of frames: neighbours of one connection, the
 * sequence numbers without a gap, the same headers but for sequence number, PSH, checksums and identification, and as
 * much payload each as the first, only the last less. The identification of IPv4 may be lost because only packets that
 * must not be fragmented are merged, and to them it means nothing (RFC 6864 4.1).
 *
 * A checksum that the sender got wrong must not come out right. So both are verified before a frame is merged, which
 * takes another look at every octet, but spares the host it: of a super-frame the host is told that the checksum is
 * still to be done, as if it came from this machine, and of a frame on its own that was verified, that it is right.
 * Frames that no neighbour goes with are not looked at.
 */
#include "port/merge.h"

#include <string.h>

#include "base/bytes.h"
#include "port/checksum.h"
#include "port/inet.h"

#define DO_NOT_FRAGMENT 0x4000
#define MAX_LEN 65535 /* that the IP header can tell */

/* A frame with TCP payload that may be merged. */
struct stretch {
    const uint8_t *octets;
    struct inet inet;
    uint32_t header_len;
    uint32_t size; /* of the payload */
    uint32_t sequence;
    uint8_t flags;
};

/* read_stretch returns 1 if a frame is of the kind that is merged: data and nothing else, no IP options. */
static int read_stretch(struct stretch *found, const struct iovec *piece)
{
    const uint8_t *ip, *tcp;
    uint32_t len = (uint32_t)piece->iov_len;
    uint32_t tcp_len;

    found->octets = piece->iov_base;
    if (!inet_read(&found->inet, found->octets, len) || found->inet.protocol != INET_TCP)
        return 0;
    ip = found->octets + found->inet.network;
    tcp = found->octets + found->inet.transport;
    if (found->inet.transport - found->inet.network != (found->inet.version == 4 ? IPV4_HEADER : IPV6_HEADER))
        return 0;
    if (found->inet.version == 4 && load_be16(ip + IPV4_FRAGMENT) != DO_NOT_FRAGMENT)
        return 0;
    if (len - found->inet.transport < TCP_HEADER)
        return 0;
    tcp_len = (uint32_t)(tcp[TCP_DATA_OFFSET] >> 4) * 4;
    if (tcp_len < TCP_HEADER || tcp_len >= len - found->inet.transport)
        return 0;
    found->flags = tcp[TCP_FLAGS];
    if ((found->flags & (TCP_FIN | TCP_SYN | TCP_RST | TCP_URG | TCP_CWR | TCP_ACK)) != TCP_ACK)
        return 0;
    found->header_len = found->inet.transport + tcp_len;
    found->size = len - found->header_len;
    found->sequence = load_be32(tcp + TCP_SEQUENCE);
    return 1;
}

/* same is 1 if octets [from, to) of both frames are equal. */
static int same(const struct stretch *a, const struct stretch *b, uint32_t from, uint32_t to)
{
    return memcmp(a->octets + from, b->octets + from, to - from) == 0;
}

/* same_ip leaves out what is a frame's own: the lengths, and of IPv4 identification and checksum. */
static int same_ip(const struct stretch *a, const struct stretch *b)
{
    uint32_t ip = a->inet.network;

    if (a->inet.version == 6)
        return same(a, b, ip, ip + IPV6_PAYLOAD_LEN) && same(a, b, ip + IPV6_NEXT_HEADER, a->inet.transport);
    return same(a, b, ip, ip + IPV4_TOTAL_LEN) && same(a, b, ip + IPV4_FRAGMENT, ip + IPV4_CHECKSUM) &&
           same(a, b, ip + IPV4_ADDRESSES, a->inet.transport);
}

/* same_tcp leaves out sequence number, PSH and checksum; the options are in it. */
static int same_tcp(const struct stretch *a, const struct stretch *b)
{
    uint32_t tcp = a->inet.transport;

    return same(a, b, tcp, tcp + TCP_SEQUENCE) && same(a, b, tcp + TCP_SEQUENCE + 4, tcp + TCP_FLAGS) &&
           ((a->flags ^ b->flags) & ~TCP_PSH) == 0 && same(a, b, tcp + TCP_FLAGS + 1, tcp + TCP_CHECKSUM) &&
           same(a, b, tcp + TCP_CHECKSUM + 2, a->header_len);
}

static int same_headers(const struct stretch *a, const struct stretch *b)
{
    return a->inet.version == b->inet.version && a->inet.transport == b->inet.transport &&
           a->header_len == b->header_len && same(a, b, 0, a->inet.network) && same_ip(a, b) && same_tcp(a, b);
}

/* is_verified is 1 if the checksums of a frame are right: with themselves in it, a sum comes to all ones. */
static int is_verified(const struct stretch *one)
{
    uint32_t transport_len = one->header_len + one->size - one->inet.transport;
    uint64_t sum = inet_pseudo_header(&one->inet, one->octets, transport_len);

    if (one->inet.version == 4 &&
        checksum_fold(checksum_add(0, one->octets + one->inet.network, IPV4_HEADER)) != 0xffff)
        return 0;
    return checksum_fold(checksum_add(sum, one->octets + one->inet.transport, transport_len)) == 0xffff;
}

/* make_one writes the headers of the first frame anew, for total octets of payload. */
static void make_one(struct virtio_net_hdr *header, uint8_t *octets, const struct stretch *first, uint32_t total,
                     uint8_t flags)
{
    uint8_t *ip = octets + first->inet.network;
    uint8_t *tcp = octets + first->inet.transport;
    uint32_t len = first->header_len + total;

    if (first->inet.version == 4) {
        store_be16(ip + IPV4_TOTAL_LEN, (uint16_t)(len - first->inet.network));
        store_be16(ip + IPV4_CHECKSUM, 0);
        store_be16(ip + IPV4_CHECKSUM, (uint16_t)~checksum_fold(checksum_add(0, ip, IPV4_HEADER)));
    } else {
        store_be16(ip + IPV6_PAYLOAD_LEN, (uint16_t)(len - first->inet.transport));
    }
    tcp[TCP_FLAGS] = flags;
    store_be16(tcp + TCP_CHECKSUM,
               checksum_fold(inet_pseudo_header(&first->inet, octets, len - first->inet.transport)));
    header->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    header->gso_type = first->inet.version == 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
    header->hdr_len = (uint16_t)first->header_len;
    header->gso_size = (uint16_t)first->size;
    header->csum_start = (uint16_t)first->inet.transport;
    header->csum_offset = TCP_CHECKSUM;
}

uint32_t merge_next(struct virtio_net_hdr *header, struct iovec *pieces, uint32_t num)
{
    struct stretch first, next;
    uint32_t total, taken = 1;
    uint8_t flags;
    int first_verified = 0;

    memset(header, 0, sizeof(*header));
    if (!read_stretch(&first, &pieces[0]))
        return 1;
    total = first.size;
    flags = first.flags;
    /* PSH: the sender has no more for now, and the kernel takes it for the end as well. */
    while (taken < num && (flags & TCP_PSH) == 0) {
        if (!read_stretch(&next, &pieces[taken]) || !same_headers(&first, &next) ||
            next.sequence != first.sequence + total || next.size > first.size ||
            first.header_len + total + next.size - first.inet.network > MAX_LEN)
            break;
        if (!first_verified && !is_verified(&first))
            return 1;
        first_verified = 1;
        if (!is_verified(&next))
            break;
        pieces[taken].iov_base = (uint8_t *)pieces[taken].iov_base + next.header_len;
        pieces[taken].iov_len = next.size;
        total += next.size;
        flags |= next.flags;
        taken++;
        if (next.size < first.size)
            break;
    }
    if (taken > 1)
        make_one(header, pieces[0].iov_base, &first, total, flags);
    else if (first_verified)
        header->flags = VIRTIO_NET_HDR_F_DATA_VALID;
    return taken;
}
