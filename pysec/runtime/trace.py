"""Why this exists: "why did the link not come up last night" is answered by what was said, in which order, and when.

A trace is JSON lines. The first line of a port says who it is and how it is configured; then comes one line for each
thing that the KaY was told (`k`: cak, rx, timer, use, pns, ask, ...), for each MKPDU that it sent (tx) and each event.
MKPDUs are decoded. There is no key in a trace, wrapped or not: a wrapped SAK is an offer to whoever gets the CAK later.

A trace can be played to an engine again (`replay`), with the CAK it was made with: received MKPDUs get a new ICV, and
in place of each SAK one made of its KI. The engine must then do the same again, MKPDU by MKPDU and event by event;
where it does not, `Replayed.differences` says so.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from pysec.errors import FormatError, ProtocolError
from pysec.mka.events import Event, SakReady
from pysec.mka.kay import Kay, KayConfig, KeyUse
from pysec.mka.keys import Cak
from pysec.runtime.jsonable import from_json, to_json
from pysec.secret import Secret
from pysec.types import MI_OCTETS, CipherSuite, Ckn, Ki, Kn, MacAddress, Mi, Sci
from pysec.wire import mkpdu
from pysec.wire.mkpdu import DistributedSak, MkPdu

VERSION: Final = 1
_ICV: Final = bytes(mkpdu.ICV_OCTETS)
Write = Callable[[dict[str, Any]], None]


def _kebab(event: Event) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", type(event).__name__).lower()


class TraceWriter:
    """A file of JSON lines; several ports may write to one."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def for_port(self, port: str) -> Write:
        """What writes a line of one port."""

        def write(line: dict[str, Any]) -> None:
            self._file.write(json.dumps({"port": port, **line}, separators=(",", ":")) + "\n")

        return write

    def flush(self) -> None:
        """Bring to disk what has been written."""
        self._file.flush()


class TracedKay(Kay):
    """A KaY that writes down what it is told and what it says."""

    def __init__(self, config: KayConfig, sci: Sci, rng: Callable[[int], bytes], write: Write) -> None:
        self._write = write
        super().__init__(config, sci, self._drawing(rng))
        write({"k": "trace", "version": VERSION, "sci": str(sci), "config": to_json(config)})

    def _drawing(self, rng: Callable[[int], bytes]) -> Callable[[int], bytes]:
        """Note each MI that is drawn, and nothing else: nonces are secret."""

        def draw(octets: int) -> bytes:
            drawn = rng(octets)
            if octets == MI_OCTETS:
                self._write({"k": "mi", "mi": drawn.hex()})
            return drawn

        return draw

    def add_cak(self, cak: Cak, now: float, **options: Any) -> Ckn:
        self._write({"k": "cak", "at": now, "ckn": str(cak.ckn), **options})
        return super().add_cak(cak, now, **options)

    def remove_cak(self, ckn: Ckn, now: float, reason: str = "removed") -> None:
        self._write({"k": "uncak", "at": now, "ckn": str(ckn), "reason": reason})
        super().remove_cak(ckn, now, reason)

    def start_hellos(self, now: float) -> None:
        self._write({"k": "hellos", "at": now})
        super().start_hellos(now)

    def receive_mkpdu(
        self, body: bytes, now: float, *, source: MacAddress | None = None, header: bytes | None = None
    ) -> None:
        where = {"k": "rx", "at": now, "source": str(source) if source else None}
        self._write({**where, **self._said(body, source, header)})
        super().receive_mkpdu(body, now, source=source, header=header)

    def _said(self, body: bytes, source: MacAddress | None, header: bytes | None) -> dict[str, Any]:
        """What an MKPDU says, or why nothing of it can be believed."""
        try:
            found = mkpdu.peek(body)
        except ProtocolError as error:
            return {"fault": "malformed", "why": str(error), "octets": len(body)}
        participant = self.participants.get(found.ckn)
        if participant is None:
            return {"fault": "unknown CKN", "ckn": str(found.ckn), "octets": len(body)}
        if not self.is_authentic(participant, found, header or self._header_of(found, len(body), source)):
            return {"fault": "bad ICV", "ckn": str(found.ckn), "octets": len(body)}
        try:
            return {"pdu": to_json(mkpdu.decode(body, cak_octets=participant.cak.octets))}
        except ProtocolError as error:
            return {"fault": "protocol error", "ckn": str(found.ckn), "why": str(error), "octets": len(body)}

    def handle_timer(self, now: float) -> None:
        self._write({"k": "timer", "at": now})
        super().handle_timer(now)

    def pdus_to_send(self, now: float) -> list[bytes]:
        bodies = super().pdus_to_send(now)
        said = []
        for body in bodies:
            octets = self.participants[mkpdu.peek(body).ckn].cak.octets
            said.append(to_json(mkpdu.decode(body, cak_octets=octets)))
        if said:
            self._write({"k": "tx", "at": now, "pdus": said})
        return bodies

    def set_sak_use(self, latest: KeyUse | None, old: KeyUse | None, plain_tx: bool, plain_rx: bool) -> None:
        self._write({"k": "use", "latest": to_json(latest), "old": to_json(old), "plain": [plain_tx, plain_rx]})
        super().set_sak_use(latest, old, plain_tx, plain_rx)

    def report_pns(self, latest: tuple[Ki, int, int] | None = None, old: tuple[Ki, int, int] | None = None) -> None:
        self._write({"k": "pns", "latest": to_json(latest), "old": to_json(old)})
        super().report_pns(latest, old)

    def request_sak(self, reason: str, now: float) -> None:
        self._write({"k": "ask", "at": now, "reason": reason})
        super().request_sak(reason, now)

    def next_event(self) -> Event | None:
        event = super().next_event()
        if event is not None:
            self._write({"k": "event", "name": _kebab(event), "reason": event.reason})
        return event


# ---- reading one, and playing it again


@dataclass(frozen=True, slots=True)
class Trace:
    """The lines of one port, less the first."""

    sci: Sci
    config: KayConfig
    lines: tuple[Mapping[str, Any], ...]

    def make_kay(self, kay_type: Callable[[KayConfig, Sci, Callable[[int], bytes]], Kay] = Kay) -> Kay:
        """An engine that is as the traced one was at first; it draws the same MIs."""
        mis = [bytes.fromhex(line["mi"]) for line in self.lines if line["k"] == "mi"]
        return kay_type(self.config, self.sci, _Redrawn(mis))


class _Redrawn:
    """The MIs of a trace, and other octets that are of no account."""

    def __init__(self, mis: list[bytes]) -> None:
        self._mis, self._count = mis, 0

    def __call__(self, octets: int) -> bytes:
        if octets == MI_OCTETS and self._mis:
            return self._mis.pop(0)
        self._count += 1
        return hashlib.blake2b(self._count.to_bytes(8, "big"), digest_size=octets).digest()


def read_trace(source: Path | Iterable[str], port: str | None = None) -> Trace:
    """Read a trace; of several ports, that of one (FormatError, OSError)."""
    lines = source.read_text("utf-8").splitlines() if isinstance(source, Path) else source
    found: list[Mapping[str, Any]] = []
    for number, text in enumerate(lines, 1):
        try:
            line = json.loads(text)
            if port is None or line["port"] == port:
                found.append({**line, "number": number, "k": str(line["k"])})
        except (ValueError, TypeError, KeyError):
            raise FormatError(f"trace: line {number}: is no line of a trace") from None
    if not found or found[0]["k"] != "trace" or found[0].get("version") != VERSION:
        raise FormatError(f"trace: does not begin with a line of version {VERSION}{f' for {port}' if port else ''}")
    head = found[0]
    try:
        sci = Sci.parse(head["sci"])
    except (KeyError, ValueError, AttributeError):
        raise FormatError("trace: line 1: no SCI") from None
    return Trace(sci, from_json(KayConfig, head.get("config", {})), tuple(found[1:]))


@dataclass(slots=True)
class Replayed:
    """What came of playing a trace: how many lines, MKPDUs and events, and where the engine did something else."""

    lines: int = 0
    sent: int = 0
    events: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)


def replay(trace: Trace, kay: Kay, caks: Mapping[Ckn, Cak]) -> Replayed:
    """Tell an engine what a traced one was told, and compare what it says (FormatError for a line that is wrong)."""
    player = _Player(kay, caks)
    for line in trace.lines:
        try:
            player.play(line)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise FormatError(f"trace: line {line['number']}: {error!r}") from None
        player.result.lines += 1
    return player.result


class _Player:
    def __init__(self, kay: Kay, caks: Mapping[Ckn, Cak]) -> None:
        self._kay, self._caks = kay, caks
        self.result = Replayed()

    def play(self, line: Mapping[str, Any]) -> None:
        kay, kind, at = self._kay, line["k"], line.get("at", 0.0)
        if kind == "cak":
            ckn = Ckn.parse(line["ckn"])
            if ckn not in self._caks:
                raise FormatError(f"trace: line {line['number']}: no CAK was given for the CKN {ckn}")
            options = {k: v for k, v in line.items() if k not in ("port", "k", "at", "ckn", "number")}
            kay.add_cak(self._caks[ckn], at, **options)
        elif kind == "uncak":
            kay.remove_cak(Ckn.parse(line["ckn"]), at, line["reason"])
        elif kind == "rx":
            self._receive(line, at)
        elif kind == "tx":
            self._send(line, at)
        elif kind == "use":
            latest, old = (from_json(KeyUse | None, line[which]) for which in ("latest", "old"))
            kay.set_sak_use(latest, old, *line["plain"])
        elif kind == "pns":
            latest, old = (from_json(tuple[Ki, int, int] | None, line[which]) for which in ("latest", "old"))
            kay.report_pns(latest, old)
        elif kind == "hellos":
            kay.start_hellos(at)
        elif kind == "timer":
            kay.handle_timer(at)
        elif kind == "ask":
            kay.request_sak(line["reason"], at)
        elif kind == "event":
            self._compare_event(line)
        elif kind != "mi":
            raise FormatError(f"trace: line {line['number']}: {kind!r} is not known")

    def _receive(self, line: Mapping[str, Any], at: float) -> None:
        source = None if line["source"] is None else MacAddress.parse(line["source"])
        if "pdu" not in line:
            return  # of no effect but to be counted
        ckn = Ckn.parse(line["pdu"]["basic"]["ckn"])
        cak, kay = self._caks[ckn], self._kay
        pdu = _pdu_of(line["pdu"], cak)
        body = mkpdu.encode(pdu, _ICV)
        covered = body[: -len(_ICV)]
        header = kay._header_of(mkpdu.peek(body), len(body), source)
        try:
            kay.receive_mkpdu(covered + cak.icv(header + covered), at, source=source, header=header)
        except ProtocolError as error:
            self.result.events.append(f"protocol error: {error}")

    def _send(self, line: Mapping[str, Any], at: float) -> None:
        said = []
        for body in self._kay.pdus_to_send(at):
            cak = self._kay.participants[mkpdu.peek(body).ckn].cak
            said.append(to_json(mkpdu.decode(body, cak_octets=cak.octets)))
        self.result.sent += len(said)
        if said != line["pdus"]:
            self.result.differences.append(f"line {line['number']}: sends {said}, and sent {line['pdus']}")

    def _compare_event(self, line: Mapping[str, Any]) -> None:
        if line["name"] == "mkpdu-refused":
            return
        event = self._kay.next_event()
        name = "nothing" if event is None else _kebab(event)
        if isinstance(event, SakReady):
            event.sak.erase()
        self.result.events.append(name)
        # What follows a semicolon is about MKPDUs that were refused, which a trace has not got.
        words = "" if event is None else event.reason.partition(";")[0]
        if (name, words) != (line["name"], line["reason"].partition(";")[0]):
            reason = "" if event is None else f" ({event.reason})"
            said = f"{line['name']} ({line['reason']})"
            self.result.differences.append(f"line {line['number']}: says {name}{reason}, and said {said}")


def _pdu_of(found: Mapping[str, Any], cak: Cak) -> MkPdu:
    """An MKPDU of a trace, with a SAK made of its KI in place of the one that is not there."""
    basic = found["basic"]

    def fill(kind: type, name: str, fields: Mapping[str, Any]) -> bytes:
        if kind is not DistributedSak or "kn" not in fields:
            return b""
        suite = CipherSuite.__members__.get(fields["cipher_suite"])
        octets = suite.sak_octets if suite is not None else 16
        ki = Ki.of(Mi.parse(basic["mi"]), Kn(fields["kn"]))
        with Secret(hashlib.blake2b(ki.octets, digest_size=octets).digest()) as sak:
            return cak.wrap(sak)

    given = dict(found)
    if given.pop("distributed_cak", None) is not None:
        raise FormatError("trace: a distributed CAK cannot be played again")
    pdu: MkPdu = from_json(MkPdu, given, fill)
    return pdu
