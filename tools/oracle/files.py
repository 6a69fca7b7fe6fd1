"""The parts that the oracles of files share: our answer to a payload or a path, as data to compare."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from paramcount.counting.count import count
from paramcount.formats.detect import detect, read
from paramcount.formats.files import open_source
from paramcount.model import block_ranges
from paramcount.model.errors import Problems, UnknownFormat
from paramcount.model.report import Report, Row
from paramcount.model.tensors import Tensor
from paramcount.schema.registry import FORMATS

Check = tuple[str, bool, object]
"""A comparison: its subject, whether it agrees, and the details."""


def count_failures(checks: Iterable[Check]) -> int:
    """Print the checks that fail, twenty at most, and how many passed; return how many failed."""
    failed = passed = 0
    for name, agrees, details in checks:
        passed += agrees
        failed += not agrees
        if not agrees and failed <= 20:
            print(f"FAILED {name}: {str(details)[:1500]}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return failed


def report_of(body: Any, name: str) -> Report | None:
    """Our report, or None where the payload is refused."""
    try:
        return count(read(body, FORMATS[name]))
    except Problems:
        return None


def of_path(path: Path) -> Report | None:
    """Our report on a file or a folder."""
    try:
        body = open_source(str(path))
        return count(read(body, detect(body)))
    except (Problems, UnknownFormat):
        return None


def tensors(report: Report) -> dict[str, Tensor]:
    """Each tensor by its full name, repeats written out; those tied to another included."""
    return dict(_tensors_of(report.root, ""))


def _tensors_of(row: Row, prefix: str) -> Any:
    for tensor in row.tensors:
        yield prefix + tensor.name, tensor
    for child in row.children:
        for name in block_ranges.expand(child.name, 10**7) if child.repeat > 1 else [child.name]:
            yield from _tensors_of(child, f"{prefix}{name}.")


def elements(report: Report) -> int:
    """Every element, buffers included."""
    totals = report.root.totals
    return totals.trainable + totals.frozen + totals.buffers


def stored_bytes(report: Report) -> int:
    return report.root.totals.bytes + report.root.totals.buffer_bytes
