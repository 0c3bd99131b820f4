/* segment.h - what a network card would have done: cutting a TCP or UDP super-frame into frames, finishing a checksum.
 *
 * A TAP interface with offloads hands over up to 64 KiB in one read, with a header that says how to cut it (struct
 * virtio_net_hdr; Virtual I/O Device 1.2, 5.1.6). These functions work on memory alone, and take no word of the host
 * for granted: what does not add up is refused, and nothing is read or written out of bounds. */
#ifndef PYSEC_PORT_SEGMENT_H
#define PYSEC_PORT_SEGMENT_H

#include <linux/virtio_net.h>
#include <stdint.h>

#include "port/inet.h"

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4 /* Linux 6.2 */
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

/* A super-frame that is being cut. */
struct cut {
    const uint8_t *octets; /* lent */
    struct inet inet;
    uint32_t len;
    uint32_t header_len; /* all that goes before the payload, in each frame again */
    uint32_t size;       /* payload octets in each frame but the last */
    uint32_t done;       /* payload octets in the frames that were cut */
};

/* cut_begin gets ready to cut len octets as the header says. Returns 1, or 0 if they cannot be cut so: another kind of
 * super-frame, lengths that do not agree, no payload, a checksum elsewhere than TCP or UDP has it. */
int cut_begin(struct cut *cut, const uint8_t *octets, uint32_t len, const struct virtio_net_hdr *header);

/* cut_left is how many frames are still to come. */
uint32_t cut_left(const struct cut *cut);

/* cut_longest is how long the longest frame is. */
uint32_t cut_longest(const struct cut *cut);

/* cut_next writes the next frame to out, which has room for cut_longest octets, and returns its length; 0 if there is
 * none left. Its checksums are complete. */
uint32_t cut_next(struct cut *cut, uint8_t *out);

/* checksum_finish puts a checksum in its place where the header says that it is still to be done, over the rest of the
 * frame; a frame of which it does not say so stays as it is. Returns 1, or 0 if the place is not in the frame. */
int checksum_finish(uint8_t *frame, uint32_t len, const struct virtio_net_hdr *header);

#endif
