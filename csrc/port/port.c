/* port.c - a port and its two threads.
 *
 * Each direction is one loop: sleep until there is something to read, read a burst, give it to the SecY, hand on what
 * the SecY let through. The threads share nothing but the SecY, which keeps its own peace, and one eventfd, whose
 * being readable means stop: whoever sleeps or waits for room polls it as well, so a stop needs no signal and no
 * timeout. One thread for each direction also keeps packet numbers rising on the wire.
 */
#define _GNU_SOURCE /* pthread_setname_np */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/types.h>
#include <unistd.h>

#include "port/burst.h"
#include "port/endpoint.h"
#include "port/tally.h"
#include "pysec_port.h"

#define PAUSE_MS 10 /* after a failed read, so that a lasting failure does not spin */

struct direction {
    struct tally tally;
    struct burst burst;
    pthread_t thread;
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

/* ---- The threads ------------------------------------------------------------------------------------------------ */

/* secure protects what the controlled port sent, and hands it on. */
static void secure(struct pysec_port *port, struct burst *burst, struct tally *tally)
{
    uint64_t refused = 0;

    (void)pysec_secy_protect(port->secy, burst->memory, burst->memory_len, burst->frames, burst->num_frames);
    for (uint32_t i = 0; i < burst->num_frames; i++)
        refused += burst->frames[i].action != PYSEC_A_COMMON;
    tally_add(&tally->refused, refused);
    burst_send(burst, tally, &port->common, PYSEC_A_COMMON, port->wake_fd);
}

/* pass hands on what the uncontrolled port sent, as it is: that is what an uncontrolled port is for. */
static void pass(struct pysec_port *port, struct burst *burst, struct tally *tally)
{
    uint64_t refused = 0;

    tally_add(&tally->from_uncontrolled, burst->num_frames);
    for (uint32_t i = 0; i < burst->num_frames; i++) {
        int empty = burst->frames[i].len == 0; /* no frame, and on a local socket it would look like a close */

        burst->frames[i].action = empty ? PYSEC_A_DISCARD : PYSEC_A_COMMON;
        refused += (uint64_t)empty;
    }
    tally_add(&tally->refused, refused);
    burst_send(burst, tally, &port->common, PYSEC_A_COMMON, port->wake_fd);
}

/* check validates what the common port brought, and delivers what may be. */
static void check(struct pysec_port *port, struct burst *burst, struct tally *tally)
{
    uint64_t refused = 0;

    (void)pysec_secy_validate(port->secy, burst->memory, burst->memory_len, burst->frames, burst->num_frames);
    for (uint32_t i = 0; i < burst->num_frames; i++) {
        uint8_t action = burst->frames[i].action;

        refused += action != PYSEC_A_CONTROLLED && action != PYSEC_A_UNCONTROLLED;
    }
    tally_add(&tally->refused, refused);
    burst_offer(burst, tally, &port->uncontrolled);
    burst_send(burst, tally, &port->controlled, PYSEC_A_CONTROLLED, port->wake_fd);
}

/* count_overruns adds what the system lost before we could read it; the standard has a counter for it on receive
 * (802.1AE-2018 10.6.3). */
static void count_overruns(struct pysec_port *port, struct tally *tally, const struct endpoint *end)
{
    uint64_t lost = endpoint_overruns(end);

    if (lost == 0)
        return;
    tally_add(&tally->overruns, lost);
    if (end == &port->common)
        pysec_secy_count_overrun(port->secy, lost);
}

/* passes is 1 for a failed read after which there may be more: an interface that is down comes up again, and a local
 * socket whose other end closed in a hurry still holds what was sent before. */
static int passes(int why)
{
    return why == ENETDOWN || why == ENOBUFS || why == ENOMEM || why == EIO || why == ECONNRESET;
}

/* may_go_on is 1 if reading may be tried again after this errno, having paused; 0 if the descriptor is finished. */
static int may_go_on(struct tally *tally, int wake_fd, int why)
{
    struct pollfd wake = {.fd = wake_fd, .events = POLLIN};

    if (why == EAGAIN || why == EINTR)
        return 1;
    if (why != EPIPE)
        atomic_store_explicit(&tally->last_error, why, memory_order_relaxed);
    if (!passes(why)) {
        atomic_store_explicit(&tally->ended, 1, memory_order_relaxed);
        return 0;
    }
    tally_add(&tally->read_errors, 1);
    (void)poll(&wake, 1, PAUSE_MS);
    return 1;
}

static void *transmit_main(void *argument)
{
    struct pysec_port *port = argument;
    struct burst *burst = &port->transmit.burst;
    struct tally *tally = &port->transmit.tally;
    struct pollfd fds[3] = {{.fd = port->wake_fd, .events = POLLIN},
                            {.fd = port->controlled.fd, .events = POLLIN},
                            {.fd = port->uncontrolled.fd, .events = POLLIN}};

    for (;;) {
        int why;

        count_overruns(port, tally, &port->controlled);
        if (poll(fds, 3, -1) < 0)
            continue;
        if (fds[0].revents != 0)
            return NULL;
        if (fds[2].revents != 0) {
            if (burst_receive(burst, tally, &port->uncontrolled) == EPIPE)
                fds[2].fd = -1; /* its user has left; data goes on */
            else
                pass(port, burst, tally);
        }
        if (fds[1].revents == 0)
            continue;
        why = burst_receive(burst, tally, &port->controlled);
        if (why == 0)
            secure(port, burst, tally);
        else if (!may_go_on(tally, port->wake_fd, why))
            return NULL;
    }
}

static void *receive_main(void *argument)
{
    struct pysec_port *port = argument;
    struct burst *burst = &port->receive.burst;
    struct tally *tally = &port->receive.tally;
    struct pollfd fds[2] = {{.fd = port->wake_fd, .events = POLLIN}, {.fd = port->common.fd, .events = POLLIN}};

    for (;;) {
        int why;

        count_overruns(port, tally, &port->common);
        if (poll(fds, 2, -1) < 0)
            continue;
        if (fds[0].revents != 0)
            return NULL;
        why = burst_receive(burst, tally, &port->common);
        if (why == 0)
            check(port, burst, tally);
        else if (!may_go_on(tally, port->wake_fd, why))
            return NULL;
    }
}

/* ---- Making, starting, stopping --------------------------------------------------------------------------------- */

/* is_here is 0 in a process forked off later. It has a copy of the port and neither of its threads, but shares the
 * eventfd and what the system counts at a packet socket; and its copy of the lock may be held by nobody. */
static int is_here(const struct pysec_port *port)
{
    return port->process == getpid();
}

void pysec_port_defaults(struct pysec_port_options *options)
{
    options->common_fd = -1;
    options->controlled_fd = -1;
    options->uncontrolled_fd = -1;
    options->frame_octets = 2000;
    options->burst = PYSEC_PORT_MAX_BURST;
}

static int make_parts(struct pysec_port *port, const struct pysec_port_options *options)
{
    int error = endpoint_init(&port->common, options->common_fd);

    if (error == 0)
        error = endpoint_init(&port->controlled, options->controlled_fd);
    if (error == 0)
        error = endpoint_init(&port->uncontrolled, options->uncontrolled_fd);
    if (error == 0 && port->uncontrolled.kind != ENDPOINT_NONE && port->uncontrolled.kind != ENDPOINT_LOCAL)
        error = PYSEC_E_UNSUPPORTED;
    if (error == 0)
        error = burst_init(&port->transmit.burst, options->frame_octets, options->burst);
    if (error == 0)
        error =
            burst_init(&port->receive.burst, options->frame_octets + PYSEC_HEADROOM + PYSEC_TAILROOM, options->burst);
    if (error == 0) {
        port->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (port->wake_fd < 0)
            error = PYSEC_E_SYS;
    }
    return error;
}

int pysec_port_new(struct pysec_port **out, struct pysec_secy *secy, const struct pysec_port_options *options)
{
    struct pysec_port *port;
    int error;

    *out = NULL;
    if (secy == NULL || options->common_fd < 0 || options->controlled_fd < 0 || options->uncontrolled_fd < -1 ||
        options->burst < 1 || options->burst > PYSEC_PORT_MAX_BURST || options->frame_octets < 14 ||
        options->frame_octets > PYSEC_PORT_MAX_FRAME)
        return PYSEC_E_INVAL;
    port = calloc(1, sizeof(*port));
    if (port == NULL)
        return PYSEC_E_NOMEM;
    port->secy = secy;
    port->common.fd = -1;
    port->controlled.fd = -1;
    port->uncontrolled.fd = -1;
    port->wake_fd = -1;
    port->process = getpid();
    pthread_mutex_init(&port->control, NULL);
    error = make_parts(port, options);
    if (error != 0) {
        int why = errno;

        pysec_port_free(port);
        errno = why;
        return error;
    }
    *out = port;
    return 0;
}

/* wake_and_join ends the threads that run; the eventfd is quiet again afterwards. */
static void wake_and_join(struct pysec_port *port, int num_threads)
{
    eventfd_t ignored;

    (void)eventfd_write(port->wake_fd, 1);
    if (num_threads > 0)
        pthread_join(port->transmit.thread, NULL);
    if (num_threads > 1)
        pthread_join(port->receive.thread, NULL);
    (void)eventfd_read(port->wake_fd, &ignored);
}

/* start_threads starts both or none, and returns 0 or an errno. Signals are for the program's own threads: one that
 * landed here would interrupt a burst and be handled by nobody. */
static int start_threads(struct pysec_port *port)
{
    sigset_t all;
    sigset_t before;
    int why;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    why = pthread_create(&port->transmit.thread, NULL, transmit_main, port);
    if (why == 0) {
        why = pthread_create(&port->receive.thread, NULL, receive_main, port);
        if (why != 0)
            wake_and_join(port, 1);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (why != 0)
        return why;
    (void)pthread_setname_np(port->transmit.thread, "pysec-transmit");
    (void)pthread_setname_np(port->receive.thread, "pysec-receive");
    return 0;
}

int pysec_port_start(struct pysec_port *port)
{
    int why = 0;

    if (!is_here(port))
        return PYSEC_E_BUSY;
    pthread_mutex_lock(&port->control);
    if (!port->running) {
        atomic_store_explicit(&port->transmit.tally.ended, 0, memory_order_relaxed);
        atomic_store_explicit(&port->receive.tally.ended, 0, memory_order_relaxed);
        why = start_threads(port);
        port->running = why == 0;
    }
    pthread_mutex_unlock(&port->control);
    errno = why;
    return why == 0 ? 0 : PYSEC_E_SYS;
}

int pysec_port_stop(struct pysec_port *port)
{
    if (!is_here(port))
        return 0;
    pthread_mutex_lock(&port->control);
    if (port->running) {
        wake_and_join(port, 2);
        port->running = 0;
        count_overruns(port, &port->transmit.tally, &port->controlled);
        count_overruns(port, &port->receive.tally, &port->common);
    }
    pthread_mutex_unlock(&port->control);
    return 0;
}

void pysec_port_free(struct pysec_port *port)
{
    if (port == NULL)
        return;
    pysec_port_stop(port);
    endpoint_wipe(&port->common);
    endpoint_wipe(&port->controlled);
    endpoint_wipe(&port->uncontrolled);
    if (port->wake_fd >= 0)
        close(port->wake_fd);
    burst_wipe(&port->transmit.burst);
    burst_wipe(&port->receive.burst);
    if (is_here(port))
        pthread_mutex_destroy(&port->control);
    free(port);
}

/* ---- Counters ---------------------------------------------------------------------------------------------------- */

static void read_tally(struct pysec_port_direction *out, const struct tally *tally)
{
    out->frames_in = tally_get(&tally->frames_in);
    out->octets_in = tally_get(&tally->octets_in);
    out->frames_out = tally_get(&tally->frames_out);
    out->octets_out = tally_get(&tally->octets_out);
    out->refused = tally_get(&tally->refused);
    out->too_long = tally_get(&tally->too_long);
    out->own = tally_get(&tally->own);
    out->failed = tally_get(&tally->failed);
    out->unsent = tally_get(&tally->unsent);
    out->uncontrolled = tally_get(&tally->uncontrolled);
    out->uncontrolled_lost = tally_get(&tally->uncontrolled_lost);
    out->from_uncontrolled = tally_get(&tally->from_uncontrolled);
    out->partial_checksums = tally_get(&tally->partial_checksums);
    out->vlan_restored = tally_get(&tally->vlan_restored);
    out->waits = tally_get(&tally->waits);
    out->overruns = tally_get(&tally->overruns);
    out->read_errors = tally_get(&tally->read_errors);
    out->last_error = atomic_load_explicit(&tally->last_error, memory_order_relaxed);
    out->ended = atomic_load_explicit(&tally->ended, memory_order_relaxed);
}

void pysec_port_get_stats(struct pysec_port *port, struct pysec_port_stats *stats)
{
    memset(stats, 0, sizeof(*stats));
    read_tally(&stats->transmit, &port->transmit.tally);
    read_tally(&stats->receive, &port->receive.tally);
    if (!is_here(port))
        return;
    pthread_mutex_lock(&port->control);
    stats->running = port->running;
    pthread_mutex_unlock(&port->control);
}
