"""Why this exists: constant time, for instructions that valgrind does not know: VAES, AVX-512 and what comes after.

The program under proof writes down each of its steps (tests/c/steps.h): an address and the registers. Here every
instruction is decoded again from the program's file, and what it read decides what it wrote: taint goes from secrets,
which the program names, through registers, flags and memory. Reported are

- a branch or a return whose target or condition is tainted, and a string instruction that stops by one;
- an address made from a tainted register, a masked access under a tainted mask, and every gather and scatter;
- division, PDEP and PEXT of tainted operands, which take their time by value on some cores.

It is memcheck's method, coarser where that does no harm: a register is tainted as a whole, memory by the octet, flags
each by itself. Coarser means more reports, not fewer; only the upper lanes that an SSE instruction leaves alone are
taken for cleared, as no compiler mixes SSE and AVX within a function. What it shows, it shows of the paths that were
taken; those depend on lengths alone, or there would be a report, and the program runs through the lengths
(tests/c/gcm_ct.c).
"""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

iced: Any
try:
    import iced_x86 as iced
except ImportError:  # the tests skip
    iced = None

ROW = struct.Struct("<25Q")
BEGIN, UNDEFINED, DEFINED = range(3)
RCX = 1  # its number
PAGE = 4096


class Memory:
    """Which octets are tainted."""

    def __init__(self) -> None:
        self.pages: dict[int, bytearray] = {}

    def _parts(self, address: int, size: int) -> Iterator[tuple[int, int, int]]:
        while size > 0:
            number, at = divmod(address, PAGE)
            part = min(size, PAGE - at)
            yield number, at, at + part
            address, size = address + part, size - part

    def mark(self, address: int, size: int, tainted: bool) -> None:
        for number, start, end in self._parts(address, size):
            page = self.pages.get(number)
            if page is None:
                if not tainted:
                    continue
                page = self.pages[number] = bytearray(PAGE)
            page[start:end] = bytes([tainted]) * (end - start)

    def tainted(self, address: int, size: int) -> bool:
        for number, start, end in self._parts(address, size):
            page = self.pages.get(number)
            if page is not None and page.find(1, start, end) >= 0:
                return True
        return False


@dataclass
class Access:
    """One operand in memory."""

    base: int  # which general register, or -1
    index: int
    scale: int
    displacement: int
    size: int
    element: int
    mask: int  # which mask register, or 0
    reads: bool
    writes: bool
    surely: bool  # all of it, if it writes
    counts: bool  # with REP, of which each turn is a step; the last may be none

    def octets(self, row: tuple[int, ...]) -> list[tuple[int, int]]:
        """(address, length) of what is touched, by the registers of this step."""
        if self.counts and row[1 + RCX] == 0:
            return []
        address = self.displacement
        if self.base >= 0:
            address += row[1 + self.base]
        if self.index >= 0:
            address += row[1 + self.index] * self.scale
        address &= 2**64 - 1
        if not self.mask:
            return [(address, self.size)]
        bits = row[17 + self.mask]
        lanes = range(self.size // self.element)
        return [(address + i * self.element, self.element) for i in lanes if bits >> i & 1]


@dataclass
class Step:
    """What one instruction does, as far as taint goes."""

    text: str
    reads: list[int] = field(default_factory=list)
    writes: list[tuple[int, bool]] = field(default_factory=list)  # register, and whether all of it is new
    address: list[int] = field(default_factory=list)  # registers that make addresses or masks of accesses
    memory: list[Access] = field(default_factory=list)
    flags_read: int = 0
    flags_written: int = 0
    fault: str = ""  # whatever is read
    if_tainted: str = ""  # if anything that is read is tainted


def _is_read(access: int) -> bool:
    kinds = iced.OpAccess
    return access in {kinds.READ, kinds.COND_READ, kinds.READ_WRITE, kinds.READ_COND_WRITE}


def _is_written(access: int) -> bool:
    kinds = iced.OpAccess
    return access in {kinds.WRITE, kinds.COND_WRITE, kinds.READ_WRITE, kinds.READ_COND_WRITE}


def _general(register: int) -> int:
    """Its number among the sixteen; -1 for none."""
    if register == iced.Register.NONE:
        return -1
    return int(iced.RegisterExt.full_register(register)) - int(iced.Register.RAX)


class Decoder:
    """The instructions of a program."""

    def __init__(self, program: Path) -> None:
        self.data = program.read_bytes()
        self.segments = list(self._segments())
        self.factory = iced.InstructionInfoFactory()
        self.formatter = iced.Formatter(iced.FormatterSyntax.INTEL)
        self.steps: dict[int, Step] = {}

    def _segments(self) -> Iterator[tuple[int, int, int]]:
        """(address, place in the file, length) of what the file loads: ELF, 64 bits, little end first."""
        at, size, number = struct.unpack_from("<Q14xHH", self.data, 32)[0], *struct.unpack_from("<HH", self.data, 54)
        for i in range(number):
            kind, _, offset, address, _, length = struct.unpack_from("<IIQQQQ", self.data, at + i * size)
            if kind == 1:
                yield address, offset, length

    def step(self, address: int) -> Step:
        found = self.steps.get(address)
        if found is None:
            found = self.steps[address] = self._decode(address)
        return found

    def _decode(self, address: int) -> Step:
        for start, offset, length in self.segments:
            if start <= address < start + length:
                place = offset + address - start
                break
        else:
            raise AssertionError(f"code at {address:#x}, which is not in the program's file")
        code = iced.Decoder(64, self.data[place : place + 15], ip=address).decode()
        assert code.code != iced.Code.INVALID, f"no instruction at {address:#x}"
        info = self.factory.info(code)
        step = Step(self.formatter.format(code), flags_read=code.rflags_read, flags_written=code.rflags_modified)
        memory = list(info.used_memory())
        makers = {r for m in memory for r in (m.base, m.index) if r != iced.Register.NONE}
        if memory and code.op_mask != iced.Register.NONE:
            makers.add(code.op_mask)
        if "maskmov" in step.text:
            makers.add(code.op1_register)
        if code.is_string_instruction and (code.has_rep_prefix or code.has_repne_prefix):
            makers.add(iced.Register.RCX)
        step.address = [self._full(r) for r in makers if r != iced.Register.RIP]
        self._registers(step, code, info, makers if memory else set())
        step.memory = [self._access(code, m) for m in memory if m.segment not in {iced.Register.FS, iced.Register.GS}]
        if any(m.vsib_size for m in memory):
            step.fault = "gathers or scatters"
        self._control(step, code)
        return step

    @staticmethod
    def _full(register: int) -> int:
        return int(iced.RegisterExt.full_register(register))

    def _registers(self, step: Step, code: Any, info: Any, makers: set[int]) -> None:
        """What is read and written beside memory. What only makes an address is no data."""
        whole = {8: {8, 4}, 64: {64, 32, 16}}  # a write of 4 octets clears the other 4, one of 2 or 1 does not
        steady = set()
        if code.is_stack_instruction:
            steady = {iced.Register.RSP}
        elif code.is_string_instruction:
            steady = {iced.Register.RSI, iced.Register.RDI, iced.Register.RCX}
        for used in info.used_registers():
            full = self._full(used.register)
            size, full_size = (iced.RegisterExt.size(r) for r in (used.register, full))
            if _is_read(used.access) and not (used.register in makers and not _is_written(used.access)):
                step.reads.append(full)
            if _is_written(used.access) and full not in steady:  # which move on by themselves, whatever the data
                surely = used.access in {iced.OpAccess.WRITE, iced.OpAccess.READ_WRITE}
                step.writes.append((full, surely and size in whole.get(full_size, {full_size})))

    def _access(self, code: Any, m: Any) -> Access:
        relative = m.base in {iced.Register.RIP, iced.Register.EIP}
        size = iced.MemorySizeExt.size(m.memory_size) or iced.MemorySizeExt.size(code.memory_size)
        assert size > 0, f"an access of unknown size: {self.formatter.format(code)}"
        return Access(
            base=-1 if relative else _general(m.base),
            index=-1 if m.vsib_size else _general(m.index),
            scale=m.scale,
            displacement=code.ip_rel_memory_address if relative else m.displacement,
            size=size,
            element=iced.MemorySizeExt.element_size(m.memory_size) or size,
            mask=int(code.op_mask) - int(iced.Register.K0) if code.op_mask != iced.Register.NONE else 0,
            reads=_is_read(m.access),
            writes=_is_written(m.access),
            surely=m.access in {iced.OpAccess.WRITE, iced.OpAccess.READ_WRITE}
            or code.op_mask != iced.Register.NONE
            or code.is_string_instruction,
            counts=code.is_string_instruction and (code.has_rep_prefix or code.has_repne_prefix),
        )

    def _control(self, step: Step, code: Any) -> None:
        kinds = iced.FlowControl
        if code.flow_control in {kinds.CONDITIONAL_BRANCH, kinds.INDIRECT_BRANCH, kinds.INDIRECT_CALL, kinds.RETURN}:
            step.if_tainted = "branches by a secret"
        elif step.text.startswith(("rep scas", "repne", "repe")):
            step.if_tainted = "stops by a secret"
        elif step.text.split()[0] in {"div", "idiv", "pdep", "pext"}:
            step.if_tainted = "takes a time that may depend on a secret"


@dataclass(frozen=True)
class Report:
    """What depends on a secret, and where."""

    address: int
    what: str
    text: str


class Taint:
    """The state between steps, and what was found."""

    def __init__(self, program: Path) -> None:
        self.program = program
        self.decoder = Decoder(program)
        self.memory = Memory()
        self.registers: set[int] = set()
        self.flags = 0
        self.num_steps = 0
        self.reports: dict[Report, int] = {}

    def report(self, address: int, what: str, step: Step) -> None:
        key = Report(address, what, step.text)
        self.reports[key] = self.reports.get(key, 0) + 1

    def event(self, row: tuple[int, ...]) -> None:
        if row[1] == BEGIN:  # what the registers hold is what the program put there since
            self.registers.clear()
            self.flags = 0
        else:
            self.memory.mark(row[2], row[3], row[1] == UNDEFINED)

    def step(self, row: tuple[int, ...]) -> None:
        step, registers, memory = self.decoder.step(row[0]), self.registers, self.memory
        self.num_steps += 1
        if step.fault:
            self.report(row[0], step.fault, step)
        if registers and not registers.isdisjoint(step.address):
            self.report(row[0], "touches memory by a secret", step)
        tainted = bool(self.flags & step.flags_read) or not registers.isdisjoint(step.reads)
        stores = []
        for access in step.memory:
            octets = access.octets(row)
            if access.reads and not tainted:
                tainted = any(memory.tainted(*part) for part in octets)
            if access.writes:
                stores.append((octets, access.surely))
        for octets, surely in stores:
            if tainted or surely:
                for address, size in octets:
                    memory.mark(address, size, tainted)
        if tainted and step.if_tainted:
            self.report(row[0], step.if_tainted, step)
        for register, whole in step.writes:
            if tainted:
                registers.add(register)
            elif whole:
                registers.discard(register)
        if step.flags_written:
            self.flags = self.flags & ~step.flags_written | (step.flags_written if tainted else 0)

    def follow(self, rows: BinaryIO) -> None:
        while chunk := rows.read(ROW.size * 1024):
            for row in ROW.iter_unpack(chunk):
                if row[0]:
                    self.step(row)
                else:
                    self.event(row)

    def said(self) -> str:
        """A line for each report, with the line of the source that it comes from."""
        lines = []
        for report, times in self.reports.items():
            place = subprocess.run(
                ["addr2line", "-f", "-s", "-e", str(self.program), hex(report.address)],
                capture_output=True,
                text=True,
                check=False,
            ).stdout.split("\n")
            lines.append(f"{' '.join(place[:2])}: {report.text}: {report.what}, {times} times")
        return "\n".join(lines)
