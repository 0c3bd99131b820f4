/* inet.h - where in a frame IP and the transport protocol begin. A SecY protects what lies behind the addresses and
 * does not care what it is; cutting and merging must. */
#ifndef PYSEC_PORT_INET_H
#define PYSEC_PORT_INET_H

#include <stdint.h>

#define INET_TCP 6
#define INET_UDP 17

#define IPV4_HEADER 20 /* without options */
#define IPV6_HEADER 40
#define TCP_HEADER 20 /* without options */
#define UDP_HEADER 8

/* Offsets into the headers: RFC 791 3.1, RFC 8200 3, RFC 9293 3.1, RFC 768. */
#define IPV4_TOTAL_LEN 2
#define IPV4_ID 4
#define IPV4_FRAGMENT 6
#define IPV4_PROTOCOL 9
#define IPV4_CHECKSUM 10
#define IPV4_ADDRESSES 12
#define IPV6_PAYLOAD_LEN 4
#define IPV6_NEXT_HEADER 6
#define IPV6_ADDRESSES 8
#define TCP_SEQUENCE 4
#define TCP_DATA_OFFSET 12
#define TCP_FLAGS 13
#define TCP_CHECKSUM 16
#define UDP_LEN 4
#define UDP_CHECKSUM 6

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_PSH 0x08
#define TCP_ACK 0x10
#define TCP_URG 0x20
#define TCP_CWR 0x80

/* Offsets from the destination address on. */
struct inet {
    uint32_t network;   /* of the IPv4 or IPv6 header, behind up to two VLAN tags */
    uint32_t transport; /* of the TCP or UDP header */
    uint8_t version;    /* 4 or 6 */
    uint8_t protocol;   /* INET_TCP or INET_UDP */
};

/* inet_read finds the headers of a frame that carries the beginning and the end of one TCP segment or UDP datagram, by
 * itself: no fragment, and the length that IP gives ends where the frame ends. Returns 1, or 0 for any other frame, of
 * which nothing beyond len is read. The transport header itself may still be cut short. */
int inet_read(struct inet *found, const uint8_t *frame, uint32_t len);

/* inet_pseudo_header is the running sum of the pseudo header of a transport_len octets long segment or datagram (RFC
 * 9293 3.1, RFC 8200 8.1). Without a routing header, the addresses are those of the IP header. */
uint64_t inet_pseudo_header(const struct inet *found, const uint8_t *frame, uint32_t transport_len);

#endif
