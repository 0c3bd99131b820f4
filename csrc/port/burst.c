/* burst.c - bursts of frames from descriptors and to them.
 *
 * Sockets give and take a burst in one system call (recvmmsg, sendmmsg); a TAP interface takes one call for each
 * frame, or super-frame (super.c). What the system did to a frame on its way is undone or counted here: a VLAN tag that
 * it took out goes back in, a frame that it cut off is dropped as too long, a checksum that it left for hardware is
 * counted.
 */
#define _GNU_SOURCE /* recvmmsg, sendmmsg */

#include "port/burst.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/secret.h"
#include "port/super.h"

#define VLAN_TAG 4
#define ADDRESSES 12
#define RETRY_MS 1 /* a full transmit queue of a device announces no room: look again */

int burst_init(struct burst *burst, const struct endpoint *from, uint32_t frame_octets, uint32_t max_frames)
{
    memset(burst, 0, sizeof(*burst));
    /* One octet more than the longest frame is read: if it is used, the frame was longer. */
    burst->slot_octets = (BURST_ROOM + frame_octets + 1 + PYSEC_TAILROOM + 63) & ~(uint32_t)63;
    burst->frame_octets = frame_octets;
    burst->max_frames = max_frames;
    burst->memory_len = (size_t)burst->slot_octets * max_frames;
    burst->memory = calloc(1, burst->memory_len);
    if (burst->memory == NULL)
        return PYSEC_E_NOMEM;
    return from->kind == ENDPOINT_SUPER ? super_init(burst) : 0;
}

void burst_wipe(struct burst *burst)
{
    if (burst->memory != NULL)
        wipe(burst->memory, burst->memory_len);
    free(burst->memory);
    burst->memory = NULL;
    burst->num_frames = 0;
    super_wipe(burst);
}

struct pysec_frame *burst_take(struct burst *burst, struct tally *tally, uint32_t slot, size_t len)
{
    struct pysec_frame *frame = &burst->frames[burst->num_frames];

    tally_add(&tally->frames_in, 1);
    tally_add(&tally->octets_in, len);
    if (len > burst->frame_octets) {
        tally_add(&tally->too_long, 1);
        return NULL;
    }
    memset(frame, 0, sizeof(*frame));
    frame->slot = slot * burst->slot_octets;
    frame->slot_len = burst->slot_octets;
    frame->offset = frame->slot + BURST_ROOM;
    frame->len = (uint32_t)len;
    burst->num_frames++;
    return frame;
}

/* restore_vlan puts a tag back where it stood: behind the two addresses, which move down. */
static void restore_vlan(struct burst *burst, struct pysec_frame *frame, const struct tpacket_auxdata *aux)
{
    uint8_t *start = burst->memory + frame->offset - VLAN_TAG;
    uint16_t tpid = (aux->tp_status & TP_STATUS_VLAN_TPID_VALID) != 0 ? aux->tp_vlan_tpid : 0x8100;

    memmove(start, start + VLAN_TAG, ADDRESSES);
    store_be16(start + ADDRESSES, tpid);
    store_be16(start + ADDRESSES + 2, aux->tp_vlan_tci);
    frame->offset -= VLAN_TAG;
    frame->len += VLAN_TAG;
}

/* undo looks at what the system says it did to a frame of a packet socket. */
static void undo(struct burst *burst, struct tally *tally, struct pysec_frame *frame, struct msghdr *message)
{
    struct tpacket_auxdata aux;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA || c->cmsg_len < CMSG_LEN(sizeof(aux)))
            continue;
        memcpy(&aux, CMSG_DATA(c), sizeof(aux));
        if ((aux.tp_status & TP_STATUS_CSUMNOTREADY) != 0)
            tally_add(&tally->partial_checksums, 1);
        if ((aux.tp_status & TP_STATUS_VLAN_VALID) == 0 || frame->len < ADDRESSES)
            continue;
        restore_vlan(burst, frame, &aux);
        tally_add(&tally->vlan_restored, 1);
    }
}

static void prepare(struct burst *burst, uint32_t i, int with_sender)
{
    struct msghdr *message = &burst->messages[i].msg_hdr;

    burst->pieces[i].iov_base = burst_place(burst, i);
    burst->pieces[i].iov_len = burst->frame_octets + 1;
    memset(&burst->messages[i], 0, sizeof(burst->messages[i]));
    message->msg_iov = &burst->pieces[i];
    message->msg_iovlen = 1;
    if (!with_sender)
        return;
    message->msg_name = &burst->senders[i];
    message->msg_namelen = sizeof(burst->senders[i]);
    message->msg_control = burst->controls[i].octets;
    message->msg_controllen = sizeof(burst->controls[i].octets);
}

/* without_end is how many of n messages are messages, *closed whether the other end is found to have closed. A local
 * socket gives empty messages without end for that, but also one for each that was sent. If something stopped the
 * system before it had filled the burst, all were sent. Of those sent right before the close nobody can tell. */
static int without_end(const struct burst *burst, int n, const struct endpoint *end, int *closed)
{
    *closed = end->kind == ENDPOINT_LOCAL && (uint32_t)n == burst->max_frames && burst->messages[n - 1].msg_len == 0 &&
              endpoint_is_closed(end);
    if (*closed) {
        while (n > 0 && burst->messages[n - 1].msg_len == 0)
            n--;
    }
    return n;
}

static int receive_messages(struct burst *burst, struct tally *tally, const struct endpoint *end)
{
    int packet = end->kind == ENDPOINT_PACKET;
    int closed;
    int n;

    for (uint32_t i = 0; i < burst->max_frames; i++)
        prepare(burst, i, packet);
    n = recvmmsg(end->fd, burst->messages, burst->max_frames, MSG_DONTWAIT, NULL);
    if (n < 0)
        return errno;
    n = without_end(burst, n, end, &closed);
    for (int i = 0; i < n; i++) {
        struct msghdr *message = &burst->messages[i].msg_hdr;
        size_t len = burst->messages[i].msg_len;
        struct pysec_frame *frame;

        if (packet && burst->senders[i].sll_pkttype == PACKET_OUTGOING) {
            tally_add(&tally->frames_in, 1);
            tally_add(&tally->octets_in, len);
            tally_add(&tally->own, 1);
            continue;
        }
        if ((message->msg_flags & MSG_TRUNC) != 0)
            len = burst->frame_octets + 1;
        frame = burst_take(burst, tally, (uint32_t)i, len);
        if (frame != NULL && packet)
            undo(burst, tally, frame, message);
    }
    /* With frames in hand, the next call meets it first. */
    return closed && burst->num_frames == 0 ? EPIPE : 0;
}

static int receive_from_tap(struct burst *burst, struct tally *tally, const struct endpoint *end)
{
    for (uint32_t i = 0; i < burst->max_frames; i++) {
        ssize_t len = read(end->fd, burst_place(burst, i), burst->frame_octets + 1);

        if (len < 0)
            return i == 0 ? errno : 0; /* if it lasts, the next call meets it first */
        (void)burst_take(burst, tally, i, (size_t)len);
    }
    return 0;
}

int burst_receive(struct burst *burst, struct tally *tally, const struct endpoint *end)
{
    burst->num_frames = 0;
    if (end->kind == ENDPOINT_TAP)
        return receive_from_tap(burst, tally, end);
    if (end->kind == ENDPOINT_SUPER)
        return super_receive(burst, tally, end);
    return receive_messages(burst, tally, end);
}

/* wait_for_room is 1 once it is worth trying again, 0 if the port is being stopped. */
static int wait_for_room(const struct endpoint *end, int wake_fd, int why)
{
    struct pollfd fds[2] = {{.fd = wake_fd, .events = POLLIN}, {.fd = end->fd, .events = POLLOUT}};
    int device_full = why == ENOBUFS || why == ENOMEM;

    if (poll(fds, device_full ? 1 : 2, device_full ? RETRY_MS : -1) < 0)
        return 1; /* EINTR */
    return fds[0].revents == 0;
}

/* collect points the message headers at the frames with this action and returns how many messages there are. */
static uint32_t collect(struct burst *burst, uint8_t action)
{
    uint32_t num = 0;

    for (uint32_t i = 0; i < burst->num_frames; i++) {
        const struct pysec_frame *frame = &burst->frames[i];

        if (frame->action != action)
            continue;
        burst->pieces[num].iov_base = burst->memory + frame->offset;
        burst->pieces[num].iov_len = frame->len;
        memset(&burst->messages[num], 0, sizeof(burst->messages[num]));
        burst->messages[num].msg_hdr.msg_iov = &burst->pieces[num];
        burst->messages[num].msg_hdr.msg_iovlen = 1;
        burst->parts[num] = 1;
        burst->octets[num] = frame->len;
        num++;
    }
    return num;
}

/* send_some hands on messages from number `from` on; *done is how many went. Returns 0, or the errno that stopped it.
 */
static int send_some(struct burst *burst, uint32_t *done, const struct endpoint *end, uint32_t from, uint32_t num)
{
    *done = 0;
    if (end->kind == ENDPOINT_TAP || end->kind == ENDPOINT_SUPER) {
        for (; from < num; from++) {
            const struct msghdr *message = &burst->messages[from].msg_hdr;

            if (writev(end->fd, message->msg_iov, (int)message->msg_iovlen) < 0)
                return errno;
            (*done)++;
        }
        return 0;
    }
    while (from < num) {
        int n = sendmmsg(end->fd, burst->messages + from, num - from, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0)
            return errno;
        *done += (uint32_t)n;
        from += (uint32_t)n;
    }
    return 0;
}

/* frames_of is how many frames messages [from, from + num) are; *octets: and the octets of those. */
static uint64_t frames_of(const struct burst *burst, uint64_t *octets, uint32_t from, uint32_t num)
{
    uint64_t frames = 0;

    *octets = 0;
    for (uint32_t i = from; i < from + num; i++) {
        frames += burst->parts[i];
        *octets += burst->octets[i];
    }
    return frames;
}

static void count_sent(const struct burst *burst, struct tally *tally, uint32_t from, uint32_t num)
{
    uint64_t octets;

    tally_add(&tally->frames_out, frames_of(burst, &octets, from, num));
    tally_add(&tally->octets_out, octets);
}

void burst_send(struct burst *burst, struct tally *tally, const struct endpoint *end, uint8_t action, int wake_fd)
{
    uint32_t num = end->kind == ENDPOINT_SUPER ? super_collect(burst, tally, action) : collect(burst, action);
    uint32_t next = 0;
    uint64_t octets;

    while (next < num) {
        uint32_t done;
        int why = send_some(burst, &done, end, next, num);

        count_sent(burst, tally, next, done);
        next += done;
        if (why == 0 || why == EINTR)
            continue;
        if (why == EAGAIN || why == ENOBUFS || why == ENOMEM) {
            tally_add(&tally->waits, 1);
            if (wait_for_room(end, wake_fd, why))
                continue;
            tally_add(&tally->unsent, frames_of(burst, &octets, next, num - next));
            return;
        }
        /* For good, for this frame: the interface is down, the frame longer than its MTU, the other end closed. */
        tally_add(&tally->failed, burst->parts[next]);
        atomic_store_explicit(&tally->last_error, why, memory_order_relaxed);
        next++;
    }
}

void burst_offer(struct burst *burst, struct tally *tally, const struct endpoint *end)
{
    uint32_t num = collect(burst, PYSEC_A_UNCONTROLLED);
    uint32_t done = 0;

    if (num == 0)
        return;
    if (end->kind != ENDPOINT_NONE)
        (void)send_some(burst, &done, end, 0, num);
    tally_add(&tally->uncontrolled, done);
    tally_add(&tally->uncontrolled_lost, num - done);
}
