"""Why this exists: the offline tools must be tested where no shared vectors are; these are small ones of our own.

It writes one file of every vector format into tests/data/vectors, with captures beside. It shares no code with pysec:
frames are put together here after IEEE 802.1AE-2018 clauses 9 and 10 and sealed by the package `cryptography`. Keys
and octets come from a hash of their names, so the files are the same each time; a test makes them again and compares.

    python tests/data/make_vectors.py [FOLDER]
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # so that it also runs as a script

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.data.make_mka_vectors import mka_files, mka_story
from tests.data.vector_parts import ES, OURS, SC, SCB, SUITES, C, Capture, E, Sender, document, octets, write

TARGET = Path(__file__).resolve().parent / "vectors"


def synthetic() -> dict[str, object]:
    """All suites, every form of SecTAG, short and long data, offsets, the ends of the PN space."""
    found = []
    forms = {"sc": SC, "es": ES, "none": 0, "scb": SCB, "es-scb": ES | SCB}
    for s, suite in enumerate(SUITES):
        last = (1 << 64 if "XPN" in suite else 1 << 32) - 1
        for f, (form, tci) in enumerate(forms.items()):
            port = b"\0\0" if tci & SCB else b"\0\1" if tci & ES else b"\x12\x34"
            length = (14, 60, 61, 62, 200)[(s + f) % 5]
            pn = (1, 2, last - 1, last, 0x80000000)[(2 * s + f) % 5]
            name = f"{suite.lower()}-{form}-{length}"
            who = Sender(name, suite)
            who.sci = who.sci[:6] + port
            found.append(who.vector(name, pn, tci | (0 if f == 1 else E | C), who.plain(length), an=f % 4))
    for offset in (30, 50):
        for length in (40, 62, 63, 64, 65, 120):
            who = Sender(f"offset-{offset}-{length}", SUITES[offset == 50], offset=offset)
            found.append(who.vector(who.name, 7, SC | E | C, who.plain(length)))
    return document("macsec_synthetic_frames", found)


def vlan() -> dict[str, object]:
    """A SecTAG behind no, one and two VLAN tags."""
    found = []
    for tags in (0, 1, 2):
        who = Sender(f"vlan-clear-{tags}")
        plain = who.plain(80)
        plain = plain[:12] + bytes.fromhex("88a80005" + "8100000a")[8 - 4 * tags :] + plain[12:]
        found.append(who.vector(who.name, 5 + tags, SC | E | C, plain, clear=4 * tags))
    return document("macsec_vlan_frames", found)


def padded() -> dict[str, object]:
    """Short frames that a MAC filled up to 60 octets."""
    found = []
    for suite in SUITES:
        who = Sender(f"padded-{suite.lower()}", suite)
        plain = who.plain(20)
        secure = who.protect(plain, 9, ES | E | C)
        more = {"plain": plain.hex(), "secure": (secure + bytes(60 - len(secure))).hex()}
        found.append(who.fields(who.name, 9) | more | {"unpadded_secure_octets": len(secure), "reason": "MAC padding"})
    return document("macsec_padded_short_frames", found)


def rejects() -> dict[str, object]:
    """Frames that a strict SecY refuses, most of them with an ICV that verifies."""
    kinds = {
        "version": ("InPktsBadTag", 0x80 | SC | E | C, 7, None, 90),
        "es-sc": ("InPktsBadTag", ES | SC | E | C, 7, None, 90),
        "scb-sc": ("InPktsBadTag", SCB | SC | E | C, 7, None, 90),
        "sl-bit-7": ("InPktsBadTag", SC | E | C, 7, 0x40, 90),
        "sl-bit-8": ("InPktsBadTag", SC | E | C, 7, 0x80, 90),
        "sl-0-short": ("InPktsBadTag", SC | E | C, 7, 0, 50),
        "sl-longer": ("InPktsBadTag", SC | E | C, 7, 47, 50),
        "kay": ("none", SC | E, 7, None, 90),
        "c-without-e": ("InPktsNotValid", SC | C, 7, None, 90),
    }
    found = []
    for suite in SUITES:
        table = dict(kinds) if "XPN" in suite else kinds | {"pn-zero": ("InPktsBadTag", SC | E | C, 0, None, 90)}
        for kind, (counter, tci, pn, sl, length) in table.items():
            who = Sender(f"{kind}-{suite.lower()}", suite)
            secure = who.protect(who.plain(length), pn, tci, sl=sl)
            more = {"secure": secure.hex(), "reason": kind, "expect_counter_strict": counter, "icv_valid": True}
            found.append(who.fields(who.name, pn) | more)
    who = Sender("wrong-icv")
    good = who.protect(who.plain(90), 7, SC | E | C)
    forged = good[:-1] + bytes([good[-1] ^ 0x80])
    more = {"secure": forged.hex(), "reason": "ICV", "expect_counter_strict": "InPktsNotValid", "icv_valid": False}
    found.append(who.fields(who.name, 7) | more)
    other = good[:20] + bytes([good[20] ^ 1]) + good[21:]
    more = {"secure": other.hex(), "reason": "SCI", "expect_counter_strict": "InPktsNoSCI", "icv_valid": False}
    found.append(who.fields("unknown-sci", 7) | more)
    return document("macsec_reject_frames", found)


def sequences() -> dict[str, object]:
    """Replay at two windows, a rekey, and XPN across 2^32 with a frame from before it."""
    replay, wrap = Sender("replay"), Sender("wrap", "GCM-AES-XPN-256")
    one, two = Sender("rekey"), Sender("rekey", key=octets("second key", 16))

    def frames(*sent: tuple[Sender, int, int]) -> list[dict[str, object]]:
        return [who.vector(f"{who.name}-{pn}", pn, SC | E | C, who.plain(80), an=an) for who, pn, an in sent]

    deliver, late = "deliver", "late"
    top = 1 << 32
    found: list[dict[str, object]] = [
        {
            "id": "replay",
            "description": "PN 2, 75, 50, 3, 75",
            "expect_by_replay_window": {
                "0": [deliver, deliver, late, late, late],
                "32": [deliver, deliver, deliver, late, deliver],
            },
            "frames": frames(*((replay, pn, 0) for pn in (2, 75, 50, 3, 75))),
        },
        {
            "id": "rekey",
            "description": "AN 0, then AN 1 with another SAK",
            "frames": frames((one, 9, 0), (two, 1, 1), (one, 10, 0)),
        },
        {
            "id": "xpn-wrap",
            "description": "across 2^32, then one from before it: its upper half is only recovered inside the window",
            "expect_by_replay_window": {
                "0": [deliver, deliver, deliver, "not-valid"],
                "100": [deliver, deliver, deliver, deliver],
            },
            "frames": frames(*((wrap, pn, 0) for pn in (top - 2, top, top + 5, top - 1))),
        },
    ]
    return document("macsec_sequences", found)


def aes_gcm() -> dict[str, object]:
    """AES-GCM as Wycheproof lays it out: good ones, every kind of damage, and a nonce size that we do not have."""
    groups, number = [], 0
    for bits in (128, 256):
        tests = []
        for aad_length, length in ((0, 0), (0, 16), (20, 1), (28, 64), (5, 129)):
            key, nonce, aad, text = (
                octets(f"{n} {bits} {length}", c)
                for n, c in zip("knat", (bits // 8, 12, aad_length, length), strict=True)
            )
            sealed = AESGCM(key).encrypt(nonce, text, aad)
            good = {"key": key.hex(), "iv": nonce.hex(), "aad": aad.hex(), "msg": text.hex()}
            good |= {"ct": sealed[:-16].hex(), "tag": sealed[-16:].hex(), "result": "valid", "flags": ["Ktv"]}
            bad = good | {"result": "invalid", "flags": ["ModifiedTag"]}
            bad["tag"] = bytes(o ^ (i == length % 16) for i, o in enumerate(sealed[-16:])).hex()
            for test in (good, bad):
                number += 1
                tests.append({"tcId": number, "comment": "", **test})
        groups.append({"ivSize": 96, "keySize": bits, "tagSize": 128, "type": "AeadTest", "tests": tests})
    number += 1
    odd = groups[0]["tests"][0] | {"tcId": number, "iv": "00" * 16, "result": "acceptable"}
    groups.append({"ivSize": 128, "keySize": 128, "tagSize": 128, "type": "AeadTest", "tests": [odd]})
    return {"format": "pysec-vectors/wycheproof_aes_gcm/1", "algorithm": "AES-GCM", "numberOfTests": number,
            "header": [OURS], "testGroups": groups}  # fmt: skip


def xpn_recovery() -> dict[str, object]:
    """The upper half of a PN, from the lowest acceptable one."""
    rows = (
        ("0000000000000001", "00000001", 0),
        ("00000000fffffff0", "00000003", 1),
        ("0000000180000000", "7fffffff", 2),
        ("0000000180000000", "80000000", 1),
        ("00000001c0000000", "ffffffff", 1),
    )
    keys = ("lowest_acceptable_pn", "pn_field", "recovered_pn")
    found = [dict(zip(keys, (low, half, f"{upper:08x}{half}"), strict=True)) for low, half, upper in rows]
    return document("xpn_recovery", found)


def xpn_salt_ssci() -> dict[str, object]:
    """A salt worked out by hand, and three SCIs in no order."""
    scis = {"525400000a010001": 3, "d25400000a010001": 1, "525400000a010002": 2}
    vector = {"key_server_mi": "000102030405060708090a0b", "kn": 0x11223344, "ssci": scis}
    return document("xpn_salt_ssci", [{**vector, "salt": "334513210405060708090a0b"}])


def sa_fields(who: Sender, an: int) -> dict[str, object]:
    """One entry of `sas`."""
    found: dict[str, object] = {"sci": who.sci.hex(), "an": an, "key": who.key.hex()}
    found["key_id"] = octets(f"{who.key.hex()} key id", 16).hex()
    return found | ({"ssci": int.from_bytes(who.ssci, "big"), "salt": who.salt.hex()} if who.is_xpn else {})


def captures() -> list[Capture]:
    """Static keys with a rekey; neither SC nor ES in both directions; MKA whose fifth SAK takes AN 0 again."""
    left, right = bytes.fromhex("025400000a010001"), bytes.fromhex("025400000b010001")
    eapol = bytes.fromhex("0180c2000003025400000a01888e0305") + octets("mkpdu", 60)

    a, b = Sender("a", sci=left), Sender("b", sci=right)
    a2, b2 = Sender("a2", sci=left), Sender("b2", sci=right)
    sas = [sa_fields(who, an) for who, an in ((a, 0), (b, 0), (a2, 1), (b2, 1))]
    static = Capture(
        "static-rekey", {"cipher_suite": "gcm-aes-128", "encrypt": True, "sci_mode": "sci", "first_pn": 40, "sas": sas}
    )
    for an, pair in enumerate(((a, b), (a2, b2))):
        for i, length in enumerate((42, 60, 98, 1400)):
            for who in pair:
                static.macsec(who, (1 - an) * 39 + i + 1, SC | E | C, length, an)

    x, y = (Sender(f"x{i}", "GCM-AES-XPN-128", sci=sci, ssci=bytes([0, 0, 0, i])) for i, sci in ((1, right), (2, left)))
    first = (1 << 32) - 2
    sas = [sa_fields(who, 0) for who in (x, y)]
    top = {"cipher_suite": "gcm-aes-xpn-128", "encrypt": False, "sci_mode": "nosci", "first_pn": first, "sas": sas}
    nosci = Capture("static-nosci", top)
    for i in range(4):
        nosci.macsec(x, first + i, 0, 50 + i)
        nosci.macsec(y, first + i, 0, 90 + i)

    mi = octets("mi", 12)
    mka = Capture("mka-rekey", {"cipher_suite": "gcm-aes-256", "scis": [left.hex(), right.hex()], "saks": []})
    for kn in range(1, 6):
        an, key = (kn - 1) % 4, octets(f"sak {kn}", 32)
        mka.other("mkpdu", eapol)
        mka.top["saks"] = [*mka.top["saks"], {
            "ki": (mi + kn.to_bytes(4, "big")).hex(), "an": an, "sak": key.hex(), "cipher_suite": "gcm-aes-256",
            "mka_confidentiality_offset_code": 1, "first_frame": len(mka.packets)}]  # fmt: skip
        for sci in (left, right):
            mka.macsec(Sender("m", "GCM-AES-256", sci=sci, key=key), 1, SC | E | C, 70, an)
    return [static, nosci, mka]


def main(folder: Path = TARGET) -> None:
    """Write all files."""
    folder.mkdir(parents=True, exist_ok=True)
    makers = (synthetic, vlan, padded, rejects, sequences, aes_gcm, xpn_recovery, xpn_salt_ssci)
    for values in (*(make() for make in makers), *mka_files()):
        write(folder / f"{str(values['format']).split('/')[1]}.json", values)
    for capture in (*captures(), mka_story()):
        capture.write(folder)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
