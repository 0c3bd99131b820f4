"""Why this exists: a capture says nothing of its keys; this reads the file that does.

Two formats, both described in docs/formats.md: `pysec-keys/1`, our own, strict about every field; and
`pysec-vectors/macsec_capture/1`, the JSON beside a capture of real peers, with static keys (`sas`) or with the SAKs
that MKA agreed (`saks` for every one of `scis`).
"""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pysec.dataplane import SecYConfig
from pysec.errors import FormatError, UsageError
from pysec.mka.xpn import assign_sscis, xpn_salt
from pysec.secret import Secret
from pysec.tools.fields import Fields, load_json, printable
from pysec.tools.stations import KeyedSa
from pysec.types import PN_SPACE, CipherSuite, Ki, Sci, Ssci, ValidateFrames

OWN_FORMAT: Final = "pysec-keys/1"
CAPTURE_FORMAT: Final = "pysec-vectors/macsec_capture/1"
MAX_SCS: Final = 4096
MAX_AGREED_SAS: Final = 65_536
OFFSET_OF_CODE: Final = (0, 0, 30, 50)  # MKA's code: none, from the first octet, after 30, after 50

_OWN_FIELDS: Final = (
    *("format", "comment", "cipher_suite", "sas", "confidentiality_offset", "replay_window", "validate_frames"),
    *("vlan_tags_in_clear", "encrypt", "sci_mode", "first_pn"),
)
_OWN_SA_FIELDS: Final = ("sci", "an", "key", "key_id", "ssci", "salt", "first_pn", "comment")


class SciMode(enum.Enum):
    """How the SecTAG tells the SCI (802.1AE-2018 10.5.3)."""

    SCI = "sci"
    ES = "es"
    SCB = "scb"
    NOSCI = "nosci"
    """Not at all: each end of a point-to-point link has one receive SC."""


@dataclass(frozen=True)
class KeyFile:
    """What a key file says."""

    cipher_suite: CipherSuite
    sas: tuple[KeyedSa, ...] = field(repr=False)
    sci_mode: SciMode = SciMode.SCI
    encrypt: bool = True
    replay_window: int = 0
    validate_frames: ValidateFrames = ValidateFrames.STRICT
    vlan_tags_in_clear: int = 0

    @property
    def scis(self) -> list[Sci]:
        """The SCIs that have keys, each once, in the order of the file."""
        return list(dict.fromkeys(sa.sci for sa in self.sas))

    def receive_config(self) -> SecYConfig:
        """The controls of a receiver."""
        return SecYConfig(
            validate_frames=self.validate_frames,
            replay_window=self.replay_window,
            vlan_tags_in_clear=self.vlan_tags_in_clear,
        )

    def transmit_config(self) -> SecYConfig:
        """The controls of a sender."""
        return SecYConfig(
            always_include_sci=self.sci_mode is SciMode.SCI,
            use_es=self.sci_mode is SciMode.ES,
            use_scb=self.sci_mode is SciMode.SCB,
            vlan_tags_in_clear=self.vlan_tags_in_clear,
        )


def load_keys(path: Path) -> KeyFile:
    """Read a key file of either format (FormatError)."""
    return read_keys(Fields(str(path), load_json(path)))


def read_keys(top: Fields) -> KeyFile:
    """The same from JSON that is read already (FormatError)."""
    form = top.text("format")
    if form == OWN_FORMAT:
        top.only(_OWN_FIELDS)
        for entry in top.objects("sas"):
            entry.only(_OWN_SA_FIELDS)
    elif form != CAPTURE_FORMAT:
        raise top.error("format", f"{printable(form, 60)} holds no keys; {OWN_FORMAT} and {CAPTURE_FORMAT} do")
    suite = cipher_suite(top, "cipher_suite")
    if "sas" in top or "saks" not in top:
        sas, encrypt = _static_sas(top, suite), True
    else:
        sas, encrypt = _agreed_sas(top, suite)
    _check(top, suite, sas)
    return KeyFile(
        cipher_suite=suite,
        sas=tuple(sas),
        sci_mode=SciMode(_word(top, "sci_mode", [mode.value for mode in SciMode], "sci")),
        encrypt=top.flag("encrypt", default=encrypt),
        replay_window=top.integer("replay_window", 0, PN_SPACE - 1, default=0),
        validate_frames=ValidateFrames(
            _word(top, "validate_frames", [control.value for control in ValidateFrames], "strict")
        ),
        vlan_tags_in_clear=top.integer("vlan_tags_in_clear", 0, 2, default=0),
    )


def cipher_suite(fields: Fields, name: str) -> CipherSuite:
    """A suite by the standard's name, in any case."""
    try:
        return CipherSuite.parse(fields.text(name))
    except UsageError:
        names = ", ".join(suite.value for suite in CipherSuite)
        raise fields.error(name, f"must be one of {names}") from None


def xpn_fields(entry: Fields, suite: CipherSuite) -> tuple[Ssci | None, bytes | None]:
    """The SSCI and the salt of an SA: both with an XPN suite, neither otherwise."""
    if suite.is_xpn:
        return entry.ssci("ssci"), entry.octets("salt", 12)
    for name in ("ssci", "salt"):
        if name in entry:
            raise entry.error(name, f"{suite} has none")
    return None, None


def _word(top: Fields, name: str, words: list[str], default: str) -> str:
    word = top.text(name, default=default).lower()
    if word not in words:
        raise top.error(name, f"must be one of {', '.join(words)}")
    return word


def _static_sas(top: Fields, suite: CipherSuite) -> list[KeyedSa]:
    """The `sas`. A file-wide first_pn of a real capture is that of AN 0: what came by a rekey begins at 1."""
    own = top.text("format") == OWN_FORMAT
    first_pn = top.integer("first_pn", 1, suite.pn_space - 1, default=1)
    offset = _offset(top, suite)
    found: list[KeyedSa] = []
    names: dict[bytes, Ki] = {}
    for number, entry in enumerate(top.objects("sas")):
        ssci, salt = xpn_fields(entry, suite)
        an = entry.integer("an", 0, 3)
        key = entry.secret("key", suite.sak_octets)
        if "key_id" in entry:
            ki = Ki(entry.octets("key_id", 16))
        else:  # a KI names a SAK: entries that share the SAK share it
            ki = names.setdefault(_fingerprint(key, salt), Ki(b"pysec-keys/1" + number.to_bytes(4, "big")))
        found.append(
            KeyedSa(
                sci=entry.sci("sci"),
                an=an,
                key=key,
                ki=ki,
                first_pn=entry.integer("first_pn", 1, suite.pn_space - 1, default=first_pn if own or an == 0 else 1),
                ssci=ssci,
                salt=salt,
                confidentiality_offset=offset,
            )
        )
    return found


def _offset(top: Fields, suite: CipherSuite) -> int:
    offset = top.integer("confidentiality_offset", 0, 50, default=0)
    if offset not in (0, 30, 50) or (offset and suite.is_xpn):
        raise top.error("confidentiality_offset", "must be 0, 30 or 50, and 0 with an XPN suite")
    return offset


def _agreed_sas(top: Fields, suite: CipherSuite) -> tuple[list[KeyedSa], bool]:
    """The SAs that MKA made, one for each SCI and SAK, and whether they are for encryption too.

    Salt and SSCIs follow from KI and SCIs.
    """
    texts, saks = top.texts("scis"), top.objects("saks")
    # Before anything is made of them: a small file of two long lists would ask for their product.
    if len(texts) > MAX_SCS:
        raise FormatError(f"{top.where}: more than {MAX_SCS} SCIs")
    if len(texts) * len(saks) > MAX_AGREED_SAS:
        raise FormatError(f"{top.where}: scis and saks: more than {MAX_AGREED_SAS} SAs, one for each SCI and SAK")
    try:
        scis = [Sci.parse(text) for text in texts]
        sscis = assign_sscis(scis)
    except UsageError:
        raise top.error("scis", "must be SCIs, each given once") from None
    found = []
    encrypt = True
    for entry in saks:
        if cipher_suite(entry, "cipher_suite") is not suite:
            raise entry.error("cipher_suite", "is not the file's; a SecY has one suite at a time")
        ki = Ki(entry.octets("ki", 16))
        code = entry.integer("mka_confidentiality_offset_code", 0, 3, default=1)
        if OFFSET_OF_CODE[code] and suite.is_xpn:
            raise entry.error("mka_confidentiality_offset_code", "an XPN suite has no offset")
        found += [
            KeyedSa(
                sci=sci,
                an=entry.integer("an", 0, 3),
                key=entry.secret("sak", suite.sak_octets),
                ki=ki,
                ssci=sscis[sci] if suite.is_xpn else None,
                salt=xpn_salt(ki.octets[:12], int.from_bytes(ki.octets[12:], "big")) if suite.is_xpn else None,
                confidentiality_offset=OFFSET_OF_CODE[code],
                first_frame=entry.integer("first_frame", 1, 1 << 53, default=1),
            )
            for sci in scis
        ]
        encrypt = encrypt and code != 0
    return found, encrypt


def _fingerprint(key: Secret, salt: bytes | None) -> bytes:
    return hashlib.sha256(bytes(key.reveal()) + b"/" + (salt or b"")).digest()


def _check(top: Fields, suite: CipherSuite, sas: list[KeyedSa]) -> None:
    """What a SecY, or the nonce, would not bear (802.1AE-2018 10.7.13 for the SSCIs)."""
    if len({sa.sci for sa in sas}) > MAX_SCS:
        raise FormatError(f"{top.where}: more than {MAX_SCS} SCIs")
    places: set[tuple[Sci, int, int]] = set()
    prints: dict[bytes, Ki] = {}
    kis: dict[Ki, bytes] = {}
    users: dict[tuple[bytes, Ssci | None], Sci] = {}
    for sa in sas:
        if (sa.sci, sa.an, sa.first_frame) in places:
            raise FormatError(f"{top.where}: SCI {sa.sci}, AN {sa.an} is given twice")
        places.add((sa.sci, sa.an, sa.first_frame))
        mark = _fingerprint(sa.key, sa.salt)
        if prints.setdefault(mark, sa.ki) != sa.ki or kis.setdefault(sa.ki, mark) != mark:
            raise FormatError(
                f"{top.where}: SCI {sa.sci}, AN {sa.an}: a key_id names one key, and a key has one key_id"
            )
        if suite.is_xpn and users.setdefault((mark, sa.ssci), sa.sci) != sa.sci:
            raise FormatError(f"{top.where}: SCI {sa.sci}, AN {sa.an}: another SCI has this SSCI with the same key")
