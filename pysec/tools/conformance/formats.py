"""Why this exists: a vector file names its format, and the name decides how it is run.

A format that this version knows to belong to a later part is skipped with the reason; one that nobody knows is a
failure, since a misspelt name must not make a file count as fine. docs/formats.md describes each.
"""

from __future__ import annotations

from collections.abc import Iterator

from pysec.tools.conformance import captures, crypto, frames
from pysec.tools.conformance.cases import Check, Format, Skip, Vectors
from pysec.tools.conformance.product import Product

PREFIX = "pysec-vectors/"

FORMATS: dict[str, Format] = {
    f"{PREFIX}macsec_annex_c_frames/1": frames.frames,
    f"{PREFIX}macsec_synthetic_frames/1": frames.frames,
    f"{PREFIX}macsec_vlan_frames/1": frames.frames,
    f"{PREFIX}macsec_padded_short_frames/1": frames.padded,
    f"{PREFIX}macsec_reject_frames/1": frames.rejects,
    f"{PREFIX}macsec_sequences/1": frames.sequences,
    f"{PREFIX}macsec_capture/1": captures.captures,
    f"{PREFIX}wycheproof_aes_gcm/1": crypto.wycheproof_aes_gcm,
    f"{PREFIX}xpn_recovery/1": crypto.xpn_recovery,
    f"{PREFIX}xpn_salt_ssci/1": crypto.xpn_salt_ssci,
}

LATER: dict[str, str] = {
    f"{PREFIX}{name}/1": "belongs to MKA, which is not there yet"
    for name in (
        "mka_kdf_8021x_annex_g",
        "mkpdu_real",
        "mkpdu_parse_only",
        "wycheproof_aes_cmac",
        "wycheproof_aes_wrap",
    )
}


def later(vectors: Vectors, product: Product) -> Iterator[tuple[str, Check]]:
    """Every case of a format of a later part: skipped."""
    reason = LATER[vectors.form]

    def skip() -> None:
        raise Skip(reason)

    lists = [vectors.top] if "vectors" in vectors.top else vectors.top.objects("testGroups")
    for group in lists:
        for place, _ in enumerate(group.objects("vectors" if "vectors" in group else "tests")):
            yield f"case {place + 1}", skip
