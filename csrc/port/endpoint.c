/* endpoint.c - what kind of descriptor is this, has its other end closed, and what did the system lose at it. */
#define _GNU_SOURCE /* POLLRDHUP */

#include "port/endpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pysec.h"

#ifndef TUN_F_USO4 /* Linux 6.2 */
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

/* The descriptor itself knows best: a caller that had to say it as well could only get it wrong. */
static enum endpoint_kind kind_of(int fd)
{
    int domain = 0;
    int type = 0;
    socklen_t len = sizeof(int);
    struct ifreq request;

    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0) {
        len = sizeof(int);
        if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) != 0)
            return ENDPOINT_NONE;
        if (domain == AF_PACKET && type == SOCK_RAW)
            return ENDPOINT_PACKET;
        if (domain == AF_UNIX && (type == SOCK_SEQPACKET || type == SOCK_DGRAM))
            return ENDPOINT_LOCAL;
        return ENDPOINT_NONE;
    }
    memset(&request, 0, sizeof(request));
    if (ioctl(fd, TUNGETIFF, &request) != 0)
        return ENDPOINT_NONE;
    /* Whether there is a packet information header cannot be asked: the kernel answers with IFF_NOFILTER, the same bit,
     * so pysec_port.h asks for none. */
    if ((request.ifr_flags & IFF_TAP) == 0)
        return ENDPOINT_NONE;
    return (request.ifr_flags & IFF_VNET_HDR) != 0 ? ENDPOINT_SUPER : ENDPOINT_TAP;
}

/* take_over has the host leave cutting and checksums to us, as far as this kernel knows how to; the least is a header
 * of the length that we read, and it asks for nothing. */
static int take_over(int fd)
{
    static const unsigned int tcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
    int header_len = (int)sizeof(struct virtio_net_hdr);

    if (ioctl(fd, TUNSETVNETHDRSZ, &header_len) != 0)
        return PYSEC_E_SYS;
    if (ioctl(fd, TUNSETOFFLOAD, tcp | TUN_F_USO4 | TUN_F_USO6) != 0 && ioctl(fd, TUNSETOFFLOAD, tcp) != 0)
        (void)ioctl(fd, TUNSETOFFLOAD, 0);
    return 0;
}

int endpoint_init(struct endpoint *end, int fd)
{
    int flags;

    end->fd = -1;
    end->kind = ENDPOINT_NONE;
    if (fd == -1)
        return 0;
    if (fcntl(fd, F_GETFD) < 0)
        return PYSEC_E_SYS;
    end->kind = kind_of(fd);
    if (end->kind == ENDPOINT_NONE)
        return PYSEC_E_UNSUPPORTED;
    end->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (end->fd < 0)
        return PYSEC_E_SYS;
    if (end->kind != ENDPOINT_TAP && end->kind != ENDPOINT_SUPER)
        return 0; /* sockets are asked not to block call by call */
    flags = fcntl(end->fd, F_GETFL);
    if (flags < 0 || fcntl(end->fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        (end->kind == ENDPOINT_SUPER && take_over(end->fd) != 0)) {
        endpoint_wipe(end);
        return PYSEC_E_SYS;
    }
    return 0;
}

void endpoint_wipe(struct endpoint *end)
{
    if (end->fd >= 0)
        close(end->fd);
    end->fd = -1;
    end->kind = ENDPOINT_NONE;
}

int endpoint_bypass_qdisc(const struct endpoint *end)
{
    int one = 1;

    if (end->kind != ENDPOINT_PACKET)
        return 0;
    return setsockopt(end->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)) == 0 ? 0 : PYSEC_E_SYS;
}

int endpoint_is_closed(const struct endpoint *end)
{
    struct pollfd state = {.fd = end->fd, .events = POLLRDHUP};
    int octets = 0;

    /* In this order: once the other end has closed, nothing is added to what waits. */
    if (poll(&state, 1, 0) < 1 || (state.revents & (POLLRDHUP | POLLHUP)) == 0)
        return 0;
    return ioctl(end->fd, FIONREAD, &octets) != 0 || octets == 0;
}

uint64_t endpoint_overruns(const struct endpoint *end)
{
    struct tpacket_stats stats;
    socklen_t len = sizeof(stats);

    if (end->kind != ENDPOINT_PACKET)
        return 0;
    memset(&stats, 0, sizeof(stats));
    /* Reading sets the system's count back to zero, so nothing is counted twice. */
    if (getsockopt(end->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len) != 0)
        return 0;
    return stats.tp_drops;
}
