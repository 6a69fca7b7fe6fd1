"""The options that commands share, what they ask for, and the documents that files hold."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from functools import partial
from pathlib import Path
from typing import Any

from paramcount.adapters import AdapterProblems
from paramcount.analysis.training_memory import OPTIMIZERS, PRECISIONS
from paramcount.cli.terminal import CommandError
from paramcount.counting.freezing import Rule, find_rule_problem
from paramcount.formats.detect import detect
from paramcount.formats.files import open_source, read_stream
from paramcount.formats.source import NotJSON, Source
from paramcount.model.budget import Limits
from paramcount.model.dtypes import DTYPES
from paramcount.model.errors import InvalidDocument, Problems, UnknownFormat
from paramcount.model.report import Report
from paramcount.rendering.fields import total_fields
from paramcount.requests.count import count_document, prefix_pointers
from paramcount.requests.envelope import CountRequest, check_rules, load_options
from paramcount.requests.schemas import CONVENTIONS, DETAILS

_MEMBERS = ("views", "convention", "dtype", "unknown", "remote_code", "detail", "depth", "optimizer", "precision")
"""The options that are an envelope's members of the same names."""

LINES = (".ndjson", ".jsonl")
"""How files end that hold an envelope a line."""

_SUFFIXES = {"K": 10**3, "M": 10**6, "B": 10**9, "G": 10**9, "T": 10**12}

Parser = argparse.ArgumentParser


def add_counting(parser: Parser) -> None:
    """Options that say how to count."""
    group = parser.add_argument_group("how to count")
    group.add_argument("--format", help="the format; else it is recognised")
    add_adapter(group, "", "adapter")
    add_rules(group, "", "rules")
    group.add_argument("--convention", choices=CONVENTIONS, help="whether buffers are in the total: not in torch's")
    group.add_argument(
        "--dtype",
        choices=sorted(DTYPES),
        metavar="DTYPE",
        help="for bytes, where the document has none: F32 (the default), BF16, ...",
    )
    group.add_argument(
        "--unknown", choices=("refuse", "report"), help="report: leave layers of unknown type out, and say so"
    )
    group.add_argument(
        "--remote-code", choices=("refuse", "base"), help="base: count a config with auto_map as its model_type's class"
    )


def add_adapter(group: Any, ending: str, dest: str) -> None:
    """--adapter FILE."""
    group.add_argument(
        f"--adapter{ending}",
        dest=dest,
        metavar="FILE",
        help="PEFT's adapter_config.json, or the folder that holds it: count the model with the adapter in it",
    )


def add_rules(group: Any, ending: str, dest: str) -> None:
    """--freeze and --train, in order of appearance."""
    for option, trainable, verdict in (("--freeze", False, "does not train"), ("--train", True, "trains")):
        group.add_argument(
            f"{option}{ending}",
            metavar="MATCH",
            dest=dest,
            action="append",
            default=[],
            type=partial(_rule, trainable=trainable),
            help=f"what matches {verdict}: a glob over dotted paths, type:GLOB, first:N, last:N, all-but-first:N, "
            "all-but-last:N; of several that match the last one holds",
        )


def add_detail(parser: Parser) -> None:
    """Options that say how much to tell."""
    group = parser.add_argument_group("how much to tell")
    group.add_argument(
        "--detail",
        choices=DETAILS,
        help="the totals alone, layers (the default), or each tensor (in JSON)",
    )
    group.add_argument("--depth", type=int, metavar="N", help="how many levels of layers")
    group.add_argument(
        "--views",
        action="store_true",
        default=None,
        help="tell also how other conventions count it, and what makes the difference",
    )
    group.add_argument(
        "--optimizer", choices=sorted(OPTIMIZERS), help="tell also the bytes that training with it takes"
    )
    group.add_argument("--precision", choices=PRECISIONS, help="of that training")


def add_checks(parser: Parser) -> None:
    """Options that let a pipeline fail."""
    group = parser.add_argument_group("checks: exit with status 1 where one does not hold")
    group.add_argument("--max-total", type=_amount, metavar="N", help="at most so many parameters: 25e6, 25M, 25000000")
    group.add_argument("--max-trainable", type=_amount, metavar="N", help="at most so many that train")
    group.add_argument("--exact", action="store_true", help="everything could be seen")


def add_colour(parser: Parser) -> None:
    """--color, as other commands have it."""
    when = "auto: on a terminal, unless NO_COLOR is set"
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto", help=when)


def _rule(match: str, trainable: bool) -> Rule:
    if problem := find_rule_problem(match):
        raise argparse.ArgumentTypeError(problem)
    return Rule(match, trainable)


def _amount(text: str) -> Decimal:
    """1e7, 10M, 10_000_000 or 10,000,000."""
    number, suffix = re.fullmatch("(.*?)([KMBGT]?)", re.sub("[,_]", "", text.upper()), re.DOTALL).groups()  # type: ignore[union-attr]
    try:
        found = Decimal(number) * _SUFFIXES.get(suffix, 1)
    except InvalidOperation:
        found = Decimal("NaN")
    if not (found.is_finite() and found >= 0):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of parameters, such as 10000000, 1e7 or 10M")
    return found


def members(asked: argparse.Namespace) -> dict[str, Any]:
    """The members of an envelope that the options state."""
    return {name: value for name in _MEMBERS if (value := getattr(asked, name, None)) is not None}


def options(asked: argparse.Namespace, rules: Sequence[Rule], adapter: str | None = None) -> CountRequest:
    """What the options ask for, with the contract's defaults; `adapter` is the file of one. Raises CommandError."""
    try:
        return load_options(members(asked), rules, None if adapter is None else _adapter(adapter))
    except Problems as problems:
        raise CommandError(*(f"--{error.pointer[1:]}: {error.detail}" for error in problems.problems)) from None


def _adapter(name: str) -> Any:
    """An adapter_config.json. Raises CommandError."""
    path = Path(name)
    if path.is_dir():
        path /= "adapter_config.json"
    try:
        with path.open("rb") as file:
            found = read_stream(file).value
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from None
    except Problems as problems:
        raise CommandError(*told(str(path), problems)) from None
    except NotJSON as error:
        raise CommandError(f"{path}: is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise CommandError(f"{path}: an adapter_config.json is an object")
    return found


def open_document(paths: Sequence[str]) -> Source:
    """What files, or standard input, hold. Raises OSError or Problems."""
    return read_stream(sys.stdin.buffer) if list(paths) == ["-"] else open_source(*paths)


def attempt(paths: Sequence[str], form: str | None, options: CountRequest, limits: Limits) -> Report:
    """The count of what files hold. Raises Problems."""
    try:
        source = open_document(paths)
        check_rules(options.options.rules, limits.max_rules)
        return count_document(source, detect(source, form), options, limits)
    except AdapterProblems as problems:
        raise prefix_pointers("/adapter", problems) from None
    except OSError as error:
        raise unreadable(error, *paths) from None
    except UnknownFormat as error:
        raise Problems([error]) from None
    except NotJSON as error:
        raise Problems([InvalidDocument(f"is not JSON: {error}", code="not_json")]) from None


def unreadable(error: OSError, *known: str) -> Problems:
    """The problem of a file that cannot be read; `known` are the names that need no telling."""
    name = os.fsdecode(error.filename) if error.filename else ""
    detail = error.strerror or str(error)
    return Problems([InvalidDocument(f"{name}: {detail}" if name not in ("", *known) else detail, code="unreadable")])


def counted(paths: Sequence[str], form: str | None, options: CountRequest, limits: Limits) -> Report:
    """The count of what files hold. Raises CommandError."""
    try:
        return attempt(paths, form, options, limits)
    except Problems as problems:
        raise CommandError(*told("standard input" if list(paths) == ["-"] else " ".join(paths), problems)) from None


def told(where: str, problems: Problems) -> list[str]:
    """A line a problem of what stands at `where`."""
    return [f"{where}{'#' * bool(error.pointer)}{error.pointer}: {error.detail}" for error in problems.problems]


def failures(counted: Report, asked: argparse.Namespace) -> list[str]:
    """What of the checks that were asked for does not hold."""
    totals = total_fields(counted.root.totals, counted.convention)
    found = []
    for name, verb in (("total", "are there"), ("trainable", "train")):
        limit = getattr(asked, f"max_{name}")
        count: int = totals[name]  # type: ignore[literal-required]
        if limit is not None and count > limit:
            found.append(f"{count:,} parameters {verb}, more than the {limit.normalize():,f} of --max-{name}")
    if asked.exact and not counted.exact:
        found.append(f"the count is not exact, as --exact asks: {unseen(counted)}")
    return found


def unseen(counted: Report) -> str:
    """What could not be seen, and so is not in the totals."""
    return "; ".join(f"{n.path or n.code}: {n.detail}" for n in counted.warnings if not n.exact)[:500]
