/* secy_bench.c - the SecY timed from C, so that no Python is in the loop. bench/harness.py compiles it with the core
 * and talks to it over a pipe; samples of other providers are taken in between.
 *
 *   open OP SUITE OCTETS BURST SCS IMPL   ->  ok ID IMPL          OP: protect | validate; IMPL: a name, or - for the
 * best sample ID NANOSECONDS                 ->  ok NS FRAMES GHZ    at least so much timed work close ID ->  ok
 *   anything that fails                   ->  error TEXT
 *
 * What is timed: bursts over a ring of RING frames, nothing else. Before each pass over the ring, untimed, the frames
 * are copied into it afresh, which leaves them in the cache as a NIC with direct cache access would. To validate,
 * these are sealed anew before that (next packet numbers, also untimed, with the GCM alone, so that no sender's state
 * drives the receiver's out of the cache), and the receiver has replay protection on, window 0: the path is the real
 * one. After each pass every verdict is looked at, untimed.
 *
 * SCs. To validate: one SecY, that many receive SCs, all with one SAK as the members of a CA have; the frames go
 * round over the SCs. To protect: a SecY has one transmit SC, so that many SecYs, each with a SAK of its own; the
 * bursts go round over the SecYs. Every frame is encrypted and carries its SCI.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "pysec.h"

#define RING 256
#define MAX_CASES 16
#define ADDED 32 /* SecTAG with SCI, and ICV */
#define SALT_OCTET 0x22
#define ADDRESSES "\x02\x00\x00\x00\xff\xff\x02\x00\x00\x00\x00\x00"

struct bench_case {
    bool validate, xpn;
    uint32_t octets, burst, scs, slot;
    uint32_t next; /* SC of the next frame to validate, or sender of the next burst to protect */
    uint64_t pn;
    size_t ring_len;
    struct pysec_secy **senders; /* to protect: scs of them */
    struct pysec_secy *receiver; /* to validate */
    struct pysec_gcm *key;
    struct pysec_gcm_msg *msgs;
    uint8_t *store; /* RING slots to copy from */
    struct pysec_frame *store_frames;
    uint8_t *ring; /* RING slots to work on */
    struct pysec_frame *ring_frames;
    char impl[32];
};

static struct bench_case *cases[MAX_CASES];

static void put_be(uint8_t *p, uint64_t value, int octets)
{
    for (int i = octets - 1; i >= 0; i--, value >>= 8)
        p[i] = (uint8_t)value;
}

static uint64_t sci_of(uint32_t i)
{
    return (UINT64_C(0x020000000000) + i) << 16 | 1;
}

static void case_free(struct bench_case *c)
{
    if (!c)
        return;
    for (uint32_t i = 0; c->senders && i < c->scs; i++)
        pysec_secy_free(c->senders[i]);
    pysec_secy_free(c->receiver);
    pysec_gcm_free(c->key);
    free(c->msgs);
    free(c->senders);
    free(c->store);
    free(c->store_frames);
    free(c->ring);
    free(c->ring_frames);
    free(c);
}

/* next_of goes round over the SCs. */
static uint32_t next_of(struct bench_case *c)
{
    uint32_t i = c->next;
    c->next = i + 1 == c->scs ? 0 : i + 1;
    return i;
}

/* plain_frames lays unprotected frames into the store. */
static void plain_frames(struct bench_case *c)
{
    for (uint32_t i = 0; i < RING; i++) {
        struct pysec_frame *f = &c->store_frames[i];
        f->slot = i * c->slot;
        f->slot_len = c->slot;
        f->offset = f->slot + PYSEC_HEADROOM;
        f->len = c->octets;
        memset(c->store + f->offset, 0x5a, c->octets);
        memcpy(c->store + f->offset, ADDRESSES "\x88\xb5", 14);
    }
}

/* sealed_frames lays protected frames into the store, each of the next SC and with the next packet number. */
static int sealed_frames(struct bench_case *c)
{
    for (uint32_t i = 0; i < RING; i++) {
        struct pysec_frame *f = &c->store_frames[i];
        struct pysec_gcm_msg *m = &c->msgs[i];
        uint8_t *p = c->store + i * c->slot + PYSEC_HEADROOM, nonce[12];
        uint32_t sc = next_of(c), data_len = c->octets - 12;
        uint64_t pn = ++c->pn;
        f->slot = i * c->slot;
        f->slot_len = c->slot;
        f->offset = f->slot + PYSEC_HEADROOM;
        f->len = c->octets + ADDED;
        memcpy(p, ADDRESSES "\x88\xe5\x2c", 15);
        p[15] = data_len < 48 ? (uint8_t)data_len : 0;
        put_be(p + 16, pn, 4);
        put_be(p + 20, sci_of(sc), 8);
        memset(p + 28, 0x5a, data_len);
        if (c->xpn) { /* 802.1AE-2018 14.7: SSCI and PN, exclusive or the salt */
            put_be(nonce, sc + 1, 4);
            put_be(nonce + 4, pn, 8);
            for (int k = 0; k < 12; k++)
                nonce[k] ^= SALT_OCTET;
        } else {
            memcpy(nonce, p + 20, 8);
            memcpy(nonce + 8, p + 16, 4);
        }
        m->aad = f->offset;
        m->aad_len = 28;
        m->data = f->offset + 28;
        m->data_len = data_len;
        m->tag = m->data + data_len;
        memcpy(m->nonce, nonce, 12);
    }
    return pysec_gcm_seal(c->key, c->store, c->ring_len, c->msgs, RING);
}

/* What all SecYs here have in common: a SAK, installed. i makes another key of it. */
static int make_secy(struct pysec_secy **out, struct bench_case *c, uint32_t i, uint64_t sci, int suite,
                     const char *impl)
{
    uint8_t ki[16] = {0}, sak[32], salt[12];
    size_t sak_len = suite == PYSEC_GCM_AES_256 || suite == PYSEC_GCM_AES_XPN_256 ? 32 : 16;
    struct pysec_config config;
    pysec_secy_defaults(&config);
    config.always_include_sci = 1;
    memset(salt, SALT_OCTET, sizeof(salt));
    memset(sak, 0x11, sizeof(sak));
    put_be(sak, i, 4);
    put_be(ki + 12, i, 4);
    int e = pysec_secy_new(out, sci, suite, &config, c->validate ? c->scs : 1, impl, 0x123456789abcdef);
    if (!e)
        e = pysec_secy_install_sak(*out, ki, sak, sak_len, c->xpn ? salt : NULL, 0);
    if (!e && c->validate)
        e = pysec_gcm_new(&c->key, sak, sak_len, impl);
    return e;
}

static int make_sender(struct bench_case *c, uint32_t i, int suite, const char *impl)
{
    uint8_t ki[16] = {0};
    put_be(ki + 12, i, 4);
    int e = make_secy(&c->senders[i], c, i, sci_of(i), suite, impl);
    if (!e)
        e = pysec_secy_create_transmit_sa(c->senders[i], 0, ki, 1, i + 1, 1, 0, 0);
    if (!e)
        e = pysec_secy_enable_transmit(c->senders[i], ki, 1);
    return e;
}

static int make_receiver(struct bench_case *c, int suite, const char *impl)
{
    uint8_t ki[16] = {0};
    int e = make_secy(&c->receiver, c, 0, sci_of(c->scs), suite, impl);
    for (uint32_t i = 0; i < c->scs && !e; i++) {
        e = pysec_secy_create_receive_sc(c->receiver, sci_of(i));
        if (!e)
            e = pysec_secy_create_receive_sa(c->receiver, sci_of(i), 0, ki, 1, i + 1);
        if (!e)
            e = pysec_secy_enable_receive(c->receiver, sci_of(i), ki, 1);
    }
    return e;
}

static int case_init(struct bench_case *c, int suite, const char *impl)
{
    c->xpn = suite >= PYSEC_GCM_AES_XPN_128;
    c->slot = (c->octets + 2 * ADDED + 63) / 64 * 64;
    c->ring_len = (size_t)RING * c->slot;
    c->senders = calloc(c->scs, sizeof(struct pysec_secy *));
    c->msgs = calloc(RING, sizeof(struct pysec_gcm_msg));
    c->store = aligned_alloc(4096, (c->ring_len + 4095) / 4096 * 4096);
    c->ring = aligned_alloc(4096, (c->ring_len + 4095) / 4096 * 4096);
    c->store_frames = calloc(RING, sizeof(struct pysec_frame));
    c->ring_frames = calloc(RING, sizeof(struct pysec_frame));
    if (!c->senders || !c->msgs || !c->store || !c->ring || !c->store_frames || !c->ring_frames)
        return PYSEC_E_NOMEM;
    int e = 0;
    if (c->validate)
        e = make_receiver(c, suite, impl);
    for (uint32_t i = 0; i < c->scs && !c->validate && !e; i++)
        e = make_sender(c, i, suite, impl);
    if (e)
        return e;
    plain_frames(c);
    struct pysec_status status;
    pysec_secy_get_status(c->validate ? c->receiver : c->senders[0], &status);
    snprintf(c->impl, sizeof(c->impl), "%s", status.gcm_impl);
    return 0;
}

/* one_pass works on the whole ring once and adds the time. */
static int one_pass(struct bench_case *c, uint64_t *ns)
{
    int e = c->validate ? sealed_frames(c) : 0;
    if (e)
        return e;
    memcpy(c->ring, c->store, c->ring_len);
    memcpy(c->ring_frames, c->store_frames, RING * sizeof(struct pysec_frame));
    uint64_t start = now_ns();
    if (c->validate) {
        for (uint32_t i = 0; i < RING; i += c->burst)
            pysec_secy_validate(c->receiver, c->ring, c->ring_len, c->ring_frames + i, c->burst);
    } else {
        for (uint32_t i = 0; i < RING; i += c->burst)
            pysec_secy_protect(c->senders[next_of(c)], c->ring, c->ring_len, c->ring_frames + i, c->burst);
    }
    *ns += now_ns() - start;
    for (uint32_t i = 0; i < RING; i++)
        if (c->ring_frames[i].verdict != (c->validate ? PYSEC_V_IN_OK : PYSEC_V_OUT_ENCRYPTED))
            return PYSEC_E_INVAL;
    return 0;
}

static void do_open(const char *line)
{
    char op[16], impl[32];
    int suite, id = 0;
    uint32_t octets, burst, scs;
    if (sscanf(line, "open %15s %d %" SCNu32 " %" SCNu32 " %" SCNu32 " %31s", op, &suite, &octets, &burst, &scs,
               impl) != 6 ||
        octets < 15 || octets > 16000 || burst < 1 || RING % burst || scs < 1 || scs > 4096) {
        printf("error bad open\n");
        return;
    }
    while (id < MAX_CASES && cases[id])
        id++;
    struct bench_case *c = id < MAX_CASES ? calloc(1, sizeof(*c)) : NULL;
    if (!c) {
        printf("error too many cases\n");
        return;
    }
    c->validate = strcmp(op, "validate") == 0;
    c->octets = octets;
    c->burst = burst;
    c->scs = scs;
    int e = case_init(c, suite, strcmp(impl, "-") ? impl : NULL);
    if (e) {
        printf("error %s\n", pysec_strerror(e));
        case_free(c);
        return;
    }
    cases[id] = c;
    printf("ok %d %s\n", id, c->impl);
}

static void do_sample(struct bench_case *c, uint64_t at_least)
{
    uint64_t ns = 0, frames = 0;
    double ghz = core_ghz();
    do {
        int e = one_pass(c, &ns);
        if (e) {
            printf("error a frame got the wrong verdict (%s)\n", pysec_strerror(e));
            return;
        }
        frames += RING;
    } while (ns < at_least);
    ghz = (ghz + core_ghz()) / 2;
    printf("ok %" PRIu64 " %" PRIu64 " %.4f\n", ns, frames, ghz);
}

int main(void)
{
    char line[256];
    while (fgets(line, sizeof(line), stdin)) {
        int id = -1;
        uint64_t ns = 0;
        if (strncmp(line, "open ", 5) == 0) {
            do_open(line);
        } else if (sscanf(line, "sample %d %" SCNu64, &id, &ns) == 2 && id >= 0 && id < MAX_CASES && cases[id]) {
            do_sample(cases[id], ns);
        } else if (sscanf(line, "close %d", &id) == 1 && id >= 0 && id < MAX_CASES && cases[id]) {
            case_free(cases[id]);
            cases[id] = NULL;
            printf("ok\n");
        } else {
            printf("error not understood\n");
        }
        fflush(stdout);
    }
    for (int i = 0; i < MAX_CASES; i++)
        case_free(cases[i]);
    return 0;
}
