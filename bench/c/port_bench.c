/* port_bench.c - what stands beside a port in `python -m bench port`: a source of frames, and the least that a program
 * can do to hand frames on.
 *
 *   port_bench source INTERFACE OCTETS SECONDS   send frames as fast as they are taken; prints how many, and the time
 *   port_bench bare FROM TO                      hand on what arrives, until stdin ends; prints how many
 *
 * Interfaces are those of the namespace that the program is started in. Frames have the EtherType for experiments. */
#define _GNU_SOURCE /* recvmmsg, sendmmsg */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "pysec_port.h"

#define BURST 64
#define LONGEST 9018

static uint8_t octets[BURST][LONGEST];
static struct iovec pieces[BURST];
static struct mmsghdr messages[BURST];

static void fail(const char *what)
{
    fprintf(stderr, "port_bench: %s: %s\n", what, strerror(errno));
    exit(2);
}

static int open_on(const char *interface)
{
    int fd;

    if (pysec_port_open_packet(&fd, interface, 32 << 20) != 0)
        fail(interface);
    return fd;
}

static void prepare(size_t len)
{
    memset(messages, 0, sizeof(messages));
    for (int i = 0; i < BURST; i++) {
        pieces[i].iov_base = octets[i];
        pieces[i].iov_len = len;
        messages[i].msg_hdr.msg_iov = &pieces[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
}

/* send_all waits for room, as a port does. */
static void send_all(int fd, int num)
{
    struct pollfd room = {.fd = fd, .events = POLLOUT};

    for (int at = 0; at < num;) {
        int done = sendmmsg(fd, messages + at, (unsigned)(num - at), MSG_DONTWAIT);
        if (done > 0)
            at += done;
        else if (errno == EAGAIN || errno == ENOBUFS)
            (void)poll(&room, 1, 1);
        else if (errno != EINTR)
            fail("sendmmsg");
    }
}

static int source(const char *interface, size_t len, double seconds)
{
    int fd = open_on(interface);
    unsigned long long num = 0;
    uint64_t begin = now_ns(), end = begin + (uint64_t)(seconds * 1e9);

    if (len < 14 || len > LONGEST)
        return 2;
    for (int i = 0; i < BURST; i++) {
        memcpy(octets[i], "\x02\0\0\0\x0b\x0b\x02\0\0\0\x0b\x0a\x88\xb5", 14);
        memset(octets[i] + 14, i, LONGEST - 14);
    }
    prepare(len);
    for (; now_ns() < end; num += BURST)
        send_all(fd, BURST);
    printf("%llu %llu\n", num, (unsigned long long)(now_ns() - begin));
    return 0;
}

static int bare(const char *from, const char *to)
{
    int in = open_on(from), out = open_on(to);
    struct pollfd fds[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = in, .events = POLLIN}};
    unsigned long long total = 0;

    for (;;) {
        int num;

        if (poll(fds, 2, -1) < 0)
            continue;
        if (fds[0].revents != 0)
            break;
        prepare(LONGEST);
        num = recvmmsg(in, messages, BURST, MSG_DONTWAIT, NULL);
        if (num <= 0)
            continue;
        for (int i = 0; i < num; i++)
            pieces[i].iov_len = messages[i].msg_len;
        send_all(out, num);
        total += (unsigned)num;
    }
    printf("%llu\n", total);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "source") == 0)
        return source(argv[2], (size_t)strtoul(argv[3], NULL, 10), strtod(argv[4], NULL));
    if (argc == 4 && strcmp(argv[1], "bare") == 0)
        return bare(argv[2], argv[3]);
    fprintf(stderr, "usage: port_bench source INTERFACE OCTETS SECONDS | bare FROM TO\n");
    return 2;
}
