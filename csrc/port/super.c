/* super.c - super-frames in and out of a TAP interface.
 *
 * A system call for each frame of 1500 octets is what made TCP through a TAP slow; so the host is let hand over 64 KiB
 * at once, and take as much. One read goes to two places: the first octets to a slot of the burst, where a frame that
 * needs no cutting stays, the rest to the staging area. Only a super-frame is copied, and that once, as it is cut; the
 * frames that it becomes already lie where the SecY protects them. What is merged is not copied at all: it is written
 * from where it was received, in pieces.
 */
#define _GNU_SOURCE /* struct mmsghdr, of burst.h */

#include "port/super.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "base/secret.h"
#include "port/merge.h"

/* The longest that IP can tell, behind addresses, EtherType and two VLAN tags. */
#define MAX_SUPER (14 + 8 + 65535)

int super_init(struct burst *burst)
{
    burst->staging_len = (size_t)burst->frame_octets + 1 + MAX_SUPER;
    burst->staging = calloc(1, burst->staging_len);
    return burst->staging == NULL ? PYSEC_E_NOMEM : 0;
}

void super_wipe(struct burst *burst)
{
    if (burst->staging != NULL)
        wipe(burst->staging, burst->staging_len);
    free(burst->staging);
    burst->staging = NULL;
    memset(&burst->cut, 0, sizeof(burst->cut));
}

/* read_one reads into the place of a slot and on into the staging area. Returns 0 or an errno. */
static int read_one(struct burst *burst, struct virtio_net_hdr *header, uint32_t *len, const struct endpoint *end,
                    uint32_t slot)
{
    size_t in_slot = (size_t)burst->frame_octets + 1;
    struct iovec places[3] = {{.iov_base = header, .iov_len = sizeof(*header)},
                              {.iov_base = burst_place(burst, slot), .iov_len = in_slot},
                              {.iov_base = burst->staging + in_slot, .iov_len = burst->staging_len - in_slot}};
    ssize_t got = readv(end->fd, places, 3);

    if (got < 0)
        return errno;
    if ((size_t)got < sizeof(*header))
        return EIO; /* the kernel gives it whole */
    *len = (uint32_t)((size_t)got - sizeof(*header));
    return 0;
}

/* drop counts num frames that were read and go no further, for the reason that the counter has. */
static void drop(struct tally *tally, _Atomic uint64_t *reason, uint64_t num, uint64_t octets)
{
    tally_add(&tally->frames_in, num);
    tally_add(&tally->octets_in, octets);
    tally_add(reason, num);
}

/* begin_cut gets ready to cut what was read to a slot and behind it. */
static void begin_cut(struct burst *burst, struct tally *tally, const struct virtio_net_hdr *header, uint32_t len,
                      uint32_t slot)
{
    uint32_t in_slot = burst->frame_octets + 1;
    struct cut cut;

    memcpy(burst->staging, burst_place(burst, slot), len < in_slot ? len : in_slot);
    if (!cut_begin(&cut, burst->staging, len, header)) {
        drop(tally, &tally->malformed, 1, len);
        return;
    }
    if (cut_longest(&cut) > burst->frame_octets) {
        drop(tally, &tally->too_long, cut_left(&cut), len);
        return;
    }
    tally_add(&tally->super_frames, 1);
    burst->cut = cut;
}

static void cut_some(struct burst *burst, struct tally *tally)
{
    while (burst_is_cutting(burst) && burst->num_frames < burst->max_frames) {
        uint32_t slot = burst->num_frames;
        uint32_t len = cut_next(&burst->cut, burst_place(burst, slot));

        (void)burst_take(burst, tally, slot, len);
    }
}

/* take_plain takes what is a frame already, its checksum perhaps left to us. */
static void take_plain(struct burst *burst, struct tally *tally, const struct virtio_net_hdr *header, uint32_t len,
                       uint32_t slot)
{
    int unfinished = (header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0;

    if (len <= burst->frame_octets && !checksum_finish(burst_place(burst, slot), len, header)) {
        drop(tally, &tally->malformed, 1, len);
        return;
    }
    if (burst_take(burst, tally, slot, len) != NULL && unfinished)
        tally_add(&tally->checksums, 1);
}

int super_receive(struct burst *burst, struct tally *tally, const struct endpoint *end)
{
    cut_some(burst, tally);
    /* So many reads at most, lest a host whose frames are all dropped keeps us here for ever. */
    for (uint32_t reads = 0; reads < burst->max_frames && burst->num_frames < burst->max_frames; reads++) {
        struct virtio_net_hdr header;
        uint32_t slot = burst->num_frames;
        uint32_t len;
        int why = read_one(burst, &header, &len, end, slot);

        if (why != 0)
            return reads == 0 && slot == 0 ? why : 0; /* if it lasts, the next call meets it first */
        if (header.gso_type == VIRTIO_NET_HDR_GSO_NONE)
            take_plain(burst, tally, &header, len, slot);
        else
            begin_cut(burst, tally, &header, len, slot);
        cut_some(burst, tally);
    }
    return 0;
}

void burst_abandon(struct burst *burst, struct tally *tally)
{
    const struct cut *cut = &burst->cut;

    if (burst_is_cutting(burst)) {
        uint64_t num = cut_left(cut);

        drop(tally, &tally->unsent, num, num * cut->header_len + cut->len - cut->header_len - cut->done);
    }
    memset(&burst->cut, 0, sizeof(burst->cut));
}

/* ---- To the host ------------------------------------------------------------------------------------------------- */

/* describe makes message number num of a header and num_frames pieces; it begins at piece number at, and what it
 * returns is where the next one begins. */
static uint32_t describe(struct burst *burst, uint32_t num, uint32_t at, const struct iovec *frames,
                         uint32_t num_frames)
{
    struct msghdr *message = &burst->messages[num].msg_hdr;

    memset(&burst->messages[num], 0, sizeof(burst->messages[num]));
    message->msg_iov = &burst->pieces[at];
    message->msg_iovlen = num_frames + 1;
    burst->pieces[at].iov_base = &burst->headers[num];
    burst->pieces[at].iov_len = sizeof(burst->headers[num]);
    memcpy(&burst->pieces[at + 1], frames, num_frames * sizeof(*frames));
    burst->parts[num] = num_frames;
    return at + 1 + num_frames;
}

uint32_t super_collect(struct burst *burst, struct tally *tally, uint8_t action)
{
    struct iovec frames[PYSEC_PORT_MAX_BURST];
    uint32_t num_frames = 0, num = 0, at = 0;

    for (uint32_t i = 0; i < burst->num_frames; i++) {
        if (burst->frames[i].action != action)
            continue;
        frames[num_frames].iov_base = burst->memory + burst->frames[i].offset;
        frames[num_frames++].iov_len = burst->frames[i].len;
    }
    for (uint32_t next = 0; next < num_frames; num++) {
        uint32_t room = num_frames - next;
        uint32_t octets[PYSEC_PORT_MAX_BURST];
        uint32_t taken;

        for (uint32_t i = 0; i < room; i++)
            octets[i] = (uint32_t)frames[next + i].iov_len;
        taken = merge_next(&burst->headers[num], frames + next, room);
        burst->octets[num] = 0;
        for (uint32_t i = 0; i < taken; i++)
            burst->octets[num] += octets[i];
        at = describe(burst, num, at, frames + next, taken);
        next += taken;
        tally_add(&tally->super_frames, taken > 1);
    }
    return num;
}
