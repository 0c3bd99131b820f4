/* verdict.c - the one table that says what each verdict and each reason is.
 *
 * A frame's verdict is its management counter, so this is also the list of counters. Names of the standard's own
 * counters are the leaves of the IEEE YANG module ieee802-dot1ae-secy; the second column is what Linux and
 * 802.1AE-2006 call them, which is what people grep for. Where the 2006 names split one counter of 2018 in two
 * (unknown SCI, unused SA), the reason tells them apart. */
#include "../pysec.h"

static const struct pysec_verdict_info VERDICTS[PYSEC_NUM_VERDICTS] = {
    /* name, kernel name, text, standard, per SC, delivered */
    [PYSEC_V_NONE] = {"none", "", "not looked at", 0, 0, 0},
    /* 802.1AE-2018 10.7.9 a) to f), 10.6 */
    [PYSEC_V_IN_UNTAGGED] = {"in-pkts-untagged", "InPktsUntagged", "without SecTAG, delivered", 1, 0, 1},
    [PYSEC_V_IN_NO_TAG] = {"in-pkts-no-tag", "InPktsNoTag", "without SecTAG, discarded", 1, 0, 0},
    [PYSEC_V_IN_BAD_TAG] = {"in-pkts-bad-tag", "InPktsBadTag", "SecTAG or length not valid", 1, 0, 0},
    [PYSEC_V_IN_NO_SA] = {"in-pkts-no-sa", "InPktsNoSA", "no SA for it, delivered unchecked", 1, 0, 1},
    [PYSEC_V_IN_NO_SA_ERROR] = {"in-pkts-no-sa-error", "InPktsNoSAError", "no SA for it, discarded", 1, 0, 0},
    [PYSEC_V_IN_OVERRUN] = {"in-pkts-overrun", "InPktsOverrun", "lost before validation", 1, 0, 0},
    /* 802.1AE-2018 10.7.9 g) to l), 10.6.5 */
    [PYSEC_V_IN_OK] = {"in-pkts-ok", "InPktsOK", "valid", 1, 1, 1},
    [PYSEC_V_IN_UNCHECKED] = {"in-pkts-unchecked", "InPktsUnchecked", "not validated, delivered", 1, 1, 1},
    [PYSEC_V_IN_DELAYED] = {"in-pkts-delayed", "InPktsDelayed", "below the lowest acceptable PN, delivered", 1, 1, 1},
    [PYSEC_V_IN_LATE] = {"in-pkts-late", "InPktsLate", "below the lowest acceptable PN, discarded", 1, 1, 0},
    [PYSEC_V_IN_INVALID] = {"in-pkts-invalid", "InPktsInvalid", "ICV wrong, delivered", 1, 1, 1},
    [PYSEC_V_IN_NOT_VALID] = {"in-pkts-not-valid", "InPktsNotValid", "ICV wrong, discarded", 1, 1, 0},
    /* this project's own */
    [PYSEC_V_IN_KAY] = {"in-pkts-kay", "", "reserved for the KaY (E set, C clear), discarded", 0, 0, 0},
    [PYSEC_V_IN_BYPASS] = {"in-pkts-bypass", "", "to the uncontrolled port", 0, 0, 1},
    [PYSEC_V_IN_DUPLICATE] = {"in-pkts-duplicate", "", "valid, but this PN came before", 0, 1, 0},
    [PYSEC_V_IN_CLOSED] = {"in-pkts-closed", "", "the controlled port is not operational", 0, 0, 0},
    [PYSEC_V_IN_MALFORMED] = {"in-pkts-malformed", "", "not an Ethernet frame in a proper slot", 0, 0, 0},
    /* 802.1AE-2018 10.7.18, 10.5 */
    [PYSEC_V_OUT_UNTAGGED] = {"out-pkts-untagged", "OutPktsUntagged", "sent as it is: protectFrames is off", 1, 0, 1},
    [PYSEC_V_OUT_TOO_LONG] = {"out-pkts-too-long", "OutPktsTooLong", "too long for the common port", 1, 0, 0},
    [PYSEC_V_OUT_PROTECTED] = {"out-pkts-protected", "OutPktsProtected", "integrity protected", 1, 1, 1},
    [PYSEC_V_OUT_ENCRYPTED] = {"out-pkts-encrypted", "OutPktsEncrypted", "encrypted", 1, 1, 1},
    /* this project's own */
    [PYSEC_V_OUT_BYPASS] = {"out-pkts-bypass", "", "by the uncontrolled port, unprotected", 0, 0, 1},
    [PYSEC_V_OUT_CLOSED] = {"out-pkts-closed", "", "the controlled port is not operational", 0, 0, 0},
    [PYSEC_V_OUT_MALFORMED] = {"out-pkts-malformed", "", "not an Ethernet frame in a proper slot", 0, 0, 0},
};

static const struct {
    const char *name, *text;
} REASONS[PYSEC_NUM_REASONS] = {
    [PYSEC_R_NONE] = {"none", ""},
    [PYSEC_R_UNKNOWN_SCI] = {"unknown-sci", "no receive SC has this SCI"},
    [PYSEC_R_UNUSED_SA] = {"unused-sa", "the SC has no SA in use with this AN"},
    [PYSEC_R_TRUNCATED] = {"truncated", "the MPDU ends inside its SecTAG or ICV"},
    [PYSEC_R_VERSION] = {"version", "the V bit is set"},
    [PYSEC_R_SC_WITH_ES_SCB] = {"sc-with-es-or-scb", "the SC bit is set beside ES or SCB"},
    [PYSEC_R_SL_RESERVED] = {"sl-reserved-bits", "bit 7 or 8 of the SL octet is set"},
    [PYSEC_R_LENGTH] = {"length", "SL and the length of the MPDU do not agree"},
    [PYSEC_R_PN_ZERO] = {"pn-zero", "the packet number is zero"},
    [PYSEC_R_SCI_RESERVED] = {"sci-reserved", "the SCI is all ones"},
    [PYSEC_R_ICV] = {"icv", "the ICV does not verify"},
    [PYSEC_R_NOT_OURS] = {"c-without-e", "C is set and E is clear: no cipher suite here makes this"},
    [PYSEC_R_NOT_CHECKED] = {"not-checked", "validateFrames is Disabled and the data is changed"},
    [PYSEC_R_NULL] = {"null", "validateFrames is Null"},
    [PYSEC_R_NO_TRANSMIT_SA] = {"no-transmit-sa", "no transmit SA is in use"},
    [PYSEC_R_PN_EXHAUSTED] = {"pn-exhausted", "the last packet number of the SAK has been used"},
    [PYSEC_R_PN_CEILING] = {"pn-ceiling", "the packet number ceiling is reached"},
    [PYSEC_R_DISABLED] = {"disabled", "ControlledPortEnabled is false"},
    [PYSEC_R_TOO_SHORT] = {"too-short", "shorter than an Ethernet header"},
    [PYSEC_R_NO_ROOM] = {"no-room", "the slot has no room for SecTAG and ICV, or is not inside the arena"},
};

int pysec_verdict_get_info(struct pysec_verdict_info *info, int verdict)
{
    if (verdict < 0 || verdict >= PYSEC_NUM_VERDICTS)
        return PYSEC_E_INVAL;
    *info = VERDICTS[verdict];
    return 0;
}

const char *pysec_reason_name(int reason)
{
    return reason >= 0 && reason < PYSEC_NUM_REASONS ? REASONS[reason].name : "unknown";
}

const char *pysec_reason_text(int reason)
{
    return reason >= 0 && reason < PYSEC_NUM_REASONS ? REASONS[reason].text : "unknown";
}
