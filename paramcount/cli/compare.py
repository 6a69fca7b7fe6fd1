"""paramcount compare: show what one model has that another has not

BEFORE and AFTER are what `paramcount count` takes: a file, a folder, a glob of a checkpoint's files, or one of them -.
Their formats may differ. The options hold for both; --freeze-after and --train-after for AFTER alone, so that the same
file given twice tells what freezing changes.
"""

from __future__ import annotations

import argparse
import sys

import orjson

from paramcount.analysis.compare import compare
from paramcount.cli import options as asking
from paramcount.cli.terminal import FAILED, CommandError, coloured, print_error
from paramcount.model.budget import Limits
from paramcount.model.errors import TooLarge
from paramcount.rendering.comparison import comparison_as_json, comparison_as_markdown, comparison_as_text

OPERANDS = "BEFORE AFTER"


def add_options(parser: asking.Parser) -> None:
    parser.add_argument("before", metavar="BEFORE", help="a model")
    parser.add_argument("after", metavar="AFTER", help="another one, or the same")
    parser.add_argument(
        "--as", choices=("text", "json", "markdown"), default="text", dest="form", help="text is the default"
    )
    asking.add_colour(parser)
    asking.add_counting(parser)
    group = parser.add_argument_group("how to count AFTER")
    asking.add_adapter(group, "-after", "after_adapter")
    asking.add_rules(group, "-after", "after_rules")
    group = parser.add_argument_group("checks: exit with status 1 where one does not hold")
    group.add_argument("--exit-code", action="store_true", help="there is no difference")
    group.add_argument("--exact", action="store_true", help="everything could be seen")


def run(asked: argparse.Namespace, limits: Limits) -> int:
    if asked.before == asked.after == "-":
        raise CommandError("standard input holds one of the two, not both")
    before = asking.counted([asked.before], asked.format, asking.options(asked, asked.rules, asked.adapter), limits)
    rules = [*asked.rules, *asked.after_rules]
    options = asking.options(asked, rules, asked.after_adapter or asked.adapter)
    after = asking.counted([asked.after], asked.format, options, limits)
    try:
        comparison = compare(before, after)
    except TooLarge as error:
        raise CommandError(f"{asked.before} and {asked.after}: {error.detail}") from None
    if asked.form == "json":
        told = comparison_as_json(comparison)
        sys.stdout.write(orjson.dumps(told, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode())
    elif asked.form == "markdown":
        sys.stdout.write(comparison_as_markdown(comparison))
    else:
        sys.stdout.write(coloured(comparison_as_text(comparison), asked.color))
    if asked.exact and not (before.exact and after.exact):
        return print_error("the counts are not exact, as --exact asks", status=FAILED)
    return FAILED if asked.exit_code and comparison.changes else 0
