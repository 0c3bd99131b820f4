"""Why this exists: files in, report out; the one loop in which a case is tried and counted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pysec.dataplane import default_gcm, gcm_implementations
from pysec.errors import FormatError, PysecError, UsageError
from pysec.tools.conformance.cases import Mismatch, Skip, Vectors
from pysec.tools.conformance.files import PassedOver, find
from pysec.tools.conformance.formats import FORMATS
from pysec.tools.conformance.product import Product
from pysec.tools.conformance.report import Failure, FileReport, Report
from pysec.tools.fields import printable


def run(paths: Sequence[Path], product: Product | None = None) -> Report:
    """Run the vector files of paths.

    UsageError, FormatError or OSError if a path or a file is not what it should be.
    """
    product = product or Product()
    if product.gcm is not None:
        usable = [info.name for info in gcm_implementations() if info.why_not is None]
        if product.gcm not in usable:
            raise UsageError(f"AES-GCM implementation {product.gcm[:40]!r}: usable here are {', '.join(usable)}")
    report = Report(product.gcm or default_gcm())
    for item in list(find(paths)):  # all are opened before the first is run: bad input says so at once
        if isinstance(item, PassedOver):
            report.passed_over.append(item)
        else:
            report.files.append(run_file(item, product))
    return report


def run_file(vectors: Vectors, product: Product) -> FileReport:
    """Run one file."""
    report = FileReport(str(vectors.path), vectors.form)
    form = FORMATS.get(vectors.form)
    if form is None:
        report.failures.append(Failure("format", "a format that docs/formats.md has", printable(vectors.form)))
        return report
    for name, check in form(vectors, product):
        try:
            check()
        except Skip as skip:
            report.skips[str(skip)] += 1
        except Mismatch as mismatch:
            report.failures.append(Failure(name, mismatch.want, mismatch.got))
        except FormatError:
            raise
        except PysecError as error:  # the product refused what the vector asks of it
            report.failures.append(Failure(name, "no error", printable(f"{type(error).__name__}: {error}", 300)))
        else:
            report.passed += 1
    return report
