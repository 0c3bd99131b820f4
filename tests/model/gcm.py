"""Why this exists: AES and GCM as FIPS 197 and SP 800-38D write them down, slow and obvious, to hold the C against.

Nothing here is shared with the C or with any library: no tables but those that the text itself defines, no trick.
Blocks are octet strings; a block of GHASH is also the number that its 128 bits make, first bit on top.
"""

from __future__ import annotations

from functools import cache

# ---- FIPS 197 -----------------------------------------------------------------------------------------------------


def xtimes(a: int) -> int:
    """FIPS 197 4.2.1: multiplication by x modulo x^8 + x^4 + x^3 + x + 1."""
    a <<= 1
    return a ^ 0x11B if a & 0x100 else a


def times(a: int, b: int) -> int:
    """FIPS 197 4.2: multiplication in GF(2^8)."""
    product = 0
    for bit in range(8):
        if b >> bit & 1:
            product ^= a
        a = xtimes(a)
    return product


@cache
def s_box(a: int) -> int:
    """FIPS 197 5.1.1: the inverse, 0 for 0, and then the affine transformation."""
    b = next((x for x in range(256) if times(a, x) == 1), 0)
    result = 0
    for i in range(8):
        bit = b >> i ^ b >> (i + 4) % 8 ^ b >> (i + 5) % 8 ^ b >> (i + 6) % 8 ^ b >> (i + 7) % 8 ^ 0x63 >> i
        result |= (bit & 1) << i
    return result


@cache
def key_expansion(key: bytes) -> list[bytes]:
    """FIPS 197 5.2: the round keys, 16 octets each."""
    nk = len(key) // 4
    rounds = nk + 6
    words = [key[4 * i : 4 * i + 4] for i in range(nk)]
    rcon = 1
    for i in range(nk, 4 * (rounds + 1)):
        temp = words[i - 1]
        if i % nk == 0:
            rotated = temp[1:] + temp[:1]
            temp = bytes(s_box(octet) for octet in rotated)
            temp = bytes([temp[0] ^ rcon]) + temp[1:]
            rcon = xtimes(rcon)
        elif nk > 6 and i % nk == 4:
            temp = bytes(s_box(octet) for octet in temp)
        words.append(xor(words[i - nk], temp))
    return [b"".join(words[4 * r : 4 * r + 4]) for r in range(rounds + 1)]


def shift_rows(state: bytes) -> bytes:
    """FIPS 197 5.1.2: octet r + 4 c of the result is octet r + 4 ((c + r) mod 4)."""
    return bytes(state[i % 4 + 4 * ((i // 4 + i % 4) % 4)] for i in range(16))


def mix_columns(state: bytes) -> bytes:
    """FIPS 197 5.1.3."""
    result = bytearray()
    for c in range(0, 16, 4):
        a = state[c : c + 4]
        for r in range(4):
            result.append(times(2, a[r]) ^ times(3, a[(r + 1) % 4]) ^ a[(r + 2) % 4] ^ a[(r + 3) % 4])
    return bytes(result)


def aes(key: bytes, block: bytes) -> bytes:
    """FIPS 197 5.1: the forward cipher on one block, for a key of 16, 24 or 32 octets."""
    round_keys = key_expansion(key)
    state = xor(block, round_keys[0])
    for round_key in round_keys[1:-1]:
        state = bytes(s_box(octet) for octet in state)
        state = xor(mix_columns(shift_rows(state)), round_key)
    state = shift_rows(bytes(s_box(octet) for octet in state))
    return xor(state, round_keys[-1])


def xor(a: bytes, b: bytes) -> bytes:
    """Octet by octet, as long as the shorter one."""
    return bytes(x ^ y for x, y in zip(a, b, strict=False))


# ---- SP 800-38D ----------------------------------------------------------------------------------------------------

R = 0xE1 << 120


def multiply(x: int, y: int) -> int:
    """SP 800-38D 6.3: the product of two blocks."""
    z, v = 0, y
    for i in range(128):
        if x >> (127 - i) & 1:
            z ^= v
        v = v >> 1 ^ R if v & 1 else v >> 1
    return z


def ghash(h: bytes, data: bytes) -> bytes:
    """SP 800-38D 6.4, over whole blocks."""
    y = 0
    for i in range(0, len(data), 16):
        y = multiply(y ^ int.from_bytes(data[i : i + 16]), int.from_bytes(h))
    return y.to_bytes(16)


def inc32(block: bytes) -> bytes:
    """SP 800-38D 6.2: the last 32 bits plus one, modulo 2^32."""
    return block[:12] + ((int.from_bytes(block[12:]) + 1) % 2**32).to_bytes(4)


def gctr(key: bytes, counter: bytes, data: bytes) -> bytes:
    """SP 800-38D 6.5."""
    out = b""
    for i in range(0, len(data), 16):
        out += xor(data[i : i + 16], aes(key, counter))
        counter = inc32(counter)
    return out


def padded(data: bytes) -> bytes:
    """Zeros up to a whole number of blocks."""
    return data + bytes(-len(data) % 16)


def pre_counter(h: bytes, iv: bytes) -> bytes:
    """SP 800-38D 7.1 step 2: J0. A 96-bit IV is taken as it is, any other length is hashed."""
    if len(iv) == 12:
        return iv + b"\0\0\0\1"
    return ghash(h, padded(iv) + bytes(8) + (8 * len(iv)).to_bytes(8))


def tag_of(key: bytes, iv: bytes, aad: bytes, cipher: bytes) -> bytes:
    """SP 800-38D 7.1 steps 4 to 6: the tag over AAD and ciphertext, 16 octets."""
    h = aes(key, bytes(16))
    lengths = (8 * len(aad)).to_bytes(8) + (8 * len(cipher)).to_bytes(8)
    s = ghash(h, padded(aad) + padded(cipher) + lengths)
    return gctr(key, pre_counter(h, iv), s)


def seal(key: bytes, iv: bytes, plain: bytes, aad: bytes) -> tuple[bytes, bytes]:
    """SP 800-38D 7.1: ciphertext and tag."""
    j0 = pre_counter(aes(key, bytes(16)), iv)
    cipher = gctr(key, inc32(j0), plain)
    return cipher, tag_of(key, iv, aad, cipher)


def open_(key: bytes, iv: bytes, cipher: bytes, aad: bytes, tag: bytes) -> bytes | None:
    """SP 800-38D 7.2: the plaintext, or None for FAIL."""
    if tag != tag_of(key, iv, aad, cipher):
        return None
    j0 = pre_counter(aes(key, bytes(16)), iv)
    return gctr(key, inc32(j0), cipher)
