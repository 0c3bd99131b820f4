"""Why this exists: MKPDUs that others sent, whole frames, with their CAK and CKN.

`scapy`: two vendors' devices, as scapy's own tests have them (test/scapy/layers/eap.uts); their CAK was found by trying
trivial ones, the ICVs verify. `wpa_supplicant`: 2.10 of Debian 12 with the kernel's macsec, captured for this project.
"""

from __future__ import annotations

from dataclasses import dataclass

ONES = ("11" * 16, "11" * 32)
PSK = ("3660a40a99e44e04e1b352937b9f55ae", "3e4c630859ce3e7977646f57cd37ac45")


@dataclass(frozen=True)
class Sent:
    """A frame and the CA that it belongs to."""

    name: str
    hex: str
    ca: tuple[str, str]
    sak: str = ""

    @property
    def frame(self) -> bytes:
        return bytes.fromhex(self.hex)


SENT = (
    Sent(
        "hello",
        "0180c2000003004268a81e03888e0305005401fff03c004268a81e03000abc6a009659777a823a90d9e7000000010080c201"
        + "11" * 32
        + "ff000010e5f56a86565cb1cca9b935046d2a436a",
        ONES,
    ),
    Sent(
        "live-list",
        "0180c2000003004268a81e03888e0305006801ff703c004268a81e03000abc6a009659777a823a90d9e7000000020080c201"
        + "11" * 32
        + "01000010718b8a39866b2f5814c9dcf600000080ff000010f4a164180944a27d8e270c2fda2ceab7",
        ONES,
    ),
    Sent(
        "distributed-sak",
        "0180c2000003cc4e24c4f77f888e030500b40110e03ccc4e24c4f77f0080718b8a39866b2f5814c9dcf6000000810080c201"
        + "11" * 32
        + "01000010bc6a009659777a823a90d9e70000000203100028718b8a39866b2f5814c9dcf6000000010000000000000000"
        "000000000000000000000000000000000410001c00000001437a05889fe82d94572b3f137efb01367956423fbda19f75"
        "ff000010b048cfe03aa19452442703e637e15572",
        ONES,
        sak="1813dc204bde640437c0bc9e69b1fd39",
    ),
    Sent(
        "wpa-potential",
        "0180c2000003525400000a01888e030500540110e02c525400000a01000162eb1b15f34df450fef5fa33000000010080c201"
        "3e4c630859ce3e7977646f57cd37ac450200001068c0a8ff3c8a999fc1e8fb82000000010c3a8abfe3793d1a4e60d8dfd8e6"
        "582c",
        PSK,
    ),
    Sent(
        "wpa-first-sak",
        "0180c2000003525400000a01888e030500740110e02c525400000a01000162eb1b15f34df450fef5fa33000000020080c201"
        "3e4c630859ce3e7977646f57cd37ac450100001068c0a8ff3c8a999fc1e8fb82000000020410001c00000001abd3de7cfd46"
        "bfbc54aa9204d5107d85632b28497f33d3560359c6f37e4a808a037ca7d5e2a7028d",
        PSK,
        sak="56b4b7a79901e9ecb48a94c5571324b3",
    ),
    Sent(
        "wpa-sak-in-use",
        "0180c2000003525400000a01888e030500a00110e02c525400000a01000162eb1b15f34df450fef5fa33000000030080c201"
        "3e4c630859ce3e7977646f57cd37ac450100001068c0a8ff3c8a999fc1e8fb82000000020330002862eb1b15f34df450fef5"
        "fa33000000010000000100000000000000000000000000000000000000010410001c00000001abd3de7cfd46bfbc54aa9204"
        "d5107d85632b28497f33d3564f3b3d1be07fae393c4d6c47f412bb7b",
        PSK,
        sak="56b4b7a79901e9ecb48a94c5571324b3",
    ),
    Sent(
        "wpa-retired",
        "0180c2000003525400000b01888e030500800120602c525400000b01000168c0a8ff3c8a999fc1e8fb82000000050080c201"
        "3e4c630859ce3e7977646f57cd37ac450100001062eb1b15f34df450fef5fa33000000030303002800000000000000000000"
        "0000000000000000000162eb1b15f34df450fef5fa330000000100000001d00517e76cd83e92d1cf7fa9de868817",
        PSK,
    ),
)
