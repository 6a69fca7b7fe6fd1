"""Count what files hold, and say what cannot be read or does not hold."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paramcount.cli.terminal import CommandError, print_error
from paramcount.formats.files import is_address, open_source, read_stream
from paramcount.formats.source import NotJSON, Source
from paramcount.model.budget import Limits
from paramcount.model.errors import InvalidDocument, Problems
from paramcount.model.report import Report
from paramcount.rendering.fields import TotalName, total_fields
from paramcount.requests.count import count_local
from paramcount.requests.envelope import CountRequest

if TYPE_CHECKING:
    from paramcount.references import Request


def read_adapter(name: str) -> Any:
    """Read the adapter_config.json at a path, or in the folder there. Raises CommandError."""
    path = Path(name)
    if path.is_dir():
        path /= "adapter_config.json"
    try:
        with path.open("rb") as file:
            adapter = read_stream(file).value
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from None
    except Problems as problems:
        raise CommandError(*problem_lines(str(path), problems)) from None
    except NotJSON as error:
        raise CommandError(f"{path}: is not JSON: {error}") from None
    if not isinstance(adapter, dict):
        raise CommandError(f"{path}: an adapter_config.json is an object")
    return adapter


class Traffic:
    """The requests that fetch the parts of a file, shown where the options ask for it."""

    def __init__(self, *, is_shown: bool) -> None:
        self._is_shown, self._requests, self._bytes = is_shown, 0, 0

    def add(self, request: Request) -> None:
        self._requests += 1
        self._bytes += request.received
        if self._is_shown:
            end = request.first + request.received
            print_error(f"{request.address}: {request.received:,} bytes, {request.first:,} to {end:,}")

    def print_sum(self) -> None:
        """Print how much was fetched."""
        if self._is_shown and self._requests:
            print_error(f"{self._bytes:,} bytes were fetched in {self._requests:,} requests")


def open_document(paths: Sequence[str], observe: Callable[[Request], None]) -> Source:
    """Open what files, an address or standard input hold. Raises OSError, Problems or NotJSON."""
    if is_address(paths[0]):
        from paramcount.references import make_client, open_reference  # noqa: PLC0415 # HTTP is slow to import

        if len(paths) > 1:
            raise Problems([InvalidDocument("is an address, of which one is counted at a time")])
        return open_reference(paths[0], make_client(observe))
    return read_stream(sys.stdin.buffer) if list(paths) == ["-"] else open_source(*paths)


def count_files(paths: Sequence[str], args: argparse.Namespace, request: CountRequest, limits: Limits) -> Report:
    """Count what files hold. Raises Problems."""
    traffic = Traffic(is_shown=args.verbose)
    try:
        return count_local(lambda: open_document(paths, traffic.add), args.format, request, limits)
    except OSError as error:
        raise unreadable_file(error, *paths) from None
    finally:
        traffic.print_sum()


def count_or_exit(paths: Sequence[str], args: argparse.Namespace, request: CountRequest, limits: Limits) -> Report:
    """Count what files hold. Raises CommandError."""
    try:
        return count_files(paths, args, request, limits)
    except Problems as problems:
        name = "standard input" if list(paths) == ["-"] else " ".join(paths)
        raise CommandError(*problem_lines(name, problems)) from None


def unreadable_file(error: OSError, *named: str) -> Problems:
    """Return the problem of a file that cannot be read; the message repeats none of the names in `named`."""
    name = os.fsdecode(error.filename) if error.filename else ""
    detail = error.strerror or str(error)
    return Problems([InvalidDocument(f"{name}: {detail}" if name not in ("", *named) else detail, code="unreadable")])


def problem_lines(name: str, problems: Problems) -> list[str]:
    """Return a line for each problem of the file of that name."""
    return [f"{name}{'#' * bool(error.pointer)}{error.pointer}: {error.detail}" for error in problems.problems]


def failed_checks(report: Report, args: argparse.Namespace) -> list[str]:
    """Return a line for each check of the options (--max-total, --max-trainable, --exact) that does not hold."""
    totals = total_fields(report.root.totals, report.convention)
    lines = []
    verbs: dict[TotalName, str] = {"total": "are there", "trainable": "train"}
    for name, verb in verbs.items():
        limit, count = getattr(args, f"max_{name}"), totals[name]
        if limit is not None and count > limit:
            lines.append(f"{count:,} parameters {verb}, more than the {limit.normalize():,f} of --max-{name}")
    if args.exact and not report.exact:
        lines.append(f"the count is not exact, as --exact asks: {inexact_reasons(report)}")
    return lines


def inexact_reasons(report: Report) -> str:
    """Return what could not be seen, and so is not in the totals."""
    warnings = (warning for warning in report.warnings if not warning.exact)
    return "; ".join(f"{warning.path or warning.code}: {warning.detail}" for warning in warnings)[:500]
