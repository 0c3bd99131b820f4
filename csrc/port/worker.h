/* worker.h - what a port is inside, and what its two threads do. */
#ifndef PYSEC_PORT_WORKER_H
#define PYSEC_PORT_WORKER_H

#include <pthread.h>
#include <stdint.h>
#include <sys/types.h>

#include "port/burst.h"
#include "port/endpoint.h"
#include "port/residence.h"
#include "port/tally.h"
#include "pysec_port.h"

struct direction {
    struct tally tally;
    struct burst burst;
    struct residence residence;
    pthread_t thread;
    uint64_t spin_ns; /* UINT64_MAX: for ever */
    int cpu;          /* -1: any */
};

struct pysec_port {
    struct pysec_secy *secy;
    struct endpoint common;
    struct endpoint controlled;
    struct endpoint uncontrolled;
    int wake_fd;
    struct direction transmit;
    struct direction receive;
    pid_t process;           /* that made the port, and has its threads */
    pthread_mutex_t control; /* start, stop and what they look at; never taken by the threads */
    int running;
};

/* transmit_main and receive_main are the threads; the argument is the port. */
void *transmit_main(void *argument);
void *receive_main(void *argument);

/* count_overruns adds what the system lost before we could read it; the standard has a counter for it on receive
 * (802.1AE-2018 10.6.3). */
void count_overruns(struct pysec_port *port, struct tally *tally, const struct endpoint *end);

#endif
