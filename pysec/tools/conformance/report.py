"""Why this exists: the result is read by people, by scripts and by whoever has to find out why a case failed.

`FileReport` and `Report` hold the figures; `as_dict` is the object of `--json`, `lines` the table for people.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from pysec.tools.conformance.files import PassedOver
from pysec.tools.fields import printable


@dataclass(frozen=True)
class Failure:
    """One case that does not hold."""

    id: str
    want: str
    got: str


@dataclass
class FileReport:
    """How one file went."""

    file: str
    form: str
    passed: int = 0
    failures: list[Failure] = field(default_factory=list)
    skips: Counter[str] = field(default_factory=Counter)

    @property
    def skipped(self) -> int:
        """Cases that were not tried."""
        return self.skips.total()

    @property
    def cases(self) -> int:
        """All cases."""
        return self.passed + len(self.failures) + self.skipped

    @property
    def counts(self) -> dict[str, int]:
        """The four figures."""
        figures = (self.cases, self.passed, len(self.failures), self.skipped)
        return dict(zip(("cases", "passed", "failed", "skipped"), figures, strict=True))

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "file": self.file,
            "format": self.form,
            **self.counts,
            "failures": [vars(failure) for failure in self.failures],
            "skips": dict(self.skips),
        }


@dataclass
class Report:
    """How all files went."""

    impl: str
    files: list[FileReport] = field(default_factory=list)
    passed_over: list[PassedOver] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        """The four figures over all files."""
        names = ("cases", "passed", "failed", "skipped")
        return {name: sum(file.counts[name] for file in self.files) for name in names}

    @property
    def ok(self) -> bool:
        """Whether no case failed."""
        return not self.counts["failed"]

    @property
    def nothing_ran(self) -> bool:
        """Whether every case was skipped."""
        return self.counts["cases"] == self.counts["skipped"]

    def as_dict(self) -> dict[str, object]:
        """The object of `--json`."""
        checks = [
            {"id": f.file, "ok": not f.failures, "detail": ", ".join(f"{n} {k}" for k, n in f.counts.items())}
            for f in self.files
        ]
        by_format: dict[str, Counter[str]] = {}
        for file in self.files:
            by_format.setdefault(file.form, Counter()).update(file.counts)
        return {
            "ok": self.ok,
            "impl": self.impl,
            **self.counts,
            "checks": checks,
            "files": [file.as_dict() for file in self.files],
            "formats": {form: dict(counts) for form, counts in by_format.items()},
            "passed_over": [{"file": str(item.path), "why": item.why} for item in self.passed_over],
        }

    def lines(self) -> list[str]:
        """The table, the failures, what was left out, and one line to sum up."""
        names = [printable(file.file, 200) for file in self.files]
        width = max(map(len, names), default=4)
        out = [f"{'file':<{width}}  {'cases':>6} {'passed':>6} {'failed':>6} {'skipped':>7}  format"]
        for name, file in zip(names, self.files, strict=True):
            figures = file.counts
            out.append(
                f"{name:<{width}}  {figures['cases']:>6} {figures['passed']:>6} {figures['failed']:>6} "
                f"{figures['skipped']:>7}  {printable(file.form)}"
            )
        for name, file in zip(names, self.files, strict=True):
            for failure in file.failures:
                out += [f"FAILED {name}: {failure.id}", f"  want {failure.want}", f"  got  {failure.got}"]
        reasons = sum((file.skips for file in self.files), Counter[str]())
        out += [f"skipped {n}: {why}" for why, n in reasons.most_common()]
        if self.passed_over:
            out.append(f"passed over {len(self.passed_over)} JSON files that are no vector files")
        counts = self.counts
        verdict = "ok" if self.ok else "FAILED"
        out.append(f"{verdict}: " + ", ".join(f"{n} {k}" for k, n in counts.items()) + f"; AES-GCM by {self.impl}")
        return out
