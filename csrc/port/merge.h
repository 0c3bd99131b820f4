/* merge.h - several TCP segments as one super-frame, as a network card or the kernel's GRO makes it, for the host to
 * take in at once. It works on memory alone.
 *
 * What was merged could be cut again (segment.h) into the frames that came, and frames are never overtaken: only
 * neighbours are merged. */
#ifndef PYSEC_PORT_MERGE_H
#define PYSEC_PORT_MERGE_H

#include <linux/virtio_net.h>
#include <stdint.h>
#include <sys/uio.h>

/* merge_next says what the first num of pieces (num > 0), each a frame, are to be written as next. Returns how many of
 * them make up the message, and fills in its header. If they are several, the first frame's headers are made those of
 * all, and the pieces behind it are cut down to their payloads; written one behind the other they are the super-frame.
 * A frame that stays alone is not changed. */
uint32_t merge_next(struct virtio_net_hdr *header, struct iovec *pieces, uint32_t num);

#endif
