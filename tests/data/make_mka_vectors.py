"""Why this exists: the same as `make_vectors`, for MKA: known answers of its keys, MKPDUs, and a capture in which the
keys of the protected frames come out of the MKPDUs.

The capture shows what no real peer at hand sends: version 3, a suite with extended packet numbers whose SSCIs follow
from the place in the list, a confidentiality offset, a change of suite. Nothing here is pysec's code.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from tests.data.mkpdu_parts import WAN, Ca, Member, Story, cmac, distributed, indicator, kdf, peers, sak_use, xpn
from tests.data.vector_parts import OURS, SC, C, Capture, E, Sender, document, octets


def key_hierarchy() -> dict[str, object]:
    """Every key of 802.1X, for CAKs of both lengths and CKNs that are not 16 octets long."""
    found: list[dict[str, object]] = []
    for bits in (128, 256):
        key, context = octets(f"kdf {bits}", bits // 8), octets("context", 21)
        out = kdf(key, "HI THERE", context, 128)
        found.append({"id": f"kdf-{bits}", "kind": "kdf", "key": key.hex(), "label": "HI THERE",
                      "context": context.hex(), "bits": 128, "out": out.hex()})  # fmt: skip
        msk, macs, session = octets(f"msk {bits}", 64), (octets("mac 1", 6), octets("mac 2", 6)), octets("session", 65)
        both = {"msk": msk.hex(), "mac1": macs[0].hex(), "mac2": macs[1].hex(), "bits": bits}
        cak = kdf(msk[: bits // 8], "IEEE8021 EAP CAK", b"".join(sorted(macs)), bits)
        found.append({"id": f"cak-{bits}", "kind": "cak", **both, "out": cak.hex()})
        for length in (1, 16, 32):
            ca = Ca(cak, octets(f"ckn {length}", length))
            for kind in ("kek", "ick"):
                found.append({"id": f"{kind}-{bits}-{length}", "kind": kind, "cak": cak.hex(), "ckn": ca.ckn.hex(),
                              "out": getattr(ca, kind).hex()})  # fmt: skip
        nonce, mis = octets(f"nonce {bits}", bits // 8), [octets(f"mi {i}", 12) for i in range(3)]
        sak = kdf(cak, "IEEE8021 SAK", nonce + b"".join(mis) + bytes.fromhex("01020304"), bits)
        found.append({"id": f"sak-{bits}", "kind": "sak", "cak": cak.hex(), "ks_nonce": nonce.hex(),
                      "mi_list": [mi.hex() for mi in mis], "kn": 0x01020304, "out": sak.hex()})  # fmt: skip
        if bits == 128:
            ckn = kdf(msk[:16], "IEEE8021 EAP CKN", session + b"".join(sorted(macs)), 128)
            found.append({"id": "ckn", "kind": "ckn", **both, "eap_session_id": session.hex(), "out": ckn.hex()})
    return document("mka_kdf_8021x_annex_g", found)


def mkpdus() -> dict[str, object]:
    """A hello and a distributed SAK, of both lengths of CAK."""
    found = []
    for bits in (128, 256):
        ca = Ca(octets(f"cak {bits}", bits // 8), octets(f"name {bits}", bits // 25))
        who = Member(ca, bytes.fromhex("025400000a010001"), octets("member", 12), version=bits // 128)
        sak = octets(f"mkpdu sak {bits}", 32)
        wrapped = aes_key_wrap(ca.kek, sak)
        live = peers(1, [(octets("peer", 12), 9)])
        for name, sets in (
            ("hello", [indicator()]),
            ("sak", [distributed(ca, "GCM-AES-256", sak, an=2, code=1, kn=5), live]),
        ):
            frame, said = who.sends(sets)
            vector: dict[str, object] = {"id": f"{name}-{bits}", "frame": frame.hex(), **ca.fields()}
            vector |= {key: said[key] for key in ("mka_version", "key_server_priority")}
            vector["icv_indicator"] = name == "hello"
            if name == "sak":
                vector |= {"wrapped_sak": wrapped.hex(), "sak": sak.hex(), "kn": 5}
            found.append(vector)
    return document("mkpdu_real", found)


def parse_only() -> dict[str, object]:
    """A hello of a link over a carrier: another EtherType, the broadcast address, a CKN of one octet."""
    who = Member(Ca(octets("nobody knows", 16), b"\x07"), bytes.fromhex("025400000a010001"), octets("wan", 12))
    frame, said = who.sends([indicator()], to=b"\xff" * 6, ethertype=WAN)
    vector = {"id": "wan-hello", "frame": frame.hex(), "icv_indicator": True}
    return document("mkpdu_parse_only", [vector | {k: said[k] for k in ("mka_version", "key_server_priority", "ckn")}])


def aes_mka(kind: str) -> dict[str, object]:
    """CMACs or wrapped keys that are right, and with an octet changed."""
    groups: list[dict[str, object]] = []
    number = 0
    for bits in (128, 256):
        tests: list[dict[str, object]] = []
        for length in (0, 1, 16, 17, 64) if kind == "cmac" else (16, 24, 32):
            key, message = octets(f"{kind} {bits} {length}", bits // 8), octets(f"{kind} message {length}", length)
            made = cmac(key, message) if kind == "cmac" else aes_key_wrap(key, message)
            for result, tag in (("valid", made), ("invalid", made[:-1] + bytes([made[-1] ^ 1]))):
                number += 1
                test = {"tcId": number, "key": key.hex(), "msg": message.hex(), "result": result}
                tests.append({**test, ("tag" if kind == "cmac" else "ct"): tag.hex()})
        groups.append({"keySize": bits, "tests": tests})
    return {"format": f"pysec-vectors/wycheproof_aes_{kind}/1", "source": OURS, "testGroups": groups}


def mka_story() -> Capture:
    """Version 3: a SAK of GCM-AES-XPN-256 by place in the list, then one of GCM-AES-128 that leaves 30 octets clear."""
    ca = Ca(octets("story cak", 32), octets("story", 5))
    left = Member(ca, bytes.fromhex("025400000a010001"), octets("left", 12), priority=10)
    right = Member(ca, bytes.fromhex("025400000b010001"), octets("right", 12), priority=20)
    capture = Capture("mka-psk", {"cas": [ca.fields()], "cipher_suite": "gcm-aes-xpn-256"})
    story = Story()
    capture.mkpdu(*left.sends())
    capture.mkpdu(*right.sends([peers(2, [(left.mi, 1)])]))
    capture.mkpdu(*right.sends(key=octets("another", 32)))

    sak = octets("story sak 1", 32)
    ki = story.agreed(len(capture.packets) + 1, left.mi, "GCM-AES-XPN-256", sak, an=0, code=1, kn=1)
    # SSCIs: right has the greater SCI and so 1, left 2, which it says in its list.
    capture.mkpdu(
        *left.sends([distributed(ca, "GCM-AES-XPN-256", sak, an=0, code=1, kn=1), peers(1, [(right.mi, 2)], 2)])
    )
    capture.mkpdu(*right.sends([sak_use(ki, 0, 1, 1), xpn(0, 0), peers(1, [(left.mi, 2)])], server=False))
    salt = bytes([left.mi[0], left.mi[1] ^ 1]) + left.mi[2:]
    senders = [Sender(f"story {i}", "GCM-AES-XPN-256", sci=who.sci, key=sak, salt=salt, ssci=bytes([0, 0, 0, i]))
               for i, who in ((2, left), (1, right))]  # fmt: skip
    for length in (60, 80, 1400):
        for who in senders:
            capture.macsec(who, length, SC | E | C, length)

    second = octets("story sak 2", 16)
    new = story.agreed(len(capture.packets) + 1, left.mi, "GCM-AES-128", second, an=1, code=2, kn=2)
    sets = [sak_use(ki, 0, 3, 60), distributed(ca, "GCM-AES-128", second, an=1, code=2, kn=2), xpn(0, 0)]
    capture.mkpdu(*left.sends([*sets, peers(1, [(right.mi, 4)]), indicator()]))
    for member in (left, right):
        capture.macsec(Sender("story 3", sci=member.sci, key=second, offset=30), 1, SC | E | C, 120, 1)
        capture.macsec(senders[member is right], 2000, SC | E | C, 90, 0)
    old = (ki, 0, 1, 60)
    capture.mkpdu(*right.sends([sak_use(new, 1, 3, 1, old), peers(1, [(left.mi, 3)])], server=False))
    capture.top["saks"] = story.saks
    return capture


def mka_files() -> list[dict[str, object]]:
    """Every file but the capture."""
    return [key_hierarchy(), mkpdus(), parse_only(), aes_mka("cmac"), aes_mka("wrap")]
