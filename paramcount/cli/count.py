"""paramcount count: count one model, and show where its parameters sit

FILE is a document (a model's JSON, the text of print(model), a config.json), a file of weights (.safetensors, .gguf,
.onnx, .keras: only the header is read, however large it is), a checkpoint's folder or index, or all files of one
checkpoint; - is standard input. Several models are for `paramcount batch`.
"""

from __future__ import annotations

import argparse
import sys

from paramcount.cli.documents import count_or_exit, failed_checks, inexact_reasons, problem_lines
from paramcount.cli.options import (
    LINES,
    Parser,
    add_checks,
    add_color,
    add_counting,
    add_detail,
    load_request,
    short_names,
)
from paramcount.cli.terminal import (
    EXIT_CHECK_FAILED,
    CommandError,
    color_table,
    indent_json,
    print_error,
    terminal_width,
)
from paramcount.model.budget import Limits
from paramcount.model.errors import Problems
from paramcount.model.report import Report
from paramcount.rendering import JSON, MEDIA_TYPES, TEXT
from paramcount.rendering.exports import EXPORTS
from paramcount.requests.count import render, to_json
from paramcount.requests.envelope import CountRequest

_MEDIA_TYPES = short_names(MEDIA_TYPES)

OPERANDS = "FILE..."


def add_options(parser: Parser) -> None:
    parser.add_argument("files", metavar="FILE", nargs="+", help="what to count; - is standard input")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument(
        "--as", choices=_MEDIA_TYPES, default="text", dest="media", help="how to show it: text is the default"
    )
    shape.add_argument("--export", choices=EXPORTS, help="as a registry of models takes it (JSON)")
    add_color(parser)
    add_counting(parser)
    add_detail(parser)
    add_checks(parser)


def run(args: argparse.Namespace, limits: Limits) -> int:
    if lines := [name for name in args.files if name.endswith(LINES)]:
        raise CommandError(f"{lines[0]}: holds a model a line, which is for paramcount batch")
    request = load_request(args, args.rules, args.adapter)
    report = count_or_exit(args.files, args, request, limits)
    try:
        sys.stdout.write(_render(report, args, request, limits))
    except Problems as problems:
        raise CommandError(*problem_lines(args.files[0], problems)) from None
    has_limits = args.max_total is not None or args.max_trainable is not None
    if has_limits and not report.exact and not args.exact:
        print_error(f"{args.files[0]}: only what could be seen is checked (--exact fails): {inexact_reasons(report)}")
    failures = failed_checks(report, args)
    return print_error(*(f"{args.files[0]}: {line}" for line in failures), status=EXIT_CHECK_FAILED) if failures else 0


def _render(report: Report, args: argparse.Namespace, request: CountRequest, limits: Limits) -> str:
    """Render the report in the form of the options. Raises Problems."""
    if args.export:
        return indent_json(EXPORTS[args.export](report))
    media = _MEDIA_TYPES[args.media]
    if media == JSON:
        return indent_json(to_json(report, request, limits))
    text = render(report, request, limits, media, terminal_width()).decode()
    return color_table(text, args.color) if media == TEXT else text
