/* inet.c - finding IP, TCP and UDP in a frame, for those who cut and merge. Lengths are believed only where they agree
 * with the frame's own. */
#include "port/inet.h"

#include "base/bytes.h"
#include "port/checksum.h"

#define ETHERTYPE 12
#define VLAN_TAG 4
#define MAX_VLAN_TAGS 2
#define MORE_FRAGMENTS_AND_OFFSET 0x3fff

/* RFC 8200 4.3, 4.4, 4.6: those that may stand between the IPv6 header and a transport header of a whole packet. */
#define HOP_BY_HOP 0
#define ROUTING 43
#define DESTINATION 60
#define MAX_EXTENSIONS 8

static int read_ipv4(struct inet *found, const uint8_t *frame, uint32_t len)
{
    const uint8_t *ip = frame + found->network;
    uint32_t header_len;

    if (len - found->network < IPV4_HEADER || ip[0] >> 4 != 4)
        return 0;
    header_len = (ip[0] & 0xfu) * 4;
    if (header_len < IPV4_HEADER || header_len > len - found->network)
        return 0;
    if (load_be16(ip + IPV4_TOTAL_LEN) != len - found->network)
        return 0;
    if ((load_be16(ip + IPV4_FRAGMENT) & MORE_FRAGMENTS_AND_OFFSET) != 0)
        return 0;
    found->version = 4;
    found->protocol = ip[IPV4_PROTOCOL];
    found->transport = found->network + header_len;
    return 1;
}

static int read_ipv6(struct inet *found, const uint8_t *frame, uint32_t len)
{
    const uint8_t *ip = frame + found->network;
    uint32_t at = found->network + IPV6_HEADER;
    uint8_t next;

    if (len - found->network < IPV6_HEADER || ip[0] >> 4 != 6)
        return 0;
    if (load_be16(ip + IPV6_PAYLOAD_LEN) != len - at)
        return 0;
    next = ip[IPV6_NEXT_HEADER];
    for (int i = 0; i < MAX_EXTENSIONS && (next == HOP_BY_HOP || next == ROUTING || next == DESTINATION); i++) {
        uint32_t extension_len;

        if (len - at < 8)
            return 0;
        extension_len = (frame[at + 1] + 1u) * 8;
        if (extension_len > len - at)
            return 0;
        next = frame[at];
        at += extension_len;
    }
    found->version = 6;
    found->protocol = next;
    found->transport = at;
    return 1;
}

int inet_read(struct inet *found, const uint8_t *frame, uint32_t len)
{
    uint32_t at = ETHERTYPE;
    int known;

    for (int i = 0; i < MAX_VLAN_TAGS; i++) {
        uint16_t type;

        if (len < at + 2)
            return 0;
        type = load_be16(frame + at);
        if (type != 0x8100 && type != 0x88a8)
            break;
        at += VLAN_TAG;
    }
    if (len < at + 2)
        return 0;
    found->network = at + 2;
    switch (load_be16(frame + at)) {
    case 0x0800:
        known = read_ipv4(found, frame, len);
        break;
    case 0x86dd:
        known = read_ipv6(found, frame, len);
        break;
    default:
        known = 0;
    }
    return known && (found->protocol == INET_TCP || found->protocol == INET_UDP);
}

uint64_t inet_pseudo_header(const struct inet *found, const uint8_t *frame, uint32_t transport_len)
{
    uint64_t sum = (uint64_t)transport_len + found->protocol;

    if (found->version == 4)
        return checksum_add(sum, frame + found->network + IPV4_ADDRESSES, 8);
    return checksum_add(sum, frame + found->network + IPV6_ADDRESSES, 32);
}
