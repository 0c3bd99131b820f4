"""Why this exists: the known answers of 802.1X's key hierarchy, in the tests themselves.

IEEE Std 802.1X Annex G, as other implementations print it in their tests; each was recomputed with an AES-CMAC that
shares no code with pysec. What the Annex has not got comes from elsewhere: CAKs from EAP out of the logs of
wpa_supplicant and hostapd (EAP-TLS over TLS 1.2 and 1.3), wrapped CAKs of groups from RFC 3394 worked out step by step
with another program's AES.
"""

from __future__ import annotations

KDF = ("1ab9024fa04a03feb9024fa04a03fe11", "HI THERE", "01020104", "b57a0b05f43e9600c3c4d15c1e3c26e8")

MACS = ("001b6393fcbc", "00d0b71a7717")
MSK = "e68a1ab90313024fda7a04a03fea010f"
SESSION_ID = (
    "0dd075693f54b2b2eb01da61f0af5d429b65b1ebcaf536fba350777598571728f6"
    "30c5c8da5475489ad47b6e3489a97372e5a8fd550617972c020d42a3b13a4eae"
)
CAK_128 = "135bd758b0ee5c11c55ff6ab19fdb199"
CKN_128 = "96437a93ccf10d9dfe347846cce52c7d"
KEK_128 = "8f5a384c15d6ae9302b462e363d03ca6"

CAK_256 = "a29efdb63d6fba73c65daab2295340a837a8886e94a905b5c9c7ef1d9dbb297e"
CKN_256 = "7888f5d48ba8b24e96bb95bd8c7304ec"
ICK_256 = "98b8544d7390a41e50ef72e25b4a036523c919e812918871949b48123eab526e"

MIS = ("cd421cf86ba457938657675b", "01020304050607080d1f36cf")
SAK_128 = ("0102030405060708090a0b0c0d0e0f10", 1, "045205925831ae59c14550ed59cc003d")
SAK_256 = (
    "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f00", 1,
    "bb692568b287484a5f3f4793b09732270d13dd818373c15b3f2793fdc1948a37",
)  # fmt: skip

# The CAK of a group, and how it is wrapped with the KEK of CAK_128 and of CAK_256 (802.1X-2020 9.12).
GROUP_128 = ("404142434445464748494a4b4c4d4e4f", "f4c385d0f6768b94495b47028c35bfc306b4e322fb2515d8")
GROUP_256 = (
    "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f",
    "50e290aa2167402b58a2b7e1fbc69878a28bd3c75f2eaa2c9d7fc67b87119147c1dd11cc03309842",
)

EAP_MACS = ("525400000a01", "525400000b01")
# MSK, Session-Id, and the CAK, CKN, KEK and ICK that both ends logged.
EAP_TLS = {
    "TLS 1.2": (
        "8fd9e5ce09aab1603416e6026dea1b188bf93dec6fcd638f8a0842e46d9c6551"
        "060d36e59469bb26aecf12c7b40d60a20846378b093957b1fb94e1b46576aa1b",
        "0d1ff4dc6b063c6c5e860f0b118a81bd5b0c7c73901ba8c4363437104edf39fd9a"
        "3fb68a36084c682058d94034c42cf030ad6ec689bf24338c4b63ddaa9d366c66",
        "4b22aa99364f7cd6e1309e049aac1e3f", "d4df4f8b92863099f182a50eb6278757",
        "b7aaccf827012760577eb7b37ef934a0", "b57aa5864c6edce10d32a9a527676dc5",
    ),
    "TLS 1.3": (
        "500fdb736614a3145a982c24aa940da7f0777e76ac5a57cf41de9865d8090329"
        "805b453673b82d7d6de180bf6b55d492c99e8dd94023c945e7ba741b86a65b68",
        "0d10fa21be6ee418bb3cf18f81c04c692bcc51d8a3ec0303adaf41128e95be265e"
        "fa2e888df82d803ff76562d38016b502af4c4da537d3e58f02f999032cc9b8b0",
        "31213bce3826facb760fedf8a738cfd5", "c4f441855ad66940c3b61ae572ec5d31",
        "19ae69614771cd9b1dfd511f8784186e", "07e3e2ddfde6435c43b5ec430d82c24d",
    ),
}  # fmt: skip
