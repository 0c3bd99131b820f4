"""AES-CMAC and AES Key Wrap give the answers of their standards.

The figures in the tables are of SP 800-38B (its examples D.1 and D.3) and RFC 3394 4.1, 4.3 and 4.6. Where the package
cryptography-vectors is installed, NIST's own files are run as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pysec.errors import CryptoError, InvalidIcv, UsageError
from pysec.mka.aes import MacKey, WrapKey
from pysec.mka.kdf import counter_mode
from pysec.secret import Secret

KEY_128 = "2b7e151628aed2a6abf7158809cf4f3c"
KEY_256 = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"
MESSAGE = (
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)
CMACS = [
    (KEY_128, 0, "bb1d6929e95937287fa37d129b756746"),
    (KEY_128, 16, "070a16b46b4d4144f79bdd9dd04a287c"),
    (KEY_128, 40, "dfa66747de9ae63030ca32611497c827"),
    (KEY_128, 64, "51f0bebf7e3b9d92fc49741779363cfe"),
    (KEY_256, 0, "028962f61b7bf89efc6b551f4667d983"),
    (KEY_256, 16, "28a7023f452e8f82bd4bf28d8c37c35c"),
    (KEY_256, 40, "aaf3d8f1de5640c232f5b169b9c911e6"),
    (KEY_256, 64, "e1992190549f6ed5696a2c056c315410"),
]
BYTES = bytes(range(32))
WRAPS = [
    (16, "00112233445566778899aabbccddeeff", "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5"),
    (32, "00112233445566778899aabbccddeeff", "64e8c3f9ce0f5ba263e9777905818a2a93c8191e7d6e8ae7"),
    (
        32,
        "00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f",
        "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21",
    ),
]


@pytest.mark.parametrize(("key", "length", "icv"), CMACS)
def test_cmac(key: str, length: int, icv: str) -> None:
    """SP 800-38B 6.2 and SP 800-38B 6.3."""
    mac, data = MacKey(bytes.fromhex(key)), bytes.fromhex(MESSAGE)[:length]
    assert mac.compute(data).hex() == icv
    mac.verify(data, bytes.fromhex(icv))
    with pytest.raises(InvalidIcv):
        mac.verify(data + b"\0", bytes.fromhex(icv))


@pytest.mark.parametrize(("octets", "key", "wrapped"), WRAPS)
def test_key_wrap(octets: int, key: str, wrapped: str) -> None:
    """RFC 3394 2.2: 2.2.1 and 2.2.2."""
    wrapper = WrapKey(BYTES[:octets])
    assert wrapper.wrap(Secret.from_hex(key)).hex() == wrapped
    assert wrapper.unwrap(bytes.fromhex(wrapped)) == Secret.from_hex(key)


def test_what_key_wrap_refuses() -> None:
    """RFC 3394 2.2.1 and RFC 3394 2.2.2."""
    wrapper = WrapKey(BYTES[:16])
    for octets in (0, 8, 15, 17, 31):
        with pytest.raises(UsageError):
            wrapper.wrap(Secret(bytes(octets)))
        with pytest.raises(CryptoError):
            wrapper.unwrap(bytes(octets))
    bad = bytearray.fromhex(WRAPS[0][2])
    bad[0] ^= 1
    with pytest.raises(CryptoError):
        wrapper.unwrap(bytes(bad))


def nist(name: str) -> Path:
    vectors = pytest.importorskip("cryptography_vectors")
    return Path(vectors.__file__).parent / name


def cases(path: Path) -> Iterator[dict[str, str]]:
    """The `NAME = VALUE` paragraphs of a NIST file; a line `FAIL` is kept, and what stands in brackets adds up."""
    section: dict[str, str] = {}
    for paragraph in re.split(r"\n\s*\n", path.read_text("utf-8").replace("\r", "")):
        found = dict(section)
        for line in paragraph.splitlines():
            if line.startswith("["):
                name, _, value = line.strip("[]").partition("=")
                section[name.strip()] = found[name.strip()] = value.strip()
            elif "=" in line and not line.startswith("#"):
                name, _, value = line.partition("=")
                found[name.strip()] = value.strip()
            elif line.strip() == "FAIL":
                found["FAIL"] = "1"
        yield found


def test_nists_cmac_files() -> None:
    """SP 800-38B 6.2."""
    ran = 0
    for bits in (128, 256):
        for case in cases(nist(f"CMAC/nist-800-38b-aes{bits}.txt")):
            if "OUTPUT" in case:
                message = "" if case["MESSAGE"].startswith("No message") else case["MESSAGE"]
                length = int(case.get("LENGTH", len(message) * 4)) // 8
                made = MacKey(bytes.fromhex(case["KEY"])).compute(bytes.fromhex(message)[:length])
                assert made.hex() == case["OUTPUT"].lower()
                ran += 1
    assert ran == 8


@pytest.mark.parametrize("bits", [128, 256])
def test_nists_key_wrap_files(bits: int) -> None:
    """RFC 3394 2.2.1 and RFC 3394 2.2.2, by SP 800-38F."""
    opened = refused = wrapped = 0
    for case in cases(nist(f"keywrap/kwtestvectors/KW_AD_{bits}.txt")):
        if "K" not in case:
            continue
        wrapper = WrapKey(bytes.fromhex(case["K"]))
        if "FAIL" in case:
            with pytest.raises(CryptoError):
                wrapper.unwrap(bytes.fromhex(case["C"]))
            refused += 1
        else:
            assert wrapper.unwrap(bytes.fromhex(case["C"])) == Secret.from_hex(case["P"])
            opened += 1
    for case in cases(nist(f"keywrap/kwtestvectors/KW_AE_{bits}.txt")):
        if "K" in case:
            assert WrapKey(bytes.fromhex(case["K"])).wrap(Secret.from_hex(case["P"])).hex() == case["C"]
            wrapped += 1
    assert min(opened, refused, wrapped) > 50


def test_nists_kdf_file() -> None:
    """SP 800-108 4.1, by the cases with AES-CMAC and a counter of 8 bits in front."""
    ran = 0
    for case in cases(nist("KDF/nist-800-108-KBKDF-CTR.txt")):
        if case.get("PRF") not in ("CMAC_AES128", "CMAC_AES256") or "KO" not in case:
            continue
        if (case["CTRLOCATION"], case["RLEN"]) == ("BEFORE_FIXED", "8_BITS"):
            made = counter_mode(bytes.fromhex(case["KI"]), bytes.fromhex(case["FixedInputData"]), int(case["L"]) // 8)
            assert made.hex() == case["KO"]
            ran += 1
    assert ran == 80
