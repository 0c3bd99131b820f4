/* port.c - making a port, starting and stopping its two threads (worker.c), reading its counters. */
#define _GNU_SOURCE /* pthread_setname_np, pthread_attr_setaffinity_np */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "port/worker.h"
#include "pysec_port.h"

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
    options->spin_us = 0;
    options->transmit_cpu = -1;
    options->receive_cpu = -1;
    options->qdisc_bypass = 0;
    options->residence_every = 0;
}

/* set_workers says how the two threads are to go about it. */
static void set_workers(struct pysec_port *port, const struct pysec_port_options *options)
{
    uint64_t spin_ns = options->spin_us == PYSEC_PORT_NEVER_SLEEP ? UINT64_MAX : (uint64_t)options->spin_us * 1000;

    port->transmit.spin_ns = spin_ns;
    port->receive.spin_ns = spin_ns;
    port->transmit.cpu = options->transmit_cpu;
    port->receive.cpu = options->receive_cpu;
    port->transmit.residence.every = options->residence_every;
    port->receive.residence.every = options->residence_every;
}

static int make_parts(struct pysec_port *port, const struct pysec_port_options *options)
{
    int error = endpoint_init(&port->common, options->common_fd);

    if (error == 0)
        error = endpoint_init(&port->controlled, options->controlled_fd);
    if (error == 0)
        error = endpoint_init(&port->uncontrolled, options->uncontrolled_fd);
    if (error == 0 && options->qdisc_bypass)
        error = endpoint_bypass_qdisc(&port->common);
    if (error == 0 && options->qdisc_bypass)
        error = endpoint_bypass_qdisc(&port->controlled);
    if (error == 0 && port->uncontrolled.kind != ENDPOINT_NONE && port->uncontrolled.kind != ENDPOINT_LOCAL)
        error = PYSEC_E_UNSUPPORTED;
    if (error == 0)
        error = burst_init(&port->transmit.burst, &port->controlled, options->frame_octets, options->burst);
    if (error == 0)
        error = burst_init(&port->receive.burst, &port->common, options->frame_octets + PYSEC_HEADROOM + PYSEC_TAILROOM,
                           options->burst);
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
        options->frame_octets > PYSEC_PORT_MAX_FRAME || options->transmit_cpu < -1 || options->receive_cpu < -1 ||
        options->transmit_cpu >= CPU_SETSIZE || options->receive_cpu >= CPU_SETSIZE)
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
    set_workers(port, options);
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

/* start_thread starts one, on its CPU from the first instruction on. Returns 0 or an errno. */
static int start_thread(struct direction *direction, void *(*body)(void *), struct pysec_port *port)
{
    pthread_attr_t attributes;
    cpu_set_t cpus;
    int why = pthread_attr_init(&attributes);

    if (why != 0)
        return why;
    if (direction->cpu >= 0) {
        CPU_ZERO(&cpus);
        CPU_SET(direction->cpu, &cpus);
        why = pthread_attr_setaffinity_np(&attributes, sizeof(cpus), &cpus);
    }
    if (why == 0)
        why = pthread_create(&direction->thread, &attributes, body, port);
    pthread_attr_destroy(&attributes);
    return why;
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
    why = start_thread(&port->transmit, transmit_main, port);
    if (why == 0) {
        why = start_thread(&port->receive, receive_main, port);
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
    out->malformed = tally_get(&tally->malformed);
    out->own = tally_get(&tally->own);
    out->failed = tally_get(&tally->failed);
    out->unsent = tally_get(&tally->unsent);
    out->uncontrolled = tally_get(&tally->uncontrolled);
    out->uncontrolled_lost = tally_get(&tally->uncontrolled_lost);
    out->from_uncontrolled = tally_get(&tally->from_uncontrolled);
    out->super_frames = tally_get(&tally->super_frames);
    out->checksums = tally_get(&tally->checksums);
    out->partial_checksums = tally_get(&tally->partial_checksums);
    out->vlan_restored = tally_get(&tally->vlan_restored);
    out->sleeps = tally_get(&tally->sleeps);
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

static void read_residence(struct pysec_port_residence *out, const struct residence *residence)
{
    for (uint32_t i = 0; i < PYSEC_PORT_RESIDENCE_BUCKETS; i++)
        out->counts[i] = tally_get(&residence->counts[i]);
    out->max_ns = tally_get(&residence->max_ns);
}

void pysec_port_get_residence(const struct pysec_port *port, struct pysec_port_residence *transmit,
                              struct pysec_port_residence *receive)
{
    read_residence(transmit, &port->transmit.residence);
    read_residence(receive, &port->receive.residence);
}
