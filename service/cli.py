"""paramcount: the same core without HTTP, and the command that serves it."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from functools import partial
from importlib.metadata import version

import orjson

from service import files
from service.counting import Options, count
from service.errors import Problems, RegistrationError, UnknownFormat
from service.reading import read, recognise
from service.registry import LAYERS, load_plugins
from service.rendering.json import as_json
from service.rendering.text import as_text
from service.trainability import Rule, match_problem


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["serve"]:
        return _serve(given[1:])
    asked = _parser().parse_args(given)
    try:
        load_plugins()
    except RegistrationError as error:
        return _fail(str(error))
    status: int = asked.run(asked)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("paramcount", description=__doc__)
    parser.add_argument("--version", action="version", version=version("paramcount"))
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    commands.add_parser("serve", help="answer over HTTP with gunicorn, whose options follow: --bind 0.0.0.0:8000")
    counting = commands.add_parser("count", help="count a file, and print the table")
    counting.add_argument(
        "files",
        metavar="FILE",
        nargs="+",
        help="a document, a file of weights, a checkpoint's folder, or all of its files; - is standard input",
    )
    counting.add_argument("--format", help="the file's format; else it is recognised")
    for option, trainable, verdict in (("--freeze", False, "does not train"), ("--train", True, "trains")):
        counting.add_argument(
            option,
            metavar="GLOB",
            dest="rules",
            action="append",
            type=partial(Rule, trainable=trainable),
            help=f"what matches (a layer or a tensor, by its dotted path) {verdict}; of several the last one holds",
        )
    counting.add_argument("--convention", choices=("keras", "torch", "stored"), help="whether buffers are in the total")
    counting.add_argument("--json", action="store_true", help="print the report as the service answers it")
    counting.set_defaults(run=_count)
    listing = commands.add_parser("layers", help="list the registered layer types")
    listing.set_defaults(run=_layers)
    return parser


def _serve(arguments: list[str]) -> int:
    from gunicorn.app.wsgiapp import WSGIApplication  # noqa: PLC0415 # the other commands do without it

    sys.argv = ["paramcount serve", "--config", "python:service.serving", *arguments]
    WSGIApplication("%(prog)s [OPTIONS]", prog="paramcount serve").run()
    return 0


def _count(asked: argparse.Namespace) -> int:
    where = asked.files[0]
    if wrong := list(filter(None, (match_problem(rule.match) for rule in asked.rules or ()))):
        return _fail(*wrong)
    try:
        payload = files.document(sys.stdin.buffer.read()) if asked.files == ["-"] else files.payload(*asked.files)
        found = recognise(payload, asked.format)
        options = Options(rules=tuple(asked.rules or ()), convention=asked.convention)
        report = count(read(payload, found), options)
    except OSError as error:
        return _fail(f"{where}: {error.strerror}")
    except UnknownFormat as error:
        return _fail(f"{where}: {error.detail}")
    except Problems as problems:
        return _fail(*(f"{where}{error.pointer}: {error.detail}" for error in problems.problems))
    if asked.json:
        sys.stdout.write(orjson.dumps(as_json(report, found.name), option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        sys.stdout.write(as_text(report, found.name, columns=shutil.get_terminal_size((120, 24)).columns))
    return 0


def _fail(*lines: str) -> int:
    for line in lines:
        sys.stderr.write(f"{line}\n")
    return 1


def _layers(_: argparse.Namespace) -> int:
    for name, kind in LAYERS.items():
        sys.stdout.write(f"{name:40} {kind.doc.partition(chr(10))[0]}\n")
    return 0
