"""The options that commands share."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal, DecimalException
from functools import partial
from typing import Any

from paramcount.analysis.training_memory import OPTIMIZERS, PRECISIONS
from paramcount.cli.documents import read_adapter
from paramcount.cli.terminal import CommandError
from paramcount.counting.freezing import Rule, find_rule_problem
from paramcount.model.dtypes import DTYPE_CHOICES
from paramcount.model.errors import Problems, did_you_mean
from paramcount.rendering import TEXT
from paramcount.rendering.json import DETAILS
from paramcount.requests.envelope import CountRequest, load_options
from paramcount.requests.schemas import CONVENTIONS, REMOTE_CODE_CHOICES, UNKNOWN_CHOICES

_MEMBERS = (
    "views",
    "convention",
    "dtype",
    "unknown",
    "remote_code",
    "detail",
    "depth",
    "optimizer",
    "precision",
    "digest",
)
"""The options that are members of an envelope, by the same names."""

LINES = (".ndjson", ".jsonl")
"""The endings of files that hold an envelope a line."""

_SUFFIXES = {"K": 10**3, "M": 10**6, "B": 10**9, "G": 10**9, "T": 10**12}

_SHORT_NAME = re.compile(r"[/=](\w+)")
"""The subtype of a media type, and its profile."""


class Parser(argparse.ArgumentParser):
    """The parser of a command."""

    def refuse(self, words: Sequence[str]) -> None:
        """Refuse words that are no options, each with the nearest option. Raises CommandError."""
        known = [option for action in self._actions for option in action.option_strings]
        wrong = [word for word in words if word.startswith("-")] or words
        if wrong:
            hints = (f"no option {word}{did_you_mean(word.partition('=')[0], known)}" for word in wrong)
            raise CommandError(*(f"{self.prog.rpartition(' ')[2]} has {hint}" for hint in hints))


def add_counting(parser: Parser) -> None:
    """Add the options that say how to count."""
    group = parser.add_argument_group("how to count")
    group.add_argument("--format", help="the format; else it is recognised")
    group.add_argument("--verbose", action="store_true", help="of an address, say which bytes are fetched")
    add_adapter(group, "", "adapter")
    add_rules(group, "", "rules")
    group.add_argument("--convention", choices=CONVENTIONS, help="whether buffers are in the total: not in torch's")
    group.add_argument(
        "--dtype",
        choices=DTYPE_CHOICES,
        metavar="DTYPE",
        help="for bytes, where the document has none: F32 (the default), BF16 or bfloat16, ...",
    )
    group.add_argument(
        "--unknown", choices=UNKNOWN_CHOICES, help="report: leave layers of unknown type out, and say so"
    )
    group.add_argument(
        "--remote-code",
        choices=REMOTE_CODE_CHOICES,
        help="base: count a config with auto_map as its model_type's class",
    )


def short_names(media_types: Iterable[str]) -> dict[str, str]:
    """Return the media types by the names that --as takes, text first: {"text": "text/plain", "json": ...}."""
    text_first = sorted(media_types, key=lambda media: media != TEXT)
    return {"text" if media == TEXT else _SHORT_NAME.findall(media)[-1]: media for media in text_first}


def add_adapter(group: Any, ending: str, dest: str) -> None:
    """Add --adapter FILE."""
    group.add_argument(
        f"--adapter{ending}",
        dest=dest,
        metavar="FILE",
        help="PEFT's adapter_config.json, or the folder that holds it: count the model with the adapter in it",
    )


def add_rules(group: Any, ending: str, dest: str) -> None:
    """Add --freeze and --train, whose rules stay in order of appearance."""
    for option, trainable, verdict in (("--freeze", False, "does not train"), ("--train", True, "trains")):
        group.add_argument(
            f"{option}{ending}",
            metavar="MATCH",
            dest=dest,
            action="append",
            default=[],
            type=partial(_parse_rule, trainable=trainable),
            help=f"what matches {verdict}: a glob over dotted paths, type:GLOB, first:N, last:N, all-but-first:N, "
            "all-but-last:N; of several that match the last one holds",
        )


def add_detail(parser: Parser) -> None:
    """Add the options that say how much to show."""
    group = parser.add_argument_group("how much to tell")
    group.add_argument(
        "--detail",
        choices=DETAILS,
        help="the totals alone, layers (the default), or each tensor too",
    )
    group.add_argument("--depth", type=int, metavar="N", help="how many levels of layers")
    group.add_argument(
        "--views",
        action="store_true",
        default=None,
        help="tell also how other conventions count it, and what makes the difference",
    )
    group.add_argument(
        "--digest", action="store_true", default=None, help="add to `counted_by` the SHA-256 of what was counted (JSON)"
    )
    group.add_argument(
        "--optimizer", choices=sorted(OPTIMIZERS), help="tell also the bytes that training with it takes"
    )
    group.add_argument("--precision", choices=PRECISIONS, help="of that training")


def add_checks(parser: Parser) -> None:
    """Add the options that let a pipeline fail."""
    group = parser.add_argument_group("checks: exit with status 1 where one does not hold")
    group.add_argument(
        "--max-total", type=_parse_amount, metavar="N", help="at most so many parameters: 25e6, 25M, 25000000"
    )
    group.add_argument("--max-trainable", type=_parse_amount, metavar="N", help="at most so many that train")
    group.add_argument("--exact", action="store_true", help="everything could be seen")


def add_color(parser: Parser) -> None:
    """Add --color, as other commands have it."""
    when = "auto: on a terminal, unless NO_COLOR is set"
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto", help=when)


def _parse_rule(match: str, trainable: bool) -> Rule:
    if problem := find_rule_problem(match):
        raise argparse.ArgumentTypeError(problem)
    return Rule(match, trainable)


def _parse_amount(text: str) -> Decimal:
    """Parse a number of parameters: 1e7, 10M, 10_000_000 or 10,000,000."""
    number, suffix = re.fullmatch("(.*?)([KMBGT]?)", re.sub("[,_]", "", text.upper()), re.DOTALL).groups()  # type: ignore[union-attr]
    try:
        amount = Decimal(number) * _SUFFIXES.get(suffix, 1)
    except DecimalException:  # no number, or one with an exponent beyond all bounds
        amount = Decimal("NaN")
    if not (amount.is_finite() and amount >= 0):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of parameters, such as 10000000, 1e7 or 10M")
    return amount


def stated_members(args: argparse.Namespace) -> dict[str, Any]:
    """Return the members of an envelope that the options state."""
    return {name: value for name in _MEMBERS if (value := getattr(args, name, None)) is not None}


def load_request(args: argparse.Namespace, rules: Sequence[Rule], adapter: str | None) -> CountRequest:
    """Load the request of the options, with the contract's defaults; `adapter` is a file's path.

    Raises CommandError.
    """
    try:
        return load_options(stated_members(args), rules, None if adapter is None else read_adapter(adapter))
    except Problems as problems:
        raise CommandError(*(f"--{error.pointer[1:]}: {error.detail}" for error in problems.problems)) from None
