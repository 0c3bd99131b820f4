#include "secy.h"

#include <string.h>

#include "../base/bytes.h"

#define ETHER_HEADER_LEN 14
#define VLAN_TAG_LEN 4
#define ETHERTYPE_C_TAG 0x8100
#define ETHERTYPE_S_TAG 0x88a8

bool frame_is_sound(struct pysec_frame *frame, size_t arena_len, enum pysec_verdict malformed)
{
    if (arena_len > UINT32_MAX) /* offsets have 32 bits, and so have the sums that are made of them */
        arena_len = UINT32_MAX;
    bool in_arena = frame->slot <= arena_len && frame->slot_len <= arena_len - frame->slot;
    bool in_slot = in_arena && frame->offset >= frame->slot && frame->offset - frame->slot <= frame->slot_len &&
                   frame->len <= frame->slot_len - (frame->offset - frame->slot);
    if (in_slot && frame->len >= ETHER_HEADER_LEN)
        return true;
    frame->verdict = (uint8_t)malformed;
    frame->reason = in_slot ? PYSEC_R_TOO_SHORT : PYSEC_R_NO_ROOM;
    return false;
}

uint32_t clear_vlan_len(const uint8_t *frame, uint32_t len, uint32_t max_tags)
{
    uint32_t vlan_len = 0;
    while (vlan_len < max_tags * VLAN_TAG_LEN && len >= ETHER_HEADER_LEN + vlan_len + VLAN_TAG_LEN) {
        uint16_t ethertype = load_be16(frame + ADDRESSES_LEN + vlan_len);
        if (ethertype != ETHERTYPE_C_TAG && ethertype != ETHERTYPE_S_TAG)
            break;
        vlan_len += VLAN_TAG_LEN;
    }
    return vlan_len;
}

bool is_bypassed(const struct pysec_config *config, const uint8_t *frame, uint16_t ethertype)
{
    for (int i = 0; i < config->num_bypass_ethertypes; i++)
        if (config->bypass_ethertype[i] == ethertype)
            return true;
    for (int i = 0; i < config->num_bypass_addresses; i++)
        if (memcmp(config->bypass_address[i], frame, 6) == 0)
            return true;
    return false;
}

/* 802.1AE-2018 14.5: SCI, then the 32-bit PN. 802.1AE-2018 14.7: SSCI and 64-bit PN, exclusive-or with the salt. */
void iv_base_init(struct iv_base *base, bool xpn, uint64_t sci, uint32_t ssci, const uint8_t salt[SALT_LEN])
{
    memset(base, 0, sizeof *base);
    if (!xpn) {
        store_be64(base->octets, sci);
        return;
    }
    memcpy(base->octets, salt, SALT_LEN);
    store_be32(base->octets, load_be32(base->octets) ^ ssci);
}

void iv_make(uint8_t iv[GCM_IV_LEN], const struct iv_base *base, bool xpn, uint64_t pn)
{
    memcpy(iv, base->octets, GCM_IV_LEN);
    if (xpn)
        store_be64(iv + 4, load_be64(iv + 4) ^ pn);
    else
        store_be32(iv + 8, (uint32_t)pn);
}
