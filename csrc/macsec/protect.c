/* protect.c - secure frame generation (802.1AE-2018 10.5), a burst at a time.
 *
 * Three passes: decide what becomes of each frame; give packet numbers to those that are protected and build their
 * SecTAGs; seal them all in one call. Frames keep their order, so packet numbers leave in rising order. */
#include "secy.h"

#include <string.h>

#include "../base/bytes.h"
#include "replay.h"

enum step {
    STEP_DONE,    /* it has its verdict */
    STEP_REFUSED, /* it has, unless the port closes before its turn */
    STEP_SEAL     /* it wants a packet number */
};

/* One burst and what it works with. */
struct burst {
    struct pysec_secy *secy;
    struct lane *lane;
    const struct controls *controls;
    struct tx_sa *sa;
    uint8_t *arena;
    bool including_sci; /* 802.1AE-2018 10.5.3 */
};

static void finish(struct pysec_frame *frame, enum pysec_verdict verdict, enum pysec_reason reason,
                   enum pysec_action action)
{
    frame->verdict = (uint8_t)verdict;
    frame->reason = (uint8_t)reason;
    frame->action = (uint8_t)action;
}

/* why_closed says why nothing may be sent, or PYSEC_R_NONE (802.1AE-2018 10.5.1, 10.5.2, 10.7.5). */
static enum pysec_reason why_closed(const struct burst *burst)
{
    if (!burst->controls->config.controlled_port_enabled)
        return PYSEC_R_DISABLED;
    if (!burst->sa)
        return PYSEC_R_NO_TRANSMIT_SA;
    return is_exhausted(burst->secy, burst->sa) ? PYSEC_R_PN_EXHAUSTED : PYSEC_R_NONE;
}

/* choose_tci gives the octet of TCI and AN (802.1AE-2018 9.5, 10.5.3, Table 10-1).
 * DEVIATES 802.1AE-2018 10.5.3: with useES or useSCB, a frame that does not come from the SCI's own address carries the
 * SCI, as 9.5 forbids ES there; otherwise no receiver could tell whose frame it is. */
static uint8_t choose_tci(const struct burst *burst, const uint8_t *source)
{
    const struct pysec_config *config = &burst->controls->config;
    uint8_t tci = burst->sa->an;
    if (burst->sa->confidentiality)
        tci |= TCI_E | TCI_C;
    if (burst->including_sci)
        return tci | TCI_SC;
    if (config->use_es || config->use_scb) {
        uint64_t source_mac = (uint64_t)load_be16(source) << 32 | load_be32(source + 2);
        if (source_mac != burst->secy->sci >> 16)
            return tci | TCI_SC;
    }
    if (config->use_es)
        tci |= TCI_ES;
    if (config->use_scb)
        tci |= TCI_SCB;
    return tci;
}

/* decide settles what is not to be protected, and notes for the rest how it will be. */
static enum step decide(const struct burst *burst, struct pysec_frame *frame, struct work *work, size_t arena_len)
{
    const struct controls *controls = burst->controls;
    frame->pn = 0;
    frame->sci = SCI_NONE;
    frame->an = 255;
    frame->action = PYSEC_A_DISCARD;
    if (!frame_is_sound(frame, arena_len, PYSEC_V_OUT_MALFORMED))
        return STEP_DONE;

    const uint8_t *octets = burst->arena + frame->offset;
    uint32_t vlan_len = clear_vlan_len(octets, frame->len, controls->config.vlan_tags_in_clear);
    if (is_bypassed(&controls->config, octets, load_be16(octets + ADDRESSES_LEN + vlan_len))) {
        finish(frame, PYSEC_V_OUT_BYPASS, PYSEC_R_NONE, PYSEC_A_COMMON);
        return STEP_DONE;
    }
    if (!controls->protect && controls->config.controlled_port_enabled) {
        finish(frame, PYSEC_V_OUT_UNTAGGED, controls->null_mode ? PYSEC_R_NULL : PYSEC_R_NONE, PYSEC_A_COMMON);
        return STEP_DONE;
    }
    enum pysec_reason closed = why_closed(burst);
    if (closed) {
        finish(frame, PYSEC_V_OUT_CLOSED, closed, PYSEC_A_DISCARD);
        return STEP_DONE;
    }

    work->tci_an = choose_tci(burst, octets + 6);
    work->tag_len = work->tci_an & TCI_SC ? SECTAG_SCI_LEN : SECTAG_LEN;
    work->vlan_len = (uint8_t)vlan_len;
    work->data = frame->offset + ADDRESSES_LEN + vlan_len;
    work->data_len = frame->len - ADDRESSES_LEN - vlan_len;
    /* 802.1AE-2018 10.5.5, before a packet number is spent. The MTU does not count addresses and EtherType. */
    uint32_t mtu = controls->config.common_port_mtu;
    if (mtu && work->tag_len - 2 + work->data_len + ICV_LEN > mtu) {
        finish(frame, PYSEC_V_OUT_TOO_LONG, PYSEC_R_NONE, PYSEC_A_DISCARD);
        return STEP_REFUSED;
    }
    if (frame->offset - frame->slot < work->tag_len ||
        frame->slot_len - (frame->offset - frame->slot) - frame->len < ICV_LEN) {
        finish(frame, PYSEC_V_OUT_MALFORMED, PYSEC_R_NO_ROOM, PYSEC_A_DISCARD);
        return STEP_REFUSED;
    }
    return STEP_SEAL;
}

/* take_pns takes up to want packet numbers from *first on and returns how many there were (802.1AE-2018 10.5.2). The
 * block is taken in one step, so two workers never get the same one; what a worker does not use is lost. */
static size_t take_pns(struct pysec_secy *secy, struct tx_sa *sa, uint64_t *first, size_t want)
{
    uint64_t next = atomic_load_explicit(&sa->next_pn, memory_order_relaxed);
    uint64_t after;
    size_t got;
    do {
        uint64_t ceiling = atomic_load_explicit(&sa->ceiling, memory_order_relaxed);
        uint64_t last = ceiling && ceiling - 1 < secy->last_pn ? ceiling - 1 : secy->last_pn;
        uint64_t left = next - 1 < last ? last - (next - 1) : 0;
        got = left < want ? (size_t)left : want;
        after = next + got;
    } while (!atomic_compare_exchange_weak(&sa->next_pn, &next, after));
    *first = next;
    if (after - 1 >= atomic_load_explicit(&sa->threshold, memory_order_relaxed) - 1)
        raise_event(secy, &sa->events, PYSEC_EV_PN_THRESHOLD);
    if (after - 1 >= secy->last_pn)
        raise_event(secy, &sa->events, PYSEC_EV_PN_EXHAUSTED);
    else if (got < want)
        raise_event(secy, &sa->events, PYSEC_EV_PN_CEILING);
    return got;
}

/* encode puts the SecTAG between addresses and user data and describes the frame to the cipher. For that the
 * addresses lie right before the SecTAG; VLAN tags in clear come back between them afterwards, as they are no part of
 * what is authenticated. */
static void encode(const struct burst *burst, const struct pysec_frame *frame, struct work *work, struct gcm_msg *msg)
{
    const struct tx_sa *sa = burst->sa;
    uint8_t *octets = burst->arena + frame->offset;
    uint8_t *data = burst->arena + work->data;
    uint8_t *tag = data - work->tag_len;
    memcpy(work->vlan, octets + ADDRESSES_LEN, work->vlan_len);
    memmove(tag - ADDRESSES_LEN, octets, ADDRESSES_LEN);
    sectag_encode(tag, work->tci_an, work->data_len, (uint32_t)work->pn, burst->secy->sci);

    /* 802.1AE-2018 14.5: without confidentiality, or up to its offset, user data is only authenticated. */
    uint32_t clear = sa->confidentiality ? sa->offset : work->data_len;
    if (clear > work->data_len)
        clear = work->data_len;
    msg->aad = tag - ADDRESSES_LEN;
    msg->aad_len = ADDRESSES_LEN + work->tag_len + clear;
    msg->data = data + clear;
    msg->data_len = work->data_len - clear;
    msg->tag = data + work->data_len;
    iv_make(msg->iv, &sa->iv, burst->secy->xpn, work->pn);
}

/* complete puts VLAN tags back and gives a sealed frame its new place and its verdict. */
static void complete(const struct burst *burst, struct pysec_frame *frame, const struct work *work)
{
    uint8_t *tag = burst->arena + work->data - work->tag_len;
    if (work->vlan_len) {
        memmove(tag - ADDRESSES_LEN - work->vlan_len, tag - ADDRESSES_LEN, ADDRESSES_LEN);
        memcpy(tag - work->vlan_len, work->vlan, work->vlan_len);
    }
    frame->offset -= work->tag_len;
    frame->len += work->tag_len + ICV_LEN;
    frame->pn = work->pn;
    frame->sci = burst->secy->sci;
    frame->an = burst->sa->an;
    /* 802.1AE-2018 10.5.4, 10.7.19 */
    bool encrypted = burst->sa->confidentiality;
    finish(frame, encrypted ? PYSEC_V_OUT_ENCRYPTED : PYSEC_V_OUT_PROTECTED, PYSEC_R_NONE, PYSEC_A_COMMON);
    bump(encrypted ? &burst->lane->out_octets_encrypted : &burst->lane->out_octets_protected, work->data_len);
}

/* seal_all gives packet numbers to the frames that are to be sealed, as far as there are any, and seals them. With
 * the last packet number of all the port closes, for whatever comes behind in the burst (802.1AE-2018 10.5.2). */
static void seal_all(const struct burst *burst, struct pysec_frame *frames, size_t num_frames, size_t num_seal)
{
    struct lane *lane = burst->lane;
    uint64_t first;
    size_t got = take_pns(burst->secy, burst->sa, &first, num_seal), n = 0;
    bool at_end = first + got - 1 >= burst->secy->last_pn;
    for (size_t i = 0; i < num_frames; i++) {
        struct work *work = &lane->work[i];
        if (work->step == STEP_DONE)
            continue;
        if (n == got && at_end) {
            finish(&frames[i], PYSEC_V_OUT_CLOSED, PYSEC_R_PN_EXHAUSTED, PYSEC_A_DISCARD);
            work->step = STEP_DONE;
        } else if (work->step == STEP_SEAL && n == got) {
            finish(&frames[i], PYSEC_V_OUT_CLOSED, PYSEC_R_PN_CEILING, PYSEC_A_DISCARD);
            work->step = STEP_DONE;
        } else if (work->step == STEP_SEAL) {
            work->pn = first + n;
            encode(burst, &frames[i], work, &lane->msgs[n++]);
        }
    }
    gcm_seal(burst->sa->key, lane->msgs, n);
    for (size_t i = 0; i < num_frames; i++)
        if (lane->work[i].step == STEP_SEAL)
            complete(burst, &frames[i], &lane->work[i]);
}

static void protect_burst(struct pysec_secy *secy, uint8_t *arena, size_t arena_len, struct pysec_frame *frames,
                          size_t num_frames)
{
    struct lane *lane = lane_enter(secy);
    struct burst burst = {.secy = secy, .lane = lane, .arena = arena};
    burst.controls = atomic_load(&secy->controls);
    burst.sa = atomic_load(&secy->encoding);
    const struct pysec_config *config = &burst.controls->config;
    /* 802.1AE-2018 10.5.3; this SecY has one transmit SC */
    burst.including_sci =
        config->always_include_sci || (!config->use_es && !config->use_scb && atomic_load(&secy->num_receiving) > 1);
    size_t num_seal = 0;
    for (size_t i = 0; i < num_frames; i++) {
        lane->work[i].step = (uint8_t)decide(&burst, &frames[i], &lane->work[i], arena_len);
        num_seal += lane->work[i].step == STEP_SEAL;
    }
    if (num_seal)
        seal_all(&burst, frames, num_frames, num_seal);
    for (size_t i = 0; i < num_frames; i++)
        count_frame(lane, lane_index(secy, lane), NULL, &frames[i]);
    lane_leave(lane);
}

/* 802.1AE-2018 10.5 */
int pysec_secy_protect(struct pysec_secy *secy, uint8_t *arena, size_t arena_len, struct pysec_frame *frames,
                       size_t num_frames)
{
    if (!secy || (num_frames && (!arena || !frames)))
        return PYSEC_E_INVAL;
    for (size_t done = 0; done < num_frames; done += PYSEC_MAX_BURST) {
        size_t rest = num_frames - done;
        protect_burst(secy, arena, arena_len, frames + done, rest < PYSEC_MAX_BURST ? rest : PYSEC_MAX_BURST);
    }
    return 0;
}
