/* port_race.c - two ports over memory links, with everything going on at once: numbered frames, keys that roll, a
 * third thread that reads statistics, ports that are stopped and started again. Run under ThreadSanitizer and
 * AddressSanitizer.
 *
 * Prints one line of figures; exits 1 if a frame was lost, doubled or overtaken, if it arrived changed, or if a frame
 * that a port read is not found again in its counters. Started with the argument `hasty`, it frees ports in the middle
 * of traffic instead, and only has to survive that. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pysec_port.h"

#define FRAMES 30000
#define ROUNDS 40
#define HEADER 14
#define LONGEST 600

static const uint64_t SCI_A = 0x0200000000aa0001;
static const uint64_t SCI_B = 0x0200000000bb0001;
static struct pysec_secy *secy_a, *secy_b;
static struct pysec_port *port_a, *port_b;
static int host_a[2], host_b[2], wire[2];
static atomic_uint sent, received, wrong;
static atomic_bool done;

static void fail(const char *what)
{
    printf("FAILED %s\n", what);
    exit(1);
}

static void must(int error, const char *what)
{
    if (error != 0)
        fail(what);
}

/* roll brings a new key, and retires the last but one when no frame under it can be on its way any more. */
static void roll(unsigned generation)
{
    static unsigned sent_before;
    uint8_t ki[16] = {0}, old[16] = {0}, sak[16] = {1};

    memcpy(ki, &generation, sizeof generation);
    memcpy(sak + 4, &generation, sizeof generation);
    must(pysec_secy_install_sak(secy_b, ki, sak, 16, NULL, 0), "install at B");
    must(pysec_secy_create_receive_sa(secy_b, SCI_A, generation & 3, ki, 1, 0), "receive SA");
    must(pysec_secy_enable_receive(secy_b, SCI_A, ki, 1), "enable receive");
    must(pysec_secy_install_sak(secy_a, ki, sak, 16, NULL, 0), "install at A");
    must(pysec_secy_create_transmit_sa(secy_a, generation & 3, ki, 1, 0, 1, 0, 0), "transmit SA");
    must(pysec_secy_enable_transmit(secy_a, ki, 1), "enable transmit");
    for (int i = 0; i < 10000 && atomic_load(&received) < sent_before; i++)
        usleep(1000);
    sent_before = atomic_load(&sent);
    if (generation < 2)
        return;
    generation -= 2;
    memcpy(old, &generation, sizeof generation);
    must(pysec_secy_retire(secy_a, old), "retire at A");
    must(pysec_secy_retire(secy_b, old), "retire at B");
}

static void make_ports(void)
{
    struct pysec_port_options options;

    pysec_port_defaults(&options);
    options.common_fd = wire[0];
    options.controlled_fd = host_a[1];
    options.burst = 32;
    must(pysec_port_new(&port_a, secy_a, &options), "port A");
    options.common_fd = wire[1];
    options.controlled_fd = host_b[1];
    must(pysec_port_new(&port_b, secy_b, &options), "port B");
    must(pysec_port_start(port_a), "start A");
    must(pysec_port_start(port_b), "start B");
}

static uint32_t length_of(uint32_t number)
{
    return HEADER + 4 + number * 7919 % (LONGEST - HEADER - 4);
}

static void *send_main(void *unused)
{
    uint8_t frame[LONGEST] = {2, 0, 0, 0, 0, 0xbb, 2, 0, 0, 0, 0, 0xaa, 0x88, 0xb5};

    for (uint32_t i = 0; i < FRAMES && !atomic_load(&done); i++) {
        uint32_t len = length_of(i);

        memcpy(frame + HEADER, &i, 4);
        memset(frame + HEADER + 4, (int)i & 0xff, len - HEADER - 4);
        if (send(host_a[0], frame, len, MSG_NOSIGNAL) < 0)
            break;
        atomic_fetch_add(&sent, 1);
    }
    return NULL;
}

static void *receive_main(void *unused)
{
    uint8_t frame[LONGEST + 1];

    for (uint32_t i = 0; i < FRAMES; i++) {
        ssize_t len = recv(host_b[0], frame, sizeof frame, 0);
        uint32_t number;

        if (len < HEADER + 4)
            break;
        memcpy(&number, frame + HEADER, 4);
        if (number != i || (uint32_t)len != length_of(i))
            atomic_fetch_add(&wrong, 1);
        for (ssize_t k = HEADER + 4; k < len; k++)
            if (frame[k] != (number & 0xff))
                atomic_fetch_add(&wrong, 1);
        atomic_fetch_add(&received, 1);
    }
    return NULL;
}

static void *watch_main(void *unused)
{
    struct pysec_port_stats stats;

    while (!atomic_load(&done)) {
        pysec_port_get_stats(port_a, &stats);
        pysec_port_get_stats(port_b, &stats);
        usleep(200);
    }
    return NULL;
}

static void check_books(struct pysec_port *port, const char *name)
{
    struct pysec_port_stats stats;
    const struct pysec_port_direction *each;

    pysec_port_get_stats(port, &stats);
    for (int i = 0; i < 2; i++) {
        each = i == 0 ? &stats.transmit : &stats.receive;
        if (each->frames_in != each->frames_out + each->refused + each->too_long + each->own + each->failed +
                                   each->unsent + each->uncontrolled + each->uncontrolled_lost)
            fail(name);
    }
}

/* steady lets every frame through while keys roll, and while ports stop and start where nothing is lost by it. */
static int steady(void)
{
    struct pysec_port_stats a, b;
    pthread_t sender, receiver, watcher;

    pthread_create(&receiver, NULL, receive_main, NULL);
    pthread_create(&watcher, NULL, watch_main, NULL);
    pthread_create(&sender, NULL, send_main, NULL);
    for (unsigned i = 1; i <= ROUNDS; i++) {
        usleep(3000);
        roll(i);
        pysec_port_start(port_a);
    }
    pthread_join(sender, NULL);
    for (int i = 0; i < 5000 && atomic_load(&received) < FRAMES; i++)
        usleep(1000);
    shutdown(host_b[0], SHUT_RDWR);
    pthread_join(receiver, NULL);
    atomic_store(&done, true);
    pthread_join(watcher, NULL);
    pysec_port_stop(port_a);
    pysec_port_stop(port_b);
    pysec_port_stop(port_b);
    check_books(port_a, "books of A");
    check_books(port_b, "books of B");
    pysec_port_get_stats(port_a, &a);
    pysec_port_get_stats(port_b, &b);
    printf("sent %u received %u wrong %u refused %lu\n", sent, received, wrong,
           (unsigned long)(a.transmit.refused + b.receive.refused));
    return sent != FRAMES || received != FRAMES || wrong != 0 || a.transmit.refused + b.receive.refused != 0;
}

/* hasty frees ports under full traffic, with nobody reading at the end: their threads are waiting for room. */
static int hasty(void)
{
    pthread_t sender;

    pthread_create(&sender, NULL, send_main, NULL);
    for (int i = 0; i < ROUNDS; i++) {
        usleep(2000);
        pysec_port_stop(port_a);
        pysec_port_stop(port_b);
        check_books(port_a, "books of A");
        check_books(port_b, "books of B");
        pysec_port_free(port_a);
        pysec_port_free(port_b);
        make_ports();
    }
    atomic_store(&done, true);
    shutdown(host_a[0], SHUT_RDWR);
    pthread_join(sender, NULL);
    printf("sent %u\n", sent);
    return 0;
}

int main(int argc, char **argv)
{
    struct pysec_config config;
    int result;

    must(pysec_port_open_memory(host_a, 0), "link");
    must(pysec_port_open_memory(host_b, 0), "link");
    must(pysec_port_open_memory(wire, 0), "link");
    pysec_secy_defaults(&config);
    must(pysec_secy_new(&secy_a, SCI_A, PYSEC_GCM_AES_128, &config, 16, NULL, 1), "SecY A");
    must(pysec_secy_new(&secy_b, SCI_B, PYSEC_GCM_AES_128, &config, 16, NULL, 2), "SecY B");
    must(pysec_secy_create_receive_sc(secy_b, SCI_A), "receive SC");
    roll(0);
    make_ports();
    result = argc > 1 && strcmp(argv[1], "hasty") == 0 ? hasty() : steady();
    pysec_port_free(port_a);
    pysec_port_free(port_b);
    pysec_port_free(NULL);
    pysec_secy_free(secy_a);
    pysec_secy_free(secy_b);
    return result;
}
