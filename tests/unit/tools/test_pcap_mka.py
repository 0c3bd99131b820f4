"""`pysec pcap mka`: MKPDUs in words, verified and unwrapped with the CAK, and the MACsec frames that follow from them.

802.1X-2020 9.4.1 and 9.8.2; the captures are our own, and where they are there those of real peers.
"""

from __future__ import annotations

import json
from pathlib import Path

from tests.data.mkpdu_parts import WAN, Ca, Member, distributed, indicator, peers
from tests.data.vector_parts import SC, C, E, Sender, octets
from tests.unit.tools import captures as c
from tests.unit.tools.conftest import Done, Run

CA = Ca(octets("pcap mka", 16), b"name")
LEFT = bytes.fromhex("025400000a010001")


def key_file(folder: Path, ca: Ca, name: str = "key") -> Path:
    path = folder / name
    path.write_text(f"format = pysec-cak/1\nckn = {ca.ckn.hex()}\ncak = {ca.cak.hex()}\n")
    path.chmod(0o600)
    return path


def story(own_vectors: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Our capture, and the key to it."""
    entry = json.loads((own_vectors / "mka-psk.json").read_text())["cas"][0]
    ca = Ca(bytes.fromhex(entry["cak"]), bytes.fromhex(entry["ckn"]))
    return own_vectors / "mka-psk.pcap", key_file(tmp_path, ca)


def capture(folder: Path, *frames: bytes) -> Path:
    path = folder / "in.pcap"
    path.write_bytes(c.pcap([(1_700_000_000 + i, 0, frame) for i, frame in enumerate(frames)]))
    return path


def member(ca: Ca = CA, version: int = 3) -> Member:
    return Member(ca, LEFT, octets("member", 12), version=version)


def account(done: Done) -> dict[str, object]:
    assert done.err == ""
    found: dict[str, object] = json.loads(done.out.splitlines()[-1])
    return found


def test_our_story(pysec: Run, own_vectors: Path, tmp_path: Path) -> None:
    """One MKPDU of a stranger is in it, so the command fails, and everything else holds."""
    pcap, key = story(own_vectors, tmp_path)
    done = pysec("pcap", "mka", pcap, "--key", key)
    assert done.status == 1
    lines = done.out.splitlines()
    assert lines[0].startswith("1 2023-11-14T22:13:20.000000Z 02:54:00:00:0a:01 MKA v3 key server ")
    assert lines[0].endswith(": ICV verified")
    assert lines[2].endswith(": WRONG ICV: somebody else's, or another CAK of this name")
    assert "distributes SAK KN 1, AN 0, GCM-AES-XPN-256, encrypting: ICV verified; SAK " in lines[3]
    assert "key server's SSCI 2" in lines[3]
    assert "encrypting after 30 octets" in lines[5]
    assert lines[7] == "17 packets, 7 MKPDUs, 2 members verified"
    assert [" ".join(line.split()) for line in lines[8:]] == [
        "6 MKPDUs: ICV verified",
        "1 MKPDUs: WRONG ICV: somebody else's, or another CAK of this name",
        f"SAK {octets('left', 12).hex()}/1 AN 0 GCM-AES-XPN-256",
        f"SAK {octets('left', 12).hex()}/2 AN 1 GCM-AES-128",
        "10 in-pkts-ok valid",
        "FAILED: 1 wrong-icvs",
    ]


def test_no_key_is_shown(pysec: Run, own_vectors: Path, tmp_path: Path) -> None:
    pcap, key = story(own_vectors, tmp_path)
    values = json.loads((own_vectors / "mka-psk.json").read_text())
    secrets = [*list(values["cas"][0].values())[0:1], values["cas"][0]["kek"], values["cas"][0]["ick"]]
    secrets += [sak["sak"] for sak in values["saks"]]
    secrets += [s["wrapped"] for f in values["frames"] for s in f.get("sets", []) if "wrapped" in s]
    for option in ("--json", "--replay-window=5"):
        out = pysec("pcap", "mka", pcap, "--key", key, option).out
        assert not any(secret[:16] in out for secret in secrets)


def test_json(pysec: Run, own_vectors: Path, tmp_path: Path) -> None:
    pcap, key = story(own_vectors, tmp_path)
    done = pysec("pcap", "mka", pcap, "--key", key, "--json")
    *lines, last = [json.loads(line) for line in done.out.splitlines()]
    assert [line["belief"] for line in lines] == ["verified"] * 2 + ["wrong-icv"] + ["verified"] * 4
    assert [line["n"] for line in lines] == [1, 2, 3, 4, 5, 12, 17]
    assert lines[3]["sak"] == {
        "ki": f"{octets('left', 12).hex()}/1", "an": 0, "cipher_suite": "GCM-AES-XPN-256", "confidentiality_offset": 1,
    }  # fmt: skip
    assert lines[0]["mkpdu"]["basic"]["key_server_priority"] == 10
    assert last["mkpdus"] == {"verified": 6, "wrong-icv": 1, "unknown-ckn": 0, "malformed": 0}
    assert (last["ok"], last["packets"], last["members"], len(last["saks"])) == (False, 17, 2, 2)
    assert last["verdicts"] == {"in-pkts-ok": 10}
    assert {check["id"] for check in last["checks"] if not check["ok"]} == {"none-wrong-icvs"}


def test_without_a_key_it_only_reads(pysec: Run, own_vectors: Path) -> None:
    done = pysec("pcap", "mka", own_vectors / "mka-psk.pcap")
    assert done.status == 0
    assert done.out.splitlines()[0].endswith(": unverified: no CAK of this name")
    assert "10  MACsec frames before any SAK was distributed" in done.out
    assert "unwrapped" not in done.out


def test_another_cas_key(pysec: Run, own_vectors: Path, tmp_path: Path) -> None:
    """Its MKPDUs are nobody's fault; MACsec frames that stay unexplained are."""
    done = pysec("pcap", "mka", own_vectors / "mka-psk.pcap", "--key", key_file(tmp_path, CA), "--json")
    assert done.status == 1
    assert account(done)["mkpdus"] == {"verified": 0, "wrong-icv": 0, "unknown-ckn": 7, "malformed": 0}
    assert account(done)["no_sak"] == 10


def test_several_keys(pysec: Run, own_vectors: Path, tmp_path: Path) -> None:
    pcap, key = story(own_vectors, tmp_path)
    done = pysec("pcap", "mka", pcap, "--key", key_file(tmp_path, CA, "other"), "--key", key, "--json")
    assert account(done)["verdicts"] == {"in-pkts-ok": 10}
    same = pysec("pcap", "mka", pcap, "--key", key, "--key", key)
    assert (same.status, same.err) == (2, "pysec: --key: two of these keys have the same CKN\n")


def protected(sak: bytes, pn: int, an: int = 0) -> bytes:
    who = Sender("x", sci=LEFT, key=sak)
    return who.protect(who.plain(100), pn, SC | E | C, an=an)


def test_frames_that_the_sak_does_not_open(pysec: Run, tmp_path: Path) -> None:
    """Tampered, replayed, under another key: each by its counter."""
    sak, who = octets("sak", 16), member()
    sent = who.sends([distributed(CA, "GCM-AES-128", sak, an=0, code=1, kn=1)])[0]
    good = protected(sak, 1)
    tampered = protected(sak, 2)[:-1] + b"\0"
    pcap = capture(
        tmp_path, good, sent, good, good, tampered, protected(octets("other", 16), 3), protected(sak, 4, an=1)
    )
    done = pysec("pcap", "mka", pcap, "--key", key_file(tmp_path, CA), "--json")
    assert done.status == 1
    found = account(done)
    assert found["verdicts"] == {"in-pkts-ok": 1, "in-pkts-late": 1, "in-pkts-not-valid": 2, "in-pkts-no-sa-error": 1}
    assert found["no_sak"] == 1
    late = pysec("pcap", "mka", pcap, "--key", key_file(tmp_path, CA), "--json", "--replay-window", "9")
    assert account(late)["verdicts"]["in-pkts-ok"] == 2


def test_mkpdus_that_make_no_sense(pysec: Run, tmp_path: Path) -> None:
    """Malformed outside, malformed inside a good ICV, a SAK that this CAK did not wrap, a suite that we do not have."""
    key, who = key_file(tmp_path, CA), member()
    hello, _ = who.sends()
    short = hello[:16] + (len(hello) - 18 - 4).to_bytes(2, "big") + hello[18:-4]
    inside, _ = who.sends([(b"\x01\0\0\x08" + bytes(8), {})])
    unwrappable, _ = who.sends(
        [distributed(Ca(octets("x", 16), b"y"), "GCM-AES-128", octets("s", 16), an=0, code=1, kn=1)]
    )
    unknown, _ = who.sends([(bytes.fromhex("04100024" + "00000002" + "0080c200010000ff") + bytes(24), {})])
    done = pysec("pcap", "mka", capture(tmp_path, short, inside, unwrappable, unknown), "--key", key)
    assert done.status == 1
    lines = done.out.splitlines()
    assert lines[0].endswith("MALFORMED: MKPDU: the basic set and the ICV do not fit")
    assert lines[1].endswith("MALFORMED: MKPDU: a peer list of 8 octets is no list of entries of 16")
    assert lines[2].endswith(f"ICV verified: key wrap: not wrapped by the CAK named {CA.ckn.hex()}")
    assert "cipher suite 00-80-c2-00-01-00-00-ff is not known" in lines[3]
    assert lines[-1] == "FAILED: 2 malformed-mkpdus, 2 unusable-saks"


def test_a_ki_that_comes_again_as_another_sak(pysec: Run, tmp_path: Path) -> None:
    """802.1AE-2018 10.7.28: a KI has one SAK. The first stays, and the frames under it."""
    who, first, second = member(), octets("sak", 16), octets("sak 2", 16)
    sent = [who.sends([distributed(CA, "GCM-AES-128", sak, an=0, code=1, kn=1)])[0] for sak in (first, first, second)]
    pcap = capture(tmp_path, *sent, protected(first, 1))
    done = pysec("pcap", "mka", pcap, "--key", key_file(tmp_path, CA), "--json")
    assert account(done)["verdicts"] == {"in-pkts-ok": 1}
    assert json.loads(done.out.splitlines()[2])["why_not"].endswith("distributed again as another one")


def test_a_wan_link_and_other_frames(pysec: Run, tmp_path: Path) -> None:
    hello, _ = member(version=1).sends(
        [
            indicator(),
        ],
        to=b"\xff" * 6,
        ethertype=WAN,
    )
    start = bytes.fromhex("0180c2000003025400000a01888e03010000")
    done = pysec("pcap", "mka", capture(tmp_path, hello, start, c.frame()), "--key", key_file(tmp_path, CA), "--json")
    assert done.status == 0
    assert (account(done)["mkpdus"]["verified"], account(done)["other"]) == (1, 2)


def test_a_capture_that_is_cut(pysec: Run, tmp_path: Path) -> None:
    hello, _ = member().sends()
    path = tmp_path / "in.pcap"
    path.write_bytes(c.pcap([(1, 0, hello[:40], len(hello))]))
    done = pysec("pcap", "mka", path, "--key", key_file(tmp_path, CA), "--json")
    assert (done.status, account(done)["cut_short"], account(done)["mkpdus"]["malformed"]) == (1, 1, 0)


def test_more_than_a_burst_between_mkpdus(pysec: Run, tmp_path: Path) -> None:
    """Each frame is judged by the SAKs that came before it, however they fall into bursts."""
    who, frames, expected = member(), [], 0
    for kn in range(1, 7):
        sak, an = octets(f"sak {kn}", 16), (kn - 1) % 4
        frames.append(who.sends([distributed(CA, "GCM-AES-128", sak, an=an, code=1, kn=kn), peers(1, [])])[0])
        frames += [protected(sak, pn, an) for pn in range(1, 300 if kn == 3 else 9)]
        expected += 299 if kn == 3 else 8
    done = pysec("pcap", "mka", capture(tmp_path, *frames), "--key", key_file(tmp_path, CA), "--json")
    assert done.status == 0
    assert account(done)["verdicts"] == {"in-pkts-ok": expected}
    assert [json.loads(line)["n"] for line in done.out.splitlines()[:-1]] == [
        1, 10, 19, 319, 328, 337,
    ]  # fmt: skip


def test_bad_input(pysec: Run, tmp_path: Path, own_vectors: Path) -> None:
    pcap, key = story(own_vectors, tmp_path)
    key.chmod(0o644)
    assert "lets others at the key" in refused(pysec("pcap", "mka", pcap, "--key", key))
    key.chmod(0o600)
    assert "both" in refused(pysec("pcap", "mka", "-", "--key", "-"))
    assert "replay-window" in refused(pysec("pcap", "mka", pcap, "--replay-window", "-1"))
    assert "No such file" in refused(pysec("pcap", "mka", tmp_path / "none", "--key", key))
    assert "neither pcap nor pcapng" in refused(pysec("pcap", "mka", key, "--key", key))


def refused(done: Done) -> str:
    assert (done.status, done.out) == (2, "")
    assert done.err.count("\n") == 1
    return done.err


def test_real_peers(pysec: Run, vectors_dir: Path, tmp_path: Path) -> None:
    for path in sorted((vectors_dir / "interop").glob("mka-*.json")):
        values = json.loads(path.read_text())
        ca = Ca(bytes.fromhex(values["cas"][0]["cak"]), bytes.fromhex(values["cas"][0]["ckn"]))
        done = pysec("pcap", "mka", path.with_suffix(".pcap"), "--key", key_file(tmp_path, ca), "--json")
        found, bad = account(done), values["counts"].get("bad_icv", 0)
        assert done.status == (1 if bad else 0), path
        assert found["mkpdus"]["verified"] == values["counts"]["mkpdu"]
        assert found["mkpdus"]["wrong-icv"] == bad
        assert found["verdicts"].get("in-pkts-ok", 0) == values["counts"]["macsec"]
        assert len(found["saks"]) == len(values["saks"])
