"""paramcount compare: show what one model has that another has not

BEFORE and AFTER are what `paramcount count` takes: a file, a folder, a glob of a checkpoint's files, or one of them -.
Their formats may differ. The options hold for both; --freeze-after and --train-after for AFTER alone, so that the same
file given twice tells what freezing changes.
"""

from __future__ import annotations

import argparse
import sys

from paramcount.analysis.compare import Comparison, compare
from paramcount.cli.documents import count_or_exit, problem_lines
from paramcount.cli.options import Parser, add_adapter, add_color, add_counting, add_rules, load_request, short_names
from paramcount.cli.terminal import EXIT_CHECK_FAILED, CommandError, color_table, indent_json, print_error
from paramcount.model.budget import Limits
from paramcount.model.errors import Problems
from paramcount.rendering import JSON, TEXT
from paramcount.rendering.comparison import COMPARISONS, as_json

_MEDIA_TYPES = short_names(COMPARISONS)

OPERANDS = "BEFORE AFTER"


def add_options(parser: Parser) -> None:
    parser.add_argument("before", metavar="BEFORE", help="a model")
    parser.add_argument("after", metavar="AFTER", help="another one, or the same")
    parser.add_argument("--as", choices=_MEDIA_TYPES, default="text", dest="media", help="text is the default")
    add_color(parser)
    add_counting(parser)
    group = parser.add_argument_group("how to count AFTER")
    add_adapter(group, "-after", "after_adapter")
    add_rules(group, "-after", "after_rules")
    group = parser.add_argument_group("checks: exit with status 1 where one does not hold")
    group.add_argument("--exit-code", action="store_true", help="there is no difference")
    group.add_argument("--exact", action="store_true", help="everything could be seen")


def run(args: argparse.Namespace, limits: Limits) -> int:
    if args.before == args.after == "-":
        raise CommandError("standard input holds one of the two, not both")
    before = count_or_exit([args.before], args, load_request(args, args.rules, args.adapter), limits)
    rules = [*args.rules, *args.after_rules]
    request = load_request(args, rules, args.after_adapter or args.adapter)
    after = count_or_exit([args.after], args, request, limits)
    try:
        comparison = compare(before, after)
    except Problems as problems:
        raise CommandError(*problem_lines(f"{args.before} and {args.after}", problems)) from None
    sys.stdout.write(_render(comparison, _MEDIA_TYPES[args.media], args))
    if args.exact and not (before.exact and after.exact):
        return print_error("the counts are not exact, as --exact asks", status=EXIT_CHECK_FAILED)
    return EXIT_CHECK_FAILED if args.exit_code and comparison.changes else 0


def _render(comparison: Comparison, media: str, args: argparse.Namespace) -> str:
    if media == JSON:
        return indent_json(as_json(comparison))
    text = COMPARISONS[media](comparison, (args.before, args.after))
    return color_table(text, args.color) if media == TEXT else text
