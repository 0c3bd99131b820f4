"""Why this exists: a proof that follows a program's steps shows nothing of code that none of them met.

Functions are taken from the symbols of the program's file, by the C file that they come from.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.unit.gcm.taint import Decoder, iced

SECTION = struct.Struct("<IIQQQQIIQQ")
SYMBOL = struct.Struct("<IBBHQQ")
SYMTAB, FUNCTION, FILE = 2, 2, 4


@dataclass(frozen=True)
class Function:
    """One function of a program."""

    file: str
    name: str
    address: int
    size: int


def functions(program: Path) -> Iterator[Function]:
    """Local functions, which come behind the name of their file."""
    data = program.read_bytes()
    start, size, number = struct.unpack_from("<Q", data, 40)[0], *struct.unpack_from("<HH", data, 58)
    sections = [SECTION.unpack_from(data, start + i * size) for i in range(number)]
    for _, kind, _, _, offset, length, link, *_ in sections:
        if kind != SYMTAB:
            continue
        file = ""
        for name, info, _, _, address, extent in SYMBOL.iter_unpack(data[offset : offset + length]):
            at = sections[link][4] + name
            text = data[at : data.index(b"\0", at)].decode()
            if info & 15 == FILE:
                file = text
            elif info == FUNCTION and extent:
                yield Function(file, text, address, extent)


def not_taken(program: Path, files: Iterable[str], taken: Iterable[int]) -> tuple[int, dict[str, int]]:
    """How many instructions the functions of some C files have, and how many of them no step met, by function. What
    fills the gaps between them does not count, nor does the question whether this CPU will do."""
    data, segments, wanted, known = program.read_bytes(), Decoder(program).segments, set(files), set(taken)
    num, missed = 0, {}
    for function in functions(program):
        if function.file not in wanted or function.name == "probe":
            continue
        place = next(o + function.address - a for a, o, n in segments if a <= function.address < a + n)
        code = iced.Decoder(64, data[place : place + function.size], ip=function.address)
        every = [i.ip for i in code if i.mnemonic not in {iced.Mnemonic.NOP, iced.Mnemonic.INT3}]
        num += len(every)
        missed[function.name] = len(set(every) - known)
    return num, {name: count for name, count in missed.items() if count}
