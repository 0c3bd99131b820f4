"""Why this exists: a vector file names its format, and the name decides how it is run.

A format that nobody knows is a failure, since a misspelt name must not make a file count as fine. docs/formats.md
describes each.
"""

from __future__ import annotations

from pysec.tools.conformance import captures, crypto, frames, mka
from pysec.tools.conformance.cases import Format

PREFIX = "pysec-vectors/"

FORMATS: dict[str, Format] = {
    f"{PREFIX}macsec_annex_c_frames/1": frames.frames,
    f"{PREFIX}macsec_synthetic_frames/1": frames.frames,
    f"{PREFIX}macsec_vlan_frames/1": frames.frames,
    f"{PREFIX}macsec_padded_short_frames/1": frames.padded,
    f"{PREFIX}macsec_reject_frames/1": frames.rejects,
    f"{PREFIX}macsec_sequences/1": frames.sequences,
    f"{PREFIX}macsec_capture/1": captures.captures,
    f"{PREFIX}mka_kdf_8021x_annex_g/1": mka.key_hierarchy,
    f"{PREFIX}mkpdu_real/1": mka.mkpdus,
    f"{PREFIX}mkpdu_parse_only/1": mka.parse_only,
    f"{PREFIX}wycheproof_aes_cmac/1": crypto.wycheproof_aes_cmac,
    f"{PREFIX}wycheproof_aes_gcm/1": crypto.wycheproof_aes_gcm,
    f"{PREFIX}wycheproof_aes_wrap/1": crypto.wycheproof_aes_wrap,
    f"{PREFIX}xpn_recovery/1": crypto.xpn_recovery,
    f"{PREFIX}xpn_salt_ssci/1": crypto.xpn_salt_ssci,
}
