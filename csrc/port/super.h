/* super.h - reading and writing a TAP interface that has super-frames (endpoint kind ENDPOINT_SUPER).
 *
 * Each read and each write begins with a struct virtio_net_hdr that says what the frame behind it is. */
#ifndef PYSEC_PORT_SUPER_H
#define PYSEC_PORT_SUPER_H

#include "port/burst.h"

/* super_init gives a burst room for a super-frame; PYSEC_E_NOMEM. */
int super_init(struct burst *burst);

/* super_wipe erases and frees it. */
void super_wipe(struct burst *burst);

/* super_receive is burst_receive for such a TAP: super-frames become frames. What does not find room in the burst comes
 * first in the next one (burst_is_cutting). */
int super_receive(struct burst *burst, struct tally *tally, const struct endpoint *end);

/* super_collect points the message headers at the frames with this action, merged where they can be, and returns how
 * many messages there are. */
uint32_t super_collect(struct burst *burst, struct tally *tally, uint8_t action);

#endif
