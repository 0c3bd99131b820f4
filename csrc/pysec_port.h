/* pysec_port.h - ports: real frames in and out, with a SecY between.
 *
 * A port joins a common port (the wire) to a controlled port (what the host uses) and lets one SecY work between
 * them: what the host sends leaves protected, what the wire brings is delivered only if it is valid. It runs two
 * threads, one for each direction, that know nothing of Python. Beside the SecY stands the uncontrolled port: frames
 * that the SecY hands to it (EAPOL, say) come out of it, and what is written to it leaves unprotected.
 *
 * Nothing is lost in silence: each frame that a direction read is found again in exactly one of its other counters.
 * Where a send would block, the direction waits, and whoever feeds it feels that; only the uncontrolled port is never
 * waited for, so that it cannot stand in the way of data.
 *
 * A port belongs to the process that made it. In a process forked off from that one it cannot be started, stopping it
 * does nothing, and it counts as not running; freeing it there closes and wipes only what is that process's own, so
 * the port goes on in the process that made it.
 *
 * build.py gives the part between the two CFFI marks to cffi as it stands, so it holds declarations only.
 */
#ifndef PYSEC_PORT_H
#define PYSEC_PORT_H

#include "pysec.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* CFFI BEGIN */

/* ---- Ports ------------------------------------------------------------------------------------------------------ */

struct pysec_port;

#define PYSEC_PORT_MAX_BURST 64
#define PYSEC_PORT_MAX_FRAME 65535
#define PYSEC_PORT_NEVER_SLEEP 0xffffffff
#define PYSEC_PORT_RESIDENCE_BUCKETS 544

/* What a port is made of. A descriptor is one of: a packet socket (SOCK_RAW), a TAP interface (IFF_NO_PI), or a local
 * socket that keeps message boundaries (SOCK_SEQPACKET or SOCK_DGRAM). The port works on duplicates, so the caller may
 * close its own; a TAP is made non-blocking. An empty message on a local socket is a frame, and refused; only those
 * sent right before a SOCK_SEQPACKET socket is closed may be taken for the close.
 *
 * A TAP interface with IFF_VNET_HDR hands over and takes super-frames: TCP and UDP payload of up to 64 KiB behind one
 * set of headers. The port cuts them into frames, before the SecY, and merges TCP segments that belong together, behind
 * it; so the host does its work once for many frames. pysec_port_new has the interface offer this to the host, whatever
 * was set before; pysec_port_disable_offloads ends it. */
struct pysec_port_options {
    int common_fd;         /* the wire */
    int controlled_fd;     /* what the host uses */
    int uncontrolled_fd;   /* a local socket; -1: nobody uses the uncontrolled port */
    uint32_t frame_octets; /* the longest frame taken, before protection and without FCS; at most
                              PYSEC_PORT_MAX_FRAME. From the wire, SecTAG and ICV may come on top */
    uint32_t burst;        /* frames worked on at a time, 1 .. PYSEC_PORT_MAX_BURST */
    uint32_t spin_us; /* for so long after a frame a direction looks for the next one before it sleeps. 0: it sleeps
                         at once; PYSEC_PORT_NEVER_SLEEP: never, and keeps a CPU of its own busy */
    int transmit_cpu; /* the CPU that a direction's thread stays on; -1: any */
    int receive_cpu;
    int qdisc_bypass;         /* 1: a packet socket of the port sends past the interface's queueing discipline */
    uint32_t residence_every; /* one burst of so many is timed, see pysec_port_get_residence; 0: none */
};

/* One direction. Always, but for a burst that is just being worked on:
 *   frames_in = frames_out + refused + too_long + malformed + own + failed + unsent + uncontrolled + uncontrolled_lost
 * In the transmit direction frames_in counts the controlled and the uncontrolled port together. Of super-frames, what
 * counts are the frames that they are cut into or merged from, and the octets of those. */
struct pysec_port_direction {
    uint64_t frames_in;         /* read */
    uint64_t octets_in;         /* in those */
    uint64_t frames_out;        /* handed on: to the common port, or to the controlled port */
    uint64_t octets_out;        /* in those */
    uint64_t refused;           /* the SecY did not let them pass, and its counters say why; or an empty message from
                                   the uncontrolled port, which no SecY sees */
    uint64_t too_long;          /* longer than the port takes: dropped */
    uint64_t malformed;         /* a header that asks for what cannot be done to the frame or super-frame: dropped */
    uint64_t own;               /* left by this interface instead of arriving, sent by others here: passed over */
    uint64_t failed;            /* the system would not take them; last_error says why */
    uint64_t unsent;            /* read, but the port was stopped before they could be handed on */
    uint64_t uncontrolled;      /* receive: delivered to the uncontrolled port. Transmit: always 0 */
    uint64_t uncontrolled_lost; /* receive: for the uncontrolled port, where nobody was or the queue was full */
    uint64_t from_uncontrolled; /* transmit: those of frames_in that the uncontrolled port gave */
    uint64_t super_frames;      /* cut after being read, or merged before being written */
    uint64_t checksums;         /* finished for the host, beside those of super-frames */
    uint64_t partial_checksums; /* read with a checksum left for hardware to finish: switch offloads off */
    uint64_t vlan_restored;     /* the system had taken a VLAN tag out, and the port put it back */
    uint64_t sleeps;            /* times that there was nothing to read and it was slept */
    uint64_t waits;             /* times that a send would have blocked and was waited for */
    uint64_t overruns;          /* lost by the system before the port saw them (in-pkts-overrun too, on receive) */
    uint64_t read_errors;       /* reads that failed, and were tried again */
    int last_error;             /* errno of the last failure; 0: none yet */
    int ended;                  /* 1: the thread gave up, as last_error says, or the other end closed (0) */
};

struct pysec_port_stats {
    struct pysec_port_direction transmit; /* controlled to common */
    struct pysec_port_direction receive;  /* common to controlled */
    int running;                          /* 1 between start and stop */
};

/* How long bursts stayed in one direction of a port, in ns, from the return of the call that read one to the return of
 * the last that handed it on: a bound for each frame of it. What a frame waits in the system before it is read is not
 * in it. counts[i] is how many took more than pysec_port_residence_most_ns(i - 1) and no more than that of i. */
struct pysec_port_residence {
    uint64_t counts[PYSEC_PORT_RESIDENCE_BUCKETS];
    uint64_t max_ns;
};

/* pysec_port_defaults fills in options: no descriptors (-1), frames of 2000 octets, bursts of 64; sleep at once, on any
 * CPU, no way round the queueing discipline, and no burst timed. */
void pysec_port_defaults(struct pysec_port_options *options);

/* pysec_port_new makes a port that stands still. The SecY is lent and must outlive the port. PYSEC_E_INVAL for an
 * option out of range, PYSEC_E_UNSUPPORTED for a descriptor of another kind, PYSEC_E_SYS if the system refuses. */
int pysec_port_new(struct pysec_port **out, struct pysec_secy *secy, const struct pysec_port_options *options);

/* pysec_port_start starts both threads, with all signals blocked in them. A running port: 0, nothing changes.
 * PYSEC_E_SYS if the system refuses, a CPU that this process may not use, say (errno EINVAL). PYSEC_E_BUSY in a process
 * forked off from the one that made the port. */
int pysec_port_start(struct pysec_port *port);

/* pysec_port_stop ends both threads and waits for them: each finishes the burst in hand, unless it is waiting for
 * room. A port that stands still: 0, nothing changes. It may be started again.
 * In a process forked off: 0, nothing changes. */
int pysec_port_stop(struct pysec_port *port);

/* pysec_port_free stops the port, closes its duplicates and wipes its buffers; in a process forked off it does not
 * stop it. */
void pysec_port_free(struct pysec_port *port);

/* pysec_port_get_stats reads the counters. Each is whole; together they are a snapshot only when nothing moves. */
void pysec_port_get_stats(struct pysec_port *port, struct pysec_port_stats *stats);

/* pysec_port_get_residence reads the times of the bursts that were timed; all 0 without residence_every. */
void pysec_port_get_residence(const struct pysec_port *port, struct pysec_port_residence *transmit,
                              struct pysec_port_residence *receive);

/* pysec_port_residence_most_ns is the longest time that a bucket counts: 1 ns to a bucket up to 31 ns, then 16 buckets
 * to an octave; UINT64_MAX for the last, which has what is longer than 133 s. */
uint64_t pysec_port_residence_most_ns(uint32_t bucket);

/* ---- Descriptors to make a port of ------------------------------------------------------------------------------ */

/* pysec_port_open_packet opens a packet socket on an interface of the calling thread's network namespace: all that
 * arrives there, and not what leaves. rx_octets asks for that much room for frames not yet read (0: the system's
 * default); without the privilege to go past the system's limit, the limit. PYSEC_E_SYS: errno. */
int pysec_port_open_packet(int *fd, const char *interface, uint32_t rx_octets);

/* pysec_port_open_tap makes a TAP interface in the calling thread's network namespace; it goes away with its last
 * descriptor. name may hold one %d, or be empty; actual is the name that it got. super_frames 1: with IFF_VNET_HDR, for
 * a port alone to read; 0: whoever reads it gets plain frames. PYSEC_E_SYS: errno. */
int pysec_port_open_tap(int *fd, char actual[16], const char *name, int super_frames);

/* pysec_port_open_memory makes a wire in memory: what goes in at one end comes out at the other, in order and without
 * loss; buffer_octets of room each way (0: the system's default). PYSEC_E_SYS: errno. */
int pysec_port_open_memory(int fds[2], uint32_t buffer_octets);

/* pysec_port_disable_offloads has an interface finish its checksums and cut its segments before a port reads them,
 * and not merge what arrives. A feature that the interface does not have is passed over. PYSEC_E_SYS: errno. */
int pysec_port_disable_offloads(const char *interface);

/* CFFI END */

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
