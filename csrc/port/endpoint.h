/* endpoint.h - one side of a port: a descriptor that frames come from and go to, whatever its kind. */
#ifndef PYSEC_PORT_ENDPOINT_H
#define PYSEC_PORT_ENDPOINT_H

#include <stdint.h>

enum endpoint_kind {
    ENDPOINT_NONE,
    ENDPOINT_PACKET, /* a packet socket: bursts, VLAN tags apart, overruns counted by the system */
    ENDPOINT_TAP,    /* a TAP interface: one frame a system call */
    ENDPOINT_SUPER,  /* a TAP interface with IFF_VNET_HDR: one frame or super-frame a system call */
    ENDPOINT_LOCAL   /* a local socket with message boundaries */
};

struct endpoint {
    int fd; /* our own duplicate; -1: none */
    enum endpoint_kind kind;
};

/* endpoint_init duplicates fd and finds out what it is; fd -1 gives an endpoint of kind ENDPOINT_NONE. The host behind
 * an endpoint of kind ENDPOINT_SUPER is told what may be left to us. Returns 0, PYSEC_E_UNSUPPORTED or PYSEC_E_SYS. */
int endpoint_init(struct endpoint *end, int fd);

/* endpoint_wipe closes the duplicate. */
void endpoint_wipe(struct endpoint *end);

/* endpoint_bypass_qdisc has a packet socket send past the queueing discipline; others have none. 0 or PYSEC_E_SYS. */
int endpoint_bypass_qdisc(const struct endpoint *end);

/* endpoint_is_closed is 1 if nobody can send to a local socket any more and nothing with octets waits in it. */
int endpoint_is_closed(const struct endpoint *end);

/* endpoint_overruns is how many frames the system lost at this endpoint since it was last asked. */
uint64_t endpoint_overruns(const struct endpoint *end);

#endif
