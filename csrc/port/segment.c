/* segment.c - cutting super-frames.
 *
 * Every frame gets a copy of the headers. Of these change: the lengths; the identification of IPv4, which counts up,
 * and its header checksum; the sequence number of TCP; FIN and PSH, which belong to the last frame alone, and CWR,
 * which belongs to the first (RFC 3168 6.1.2); and the checksum.
 *
 * The host has left the sum of the pseudo header in the place of the checksum, made with the length of the whole. With
 * the length taken out and the frame's own put in, it is the beginning of the frame's sum. So nothing here needs to
 * know the pseudo header, which is another one with a routing header of IPv6 (RFC 8200 8.1).
 */
#include "port/segment.h"

#include <string.h>

#include "base/bytes.h"
#include "port/checksum.h"

#define ADDRESSES 12

/* transport_of is the protocol that a kind of super-frame is cut for, 0 for kinds that are not cut here; *version is
 * the version of IP that it must have, 0 for either. */
static uint8_t transport_of(uint8_t gso_type, uint8_t *version)
{
    *version = 0;
    switch (gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
    case VIRTIO_NET_HDR_GSO_TCPV4:
        *version = 4;
        return INET_TCP;
    case VIRTIO_NET_HDR_GSO_TCPV6:
        *version = 6;
        return INET_TCP;
    case VIRTIO_NET_HDR_GSO_UDP_L4:
        return INET_UDP;
    default:
        return 0;
    }
}

/* read_tcp and read_udp find the end of the headers, or return 0. */
static int read_tcp(struct cut *cut, const struct virtio_net_hdr *header)
{
    const uint8_t *tcp = cut->octets + cut->inet.transport;
    uint32_t tcp_len;

    if (header->csum_offset != TCP_CHECKSUM || cut->len - cut->inet.transport < TCP_HEADER)
        return 0;
    tcp_len = (uint32_t)(tcp[TCP_DATA_OFFSET] >> 4) * 4;
    /* A connection begins and is reset once, not in every frame. */
    if (tcp_len < TCP_HEADER || (tcp[TCP_FLAGS] & (TCP_SYN | TCP_RST)) != 0)
        return 0;
    cut->header_len = cut->inet.transport + tcp_len;
    return 1;
}

static int read_udp(struct cut *cut, const struct virtio_net_hdr *header)
{
    const uint8_t *udp = cut->octets + cut->inet.transport;

    if (header->csum_offset != UDP_CHECKSUM || cut->len - cut->inet.transport < UDP_HEADER)
        return 0;
    cut->header_len = cut->inet.transport + UDP_HEADER;
    return load_be16(udp + UDP_LEN) == cut->len - cut->inet.transport;
}

int cut_begin(struct cut *cut, const uint8_t *octets, uint32_t len, const struct virtio_net_hdr *header)
{
    uint8_t version;
    uint8_t protocol = transport_of(header->gso_type, &version);

    memset(cut, 0, sizeof(*cut));
    if (protocol == 0 || header->gso_size == 0 || (header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) == 0)
        return 0;
    cut->octets = octets;
    cut->len = len;
    cut->size = header->gso_size;
    if (!inet_read(&cut->inet, octets, len) || cut->inet.protocol != protocol)
        return 0;
    if ((version != 0 && cut->inet.version != version) || header->csum_start != cut->inet.transport)
        return 0;
    if (!(protocol == INET_TCP ? read_tcp(cut, header) : read_udp(cut, header)))
        return 0;
    /* hdr_len is a hint only, and may be more than the headers; but not more than there is. */
    return cut->header_len < len && header->hdr_len <= len;
}

uint32_t cut_left(const struct cut *cut)
{
    uint32_t left = cut->len - cut->header_len - cut->done;

    return left / cut->size + (left % cut->size != 0);
}

uint32_t cut_longest(const struct cut *cut)
{
    uint32_t payload_len = cut->len - cut->header_len;

    return cut->header_len + (payload_len < cut->size ? payload_len : cut->size);
}

/* renew_ip writes what the IP header says of this one frame. */
static void renew_ip(const struct cut *cut, uint8_t *out, uint32_t frame_len)
{
    uint8_t *ip = out + cut->inet.network;
    uint32_t header_len = cut->inet.transport - cut->inet.network;

    if (cut->inet.version == 6) {
        store_be16(ip + IPV6_PAYLOAD_LEN, (uint16_t)(frame_len - cut->inet.network - IPV6_HEADER));
        return;
    }
    store_be16(ip + IPV4_TOTAL_LEN, (uint16_t)(frame_len - cut->inet.network));
    store_be16(ip + IPV4_ID, (uint16_t)(load_be16(ip + IPV4_ID) + cut->done / cut->size));
    store_be16(ip + IPV4_CHECKSUM, 0);
    store_be16(ip + IPV4_CHECKSUM, (uint16_t)~checksum_fold(checksum_add(0, ip, header_len)));
}

static void renew_tcp(const struct cut *cut, uint8_t *out, int is_last)
{
    uint8_t *tcp = out + cut->inet.transport;

    store_be32(tcp + TCP_SEQUENCE, load_be32(tcp + TCP_SEQUENCE) + cut->done);
    if (!is_last)
        tcp[TCP_FLAGS] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
    if (cut->done > 0)
        tcp[TCP_FLAGS] &= (uint8_t)~TCP_CWR;
}

/* renew_checksum turns the host's sum into the frame's. To take a length out is to add its complement. */
static void renew_checksum(const struct cut *cut, uint8_t *out, uint32_t frame_len)
{
    uint8_t *transport = out + cut->inet.transport;
    uint8_t *place = transport + (cut->inet.protocol == INET_TCP ? TCP_CHECKSUM : UDP_CHECKSUM);
    uint32_t transport_len = frame_len - cut->inet.transport;
    uint64_t sum = (uint64_t)load_be16(place) + (0xffff ^ (cut->len - cut->inet.transport)) + transport_len;
    uint16_t checksum;

    store_be16(place, 0);
    checksum = (uint16_t)~checksum_fold(checksum_add(sum, transport, transport_len));
    if (checksum == 0 && cut->inet.protocol == INET_UDP)
        checksum = 0xffff; /* 0 says that there is none (RFC 768) */
    store_be16(place, checksum);
}

uint32_t cut_next(struct cut *cut, uint8_t *out)
{
    uint32_t left = cut->len - cut->header_len - cut->done;
    uint32_t size = left < cut->size ? left : cut->size;
    uint32_t frame_len = cut->header_len + size;

    if (left == 0)
        return 0;
    memcpy(out, cut->octets, cut->header_len);
    memcpy(out + cut->header_len, cut->octets + cut->header_len + cut->done, size);
    renew_ip(cut, out, frame_len);
    if (cut->inet.protocol == INET_TCP)
        renew_tcp(cut, out, size == left);
    else
        store_be16(out + cut->inet.transport + UDP_LEN, (uint16_t)(UDP_HEADER + size));
    renew_checksum(cut, out, frame_len);
    cut->done += size;
    return frame_len;
}

int checksum_finish(uint8_t *frame, uint32_t len, const struct virtio_net_hdr *header)
{
    uint32_t place = (uint32_t)header->csum_start + header->csum_offset;
    uint16_t checksum;

    if ((header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) == 0)
        return 1;
    if (header->csum_start < ADDRESSES || place + 2 > len)
        return 0;
    /* The place holds the pseudo header's sum, which is part of the whole. */
    checksum = (uint16_t)~checksum_fold(checksum_add(0, frame + header->csum_start, len - header->csum_start));
    /* Whatever the protocol: to all of them 0 and 0xffff are the same sum, and UDP wants this one. */
    store_be16(frame + place, checksum == 0 ? 0xffff : checksum);
    return 1;
}
