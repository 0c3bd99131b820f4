/* worker.c - the two threads of a port.
 *
 * Each direction is one loop: look until there is something to read, read a burst, give it to the SecY, hand on what
 * the SecY let through. The threads share nothing but the SecY, which keeps its own peace, and one eventfd, whose
 * being readable means stop: whoever looks or waits for room polls it as well, so a stop needs no signal and no
 * timeout. One thread for each direction also keeps packet numbers rising on the wire.
 */
#define _GNU_SOURCE /* struct mmsghdr, of burst.h */

#include "port/worker.h"

#include <errno.h>
#include <poll.h>

#define PAUSE_MS 10 /* after a failed read, so that a lasting failure does not spin */

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

void count_overruns(struct pysec_port *port, struct tally *tally, const struct endpoint *end)
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

/* look returns once one of the descriptors is ready or a super-frame is half cut; how many are ready, or -1 if it was
 * interrupted. It looks again and again for as long as the direction may, then it sleeps: what it costs to be woken is
 * saved where frames follow soon. */
static int look(struct direction *direction, struct pollfd *fds, nfds_t num)
{
    int ready = poll(fds, num, 0);
    uint64_t begin;

    if (ready != 0 || burst_is_cutting(&direction->burst))
        return ready;
    if (direction->spin_ns > 0) {
        begin = now_ns();
        do {
            ready = poll(fds, num, 0);
        } while (ready == 0 && (direction->spin_ns == UINT64_MAX || now_ns() - begin < direction->spin_ns));
        if (ready != 0)
            return ready;
    }
    tally_add(&direction->tally.sleeps, 1);
    return poll(fds, num, -1);
}

static void transmit_loop(struct pysec_port *port)
{
    struct burst *burst = &port->transmit.burst;
    struct tally *tally = &port->transmit.tally;
    struct pollfd fds[3] = {{.fd = port->wake_fd, .events = POLLIN},
                            {.fd = port->controlled.fd, .events = POLLIN},
                            {.fd = port->uncontrolled.fd, .events = POLLIN}};

    for (;;) {
        int why;

        count_overruns(port, tally, &port->controlled);
        if (look(&port->transmit, fds, 3) < 0)
            continue;
        if (fds[0].revents != 0)
            return;
        if (fds[2].revents != 0) {
            if (burst_receive(burst, tally, &port->uncontrolled) == EPIPE)
                fds[2].fd = -1; /* its user has left; data goes on */
            else
                pass(port, burst, tally);
        }
        if (fds[1].revents == 0 && !burst_is_cutting(burst))
            continue;
        why = burst_receive(burst, tally, &port->controlled);
        if (why == 0) {
            uint64_t begun = residence_begin(&port->transmit.residence);

            secure(port, burst, tally);
            residence_end(&port->transmit.residence, begun);
        } else if (!may_go_on(tally, port->wake_fd, why)) {
            return;
        }
    }
}

static void receive_loop(struct pysec_port *port)
{
    struct burst *burst = &port->receive.burst;
    struct tally *tally = &port->receive.tally;
    struct pollfd fds[2] = {{.fd = port->wake_fd, .events = POLLIN}, {.fd = port->common.fd, .events = POLLIN}};

    for (;;) {
        int why;

        count_overruns(port, tally, &port->common);
        if (look(&port->receive, fds, 2) < 0)
            continue;
        if (fds[0].revents != 0)
            return;
        why = burst_receive(burst, tally, &port->common);
        if (why == 0) {
            uint64_t begun = residence_begin(&port->receive.residence);

            check(port, burst, tally);
            residence_end(&port->receive.residence, begun);
        } else if (!may_go_on(tally, port->wake_fd, why)) {
            return;
        }
    }
}

void *transmit_main(void *argument)
{
    struct pysec_port *port = argument;

    transmit_loop(port);
    burst_abandon(&port->transmit.burst, &port->transmit.tally);
    return NULL;
}

void *receive_main(void *argument)
{
    struct pysec_port *port = argument;

    receive_loop(port);
    burst_abandon(&port->receive.burst, &port->receive.tally);
    return NULL;
}
