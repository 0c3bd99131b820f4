/* secy_race.c - three workers share two SecYs, first under one key, then while keys roll without a pause. Run under
 * ThreadSanitizer and AddressSanitizer: a burst must never see half an SA, nor one that was freed.
 *
 * Prints one line of figures; exits 1 if a packet number was given out twice under one key, if packet numbers within
 * a burst do not rise, or if a frame got a verdict that this traffic cannot lead to. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pysec.h"

#define BURST 32
#define SLOT 256
#define FRAME_LEN 78
#define ROLLOVERS 150
#define WORKERS 3
#define FIRST_PHASE 20000
#define MAX_PNS 1000000

static const uint64_t SCI = 0x525400000a010001;
static struct pysec_secy *tx, *rx;
static atomic_bool stop;
static atomic_ulong sent, received, late, wrong;
static atomic_uchar used[MAX_PNS]; /* first phase: how often each packet number was given out */
static atomic_bool one_key = true;
static atomic_ulong bursts_of[WORKERS];

static void set_up_ki(uint8_t ki[16], uint8_t sak[16], unsigned generation)
{
    memset(ki, 0, 16);
    memset(sak, 0x5a, 16);
    memcpy(ki, &generation, sizeof generation);
    memcpy(sak, &generation, sizeof generation);
}

/* note_pns looks at the packet numbers of a burst: rising by one, and in the first phase each given out once. */
static void note_pns(const struct pysec_frame *frames)
{
    for (int i = 0; i < BURST; i++) {
        if (i && frames[i].an == frames[i - 1].an && frames[i].pn != frames[i - 1].pn + 1)
            atomic_fetch_add(&wrong, 1);
        if (atomic_load(&one_key) && frames[i].pn < MAX_PNS && atomic_fetch_add(&used[frames[i].pn], 1))
            atomic_fetch_add(&wrong, 1);
    }
}

static void *worker(void *bursts)
{
    static _Thread_local uint8_t arena[BURST * SLOT];
    struct pysec_frame frames[BURST];
    while (!atomic_load(&stop)) {
        for (int i = 0; i < BURST; i++) {
            frames[i] = (struct pysec_frame){
                .offset = (uint32_t)(i * SLOT + 16), .len = FRAME_LEN, .slot = (uint32_t)(i * SLOT), .slot_len = SLOT};
            memset(arena + frames[i].offset, 0, FRAME_LEN);
            memcpy(arena + frames[i].offset + 6, "\x52\x54\0\0\x0a\x01\x08\0", 8);
        }
        pysec_secy_protect(tx, arena, sizeof arena, frames, BURST);
        for (int i = 0; i < BURST; i++) {
            if (frames[i].verdict != PYSEC_V_OUT_ENCRYPTED) {
                atomic_fetch_add(&wrong, 1);
                continue;
            }
            atomic_fetch_add(&sent, 1);
        }
        note_pns(frames);
        pysec_secy_validate(rx, arena, sizeof arena, frames, BURST);
        for (int i = 0; i < BURST; i++) {
            if (frames[i].verdict == PYSEC_V_IN_OK)
                atomic_fetch_add(&received, 1);
            else if (frames[i].verdict == PYSEC_V_IN_LATE || frames[i].verdict == PYSEC_V_IN_NO_SA_ERROR ||
                     frames[i].verdict == PYSEC_V_IN_DUPLICATE) /* the option was just switched on */
                atomic_fetch_add(&late, 1); /* two workers overtake each other; the window takes most of it */
            else
                atomic_fetch_add(&wrong, 1);
        }
        atomic_fetch_add((atomic_ulong *)bursts, 1);
    }
    return NULL;
}

/* let_pass waits until every worker has ended a burst that began after the call, so that no frame is older than the
 * last two keys. */
static void let_pass(void)
{
    unsigned long before[WORKERS];
    for (int i = 0; i < WORKERS; i++)
        before[i] = atomic_load(&bursts_of[i]);
    for (int i = 0; i < WORKERS; i++)
        while (atomic_load(&bursts_of[i]) < before[i] + 2)
            sched_yield();
}

static void install(unsigned generation)
{
    uint8_t ki[16], sak[16], before[16];
    set_up_ki(ki, sak, generation);
    uint32_t an = generation % 4;
    if (pysec_secy_install_sak(rx, ki, sak, 16, NULL, 0) || pysec_secy_create_receive_sa(rx, SCI, an, ki, 1, 0) ||
        pysec_secy_enable_receive(rx, SCI, ki, 1) || pysec_secy_install_sak(tx, ki, sak, 16, NULL, 0) ||
        pysec_secy_create_transmit_sa(tx, an, ki, 1, 0, 1, 0, 0) || pysec_secy_enable_transmit(tx, ki, 1))
        atomic_fetch_add(&wrong, 1);
    if (generation < 2)
        return;
    set_up_ki(before, sak, generation - 2);
    if (pysec_secy_retire(tx, before) || pysec_secy_retire(rx, before))
        atomic_fetch_add(&wrong, 1);
}

int main(void)
{
    struct pysec_config config;
    pysec_secy_defaults(&config);
    config.replay_window = 4096;
    config.always_include_sci = 1; /* the receiver has more SCs than one */
    if (pysec_secy_new(&tx, SCI, PYSEC_GCM_AES_128, &config, 4, NULL, 1) ||
        pysec_secy_new(&rx, 0x525400000b010001, PYSEC_GCM_AES_128, &config, 4, NULL, 2) ||
        pysec_secy_create_receive_sc(rx, SCI))
        return 2;
    install(0);
    pthread_t threads[WORKERS];
    for (int i = 0; i < WORKERS; i++)
        pthread_create(&threads[i], NULL, worker, &bursts_of[i]);
    while (atomic_load(&sent) < FIRST_PHASE)
        sched_yield();
    atomic_store(&one_key, false);
    for (unsigned generation = 1; generation <= ROLLOVERS; generation++) {
        let_pass();
        install(generation);
        config.refuse_duplicates = generation % 3 == 0;
        pysec_secy_set_config(rx, &config);
        pysec_secy_create_receive_sc(rx, 0x1000 + generation);
        if (generation % 2)
            pysec_secy_delete_receive_sc(rx, 0x1000 + generation);
        struct pysec_event event;
        while (pysec_secy_next_event(tx, &event))
            ;
        struct pysec_counters counters;
        pysec_secy_get_counters(rx, &counters);
        if (generation % 80 == 0)
            pysec_secy_delete_receive_sc(rx, 0x1000 + generation);
    }
    atomic_store(&stop, true);
    for (int i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
    printf("sent %lu received %lu late %lu wrong %lu rollovers %d\n", atomic_load(&sent), atomic_load(&received),
           atomic_load(&late), atomic_load(&wrong), ROLLOVERS);
    pysec_secy_free(tx);
    pysec_secy_free(rx);
    return atomic_load(&wrong) != 0;
}
