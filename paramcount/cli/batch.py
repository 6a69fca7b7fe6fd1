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
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import orjson

from paramcount.cli.documents import count_files, failed_checks, unreadable_file
from paramcount.cli.options import LINES, Parser, add_checks, add_counting, add_detail, load_request, stated_members
from paramcount.cli.terminal import EXIT_CHECK_FAILED, EXIT_ERROR, print_error, start_progress
from paramcount.model.budget import Limits
from paramcount.model.errors import Problems
from paramcount.model.report import Report
from paramcount.rendering.csv import cell
from paramcount.rendering.fields import TOTALS, printable
from paramcount.rendering.problem import payload_problem
from paramcount.requests.batch import answer_line, long_line_problem, read_lines
from paramcount.requests.count import count_request, to_json
from paramcount.requests.envelope import CountRequest, is_envelope, load_envelope

_RECORD = ("parameters", "text", "trainable_percent", "stored", "active", "embedding", "bytes_text", "dtype")
"""The members of `parameters`; the first is its total."""

_COLUMNS = ("file", "line", "id", "name", "format", "convention", "exact", *TOTALS, "problem", *_RECORD)


class _Answer(NamedTuple):
    """One model: the file and line that hold it, its report or problem, and the checks that do not hold for it."""

    location: dict[str, Any]  # file; line, of a file of lines
    members: dict[str, Any]
    failures: tuple[str, ...] = ()

    @property
    def location_text(self) -> str:
        return ":".join(map(str, self.location.values()))

    @property
    def problems(self) -> list[str]:
        """Return a line for each problem; none for a report."""
        if "status" not in self.members:
            return []
        errors = self.members["errors"] or [{"pointer": "", "detail": self.members["detail"]}]
        name = self.location_text
        return [f"{name}{'#' * bool(error['pointer'])}{error['pointer']}: {error['detail']}" for error in errors]


OPERANDS = "FILE..."


def add_options(parser: Parser) -> None:
    parser.add_argument("files", metavar="FILE", nargs="+", help="models, or envelopes a line")
    parser.add_argument(
        "--as",
        choices=_WRITERS,
        default="json",
        dest="media",
        help="json (the default), a report or a problem a line, as /v1/batch answers; text or csv, a line of totals",
    )
    add_counting(parser)
    add_detail(parser)
    add_checks(parser)


def run(args: argparse.Namespace, limits: Limits) -> int:
    batch = _Batch(args, limits)  # which refuses wrong options before anything is read
    status = 0
    write = _WRITERS[args.media]()
    with start_progress(partial(_count_models, args.files)) as bar:
        for answer in batch.answers():
            write(answer)
            if problems := answer.problems:
                status = EXIT_ERROR
                if args.media != "json":
                    print_error(*problems)
            elif answer.failures:
                status = status or EXIT_CHECK_FAILED
                print_error(*(f"{answer.location_text}: {line}" for line in answer.failures))
            bar.update()
    return status


class _Batch:
    def __init__(self, args: argparse.Namespace, limits: Limits) -> None:
        self.args, self.limits = args, limits
        rules = [rule._asdict() for rule in args.rules]
        self.defaults = stated_members(args) | ({"trainable": rules} if rules else {})
        if args.format:
            self.defaults["format"] = args.format
        self.request = load_request(args, args.rules, args.adapter)
        if args.adapter:
            self.defaults["adapter"] = self.request.adapter
        self.failures: tuple[str, ...] = ()

    def answers(self) -> Iterator[_Answer]:
        """Yield the answer of every model of every file."""
        for name in self.args.files:
            location = {"file": os.fsencode(name).decode(errors="replace")}
            if name == "-":
                yield from self._lines(location, sys.stdin.buffer)
            elif name.endswith(LINES):
                try:
                    with Path(name).open("rb") as file:
                        yield from self._lines(location, file)
                except OSError as error:
                    yield _Answer(location, payload_problem(unreadable_file(error)))
            else:
                yield self._file(location, name)

    def _lines(self, location: dict[str, Any], file: BinaryIO) -> Iterator[_Answer]:
        max_bytes = self.limits.max_body_bytes
        for number, line in enumerate(read_lines(file.readline, max_bytes), 1):
            if line is None:
                yield _Answer(location | {"line": number}, long_line_problem(max_bytes))
            elif line.strip():
                self.failures = ()
                members = answer_line(line, self._envelope)
                yield _Answer(location | {"line": number}, members, self.failures)

    def _envelope(self, members: Any) -> dict[str, Any]:
        """Return the report of an envelope or a document. Raises Problems or NotJSON."""
        request = (
            load_envelope(self.defaults | members) if is_envelope(members) else load_envelope(members, self.defaults)
        )
        return self._to_json(count_request(request, self.limits), request)

    def _file(self, location: dict[str, Any], name: str) -> _Answer:
        self.failures = ()
        try:
            report = count_files([name], self.args, self.request, self.limits)
            return _Answer(location, self._to_json(report, self.request), self.failures)
        except Problems as problems:
            return _Answer(location, payload_problem(problems))

    def _to_json(self, report: Report, request: CountRequest) -> dict[str, Any]:
        self.failures = tuple(failed_checks(report, self.args))
        return to_json(report, request, self.limits)


def _count_models(names: Sequence[str]) -> int | None:
    """Return the number of models; None where only reading shows it, as of a pipe."""
    paths = [Path(name) for name in names if name.endswith(LINES)]
    try:
        if "-" in names or not all(path.is_file() for path in paths):
            return None
        return len(names) - len(paths) + sum(map(_count_lines, paths))
    except OSError:
        return None


def _count_lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))


def _json_writer() -> Callable[[_Answer], None]:
    def write(answer: _Answer) -> None:
        line = orjson.dumps(answer.location | answer.members, option=orjson.OPT_APPEND_NEWLINE)
        sys.stdout.write(line.decode())

    return write


def _text_writer() -> Callable[[_Answer], None]:
    columns = ("total", "trainable", "frozen")
    sys.stdout.write("".join(f"{name:>18}" for name in columns) + "  model\n")

    def write(answer: _Answer) -> None:
        if not answer.problems:
            totals, name = answer.members["totals"], printable(answer.members["name"])
            exact = "" if answer.members["exact"] else "  NOT EXACT"
            numbers = "".join(f"{totals[column]:>18,}" for column in columns)
            sys.stdout.write(f"{numbers}  {answer.location_text}{f' ({name})' if name else ''}{exact}\n")

    return write


def _csv_writer() -> Callable[[_Answer], None]:
    writer = csv.writer(sys.stdout, quoting=csv.QUOTE_ALL)
    writer.writerow(_COLUMNS)

    def write(answer: _Answer) -> None:
        problem = "; ".join(answer.problems)
        row = answer.location | answer.members | answer.members.get("totals", {}) | {"problem": problem}
        recorded = answer.members.get("parameters", {})
        row |= {name: recorded.get(name) for name in _RECORD} | {"parameters": recorded.get("total")}
        writer.writerow("" if (value := row.get(column)) is None else cell(str(value)) for column in _COLUMNS)

    return write


_WRITERS = {"json": _json_writer, "text": _text_writer, "csv": _csv_writer}
