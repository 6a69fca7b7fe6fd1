"""paramcount count: count one model, and show where its parameters sit

FILE is a document (a model's JSON, the text of print(model), a config.json), a file of weights (.safetensors, .gguf,
.onnx, .keras: only the header is read, however large it is), a checkpoint's folder or index, or all files of one
checkpoint; - is standard input. Several models are for `paramcount batch`.
"""

from __future__ import annotations

import argparse
import sys

import orjson

from paramcount.cli import options as asking
from paramcount.cli.terminal import FAILED, CommandError, coloured, columns, print_error
from paramcount.model.budget import Limits
from paramcount.model.errors import Problems
from paramcount.model.report import Report
from paramcount.rendering.exports import EXPORTS
from paramcount.requests.count import render, to_json
from paramcount.requests.envelope import CountRequest

FORMS = {
    "text": "text/plain",
    "json": "application/json",
    "markdown": "text/markdown",
    "csv": "text/csv",
    "svg": "image/svg+xml",
}

OPERANDS = "FILE..."


def add_options(parser: asking.Parser) -> None:
    parser.add_argument("files", metavar="FILE", nargs="+", help="what to count; - is standard input")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--as", choices=FORMS, default="text", dest="form", help="how to show it: text is the default")
    form.add_argument("--export", choices=EXPORTS, help="as a registry of models takes it (JSON)")
    asking.add_colour(parser)
    asking.add_counting(parser)
    asking.add_detail(parser)
    asking.add_checks(parser)


def run(asked: argparse.Namespace, limits: Limits) -> int:
    if lines := [name for name in asked.files if name.endswith(asking.LINES)]:
        raise CommandError(f"{lines[0]}: holds a model a line, which is for paramcount batch")
    options = asking.options(asked, asked.rules, asked.adapter)
    counted = asking.counted(asked.files, asked.format, options, limits)
    try:
        sys.stdout.write(_shown(counted, asked, options, limits))
    except Problems as problems:
        raise CommandError(*asking.told(asked.files[0], problems)) from None
    checked = asked.max_total is not None or asked.max_trainable is not None
    if checked and not counted.exact and not asked.exact:
        print_error(f"{asked.files[0]}: only what could be seen is checked (--exact fails): {asking.unseen(counted)}")
    failed = asking.failures(counted, asked)
    return print_error(*(f"{asked.files[0]}: {line}" for line in failed), status=FAILED) if failed else 0


def _shown(counted: Report, asked: argparse.Namespace, options: CountRequest, limits: Limits) -> str:
    """The report in the form that was asked for. Raises Problems."""
    if asked.export:
        return _json(EXPORTS[asked.export](counted))
    if asked.form == "json":
        return _json(to_json(counted, options, limits))
    rendered = render(counted, options, limits, FORMS[asked.form], columns())
    return coloured(rendered, asked.color) if asked.form == "text" else rendered


def _json(data: object) -> str:
    return orjson.dumps(data, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()
