#include "sectag.h"

#include "../base/bytes.h"

#define MIN_MPDU_LEN 17   /* 802.1AE-2018 9.12 a) */
#define SHORT_DATA_LEN 48 /* 802.1AE-2018 9.7: less than this is said in SL */
#define SL_RESERVED_BITS 0xc0

/* sci_of_tag gives the SCI that the tag holds, or SCI_NONE. */
static uint64_t sci_of_tag(const uint8_t *mpdu, uint8_t tci)
{
    return tci & TCI_SC ? load_be64(mpdu + 8) : SCI_NONE;
}

/* 802.1AE-2018 9.12, in its order; the EtherType (b) is what brought us here. 9.12 f) and g) can be read as asking
 * for an exact length where SL is not zero; 9.10 NOTE 2 says that SL is there so that the ICV is found in front of
 * padding that the MAC added, so more octets are taken and left out. */
enum pysec_verdict sectag_parse(struct sectag *tag, enum pysec_reason *reason, const uint8_t *mpdu, size_t mpdu_len,
                                bool xpn)
{
    *reason = PYSEC_R_TRUNCATED;
    if (mpdu_len < MIN_MPDU_LEN)
        return PYSEC_V_IN_BAD_TAG;

    uint8_t tci = mpdu[2], sl = mpdu[3];
    *reason = PYSEC_R_VERSION;
    if (tci & TCI_V)
        return PYSEC_V_IN_BAD_TAG;
    *reason = PYSEC_R_SC_WITH_ES_SCB;
    if (tci & TCI_SC && tci & (TCI_ES | TCI_SCB))
        return PYSEC_V_IN_BAD_TAG;
    *reason = PYSEC_R_SL_RESERVED;
    if (sl & SL_RESERVED_BITS)
        return PYSEC_V_IN_BAD_TAG;

    /* 802.1AE-2018 9.12 f) to i): every suite here has an ICV of 16 octets, so C makes no difference. */
    size_t tag_len = tci & TCI_SC ? SECTAG_SCI_LEN : SECTAG_LEN;
    *reason = PYSEC_R_LENGTH;
    if (mpdu_len < tag_len + ICV_LEN + (sl ? sl : SHORT_DATA_LEN))
        return PYSEC_V_IN_BAD_TAG;

    tag->tci_an = tci;
    tag->len = (uint8_t)tag_len;
    tag->pn = load_be32(mpdu + 4);
    tag->sci = sci_of_tag(mpdu, tci);
    tag->data_len = sl ? sl : (uint32_t)(mpdu_len - tag_len - ICV_LEN);

    *reason = PYSEC_R_SCI_RESERVED; /* 802.1AE-2018 9.9 */
    if (tci & TCI_SC && tag->sci == SCI_NONE)
        return PYSEC_V_IN_BAD_TAG;
    *reason = PYSEC_R_PN_ZERO; /* decided here: nobody sends it (802.1AE-2018 10.5.2), and Linux does the same */
    if (tag->pn == 0 && !xpn)
        return PYSEC_V_IN_BAD_TAG;

    *reason = PYSEC_R_NONE;
    if ((tci & (TCI_E | TCI_C)) == TCI_E) /* 802.1AE-2018 9.5 */
        return PYSEC_V_IN_KAY;
    return PYSEC_V_NONE;
}

/* 802.1AE-2018 9.3 to 9.9 */
size_t sectag_encode(uint8_t *out, uint8_t tci_an, size_t data_len, uint32_t pn, uint64_t sci)
{
    store_be16(out, ETHERTYPE_MACSEC);
    out[2] = tci_an;
    out[3] = data_len < SHORT_DATA_LEN ? (uint8_t)data_len : 0;
    store_be32(out + 4, pn);
    if (!(tci_an & TCI_SC))
        return SECTAG_LEN;
    store_be64(out + 8, sci);
    return SECTAG_SCI_LEN;
}
