"""paramcount batch: count many models, a line each, in order

A FILE that ends in .ndjson or .jsonl, and - (standard input), holds an envelope a line, as POST /v1/batch takes them:
{"architecture": ..., "trainable": [...], "id": ...}. Any other FILE is a model, as for `paramcount count`. The options
are what an envelope does not state itself. One that is broken is one problem, and never the end; the status is then 2.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import orjson

from paramcount.cli import options as asking
from paramcount.cli.terminal import EXIT_ERROR, FAILED, print_error, progress
from paramcount.model.budget import Limits
from paramcount.model.errors import Problems
from paramcount.model.report import Report
from paramcount.rendering.csv import cell
from paramcount.rendering.fields import printable
from paramcount.rendering.problem import payload_problem
from paramcount.requests.batch import answer_line, long_line_problem, read_lines
from paramcount.requests.count import count_envelope, to_json
from paramcount.requests.envelope import CountRequest, load_envelope

_TOTALS = ("total", "trainable", "frozen", "buffers", "bytes")
_COLUMNS = ("file", "line", "id", "name", "format", "convention", "exact", *_TOTALS, "problem")


class _Told(NamedTuple):
    """One model: where it stands, its report or problem, and which checks do not hold for it."""

    place: dict[str, Any]  # file; line, of a file of lines
    answer: dict[str, Any]
    failures: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        return ":".join(map(str, self.place.values()))

    @property
    def problems(self) -> list[str]:
        """A line a problem; none of a report."""
        if "status" not in self.answer:
            return []
        errors = self.answer["errors"] or [{"pointer": "", "detail": self.answer["detail"]}]
        return [f"{self.where}{'#' * bool(e['pointer'])}{e['pointer']}: {e['detail']}" for e in errors]


OPERANDS = "FILE..."


def add_options(parser: asking.Parser) -> None:
    parser.add_argument("files", metavar="FILE", nargs="+", help="models, or envelopes a line")
    parser.add_argument(
        "--as",
        choices=_WRITERS,
        default="json",
        dest="form",
        help="json (the default), a report or a problem a line, as /v1/batch answers; text or csv, a line of totals",
    )
    asking.add_counting(parser)
    asking.add_detail(parser)
    asking.add_checks(parser)


def run(asked: argparse.Namespace, limits: Limits) -> int:
    batch = _Batch(asked, limits)  # what is wrong with the options is told once
    status = 0
    write = _WRITERS[asked.form]()
    with progress(_count(asked.files)) as bar:
        for told in batch.all():
            write(told)
            if problems := told.problems:
                status = EXIT_ERROR
                if asked.form != "json":
                    print_error(*problems)
            elif told.failures:
                status = status or FAILED
                print_error(*(f"{told.where}: {line}" for line in told.failures))
            bar.update()
    return status


class _Batch:
    def __init__(self, asked: argparse.Namespace, limits: Limits) -> None:
        self.asked, self.limits = asked, limits
        rules = [rule._asdict() for rule in asked.rules]
        self.defaults = asking.members(asked) | ({"trainable": rules} if rules else {})
        if asked.format:
            self.defaults["format"] = asked.format
        self.options = asking.options(asked, asked.rules, asked.adapter)
        if asked.adapter:
            self.defaults["adapter"] = self.options.adapter
        self.failures: tuple[str, ...] = ()

    def all(self) -> Iterator[_Told]:
        """Every model of every file."""
        for name in self.asked.files:
            place = {"file": os.fsencode(name).decode(errors="replace")}
            if name == "-":
                yield from self._lines(place, sys.stdin.buffer)
            elif name.endswith(asking.LINES):
                try:
                    with Path(name).open("rb") as file:
                        yield from self._lines(place, file)
                except OSError as error:
                    yield _Told(place, payload_problem(asking.unreadable(error)))
            else:
                yield self._file(place, name)

    def _lines(self, place: dict[str, Any], file: BinaryIO) -> Iterator[_Told]:
        most = self.limits.max_body_bytes
        for number, line in enumerate(read_lines(file.readline, most), 1):
            if line is None:
                yield _Told(place | {"line": number}, long_line_problem(most))
            elif line.strip():
                self.failures = ()
                answer = answer_line(line, self._envelope)
                yield _Told(place | {"line": number}, answer, self.failures)

    def _envelope(self, given: Any) -> dict[str, Any]:
        """The report of an envelope. Raises Problems."""
        request = load_envelope(self.defaults | given if isinstance(given, dict) else given)
        return self._answered(count_envelope(request, self.limits), request)

    def _file(self, place: dict[str, Any], name: str) -> _Told:
        self.failures = ()
        try:
            counted = asking.attempt([name], self.asked.format, self.options, self.limits)
            return _Told(place, self._answered(counted, self.options), self.failures)
        except Problems as problems:
            return _Told(place, payload_problem(problems))

    def _answered(self, counted: Report, options: CountRequest) -> dict[str, Any]:
        self.failures = tuple(asking.failures(counted, self.asked))
        return to_json(counted, options, self.limits)


def _count(names: Sequence[str]) -> int | None:
    """How many models there are, where that can be known before."""
    if "-" in names:
        return None
    try:
        return sum(_lines(Path(name)) if name.endswith(asking.LINES) else 1 for name in names)
    except OSError:
        return None


def _lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))


def _as_json() -> Callable[[_Told], None]:
    def write(told: _Told) -> None:
        line = orjson.dumps(told.place | told.answer, option=orjson.OPT_APPEND_NEWLINE)
        sys.stdout.write(line.decode())

    return write


def _as_text() -> Callable[[_Told], None]:
    sys.stdout.write("".join(f"{name:>18}" for name in _TOTALS[:3]) + "  model\n")

    def write(told: _Told) -> None:
        if not told.problems:
            totals, name = told.answer["totals"], printable(told.answer["name"])
            exact = "" if told.answer["exact"] else "  NOT EXACT"
            numbers = "".join(f"{totals[column]:>18,}" for column in _TOTALS[:3])
            sys.stdout.write(f"{numbers}  {told.where}{f' ({name})' if name else ''}{exact}\n")

    return write


def _as_csv() -> Callable[[_Told], None]:
    writer = csv.writer(sys.stdout)
    writer.writerow(_COLUMNS)

    def write(told: _Told) -> None:
        row = told.place | told.answer | told.answer.get("totals", {}) | {"problem": "; ".join(told.problems)}
        writer.writerow(cell(str(row.get(column, ""))) for column in _COLUMNS)

    return write


_WRITERS = {"json": _as_json, "text": _as_text, "csv": _as_csv}
