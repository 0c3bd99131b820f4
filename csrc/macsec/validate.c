/* validate.c - secure frame verification (802.1AE-2018 10.6), a burst at a time.
 *
 * The standard describes one frame after another. A burst is worked on in passes instead, so that the cipher sees all
 * frames of a key at once:
 *
 *   examine   parse, find the SC and SA, recover the PN, preliminary replay check      10.6 a) to f), 9.12
 *   open      the cipher, once for each key that the burst has frames of               10.6.3
 *   commit    in frame order: replay check, verdict, PN state, deliver                 10.6.4, 10.6.5
 *
 * What can be seen from outside is the same as with one frame at a time. Commit makes the replay check as if nothing
 * later had been looked at: a frame that an earlier one of the same burst made late is late, whatever its ICV. Only
 * PN recovery cannot be repaired afterwards, as it goes into the IV: when the frames before could lead to another
 * number, examine stops and the burst is cut there (is_recovery_certain). */
#include "validate.h"

#include <string.h>

#include "../base/bytes.h"
#include "../base/secret.h"
#include "replay.h"

/* conclude gives a frame its verdict. */
static void conclude(struct pysec_frame *frame, enum pysec_verdict verdict, enum pysec_reason reason,
                     enum pysec_action action)
{
    frame->verdict = (uint8_t)verdict;
    frame->reason = (uint8_t)reason;
    frame->action = (uint8_t)action;
}

/* strip removes SecTAG and ICV: the user data stays, addresses and VLAN tags in clear move up to it. */
static void strip(const struct rx_burst *burst, struct pysec_frame *frame, const struct work *work)
{
    uint32_t head = ADDRESSES_LEN + work->vlan_len;
    memmove(burst->arena + work->data - head, burst->arena + frame->offset, head);
    frame->offset = work->data - head;
    frame->len = head + work->data_len;
}

/* ---- examine */

/* why_closed says why nothing is accepted, or PYSEC_R_NONE (802.1AE-2018 10.5.2, 10.7.5).
 * DEVIATES 802.1AE-2018 10.5.1: without a transmit SA in use frames are still accepted, for receivers that never
 * transmit; pysec_status.mac_operational tells the user of the port. */
static enum pysec_reason why_closed(const struct rx_burst *burst)
{
    if (!burst->controls->config.controlled_port_enabled)
        return PYSEC_R_DISABLED;
    struct tx_sa *encoding = atomic_load(&burst->secy->encoding);
    bool exhausted = burst->controls->protect && encoding && is_exhausted(burst->secy, encoding);
    return exhausted ? PYSEC_R_PN_EXHAUSTED : PYSEC_R_NONE;
}

/* sci_of gives the SCI of a frame, explicit or implied (802.1AE-2018 9.5, 9.9, 10.6.1). SCB goes before ES. A SecTAG
 * that tells nothing means the one peer there is; with several receive SCs it is taken as ES would be, as Linux does,
 * and the ICV proves the guess right or wrong. */
static uint64_t sci_of(const struct rx_burst *burst, const struct sectag *tag, const uint8_t *octets)
{
    if (tag->tci_an & TCI_SC)
        return tag->sci;
    const struct rx_sc *only = atomic_load(&burst->table->only);
    if (only && !(tag->tci_an & (TCI_ES | TCI_SCB)))
        return only->sci;
    uint64_t mac = (uint64_t)load_be16(octets + 6) << 32 | load_be32(octets + 8);
    return mac << 16 | (tag->tci_an & TCI_SCB ? 0 : 1);
}

/* no_sa settles a frame that belongs to no SA (802.1AE-2018 10.6.1 a to d). */
static void no_sa(const struct rx_burst *burst, struct pysec_frame *frame, const struct work *work,
                  enum pysec_reason reason)
{
    if (burst->strict || work->tci_an & TCI_C) {
        conclude(frame, PYSEC_V_IN_NO_SA_ERROR, reason, PYSEC_A_DISCARD);
        return;
    }
    strip(burst, frame, work);
    conclude(frame, PYSEC_V_IN_NO_SA, reason, PYSEC_A_CONTROLLED);
}

/* track_of gives what the burst knows of an SA. */
static struct rx_track *track_of(struct rx_burst *burst, struct rx_sa *sa)
{
    uint32_t known = burst->sas.num;
    struct rx_track *track = &burst->track[number_of(&burst->sas, sa)];
    if (burst->sas.num > known) {
        track->lowest_pn = track->best_lowest_pn = atomic_load(&sa->lowest_pn);
        track->next_pn = atomic_load(&sa->next_pn);
    }
    return track;
}

/* count_message counts one more message under the key of an SA and returns the number of the key. */
static uint16_t count_message(struct rx_burst *burst, const struct rx_sa *sa)
{
    uint32_t known = burst->keys.num;
    uint32_t number = number_of(&burst->keys, sa->key);
    if (burst->keys.num > known)
        burst->key[number].num_msgs = 0;
    burst->key[number].num_msgs++;
    return (uint16_t)number;
}

/* is_recovery_certain recovers the PN, and says whether it would be the same if all the frames before in this burst
 * proved valid. As recovery only rises with the lowest acceptable PN, the two ends tell for all between. */
static bool is_recovery_certain(const struct rx_burst *burst, struct rx_track *track, const struct sectag *tag,
                                uint64_t *pn)
{
    *pn = tag->pn;
    if (burst->secy->xpn) {
        *pn = xpn_recover(track->lowest_pn, tag->pn);
        if (xpn_recover(track->best_lowest_pn, tag->pn) != *pn)
            return false;
    }
    if (*pn != 0 && !pn_less(*pn, track->next_pn))
        track->next_pn = *pn + 1;
    /* Not only when nextPN rises: the window may have become smaller since the last frame. */
    track->best_lowest_pn = lowest_after(track->best_lowest_pn, track->next_pn, burst->controls->window);
    return true;
}

/* untagged settles a frame without SecTAG (802.1AE-2018 10.6). */
static void untagged(const struct rx_burst *burst, struct pysec_frame *frame)
{
    if (burst->strict)
        conclude(frame, PYSEC_V_IN_NO_TAG, PYSEC_R_NONE, PYSEC_A_DISCARD);
    else
        conclude(frame, PYSEC_V_IN_UNTAGGED, PYSEC_R_NONE, PYSEC_A_CONTROLLED);
}

/* find_sa finds SC and SA of a frame with a good SecTAG; STEP_DONE if there is none, the frame being settled. */
static enum step find_sa(const struct rx_burst *burst, struct pysec_frame *frame, struct work *work,
                         const struct sectag *tag, const uint8_t *octets)
{
    frame->an = tag->tci_an & TCI_AN;
    frame->sci = sci_of(burst, tag, octets);
    work->sc = sc_table_find(burst->table, frame->sci);
    if (!work->sc) {
        no_sa(burst, frame, work, PYSEC_R_UNKNOWN_SCI);
        return STEP_DONE;
    }
    work->sa = atomic_load(&work->sc->in_use[frame->an]);
    if (!work->sa) {
        no_sa(burst, frame, work, PYSEC_R_UNUSED_SA);
        return STEP_DONE;
    }
    return STEP_COMMIT;
}

/* wants_cipher says whether the cipher can say anything about a frame (802.1AE-2018 10.6.3). */
static bool wants_cipher(const struct rx_burst *burst, const struct rx_track *track, const struct work *work)
{
    bool late = burst->controls->config.replay_protect && pn_less(work->pn, track->lowest_pn); /* 802.1AE-2018 10.6.2 */
    bool ours = (work->tci_an & (TCI_E | TCI_C)) != TCI_C;
    return burst->validates && ours && !late && work->pn != 0;
}

/* examine brings one frame as far as the cipher. STEP_CUT: the burst ends before it. */
static enum step examine(struct rx_burst *burst, struct pysec_frame *frame, struct work *work)
{
    const struct pysec_config *config = &burst->controls->config;
    frame->pn = 0;
    frame->sci = SCI_NONE;
    frame->an = 255;
    frame->action = PYSEC_A_DISCARD;
    work->sc = NULL;
    if (!frame_is_sound(frame, burst->arena_len, PYSEC_V_IN_MALFORMED))
        return STEP_DONE;

    const uint8_t *octets = burst->arena + frame->offset;
    uint32_t vlan_len = clear_vlan_len(octets, frame->len, config->vlan_tags_in_clear);
    uint32_t mpdu = ADDRESSES_LEN + vlan_len;
    uint16_t ethertype = load_be16(octets + mpdu);
    if (ethertype != ETHERTYPE_MACSEC && is_bypassed(config, octets, ethertype)) {
        conclude(frame, PYSEC_V_IN_BYPASS, PYSEC_R_NONE, PYSEC_A_UNCONTROLLED);
        return STEP_DONE;
    }
    if (burst->closed) {
        conclude(frame, PYSEC_V_IN_CLOSED, burst->closed, PYSEC_A_DISCARD);
        return STEP_DONE;
    }
    if (burst->controls->null_mode) {
        conclude(frame, PYSEC_V_IN_UNTAGGED, PYSEC_R_NULL, PYSEC_A_CONTROLLED);
        return STEP_DONE;
    }
    if (ethertype != ETHERTYPE_MACSEC) {
        untagged(burst, frame);
        return STEP_DONE;
    }

    struct sectag tag;
    enum pysec_reason reason;
    enum pysec_verdict verdict = sectag_parse(&tag, &reason, octets + mpdu, frame->len - mpdu, burst->secy->xpn);
    if (verdict != PYSEC_V_NONE) {
        conclude(frame, verdict, reason, PYSEC_A_DISCARD);
        return STEP_DONE;
    }
    work->tci_an = tag.tci_an;
    work->tag_len = tag.len;
    work->vlan_len = (uint8_t)vlan_len;
    work->data = frame->offset + mpdu + tag.len;
    work->data_len = tag.data_len;
    enum step step = find_sa(burst, frame, work, &tag, octets);
    if (step == STEP_DONE)
        return step;

    struct rx_track *track = track_of(burst, work->sa);
    if (!is_recovery_certain(burst, track, &tag, &work->pn))
        return STEP_CUT;
    frame->pn = work->pn;
    if (!wants_cipher(burst, track, work))
        return STEP_COMMIT;
    work->key = count_message(burst, work->sa);
    return STEP_OPEN;
}

/* ---- open */

/* describe tells the cipher what of a frame is what. The addresses go right before the SecTAG while it works, for
 * VLAN tags in clear are not authenticated. */
static void describe(const struct rx_burst *burst, const struct pysec_frame *frame, struct work *work,
                     struct gcm_msg *msg)
{
    uint8_t *octets = burst->arena + frame->offset;
    uint8_t *data = burst->arena + work->data;
    uint8_t *tag = data - work->tag_len;
    if (work->vlan_len) {
        memcpy(work->vlan, octets + ADDRESSES_LEN, work->vlan_len);
        memmove(tag - ADDRESSES_LEN, octets, ADDRESSES_LEN);
    }
    uint32_t clear = work->tci_an & TCI_E ? work->sa->offset : work->data_len;
    if (clear > work->data_len)
        clear = work->data_len;
    msg->aad = tag - ADDRESSES_LEN;
    msg->aad_len = ADDRESSES_LEN + work->tag_len + clear;
    msg->data = data + clear;
    msg->data_len = work->data_len - clear;
    msg->tag = data + work->data_len;
    iv_make(msg->iv, &work->sa->iv, burst->secy->xpn, work->pn);
}

/* put_vlan_back undoes what describe did to a frame's head. */
static void put_vlan_back(const struct rx_burst *burst, const struct pysec_frame *frame, const struct work *work)
{
    if (!work->vlan_len)
        return;
    uint8_t *octets = burst->arena + frame->offset;
    memmove(octets, octets + work->vlan_len, ADDRESSES_LEN);
    memcpy(octets + ADDRESSES_LEN, work->vlan, work->vlan_len);
}

static void open_all(struct rx_burst *burst, struct pysec_frame *frames, size_t num_frames)
{
    struct lane *lane = burst->lane;
    uint16_t at = 0;
    for (uint32_t k = 0; k < burst->keys.num; k++) {
        burst->key[k].first_msg = burst->key[k].fill = at;
        at = (uint16_t)(at + burst->key[k].num_msgs);
    }
    for (size_t i = 0; i < num_frames; i++) {
        struct work *work = &lane->work[i];
        if (work->step != STEP_OPEN)
            continue;
        work->msg = burst->key[work->key].fill++;
        describe(burst, &frames[i], work, &lane->msgs[work->msg]);
    }
    for (uint32_t k = 0; k < burst->keys.num; k++)
        gcm_open(burst->keys.pointer[k], &lane->msgs[burst->key[k].first_msg], burst->key[k].num_msgs);
    for (size_t i = 0; i < num_frames; i++)
        if (lane->work[i].step == STEP_OPEN)
            put_vlan_back(burst, &frames[i], &lane->work[i]);
}

/* ---- commit */

/* discard ends a frame; what was decrypted of it is wiped. */
static void discard(const struct rx_burst *burst, struct pysec_frame *frame, const struct work *work,
                    enum pysec_verdict verdict, enum pysec_reason reason)
{
    if (work->step == STEP_OPEN && work->tci_an & TCI_E)
        wipe(burst->arena + work->data, work->data_len);
    conclude(frame, verdict, reason, PYSEC_A_DISCARD);
}

/* note_reordered notes a valid frame that came behind others with greater PNs, and by how many PNs. */
static void note_reordered(struct rx_sc *sc, uint64_t depth)
{
    bump(&sc->reordered, 1);
    if (depth > atomic_load_explicit(&sc->deepest, memory_order_relaxed))
        atomic_store_explicit(&sc->deepest, depth, memory_order_relaxed);
}

/* advance moves the PN state for a valid frame (802.1AE-2018 10.6.5). */
static void advance(const struct rx_burst *burst, struct rx_sa *sa, uint64_t *seen, uint64_t pn)
{
    uint64_t next = atomic_load_explicit(&sa->next_pn, memory_order_relaxed);
    uint64_t lowest = atomic_load_explicit(&sa->lowest_pn, memory_order_relaxed);
    if (!pn_less(pn, next)) {
        if (seen)
            seen_advance(seen, next, pn);
        next = pn + 1;
        atomic_store_explicit(&sa->next_pn, next, memory_order_relaxed);
        if (next - 1 >= burst->secy->last_pn / 4 * 3 + 2)
            raise_event(burst->secy, &sa->events, PYSEC_EV_PN_THRESHOLD);
    } else {
        note_reordered(sa->sc, next - pn);
    }
    if (seen)
        seen_set(seen, pn);
    atomic_store_explicit(&sa->lowest_pn, lowest_after(lowest, next, burst->controls->window), memory_order_relaxed);
}

/* judge gives the verdict of 10.6.4 and 10.6.5; the caller holds the SA's replay lock. */
static void judge(const struct rx_burst *burst, struct pysec_frame *frame, struct work *work)
{
    struct rx_sa *sa = work->sa;
    uint64_t lowest = atomic_load_explicit(&sa->lowest_pn, memory_order_relaxed);
    bool below = pn_less(work->pn, lowest);
    bool changed = work->tci_an & TCI_C;
    if (burst->controls->config.replay_protect && (below || work->pn == 0)) { /* 802.1AE-2018 10.6.2, 10.6.4 */
        discard(burst, frame, work, PYSEC_V_IN_LATE, PYSEC_R_NONE);
        return;
    }
    if (burst->validates) /* 802.1AE-2018 10.6.3, 10.7.10 */
        bump(work->tci_an & TCI_E ? &burst->lane->in_octets_decrypted : &burst->lane->in_octets_validated,
             work->data_len);

    bool valid = work->step == STEP_OPEN && burst->lane->msgs[work->msg].ok;
    if (!valid) {
        enum pysec_reason reason = !burst->validates         ? PYSEC_R_NOT_CHECKED
                                   : work->pn == 0           ? PYSEC_R_PN_ZERO
                                   : work->step == STEP_OPEN ? PYSEC_R_ICV
                                                             : PYSEC_R_NOT_OURS;
        if (burst->strict || changed) { /* 802.1AE-2018 10.6.5 */
            discard(burst, frame, work, PYSEC_V_IN_NOT_VALID, reason);
            return;
        }
        strip(burst, frame, work);
        if (burst->validates)
            conclude(frame, PYSEC_V_IN_INVALID, reason, PYSEC_A_CONTROLLED);
        else
            conclude(frame, below ? PYSEC_V_IN_DELAYED : PYSEC_V_IN_UNCHECKED, PYSEC_R_NONE, PYSEC_A_CONTROLLED);
        return;
    }
    uint64_t *seen = burst->controls->config.refuse_duplicates ? atomic_load(&sa->seen) : NULL;
    if (seen && pn_less(work->pn, atomic_load_explicit(&sa->next_pn, memory_order_relaxed)) &&
        seen_get(seen, work->pn)) {
        discard(burst, frame, work, PYSEC_V_IN_DUPLICATE, PYSEC_R_NONE);
        return;
    }
    strip(burst, frame, work);
    conclude(frame, below ? PYSEC_V_IN_DELAYED : PYSEC_V_IN_OK, PYSEC_R_NONE, PYSEC_A_CONTROLLED);
    advance(burst, sa, seen, work->pn);
}

/* commit judges the frames in order. The replay lock of an SA is taken once for a run of its frames; it is contended
 * only while two workers validate frames of one SA. */
static void commit(const struct rx_burst *burst, struct pysec_frame *frames, size_t num_frames)
{
    struct rx_sa *locked = NULL;
    for (size_t i = 0; i < num_frames; i++) {
        struct work *work = &burst->lane->work[i];
        if (work->step != STEP_DONE) {
            if (work->sa != locked) {
                if (locked)
                    replay_unlock(locked);
                locked = work->sa;
                replay_lock(locked);
            }
            judge(burst, &frames[i], work);
        }
        count_frame(burst->lane, lane_index(burst->secy, burst->lane), work->sc, &frames[i]);
    }
    if (locked)
        replay_unlock(locked);
}

/* validate_some validates frames as far as one set of passes carries and returns how many that were. */
static size_t validate_some(struct rx_burst *burst, struct pysec_frame *frames, size_t num_frames)
{
    struct lane *lane = burst->lane;
    size_t n = 0;
    numbering_clear(&burst->sas);
    numbering_clear(&burst->keys);
    for (; n < num_frames; n++) {
        enum step step = examine(burst, &frames[n], &lane->work[n]);
        if (step == STEP_CUT)
            break;
        lane->work[n].step = (uint8_t)step;
    }
    open_all(burst, frames, n);
    commit(burst, frames, n);
    return n;
}

static void validate_burst(struct pysec_secy *secy, uint8_t *arena, size_t arena_len, struct pysec_frame *frames,
                           size_t num_frames)
{
    struct rx_burst burst;
    burst.lane = lane_enter(secy);
    burst.secy = secy;
    burst.arena = arena;
    burst.arena_len = arena_len;
    burst.controls = atomic_load(&secy->controls);
    burst.table = atomic_load(&secy->scs);
    burst.strict = burst.controls->config.validate_frames == PYSEC_VALIDATE_STRICT;
    burst.validates = burst.controls->config.validate_frames >= PYSEC_VALIDATE_CHECK;
    burst.closed = why_closed(&burst);
    fetch_ahead(&burst, frames, num_frames);
    for (size_t done = 0; done < num_frames;)
        done += validate_some(&burst, frames + done, num_frames - done);
    lane_leave(burst.lane);
}

/* 802.1AE-2018 10.6 */
int pysec_secy_validate(struct pysec_secy *secy, uint8_t *arena, size_t arena_len, struct pysec_frame *frames,
                        size_t num_frames)
{
    if (!secy || (num_frames && (!arena || !frames)))
        return PYSEC_E_INVAL;
    for (size_t done = 0; done < num_frames; done += PYSEC_MAX_BURST) {
        size_t rest = num_frames - done;
        validate_burst(secy, arena, arena_len, frames + done, rest < PYSEC_MAX_BURST ? rest : PYSEC_MAX_BURST);
    }
    return 0;
}
