/* sectag.h - the MAC Security TAG on the wire (802.1AE-2018 clause 9). */
#ifndef PYSEC_MACSEC_SECTAG_H
#define PYSEC_MACSEC_SECTAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../pysec.h"

#define ETHERTYPE_MACSEC 0x88e5
#define ADDRESSES_LEN 12 /* destination and source MAC address */
#define ICV_LEN 16
#define SECTAG_LEN 8 /* with its EtherType, without SCI */
#define SECTAG_SCI_LEN 16
#define SCI_NONE UINT64_MAX /* 802.1AE-2018 9.9 */

/* Bits of octet 3 of the SecTAG (802.1AE-2018 9.5, Figure 9-4). */
enum tci { TCI_V = 0x80, TCI_ES = 0x40, TCI_SC = 0x20, TCI_SCB = 0x10, TCI_E = 0x08, TCI_C = 0x04, TCI_AN = 0x03 };

struct sectag {
    uint64_t sci;      /* as encoded; SCI_NONE without the SC bit */
    uint32_t pn;       /* the 32 bits on the wire */
    uint32_t data_len; /* octets of Secure Data */
    uint8_t tci_an;
    uint8_t len; /* octets of the SecTAG: 8 or 16 */
};

/* sectag_parse validates an MPDU (from the MACsec EtherType on) and takes its SecTAG apart. PYSEC_V_NONE if it is
 * good, else the verdict and *reason. Octets behind the ICV are accepted where SL tells where the ICV is. */
enum pysec_verdict sectag_parse(struct sectag *tag, enum pysec_reason *reason, const uint8_t *mpdu, size_t mpdu_len,
                                bool xpn);

/* sectag_encode writes a SecTAG of 8 or, with the SC bit, 16 octets and returns how many. */
size_t sectag_encode(uint8_t *out, uint8_t tci_an, size_t data_len, uint32_t pn, uint64_t sci);

#endif
