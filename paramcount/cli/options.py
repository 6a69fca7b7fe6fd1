"""The options that commands share."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any

from paramcount.analysis.training_memory import OPTIMIZERS, PRECISIONS
from paramcount.cli.documents import read_adapter
from paramcount.cli.terminal import CommandError
from paramcount.counting.freezing import Rule, find_rule_problem
from paramcount.model.dtypes import DTYPES
from paramcount.model.errors import Problems
from paramcount.requests.envelope import CountRequest, load_options
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
        amount = Decimal(number) * _SUFFIXES.get(suffix, 1)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not (amount.is_finite() and amount >= 0):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of parameters, such as 10000000, 1e7 or 10M")
    return amount


def stated_members(args: argparse.Namespace) -> dict[str, Any]:
    """The members of an envelope that the options state."""
    return {name: value for name in _MEMBERS if (value := getattr(args, name, None)) is not None}


def load_request(args: argparse.Namespace, rules: Sequence[Rule], adapter: str | None = None) -> CountRequest:
    """The request that the options make, with the contract's defaults; `adapter` is a file's path.

    Raises CommandError.
    """
    try:
        return load_options(stated_members(args), rules, None if adapter is None else read_adapter(adapter))
    except Problems as problems:
        raise CommandError(*(f"--{error.pointer[1:]}: {error.detail}" for error in problems.problems)) from None
