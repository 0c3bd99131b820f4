/* burst.h - the frames that one direction has in hand: an arena of slots and the message headers over it.
 *
 * The memory starts out as zeros and belongs to one thread. A frame is read to behind ROOM octets, so that a VLAN tag
 * can be put back and a SecTAG be put in by moving the two addresses only.
 */
#ifndef PYSEC_PORT_BURST_H
#define PYSEC_PORT_BURST_H

#include <linux/if_packet.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "port/endpoint.h"
#include "port/tally.h"
#include "pysec_port.h"

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
    struct iovec pieces[PYSEC_PORT_MAX_BURST];
    struct sockaddr_ll senders[PYSEC_PORT_MAX_BURST];
    union burst_control controls[PYSEC_PORT_MAX_BURST];
};

/* burst_init allocates the arena; PYSEC_E_NOMEM. */
int burst_init(struct burst *burst, uint32_t frame_octets, uint32_t max_frames);

/* burst_wipe erases and frees the arena, in which frames lay in clear. */
void burst_wipe(struct burst *burst);

/* burst_receive reads what is there, up to a burst, without waiting. Returns 0, or the errno of what went wrong with
 * no frame read; EAGAIN if nothing is there, EPIPE if the other end of a local socket has closed. */
int burst_receive(struct burst *burst, struct tally *tally, const struct endpoint *end);

/* burst_send hands on, in order, the frames with this action. Where there is no room it waits, but not beyond the
 * moment at which wake_fd becomes readable. */
void burst_send(struct burst *burst, struct tally *tally, const struct endpoint *end, uint8_t action, int wake_fd);

/* burst_offer hands on the frames for the uncontrolled port, and waits for nothing. */
void burst_offer(struct burst *burst, struct tally *tally, const struct endpoint *end);

#endif
