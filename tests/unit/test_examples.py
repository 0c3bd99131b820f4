"""Each example runs as a user would run it, and says what the guides say it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

EXPECTED = {
    "two_secys.py": r"""
        62 octets became 86, with the SecTAG 88e5 0c00 0000 0001
        in-pkts-ok True
        in-pkts-late the second time; 1 frame was good
    """,
    "rollover.py": r"""
        sent 3200, delivered 3200: 1600 with AN 0, then 1600 with AN 1
    """,
    "replay.py": r"""
        PN 90             window 0: in-pkts-ok        window 64: in-pkts-ok        duplicates refused: in-pkts-ok
        PN 80, late       window 0: in-pkts-late      window 64: in-pkts-ok        duplicates refused: in-pkts-ok
        PN 80 again       window 0: in-pkts-late      window 64: in-pkts-ok        duplicates refused: \S*duplicate\S*
        PN 10, very late  window 0: in-pkts-late      window 64: in-pkts-late      duplicates refused: in-pkts-late
        PN 100, changed   window 0: in-pkts-not-valid window 64: in-pkts-not-valid duplicates refused: in-pkts-not-valid
    """,
    "gcm_burst.py": r"""
        sealed 100, nonces 74783031[0-9a-f]{16} to 74783031[0-9a-f]{16}
        opened all of them: True
        refused: .*42.*
        the others open: 99
    """,
    "xpn.py": r"""
        on the wire 4294967293, recovered 4294967293, verdict 7
        on the wire 4294967294, recovered 4294967294, verdict 7
        on the wire 4294967295, recovered 4294967295, verdict 7
        on the wire          0, recovered 4294967296, verdict 7
        on the wire          1, recovered 4294967297, verdict 7
        on the wire          2, recovered 4294967298, verdict 7
    """,
    "mka_in_your_loop.py": r"""
        secured: True True True
        in-pkts-ok True with AN 0
        in-pkts-ok True with AN 1
        \s*0\.\d\d INIT to CHANGE: at once
        \s*0\.\d\d CHANGE to SECURED: .*
        \s*0\.\d\d [A-Z]+ to [A-Z]+: .*
        \s*0\.\d\d [A-Z]+ to [A-Z]+: .*
        \s*0\.\d\d [A-Z]+ to [A-Z]+: .*
        \s*0\.\d\d [A-Z]+ to [A-Z]+: .*
        \s*0\.\d\d [A-Z]+ to [A-Z]+: .*
        \s*0\.\d\d [A-Z]+ to [A-Z]+: .*
        \s*1\.00 RETIRE to RECEIVE: there is a new SAK
        \s*1\.00 [A-Z]+ to [A-Z]+: .*
        \s*1\.00 [A-Z]+ to [A-Z]+: .*
        \s*1\.00 [A-Z]+ to [A-Z]+: .*
        \s*1\.00 [A-Z]+ to [A-Z]+: .*
        \s*4\.00 TRANSMITTING to RETIRE: .*
    """,
    "static_key.py": r"""
        sent PN 1 to 700, killed: False; the next life starts at 701
        sent PN 701 to 1400, killed: True; the next life starts at 2701
        sent PN 2701 to 2705, killed: False; the next life starts at 2706
    """,
    "with_scapy.py": r"""
        Ether / .*
        AN 3 PN 1000 SL 30 encrypted 1
        Ether / IP / ICMP .*
        again: None
    """,
}


def test_every_example_is_here() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(EXPECTED)


def test_the_readme_example_is_about_twenty_lines() -> None:
    assert len((EXAMPLES / "two_secys.py").read_text().splitlines()) <= 24


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPECTED)
def test_example(name: str, tmp_path: Path) -> None:
    if name == "with_scapy.py":
        pytest.importorskip("scapy")
    arguments = [str(tmp_path)] if name == "static_key.py" else []
    ran = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments], capture_output=True, text=True, check=False, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    want = [line.strip() for line in EXPECTED[name].strip().splitlines()]
    got = ran.stdout.rstrip().splitlines()
    assert len(got) == len(want), ran.stdout
    for line, pattern in zip(got, want, strict=True):
        assert re.fullmatch(pattern, line.rstrip()), f"{line!r} is not {pattern!r}"
