/* open.c - the descriptors that a port is made of: a packet socket, a TAP interface, a wire in memory. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pysec_port.h"

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

/* close_and_fail closes fd and keeps the errno that is the reason. */
static int close_and_fail(int fd)
{
    int why = errno;

    close(fd);
    errno = why;
    return PYSEC_E_SYS;
}

/* copy_name is 0 if an interface's name fits, and then it is in request, else PYSEC_E_INVAL. */
static int copy_name(struct ifreq *request, const char *name)
{
    size_t len = strlen(name);

    memset(request, 0, sizeof(*request));
    if (len >= IFNAMSIZ)
        return PYSEC_E_INVAL;
    memcpy(request->ifr_name, name, len);
    return 0;
}

/* ask_for_room enlarges one buffer of a socket, past the system's limit if we may, else up to it. */
static void ask_for_room(int fd, int force, int plain, uint32_t octets)
{
    int want = octets > 0x3fffffff ? 0x3fffffff : (int)octets;

    if (octets != 0 && setsockopt(fd, SOL_SOCKET, force, &want, sizeof(want)) != 0)
        (void)setsockopt(fd, SOL_SOCKET, plain, &want, sizeof(want));
}

int pysec_port_open_packet(int *fd, const char *interface, uint32_t rx_octets)
{
    struct ifreq request;
    struct sockaddr_ll address;
    int one = 1;
    int sock;

    *fd = -1;
    if (copy_name(&request, interface) != 0)
        return PYSEC_E_INVAL;
    /* Protocol 0: nothing arrives before the socket is bound to the one interface that it is for. */
    sock = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (sock < 0)
        return PYSEC_E_SYS;
    if (ioctl(sock, SIOCGIFINDEX, &request) != 0)
        return close_and_fail(sock);
    ask_for_room(sock, SO_RCVBUFFORCE, SO_RCVBUF, rx_octets);
    /* The system takes VLAN tags out of frames and hands them over beside them: the port needs to be told. */
    if (setsockopt(sock, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one)) != 0)
        return close_and_fail(sock);
    /* Kernels before 4.20 do not know this; the port also looks at each frame's direction itself. */
    (void)setsockopt(sock, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
    memset(&address, 0, sizeof(address));
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    address.sll_ifindex = request.ifr_ifindex;
    if (bind(sock, (const struct sockaddr *)&address, sizeof(address)) != 0)
        return close_and_fail(sock);
    *fd = sock;
    return 0;
}

int pysec_port_open_tap(int *fd, char actual[16], const char *name, int super_frames)
{
    struct ifreq request;
    int tap;

    *fd = -1;
    memset(actual, 0, IFNAMSIZ);
    if (copy_name(&request, name) != 0)
        return PYSEC_E_INVAL;
    tap = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (tap < 0)
        return PYSEC_E_SYS;
    request.ifr_flags = super_frames ? IFF_TAP | IFF_NO_PI | IFF_VNET_HDR : IFF_TAP | IFF_NO_PI;
    if (ioctl(tap, TUNSETIFF, &request) != 0)
        return close_and_fail(tap);
    memcpy(actual, request.ifr_name, IFNAMSIZ);
    actual[IFNAMSIZ - 1] = '\0';
    *fd = tap;
    return 0;
}

int pysec_port_open_memory(int fds[2], uint32_t buffer_octets)
{
    fds[0] = -1;
    fds[1] = -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
        return PYSEC_E_SYS;
    /* What a local socket holds is charged to the sender. */
    ask_for_room(fds[0], SO_SNDBUFFORCE, SO_SNDBUF, buffer_octets);
    ask_for_room(fds[1], SO_SNDBUFFORCE, SO_SNDBUF, buffer_octets);
    return 0;
}

int pysec_port_disable_offloads(const char *interface)
{
    /* Segmentation before scatter-gather and checksums, on which it rests. */
    static const uint32_t features[] = {ETHTOOL_SGRO, ETHTOOL_SGSO, ETHTOOL_STSO, ETHTOOL_STXCSUM, ETHTOOL_SRXCSUM};
    struct ethtool_value value;
    struct ifreq request;
    int sock;

    if (copy_name(&request, interface) != 0)
        return PYSEC_E_INVAL;
    sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (sock < 0)
        return PYSEC_E_SYS;
    for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
        value.cmd = features[i];
        value.data = 0;
        request.ifr_data = (char *)&value;
        if (ioctl(sock, SIOCETHTOOL, &request) != 0 && errno != EOPNOTSUPP && errno != EINVAL)
            return close_and_fail(sock);
    }
    close(sock);
    return 0;
}
