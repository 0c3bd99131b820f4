"""Why this exists: the table in docs/CONFORMANCE.md, clause to code to test, is read out of the tags and never typed.

`python tools/conformance.py` writes the table between the marks of docs/CONFORMANCE.md; `--check` only says whether it
is as it would be written (exit 1 if not).
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TAG = re.compile(r"(802\.1AE-2018|802\.1X-2020|SP 800-38[BDF]|SP 800-108|RFC \d+) (\d+(?:\.\d+)*)")
BEGIN, END = "<!-- table begins -->", "<!-- table ends -->"

TITLES = {
    "802.1AE-2018 7.1.2": "SCI and SSCI",
    "802.1AE-2018 8.2.1": "uniqueness of the SCI",
    "802.1AE-2018 9.3": "the SecTAG",
    "802.1AE-2018 9.5": "TCI",
    "802.1AE-2018 9.6": "AN",
    "802.1AE-2018 9.7": "SL",
    "802.1AE-2018 9.8": "PN",
    "802.1AE-2018 9.9": "SCI, explicit and implied",
    "802.1AE-2018 9.10": "Secure Data",
    "802.1AE-2018 9.12": "validation of a PDU",
    "802.1AE-2018 10.5": "frame generation",
    "802.1AE-2018 10.5.1": "transmit SA assignment",
    "802.1AE-2018 10.5.2": "transmit PN, exhaustion",
    "802.1AE-2018 10.5.3": "SecTAG encoding, Table 10-1",
    "802.1AE-2018 10.5.4": "protection, octets counted",
    "802.1AE-2018 10.5.5": "transmit request, frames too long",
    "802.1AE-2018 10.6": "frame verification",
    "802.1AE-2018 10.6.1": "receive SA assignment",
    "802.1AE-2018 10.6.2": "PN recovery, preliminary replay check",
    "802.1AE-2018 10.6.3": "validation, octets counted",
    "802.1AE-2018 10.6.4": "replay check update",
    "802.1AE-2018 10.6.5": "receive indication, verdicts, PN state",
    "802.1AE-2018 10.7.4": "controlled port status",
    "802.1AE-2018 10.7.5": "ControlledPortEnabled",
    "802.1AE-2018 10.7.7": "verification capabilities",
    "802.1AE-2018 10.7.8": "validateFrames, replayProtect, replayWindow",
    "802.1AE-2018 10.7.9": "verification statistics",
    "802.1AE-2018 10.7.10": "validation statistics",
    "802.1AE-2018 10.7.11": "receive SC creation",
    "802.1AE-2018 10.7.13": "receive SA creation",
    "802.1AE-2018 10.7.14": "receive SA status",
    "802.1AE-2018 10.7.15": "receive SA control",
    "802.1AE-2018 10.7.17": "generation controls",
    "802.1AE-2018 10.7.18": "generation statistics",
    "802.1AE-2018 10.7.19": "protection statistics",
    "802.1AE-2018 10.7.21": "transmit SC status",
    "802.1AE-2018 10.7.22": "transmit SA creation",
    "802.1AE-2018 10.7.23": "transmit SA status",
    "802.1AE-2018 10.7.24": "transmit SA control",
    "802.1AE-2018 10.7.25": "cipher suite capabilities, offsets",
    "802.1AE-2018 10.7.28": "SAK creation",
    "802.1AE-2018 14.5": "GCM-AES-128 and -256: IV, AAD, offset",
    "802.1AE-2018 14.7": "XPN suites: IV from SSCI, PN, salt",
    "802.1X-2020 9": "MKA",
    "802.1X-2020 6.2": "key hierarchy",
    "802.1X-2020 6.2.1": "key derivation function",
    "802.1X-2020 6.2.2": "CAK and CKN from EAP",
    "802.1X-2020 9.3": "CAK",
    "802.1X-2020 9.3.1": "CAK name",
    "802.1X-2020 9.3.3": "KEK and ICK",
    "802.1X-2020 9.4": "transport of MKPDUs",
    "802.1X-2020 9.4.1": "integrity of MKPDUs",
    "802.1X-2020 9.4.2": "member identification, message numbers",
    "802.1X-2020 9.4.3": "liveness of peers",
    "802.1X-2020 9.5": "key server election",
    "802.1X-2020 9.6": "use of MACsec",
    "802.1X-2020 9.7": "cipher suite and offset",
    "802.1X-2020 9.8": "SAK generation, distribution, selection",
    "802.1X-2020 9.8.1": "SAK generation",
    "802.1X-2020 9.8.2": "AES Key Wrap of SAKs",
    "802.1X-2020 9.8.3": "distribution of SAKs",
    "802.1X-2020 9.9": "association numbers",
    "802.1X-2020 9.10": "SAK installation and use",
    "802.1X-2020 9.12": "distribution of group CAKs",
    "802.1X-2020 9.13": "announcement of cipher suites",
    "802.1X-2020 9.14": "participants: creation and deletion",
    "802.1X-2020 9.15": "timers",
    "802.1X-2020 9.16": "the principal participant",
    "802.1X-2020 11.1.1": "destination address",
    "802.1X-2020 11.3": "EAPOL PDU",
    "802.1X-2020 11.4": "validation of EAPOL PDUs",
    "802.1X-2020 11.11": "EAPOL-MKA",
    "802.1X-2020 11.11.1": "MKPDU",
    "802.1X-2020 11.11.2": "validation of MKPDUs",
    "802.1X-2020 11.11.3": "encoding of MKPDUs",
    "802.1X-2020 11.12": "announcement TLVs",
    "802.1X-2020 12.1": "the port access entity",
    "802.1X-2020 12.4": "CP state machine",
    "802.1X-2020 12.5": "Logon Process",
    "RFC 3394 2.2": "AES Key Wrap",
    "RFC 3394 2.2.1": "key wrap",
    "RFC 791 3.1": "the IPv4 header",
    "RFC 1071 2": "calculating the Internet checksum",
    "RFC 3168 6.1.2": "CWR on the first new segment",
    "RFC 6864 4.1": "identification in atomic datagrams",
    "RFC 8200 3": "the IPv6 header",
    "RFC 8200 4.3": "extension headers before the transport header",
    "RFC 8200 8.1": "checksums of upper layers",
    "RFC 9293 3.1": "the TCP header",
    "RFC 3394 2.2.2": "key unwrap",
    "RFC 5280 4.2.1.5": "policy mappings",
    "RFC 5280 4.2.1.10": "name constraints",
    "RFC 5280 5.2.4": "delta CRLs",
    "RFC 5280 5.3.3": "certificate issuer of a CRL's entry",
    "RFC 5280 6.1": "path validation",
    "RFC 5280 6.1.1": "inputs of path validation",
    "RFC 5280 6.1.2": "the valid policy tree",
    "RFC 5280 6.1.3": "each certificate of a path",
    "RFC 5280 6.1.4": "each CA of a path",
    "RFC 5280 6.1.5": "the end of a path",
    "RFC 5280 6.3": "CRL validation",
    "RFC 5280 6.3.3": "status by complete, delta, divided and indirect CRLs",
    "RFC 5280 7.1": "comparison of names",
    "RFC 5116 3.2": "formation of nonces",
    "SP 800-108 4.1": "KDF in counter mode",
    "SP 800-38B 6.2": "CMAC generation",
    "SP 800-38B 6.3": "CMAC verification",
    "SP 800-38D 5.2.1.1": "lengths",
    "SP 800-38D 6.3": "multiplication of blocks",
    "SP 800-38D 7.1": "authenticated encryption",
    "SP 800-38D 7.2": "authenticated decryption",
    "SP 800-38D 8": "uniqueness of IV and key",
    "SP 800-38D 8.2.1": "deterministic construction",
    "SP 800-38D 8.3": "number of invocations",
}


def tags_in(path: Path) -> set[str]:
    """The clause tags of a file, those that a line break cuts in two included."""
    text = re.sub(r"\s*\n[\s*#/]*", " ", path.read_text("utf-8"))
    return {f"{standard} {clause}" for standard, clause in TAG.findall(text)}


def collect(globs: tuple[str, ...]) -> dict[str, list[str]]:
    """Tag -> files below the root that bear it."""
    found: dict[str, list[str]] = defaultdict(list)
    for pattern in globs:
        for path in sorted(ROOT.glob(pattern)):
            if path.name != "_native.c" and "arch" not in path.parts:
                for tag in tags_in(path):
                    found[tag].append(path.relative_to(ROOT).as_posix())
    return found


def order(tag: str) -> tuple[str, list[int]]:
    """Standards in order, clauses as numbers."""
    standard, _, clause = tag.rpartition(" ")
    return standard, [int(part) for part in clause.split(".")]


def table() -> str:
    """The table, as Markdown."""
    code = collect(("csrc/**/*.[ch]", "pysec/**/*.py"))
    tests = collect(("tests/**/test_*.py",))
    rows = ["| clause | what | code | tests |", "|---|---|---|---|"]
    for tag in sorted(code, key=order):
        where = ", ".join(f"`{name}`" for name in code[tag])
        proof = ", ".join(f"`{name.removeprefix('tests/')}`" for name in tests.get(tag, ["none"]))
        rows.append(f"| {tag} | {TITLES.get(tag, '')} | {where} | {proof} |")
    return "\n".join(rows)


def main(arguments: list[str]) -> int:
    """Write the table, or with --check compare it."""
    path = ROOT / "docs" / "CONFORMANCE.md"
    before = path.read_text("utf-8")
    head, _, rest = before.partition(BEGIN)
    _, _, tail = rest.partition(END)
    after = f"{head}{BEGIN}\n{table()}\n{END}{tail}"
    if arguments == ["--check"]:
        if after != before:
            print("docs/CONFORMANCE.md: the table is not up to date: run `make docs`")
        return int(after != before)
    path.write_text(after, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
