/* pysec.h - all that Python, or another C program, may see of the core.
 *
 * The core protects and validates Ethernet frames as IEEE 802.1AE-2018 (MACsec) has it. It opens no file, starts
 * no thread (ports do: pysec_port.h), keeps no clock and writes no log: each frame leaves
 * with one verdict, and the verdict is its management counter.
 *
 * Conventions. Parameters go context, outputs, inputs. Set-up calls return 0 or a negative enum pysec_error and
 * change nothing when they fail. Lengths end in _len and count octets. A key crosses inwards once and never comes
 * back. `x_free(NULL)` is fine. Everything here may be called from several threads at once unless it says otherwise;
 * freeing an object while another thread uses it is the caller's fault.
 *
 * build.py gives the part between the two CFFI marks to cffi as it stands, so it holds declarations only.
 */
#ifndef PYSEC_H
#define PYSEC_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* CFFI BEGIN */

/* What a set-up call returns when it does not return 0. */
enum pysec_error {
    PYSEC_E_INVAL = -1,       /* an argument is out of its range, or two do not go together */
    PYSEC_E_NOMEM = -2,       /* no memory */
    PYSEC_E_NOENT = -3,       /* no such SAK, SC, SA or implementation */
    PYSEC_E_EXIST = -4,       /* the name is taken by something else */
    PYSEC_E_KI_REUSED = -5,   /* this key identifier was used with another SAK, or this SAK under another one */
    PYSEC_E_PN_USED = -6,     /* the packet numbers asked for may have been used already */
    PYSEC_E_FULL = -7,        /* the configured number of receive SCs is reached */
    PYSEC_E_SSCI = -8,        /* another SCI has this SSCI with the same SAK (802.1AE-2018 10.7.13) */
    PYSEC_E_UNSUPPORTED = -9, /* this CPU or system cannot do it */
    PYSEC_E_SYS = -10,        /* a system call failed; errno says why */
    PYSEC_E_BUSY = -11        /* the object is in use */
};

/* pysec_strerror returns one English line for a negative enum pysec_error; never NULL. */
const char *pysec_strerror(int error);

/* ---- AES-GCM over bursts: one key, many messages ------------------------------------------------------------- */

struct pysec_gcm; /* one AES key, expanded for one implementation */

/* One message in a buffer that the caller lends. Offsets count from the buffer's start. aad, data and tag must not
 * overlap, but may touch. `ok` is set by open: 1 if the tag matched; otherwise 0, and the data is all zeros. */
struct pysec_gcm_msg {
    uint32_t aad; /* offset of the additional data */
    uint32_t aad_len;
    uint32_t data; /* offset of the data, which is encrypted or decrypted in place */
    uint32_t data_len;
    uint32_t tag;      /* offset of the 16-octet tag: seal writes it, open compares it */
    uint8_t nonce[12]; /* the 96-bit IV of SP 800-38D 8.2.1 */
    uint32_t ok;
};

/* What is known of one implementation on this machine. */
struct pysec_gcm_info {
    const char *name;    /* portable, aesni, ... */
    const char *what;    /* one line: what it is made of */
    const char *why_not; /* NULL if it can be used here, else one line that says why not */
    int priority;        /* the usable one with the highest is taken */
    int num_tests;       /* known answers run at load */
    int num_failed;      /* of these; an implementation with any is not offered */
};

/* pysec_gcm_num_impls returns how many implementations this build knows of, usable here or not. */
int pysec_gcm_num_impls(void);

/* pysec_gcm_get_info fills in what is known of implementation i, 0 <= i < pysec_gcm_num_impls(). */
int pysec_gcm_get_info(struct pysec_gcm_info *info, int i);

/* pysec_gcm_new expands a key of 16 or 32 octets. impl names an implementation, or NULL for the best one here (the
 * environment variable PYSEC_GCM, if set, names that). */
int pysec_gcm_new(struct pysec_gcm **out, const uint8_t *key, size_t key_len, const char *impl);

/* pysec_gcm_free wipes and frees a key. */
void pysec_gcm_free(struct pysec_gcm *key);

/* pysec_gcm_impl returns the name of the implementation that the key was expanded for. */
const char *pysec_gcm_impl(const struct pysec_gcm *key);

/* pysec_gcm_seal encrypts num_msgs messages in base[0 .. base_len) in place and writes their tags. It checks no
 * nonce: the caller must never give the same one twice with a key. PYSEC_E_INVAL, with nothing sealed, if a message
 * leaves the buffer or is longer than SP 800-38D allows. */
int pysec_gcm_seal(const struct pysec_gcm *key, uint8_t *base, size_t base_len, struct pysec_gcm_msg *msgs,
                   size_t num_msgs);

/* pysec_gcm_open decrypts and checks in place; *num_bad is how many did not verify. */
int pysec_gcm_open(const struct pysec_gcm *key, size_t *num_bad, uint8_t *base, size_t base_len,
                   struct pysec_gcm_msg *msgs, size_t num_msgs);

/* ---- Frames and verdicts --------------------------------------------------------------------------------------- */

/* The verdict on a frame is the management counter that it moves (802.1AE-2018 10.7.9, 10.7.18). The first twelve
 * are the standard's in-pkts counters; those from PYSEC_V_IN_KAY on are this project's, for frames that the standard
 * gives no counter of the SecY. */
enum pysec_verdict {
    PYSEC_V_NONE = 0,        /* not looked at */
    PYSEC_V_IN_UNTAGGED = 1, /* per SecY */
    PYSEC_V_IN_NO_TAG = 2,
    PYSEC_V_IN_BAD_TAG = 3,
    PYSEC_V_IN_NO_SA = 4,
    PYSEC_V_IN_NO_SA_ERROR = 5,
    PYSEC_V_IN_OVERRUN = 6,
    PYSEC_V_IN_OK = 7, /* per receive SC */
    PYSEC_V_IN_UNCHECKED = 8,
    PYSEC_V_IN_DELAYED = 9,
    PYSEC_V_IN_LATE = 10,
    PYSEC_V_IN_INVALID = 11,
    PYSEC_V_IN_NOT_VALID = 12,
    PYSEC_V_IN_KAY = 13,       /* E set and C clear: the KaY's, not the SecY's (9.5) */
    PYSEC_V_IN_BYPASS = 14,    /* to the uncontrolled port */
    PYSEC_V_IN_DUPLICATE = 15, /* per receive SC: a PN inside the window, seen before */
    PYSEC_V_IN_CLOSED = 16,    /* the controlled port is not operational (10.5.2, 10.7.5) */
    PYSEC_V_IN_MALFORMED = 17, /* not an Ethernet frame, or the slot is wrong: the caller's fault */
    PYSEC_V_OUT_UNTAGGED = 18, /* per SecY */
    PYSEC_V_OUT_TOO_LONG = 19,
    PYSEC_V_OUT_PROTECTED = 20, /* per transmit SC */
    PYSEC_V_OUT_ENCRYPTED = 21,
    PYSEC_V_OUT_BYPASS = 22,    /* by the uncontrolled port, unprotected */
    PYSEC_V_OUT_CLOSED = 23,    /* the controlled port is not operational: nothing was sent */
    PYSEC_V_OUT_MALFORMED = 24, /* not an Ethernet frame, or no room in its slot: the caller's fault */
    PYSEC_NUM_VERDICTS = 25
};

/* Why, where one verdict has several causes. */
enum pysec_reason {
    PYSEC_R_NONE = 0,
    PYSEC_R_UNKNOWN_SCI = 1,    /* no receive SC has this SCI (the kernel: InPktsUnknownSCI, InPktsNoSCI) */
    PYSEC_R_UNUSED_SA = 2,      /* the SC has no SA in use with this AN (InPktsUnusedSA, InPktsNotUsingSA) */
    PYSEC_R_TRUNCATED = 3,      /* fewer octets than 9.12 a), or than the SecTAG announces */
    PYSEC_R_VERSION = 4,        /* V set (9.12 c) */
    PYSEC_R_SC_WITH_ES_SCB = 5, /* SC beside ES or SCB (9.12 d) */
    PYSEC_R_SL_RESERVED = 6,    /* bits 7, 8 of the SL octet (9.12 e) */
    PYSEC_R_LENGTH = 7,         /* SL and the length do not agree (9.12 f to i) */
    PYSEC_R_PN_ZERO = 8,        /* a PN of zero, which nobody sends */
    PYSEC_R_SCI_RESERVED = 9,   /* the all-ones SCI, never used (9.9) */
    PYSEC_R_ICV = 10,           /* the ICV does not verify */
    PYSEC_R_NOT_OURS = 11,      /* C set and E clear: no suite here makes such a frame */
    PYSEC_R_NOT_CHECKED = 12,   /* validateFrames is Disabled and C is set: the data cannot be recovered */
    PYSEC_R_NULL = 13,          /* validateFrames is Null */
    PYSEC_R_NO_TRANSMIT_SA = 14,
    PYSEC_R_PN_EXHAUSTED = 15, /* the last PN of the SAK has been used (10.5.2) */
    PYSEC_R_PN_CEILING = 16,   /* the PN ceiling that the caller set is reached */
    PYSEC_R_DISABLED = 17,     /* ControlledPortEnabled is false (10.7.5) */
    PYSEC_R_TOO_SHORT = 18,    /* shorter than an Ethernet header and one octet */
    PYSEC_R_NO_ROOM = 19,      /* the slot has no room for SecTAG or ICV, or lies outside the buffer */
    PYSEC_NUM_REASONS = 20
};

/* What becomes of the frame. */
enum pysec_action {
    PYSEC_A_DISCARD = 0,
    PYSEC_A_CONTROLLED = 1,   /* received: deliver to the user of the controlled port */
    PYSEC_A_UNCONTROLLED = 2, /* received: deliver to the user of the uncontrolled port */
    PYSEC_A_COMMON = 3        /* to be sent: hand to the common port */
};

/* One frame in an arena. The caller fills in the first four; the core moves offset and len and fills in the rest.
 * A frame runs from the destination address to the last octet before the FCS and lies inside its slot. To be
 * protected it needs PYSEC_HEADROOM octets of its slot before it and PYSEC_TAILROOM behind it: the addresses move
 * down to make room for the SecTAG, the payload stays where it is. */
struct pysec_frame {
    uint32_t offset;   /* of the destination address, from the arena's first octet */
    uint32_t len;      /* octets */
    uint32_t slot;     /* first octet of the slot */
    uint32_t slot_len; /* octets of the slot */
    uint64_t pn;       /* the packet number assigned or recovered; 0 if the frame got none */
    uint64_t sci;      /* the SCI used; all ones if none */
    uint8_t verdict;   /* enum pysec_verdict */
    uint8_t reason;    /* enum pysec_reason */
    uint8_t action;    /* enum pysec_action */
    uint8_t an;        /* the association number; 255 if none */
    uint32_t user;     /* the caller's own, never touched */
};

#define PYSEC_HEADROOM 16
#define PYSEC_TAILROOM 16
#define PYSEC_MAX_BURST 256

/* One row of the table that says what a verdict is. Text is never NULL; names that do not exist are "". */
struct pysec_verdict_info {
    const char *name;        /* as this project writes it: the YANG leaf, e.g. "in-pkts-ok" */
    const char *kernel_name; /* as Linux and 802.1AE-2006 name it, e.g. "InPktsOK" */
    const char *text;        /* one line for people */
    int standard;            /* 1 if 802.1AE-2018 10.7.9 or 10.7.18 has it */
    int per_sc;              /* 1 if it is counted per SC, 0 if per SecY */
    int delivered;           /* 1 if the frame goes on, 0 if it ends here */
};

/* pysec_verdict_get_info fills in the row of a verdict, 0 <= verdict < PYSEC_NUM_VERDICTS. */
int pysec_verdict_get_info(struct pysec_verdict_info *info, int verdict);

/* pysec_reason_name and pysec_reason_text give a reason's short name and one line; never NULL. */
const char *pysec_reason_name(int reason);
const char *pysec_reason_text(int reason);

/* ---- The SecY --------------------------------------------------------------------------------------------------- */

enum pysec_suite { /* 802.1AE-2018 Table 14-1 */
                   PYSEC_GCM_AES_128 = 0,
                   PYSEC_GCM_AES_256 = 1,
                   PYSEC_GCM_AES_XPN_128 = 2,
                   PYSEC_GCM_AES_XPN_256 = 3
};

enum pysec_validate { /* validateFrames, 10.7.8 */
                      PYSEC_VALIDATE_NULL = 0,
                      PYSEC_VALIDATE_DISABLED = 1,
                      PYSEC_VALIDATE_CHECK = 2,
                      PYSEC_VALIDATE_STRICT = 3
};

#define PYSEC_MAX_BYPASS 16
#define PYSEC_KI_OCTETS 16
#define PYSEC_MAX_DUPLICATE_WINDOW 65536

/* The controls of a SecY (10.7.8, 10.7.17). pysec_secy_defaults fills in the standard's defaults. */
struct pysec_config {
    uint32_t validate_frames; /* enum pysec_validate */
    uint32_t replay_window;   /* 0 .. 2^32-1; XPN suites use at most 2^30-1 of it (10.7.8) */
    uint32_t common_port_mtu; /* octets after addresses and EtherType that the common port carries; 0: no limit */
    uint8_t replay_protect;
    uint8_t refuse_duplicates; /* a bitmap also refuses a PN seen before inside the window; needs replay_protect and
                                  replay_window <= PYSEC_MAX_DUPLICATE_WINDOW */
    uint8_t protect_frames;
    uint8_t always_include_sci;
    uint8_t use_es;
    uint8_t use_scb;
    uint8_t vlan_tags_in_clear; /* 0, 1 or 2: how many VLAN tags stay before the SecTAG, outside the AAD */
    uint8_t controlled_port_enabled;
    uint8_t num_bypass_ethertypes;
    uint8_t num_bypass_addresses;
    uint8_t bypass_address[16][6]; /* PYSEC_MAX_BYPASS group addresses */
    uint16_t bypass_ethertype[16]; /* PYSEC_MAX_BYPASS */
};

struct pysec_secy;

/* pysec_secy_defaults fills in the standard's defaults: strict, replay protection with window 0, protect, EAPOL
 * (88-8E) as the only bypass. */
void pysec_secy_defaults(struct pysec_config *config);

/* pysec_secy_new makes a SecY whose transmit SC has the given SCI. max_receive_channels is 1 .. 4096; impl names the
 * GCM implementation, NULL for the best one. seed keeps the table of SCIs from being flooded and should be random. */
int pysec_secy_new(struct pysec_secy **out, uint64_t sci, int suite, const struct pysec_config *config,
                   uint32_t max_receive_channels, const char *impl, uint64_t seed);

/* pysec_secy_free wipes every key and frees the SecY. No other thread may be using it. */
void pysec_secy_free(struct pysec_secy *secy);

/* pysec_secy_set_config changes the controls; a burst in flight sees either all of the old or all of the new. */
int pysec_secy_set_config(struct pysec_secy *secy, const struct pysec_config *config);
void pysec_secy_get_config(const struct pysec_secy *secy, struct pysec_config *config);

/* pysec_secy_install_sak installs a SAK under its key identifier (10.7.28). confidentiality_offset is 0, 30 or 50;
 * only 0 with an XPN suite. salt is 12 octets with an XPN suite, else NULL. The same SAK under the same KI while it
 * is installed: 0, nothing changes. PYSEC_E_KI_REUSED if the KI is known with another SAK, or an installed or
 * remembered SAK comes back under another KI. */
int pysec_secy_install_sak(struct pysec_secy *secy, const uint8_t ki[16], const uint8_t *sak, size_t sak_len,
                           const uint8_t *salt, uint32_t confidentiality_offset);

/* pysec_secy_create_receive_sc and _delete_receive_sc (10.7.11). Creating one that exists: 0, nothing changes.
 * Deleting one deletes its SAs and its counters. */
int pysec_secy_create_receive_sc(struct pysec_secy *secy, uint64_t sci);
int pysec_secy_delete_receive_sc(struct pysec_secy *secy, uint64_t sci);

/* pysec_secy_create_receive_sa creates a receive SA, not yet in use (10.7.13). An SA of the same SC and AN with
 * another KI ends by this; the same KI again: 0, and the lowest PN rises if the one given is higher. With a KI and SC
 * that had an SA before, the new one goes on where that stood, if lowest_pn is lower. ssci counts with XPN suites
 * only. */
int pysec_secy_create_receive_sa(struct pysec_secy *secy, uint64_t sci, uint32_t an, const uint8_t ki[16],
                                 uint64_t lowest_pn, uint32_t ssci);

/* pysec_secy_enable_receive sets or clears enableReceive of the SA that has this KI (10.7.15). */
int pysec_secy_enable_receive(struct pysec_secy *secy, uint64_t sci, const uint8_t ki[16], int enable);

/* pysec_secy_update_lowest_pn raises the lowest acceptable PN, never lowers it (10.7.15, updtLowestPN). */
int pysec_secy_update_lowest_pn(struct pysec_secy *secy, uint64_t sci, const uint8_t ki[16], uint64_t lowest_pn);

/* pysec_secy_create_transmit_sa creates a transmit SA, not yet in use (10.7.22). next_pn is the floor of its packet
 * numbers: with a KI that was retired, a floor below its recorded next PN is PYSEC_E_PN_USED. The same KI and AN
 * again: 0, and next PN rises to the floor. An SA of the same AN with another KI ends by this, unless it is
 * the encoding SA: PYSEC_E_BUSY. pn_ceiling: PNs from it on are not sent, 0 for none. pn_threshold: PN at which
 * PYSEC_EV_PN_THRESHOLD is raised, 0 for three quarters of the space. */
int pysec_secy_create_transmit_sa(struct pysec_secy *secy, uint32_t an, const uint8_t ki[16], uint64_t next_pn,
                                  uint32_t ssci, int confidentiality, uint64_t pn_ceiling, uint64_t pn_threshold);

/* pysec_secy_enable_transmit makes the SA with this KI the encoding SA, or stops it (10.7.24). */
int pysec_secy_enable_transmit(struct pysec_secy *secy, const uint8_t ki[16], int enable);

/* pysec_secy_set_pn_ceiling moves the ceiling of a transmit SA; it may rise, or fall as far as next PN. */
int pysec_secy_set_pn_ceiling(struct pysec_secy *secy, const uint8_t ki[16], uint64_t pn_ceiling);

/* pysec_secy_retire ends every SA with this KI, wipes the SAK and records where its packet numbers stand. Retiring
 * one that is retired: 0, nothing changes. PYSEC_E_NOENT if this KI was never installed. */
int pysec_secy_retire(struct pysec_secy *secy, const uint8_t ki[16]);

/* pysec_secy_protect protects a burst for the common port, pysec_secy_validate validates one from it, in place in
 * arena[0 .. arena_len), of which the first 4 GiB count. num_frames may be any number; PYSEC_MAX_BURST are worked on at
 * a time. Always 0, each frame has its verdict; but PYSEC_E_INVAL with arguments that make no sense. No allocation, no
 * lock held across frames, no system call. */
int pysec_secy_protect(struct pysec_secy *secy, uint8_t *arena, size_t arena_len, struct pysec_frame *frames,
                       size_t num_frames);
int pysec_secy_validate(struct pysec_secy *secy, uint8_t *arena, size_t arena_len, struct pysec_frame *frames,
                        size_t num_frames);

/* pysec_secy_count_overrun adds frames that a port lost before the SecY saw them to in-pkts-overrun (10.6.3). */
void pysec_secy_count_overrun(struct pysec_secy *secy, uint64_t num_frames);

/* Counters: packets by verdict, and octets (10.7.10, 10.7.19). */
struct pysec_counters {
    uint64_t packets[25]; /* by enum pysec_verdict; only those of its own scope are not zero */
    uint64_t reasons[20]; /* packets by enum pysec_reason; per SecY only */
    uint64_t no_sa[4];    /* what the kernel and 802.1AE-2006 count apart, per SecY only: InPktsUnknownSCI,
                             InPktsUnusedSA (both of in-pkts-no-sa), InPktsNoSCI, InPktsNotUsingSA (no-sa-error) */
    uint64_t in_octets_validated;
    uint64_t in_octets_decrypted;
    uint64_t out_octets_protected;
    uint64_t out_octets_encrypted;
};

/* pysec_secy_get_counters sums over workers and over all SCs, present and past; _sc_ gives those of the transmit SC
 * (its own SCI) or of one receive SC, summed over present and past SAs. */
void pysec_secy_get_counters(struct pysec_secy *secy, struct pysec_counters *counters);
int pysec_secy_get_sc_counters(struct pysec_secy *secy, struct pysec_counters *counters, uint64_t sci);

/* What the packet numbers of a receive SC tell, over present and past SAs: a SecY uses each in turn, so that one which
 * passed without a valid frame is a frame that was lost, or came too late for the replay window. Not in the standard.
 * Exact up to the last valid frame of each SA, as long as no frame is accepted twice. */
struct pysec_sc_gaps {
    uint64_t passed;    /* PNs that nextPN has passed */
    uint64_t valid;     /* valid frames; passed - valid were lost */
    uint64_t reordered; /* valid frames that came after one with a greater PN */
    uint64_t deepest;   /* and by how many PNs at most */
};
int pysec_secy_get_sc_gaps(struct pysec_secy *secy, struct pysec_sc_gaps *gaps, uint64_t sci);

/* Status of an SA (10.7.14, 10.7.23). */
struct pysec_sa_status {
    uint8_t ki[16];
    uint64_t sci;
    uint64_t next_pn;      /* 0: exhausted with an XPN suite */
    uint64_t lowest_pn;    /* receive */
    uint64_t pn_ceiling;   /* transmit; 0: none */
    uint64_t pn_threshold; /* transmit */
    uint32_t ssci;
    uint8_t an;
    uint8_t transmit; /* 1: a transmit SA */
    uint8_t in_use;
    uint8_t confidentiality; /* transmit */
    uint8_t confidentiality_offset;
    uint8_t exhausted;
};

/* Status of the SecY as a whole. */
struct pysec_status {
    uint64_t sci;
    uint32_t num_receive_scs;
    uint32_t num_receiving_scs; /* with an SA in use */
    uint32_t num_saks;
    uint32_t num_retired_kis;   /* remembered */
    uint32_t num_forgotten_kis; /* retired ones pushed out of the bounded memory */
    int suite;
    uint8_t including_sci;   /* 10.5.3 */
    uint8_t transmitting;    /* 10.7.21 */
    uint8_t encoding_an;     /* 255: none */
    uint8_t exhausted;       /* the encoding SA has no PN left */
    uint8_t mac_operational; /* 10.7.4, less the common port's part */
    const char *gcm_impl;
};

void pysec_secy_get_status(struct pysec_secy *secy, struct pysec_status *status);

/* pysec_secy_list_sas writes up to max SAs, transmit first, and sets *num to how many there are. */
int pysec_secy_list_sas(struct pysec_secy *secy, struct pysec_sa_status *sas, size_t max, size_t *num);

/* pysec_secy_list_receive_scs writes up to max SCIs and sets *num to how many there are. */
int pysec_secy_list_receive_scs(struct pysec_secy *secy, uint64_t *scis, size_t max, size_t *num);

enum pysec_event_kind {
    PYSEC_EV_PN_THRESHOLD = 1, /* a transmit or receive SA passed its threshold: time for a new SAK */
    PYSEC_EV_PN_EXHAUSTED = 2, /* a transmit SA has used its last PN */
    PYSEC_EV_PN_CEILING = 3    /* a frame met the PN ceiling */
};

struct pysec_event {
    uint32_t kind; /* enum pysec_event_kind */
    uint32_t an;
    uint64_t sci;
    uint64_t next_pn;
    uint8_t ki[16];
    uint8_t transmit;
};

/* pysec_secy_next_event takes the next event: 1 if there was one, else 0. Each is given once for each SA (a ceiling
 * once for each ceiling set). */
int pysec_secy_next_event(struct pysec_secy *secy, struct pysec_event *event);

/* pysec_xpn_recover gives the 64-bit PN for the 32 bits received (802.1AE-2018 10.6.2, Table 10-2). */
uint64_t pysec_xpn_recover(uint64_t lowest_acceptable_pn, uint32_t pn_field);

/* CFFI END */

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
