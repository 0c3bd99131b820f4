/* fuzz_sectag.c - any octets at all through the parser of the SecTAG.
 *
 * Beside it runs a second reading of 802.1AE-2018 9.12, written apart and without any care for speed; the two must
 * agree on every verdict and every field. A tag that was taken and is written again must come out the same.
 *
 * Input: one octet, of which bit 0 chooses an XPN suite, then the MPDU from the MACsec EtherType on.
 */
#include "fuzz.h"

#include "macsec/sectag.h"

#include <string.h>

struct reading {
    int verdict, reason;
    uint64_t sci;
    uint32_t pn, data_len;
    int tag_len;
};

static uint64_t number(const uint8_t *p, int octets)
{
    uint64_t x = 0;
    while (octets-- > 0)
        x = x * 256 + *p++;
    return x;
}

/* The list of 9.12, top to bottom. */
static struct reading read_again(const uint8_t *mpdu, size_t len, int xpn)
{
    struct reading r = {PYSEC_V_IN_BAD_TAG, PYSEC_R_TRUNCATED, SCI_NONE, 0, 0, 8};
    if (len < 17)
        return r;
    int v = mpdu[2] >> 7 & 1, es = mpdu[2] >> 6 & 1, sc = mpdu[2] >> 5 & 1, scb = mpdu[2] >> 4 & 1;
    int e = mpdu[2] >> 3 & 1, c = mpdu[2] >> 2 & 1, sl = mpdu[3] % 64, rest;
    r.reason = PYSEC_R_VERSION;
    if (v)
        return r;
    r.reason = PYSEC_R_SC_WITH_ES_SCB;
    if (sc && (es || scb))
        return r;
    r.reason = PYSEC_R_SL_RESERVED;
    if (mpdu[3] >= 64)
        return r;
    r.tag_len = sc ? 16 : 8;
    rest = (int)len - r.tag_len - 16; /* what is left for Secure Data and padding */
    r.reason = PYSEC_R_LENGTH;
    if (sl ? rest < sl : rest < 48)
        return r;
    r.data_len = (uint32_t)(sl ? sl : rest);
    r.pn = (uint32_t)number(mpdu + 4, 4);
    if (sc)
        r.sci = number(mpdu + 8, 8);
    r.reason = PYSEC_R_SCI_RESERVED;
    if (sc && r.sci == SCI_NONE)
        return r;
    r.reason = PYSEC_R_PN_ZERO;
    if (r.pn == 0 && !xpn)
        return r;
    r.reason = PYSEC_R_NONE;
    r.verdict = e && !c ? PYSEC_V_IN_KAY : PYSEC_V_NONE;
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    int xpn = data[0] & 1;
    const uint8_t *mpdu = data + 1;
    size_t len = size - 1;

    struct sectag tag;
    enum pysec_reason reason;
    memset(&tag, 0xa5, sizeof tag);
    enum pysec_verdict verdict = sectag_parse(&tag, &reason, mpdu, len, xpn);
    struct reading want = read_again(mpdu, len, xpn);
    PROMISE((int)verdict == want.verdict, "two readings of 9.12 give the same verdict");
    PROMISE((int)reason == want.reason, "and the same reason");
    if (verdict != PYSEC_V_NONE)
        return 0;

    PROMISE(tag.sci == want.sci && tag.pn == want.pn && tag.data_len == want.data_len && tag.len == want.tag_len,
            "and the same fields");
    PROMISE(tag.tci_an == mpdu[2], "TCI and AN are as they came");
    PROMISE((size_t)tag.len + tag.data_len + ICV_LEN <= len, "Secure Data and ICV lie inside the MPDU");
    if (mpdu[3] < 48) { /* a transmitter says lengths from 48 on with 0 */
        uint8_t again[SECTAG_SCI_LEN];
        PROMISE(sectag_encode(again, tag.tci_an, tag.data_len, tag.pn, tag.sci) == tag.len, "it encodes as long");
        PROMISE(memcmp(again + 2, mpdu + 2, tag.len - 2u) == 0, "and to the same octets");
    }
    return 0;
}

#ifdef PYSEC_STANDALONE
#include "standalone.c"
#endif
