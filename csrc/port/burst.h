/* burst.h - the frames that one direction has in hand: an arena of slots and the message headers over it.
 *
 * The memory starts out as zeros and belongs to one thread. A frame is read to behind BURST_ROOM octets, so that a VLAN
 * tag can be put back and a SecTAG be put in by moving the two addresses only.
 */
#ifndef PYSEC_PORT_BURST_H
#define PYSEC_PORT_BURST_H

#include <linux/if_packet.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "port/endpoint.h"
#include "port/segment.h"
#include "port/tally.h"
#include "pysec_port.h"

#define BURST_ROOM 32 /* in front: a VLAN tag, then the SecTAG, and the frame begins on a round address */

/* What comes with a message from a packet socket; the union is for alignment. */
union burst_control {
    struct cmsghdr align;
    uint8_t octets[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
};

struct burst {
    uint8_t *memory;
    size_t memory_len;
    uint32_t slot_octets;
    uint32_t frame_octets; /* the longest frame taken */
    uint32_t max_frames;
    uint32_t num_frames; /* in frames[], from 0 */
    struct pysec_frame frames[PYSEC_PORT_MAX_BURST];
    struct mmsghdr messages[PYSEC_PORT_MAX_BURST];
    struct iovec pieces[2 * PYSEC_PORT_MAX_BURST]; /* of the messages; a header goes before what a TAP is given */
    uint32_t parts[PYSEC_PORT_MAX_BURST];          /* to be sent: how many frames each message is, */
    uint32_t octets[PYSEC_PORT_MAX_BURST];         /* and the octets of those */
    struct virtio_net_hdr headers[PYSEC_PORT_MAX_BURST];
    uint8_t *staging; /* where a super-frame lies while it is cut; NULL if none can come */
    size_t staging_len;
    struct cut cut; /* the super-frame of which not all went into the last burst */
    struct sockaddr_ll senders[PYSEC_PORT_MAX_BURST];
    union burst_control controls[PYSEC_PORT_MAX_BURST];
};

/* burst_init allocates the arena, for frames from that endpoint; PYSEC_E_NOMEM. */
int burst_init(struct burst *burst, const struct endpoint *from, uint32_t frame_octets, uint32_t max_frames);

/* burst_wipe erases and frees the arena, in which frames lay in clear. */
void burst_wipe(struct burst *burst);

/* burst_place is where the frame of a slot begins. */
static inline uint8_t *burst_place(struct burst *burst, uint32_t slot)
{
    return burst->memory + (size_t)slot * burst->slot_octets + BURST_ROOM;
}

/* burst_take counts a frame of len octets that lies at a slot's place, and makes it the next of the burst; NULL if it
 * is too long, which is counted too. */
struct pysec_frame *burst_take(struct burst *burst, struct tally *tally, uint32_t slot, size_t len);

/* burst_is_cutting is 1 while a super-frame has frames left for the next burst. */
static inline int burst_is_cutting(const struct burst *burst)
{
    return burst->cut.header_len + burst->cut.done < burst->cut.len;
}

/* burst_abandon gives up the rest of a super-frame: it counts as read and not sent. */
void burst_abandon(struct burst *burst, struct tally *tally);

/* burst_receive reads what is there, up to a burst, without waiting. Returns 0, or the errno of what went wrong with
 * no frame read; EAGAIN if nothing is there, EPIPE if the other end of a local socket has closed. */
int burst_receive(struct burst *burst, struct tally *tally, const struct endpoint *end);

/* burst_send hands on, in order, the frames with this action. Where there is no room it waits, but not beyond the
 * moment at which wake_fd becomes readable. */
void burst_send(struct burst *burst, struct tally *tally, const struct endpoint *end, uint8_t action, int wake_fd);

/* burst_offer hands on the frames for the uncontrolled port, and waits for nothing. */
void burst_offer(struct burst *burst, struct tally *tally, const struct endpoint *end);

#endif
