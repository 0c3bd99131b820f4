/* secy.h - the inside of a SecY: what the control side owns, what the frame path reads, and how they meet.
 *
 * The control side (install, create, enable, retire, configure) runs under one mutex. The frame path takes no lock:
 * it reads pointers that the control side publishes, each in one store, and works in a *lane*. A lane is the scratch
 * memory and the counters of one burst at a time; its epoch is odd while a burst runs. Whoever takes something away
 * first unpublishes it, then waits until every lane that was at work has passed a quiet point (secy_quiesce), and
 * only then wipes and frees. So a burst sees an SA whole or not at all.
 *
 *   SecY -- tx[4] ------> tx_sa --+
 *    |                            +--> sak (KI, key, salt, offset; remembered after it is retired)
 *    +---- scs --> rx_sc --> rx_sa[4] --+
 */
#ifndef PYSEC_MACSEC_SECY_H
#define PYSEC_MACSEC_SECY_H

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "../base/memory.h"
#include "../gcm/gcm.h"
#include "../pysec.h"
#include "sectag.h"

#define NUM_ANS 4
#define NUM_LANES 4
#define NUM_SC_COUNTERS 8 /* seven are used */
#define MAX_RETIRED_KIS 1024
#define MAX_PAST_RX_SAS 16384
#define SAK_BUCKETS 256
#define KI_LEN PYSEC_KI_OCTETS
#define SALT_LEN 12

/* One writer, many readers: a plain add that readers may watch. */
static inline void bump(_Atomic uint64_t *counter, uint64_t by)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + by, memory_order_relaxed);
}

/* A SAK, found by its KI (802.1AE-2018 10.7.28). After it is retired the key is gone and the record stays, so that
 * the same packet numbers are never used again with it. */
struct sak {
    struct sak *next_in_bucket;
    struct sak *older, *newer; /* among the retired */
    struct rx_sa *rx_sas;
    struct tx_sa *tx_sa;
    struct gcm_key *key; /* NULL: retired */
    uint64_t tx_next_pn; /* floor of any later transmit SA; 0 after the last PN of an XPN suite */
    uint32_t offset;     /* confidentiality offset */
    uint32_t tx_ssci;    /* of the last transmit SA */
    bool transmitted;    /* these two mean something */
    uint8_t ki[KI_LEN];
    uint8_t check[16]; /* key check value: tells another SAK under the same KI */
    uint8_t salt[SALT_LEN];
};

/* What an SA needs for its IVs (802.1AE-2018 14.5, 14.7): the IV with a PN of zero. */
struct iv_base {
    uint8_t octets[GCM_IV_LEN];
};

/* What the frame path needs of a receive SA and of a receive SC comes first and fills one cache line: with thousands
 * of SCs it is the misses that cost. */
struct rx_sa {
    const struct gcm_key *key;
    _Atomic uint64_t next_pn;
    _Atomic uint64_t lowest_pn;
    _Atomic(uint64_t *) seen; /* bitmap of replay.h, or NULL */
    struct iv_base iv;
    uint32_t offset;
    _Atomic uint32_t events; /* bits of enum pysec_event_kind to be reported, << 8 once reported */
    atomic_flag replay_lock; /* held while a burst commits, never while it decrypts */
    uint8_t an;
    bool in_use; /* control side, as is what follows; the frame path sees only published SAs */
    uint32_t ssci;
    uint64_t sci;      /* also when the SC is gone */
    uint64_t first_pn; /* nextPN as the SA began */
    struct sak *sak;
    struct rx_sc *sc;
    struct rx_sa *next_of_sak; /* of the past ones: the next younger */
};

struct rx_sc {
    uint64_t sci;
    _Atomic(struct rx_sa *) in_use[NUM_ANS]; /* what the frame path sees */
    /* A line for each lane: from PYSEC_V_IN_OK on, duplicates last. */
    _Atomic uint64_t packets[NUM_LANES][NUM_SC_COUNTERS] __attribute__((aligned(CACHE_LINE)));
    struct rx_sa *sa[NUM_ANS];           /* what the control side has, in use or not */
    uint64_t ended_pns;                  /* control side: PNs that nextPN passed in SAs that have ended */
    _Atomic uint64_t reordered, deepest; /* as in struct pysec_sc_gaps; written under an SA's replay lock */
};

struct tx_sa {
    const struct gcm_key *key;
    struct sak *sak;
    _Atomic uint64_t next_pn; /* the next PN that is free; at the end 2^32, or 0 for 2^64 */
    _Atomic uint64_t ceiling; /* 0: none */
    _Atomic uint64_t threshold;
    _Atomic uint32_t events;
    struct iv_base iv;
    uint32_t ssci;
    uint32_t offset;
    uint8_t an;
    bool confidentiality;
};

/* The hash table of receive SCs: open addressing, at most half full, readers without a lock. */
struct sc_slot {
    uint64_t sci;
    _Atomic(struct rx_sc *) sc; /* NULL: empty, the end of a probe */
};

struct sc_table {
    uint64_t seed;
    uint32_t mask;
    _Atomic uint32_t count;
    _Atomic(struct rx_sc *) only; /* the one SC, if there is just one (802.1AE-2018 9.9) */
    struct sc_slot slot[];
};

/* The controls as the frame path wants them; never changed once published. */
struct controls {
    struct pysec_config config;
    uint32_t window; /* in use: clamped with XPN (802.1AE-2018 10.7.8) */
    bool null_mode;
    bool protect;
};

/* What validate and protect note of a frame between its passes. */
struct work {
    struct rx_sa *sa;
    struct rx_sc *sc;
    uint64_t pn;
    uint32_t data; /* arena offset of the Secure Data */
    uint32_t data_len;
    uint16_t key; /* number of the key, in validate */
    uint16_t msg; /* index into the lane's messages */
    uint8_t tci_an;
    uint8_t tag_len;
    uint8_t vlan_len; /* octets of VLAN tags in clear */
    uint8_t step;     /* enum step in validate.c, protect.c */
    uint8_t vlan[8];
};

struct lane {
    _Atomic uint64_t epoch; /* odd: a burst is at work in here */
    _Atomic uint64_t packets[PYSEC_NUM_VERDICTS];
    _Atomic uint64_t reasons[PYSEC_NUM_REASONS];
    _Atomic uint64_t no_sa[4]; /* as in struct pysec_counters */
    _Atomic uint64_t in_octets_validated, in_octets_decrypted, out_octets_protected, out_octets_encrypted;
    struct gcm_msg msgs[PYSEC_MAX_BURST];
    struct work work[PYSEC_MAX_BURST];
} __attribute__((aligned(CACHE_LINE)));

struct pysec_secy {
    struct lane lanes[NUM_LANES];
    _Atomic(struct controls *) controls;
    _Atomic(struct tx_sa *) encoding; /* the SA in use for transmission (802.1AE-2018 10.5.1) */
    _Atomic(struct sc_table *) scs;
    _Atomic uint32_t num_receiving; /* SCs with an SA in use */
    _Atomic uint32_t events_pending;
    _Atomic uint64_t overruns;
    uint64_t sci;
    bool xpn;
    int suite;
    uint64_t last_pn; /* the greatest PN of the suite */
    const struct gcm_impl *impl;

    pthread_mutex_t control; /* what follows belongs to the control side */
    struct tx_sa *tx[NUM_ANS];
    uint32_t max_scs;
    uint32_t num_saks, num_retired, num_forgotten, num_past_rx_sas;
    struct sak *buckets[SAK_BUCKETS];
    struct sak *oldest, *newest;          /* of the retired */
    struct rx_sa *first_past, *last_past; /* ended receive SAs, oldest first: where their packet numbers stand */
};

/* is_exhausted says whether an SA has used its last packet number (802.1AE-2018 10.5.2). */
static inline bool is_exhausted(const struct pysec_secy *secy, const struct tx_sa *sa)
{
    return atomic_load_explicit(&sa->next_pn, memory_order_relaxed) - 1 >= secy->last_pn;
}

/* The replay lock is held for some nanoseconds; who finds it taken lets its holder run. */
static inline void replay_lock(struct rx_sa *sa)
{
    while (atomic_flag_test_and_set_explicit(&sa->replay_lock, memory_order_acquire))
        sched_yield();
}

static inline void replay_unlock(struct rx_sa *sa)
{
    atomic_flag_clear_explicit(&sa->replay_lock, memory_order_release);
}

/* lane_enter takes a free lane; lane_leave gives it back. With more callers than lanes the last ones wait. */
struct lane *lane_enter(struct pysec_secy *secy);
void lane_leave(struct lane *lane);
/* secy_quiesce returns when every burst that was at work at the call has ended. */
void secy_quiesce(struct pysec_secy *secy);

static inline int lane_index(const struct pysec_secy *secy, const struct lane *lane)
{
    return (int)(lane - secy->lanes);
}

/* ---- sc_table.c */
struct sc_table *sc_table_new(uint32_t max_scs, uint64_t seed);
struct rx_sc *sc_table_find(const struct sc_table *table, uint64_t sci);
/* sc_table_slot gives the place where the search for an SCI begins, for those who want it in the cache. */
const struct sc_slot *sc_table_slot(const struct sc_table *table, uint64_t sci);
/* sc_table_add publishes an SC; the caller has seen to it that there is room and no SC with the same SCI. */
void sc_table_add(struct sc_table *table, struct rx_sc *sc);
/* sc_table_without gives a new table that lacks one SC; NULL without memory. */
struct sc_table *sc_table_without(const struct sc_table *table, const struct rx_sc *sc, uint32_t max_scs);

/* ---- sak.c: all under the control mutex */
struct sak *sak_find(const struct pysec_secy *secy, const uint8_t ki[KI_LEN]);
struct sak *sak_find_installed(const struct pysec_secy *secy, const uint8_t ki[KI_LEN]);
void sak_retire(struct pysec_secy *secy, struct sak *sak);

/* ---- past.c: all under the control mutex */
/* past_add keeps the record of an ended receive SA, which it takes over. */
void past_add(struct pysec_secy *secy, struct rx_sa *sa);
/* past_take takes out the record of an SCI with a SAK and gives it to the caller; NULL if there is none. */
struct rx_sa *past_take(struct pysec_secy *secy, const struct sak *sak, uint64_t sci);
/* past_drop_of drops the records of a SAK that is forgotten. */
void past_drop_of(struct pysec_secy *secy, const struct sak *sak);
void sak_free_all(struct pysec_secy *secy);

/* ---- counters.c */
/* count_frame counts a frame that has its verdict: this is the only place where a frame is counted. sc may be NULL. */
void count_frame(struct lane *lane, int lane_number, struct rx_sc *sc, const struct pysec_frame *frame);

/* raise_event notes an event of an SA, to be collected by pysec_secy_next_event; each is noted once. */
void raise_event(struct pysec_secy *secy, _Atomic uint32_t *events, enum pysec_event_kind kind);

/* ---- frame.c: what both directions do with a frame's outside */
/* frame_is_sound says whether a frame lies in its slot, its slot in the arena, and holds an Ethernet header; else it
 * gives the frame the verdict. */
bool frame_is_sound(struct pysec_frame *frame, size_t arena_len, enum pysec_verdict malformed);
/* clear_vlan_len gives the octets of VLAN tags, at most max_tags of them, that follow the addresses. */
uint32_t clear_vlan_len(const uint8_t *frame, uint32_t len, uint32_t max_tags);
/* is_bypassed says whether an untagged frame goes by the uncontrolled port. */
bool is_bypassed(const struct pysec_config *config, const uint8_t *frame, uint16_t ethertype);

/* iv_make completes an IV (802.1AE-2018 14.5, 14.7). */
void iv_base_init(struct iv_base *base, bool xpn, uint64_t sci, uint32_t ssci, const uint8_t salt[SALT_LEN]);
void iv_make(uint8_t iv[GCM_IV_LEN], const struct iv_base *base, bool xpn, uint64_t pn);

#endif
