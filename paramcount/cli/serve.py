"""paramcount serve: count over HTTP, and show a page in a browser; gunicorn with this project's settings."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

from paramcount.cli.terminal import CommandError
from paramcount.model.errors import did_you_mean
from paramcount.requests.settings import InvalidSetting

_HELP = """\
Environment variables set the limits (PARAMCOUNT_MAX_SECONDS=20) and the rest (PARAMCOUNT_TOKENS_FILE); README.md lists
them. Any other option of gunicorn may follow, such as --certfile and --keyfile for TLS or --log-level debug.
"""

_PORT_OPTIONS = {"host": "127.0.0.1", "port": "8000"}


def run(arguments: Sequence[str]) -> int:
    """Serve until a signal ends it; returns the exit status. Raises CommandError."""
    from gunicorn.app.wsgiapp import WSGIApplication  # noqa: PLC0415

    args, others = _parser().parse_known_args(arguments)
    _check(others)
    options = [*others]
    if args.host or args.port:
        options += ["--bind", f"{args.host or _PORT_OPTIONS['host']}:{args.port or _PORT_OPTIONS['port']}"]
    if args.workers:
        options += ["--workers", str(args.workers)]
    sys.argv = ["paramcount serve", "--config", "python:service.gunicorn_conf", *options]
    try:
        WSGIApplication("%(prog)s [OPTIONS]", prog="paramcount serve").run()
    except InvalidSetting as error:
        raise CommandError(str(error)) from None
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "paramcount serve",
        usage="paramcount serve [--host HOST] [--port PORT] [--workers N] [options of gunicorn]",
        description=__doc__.partition(": ")[2],
        epilog=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--host", help="the address to listen at: 127.0.0.1 (the default), or 0.0.0.0 for all")
    parser.add_argument("--port", type=int, help="the port: 8000 is the default")
    parser.add_argument("--workers", type=int, metavar="N", help="processes: the cores, or WEB_CONCURRENCY, by default")
    return parser


def _check(arguments: Sequence[str]) -> None:
    """Refuse words that gunicorn does not know, with a hint. Raises CommandError."""
    if lines := list(_find_problems(arguments)):
        raise CommandError(*lines)


def _find_problems(arguments: Sequence[str]) -> Iterator[str]:
    from gunicorn.config import KNOWN_SETTINGS  # noqa: PLC0415

    flags = {flag for setting in KNOWN_SETTINGS for flag in setting.cli or ()}
    known = flags | {"--host", "--port", "--workers", "--help"}
    before = ""
    for argument in arguments:
        name = argument.partition("=")[0]
        if argument.startswith("--") and name not in known:
            yield f"serve has no option {name}{did_you_mean(name, known)}"
        elif not argument.startswith("-") and not before.startswith("-") and ":" not in argument:
            hint = f"did you mean --port {argument}?" if argument.isdecimal() else "see paramcount serve --help"
            yield f"serve takes no {argument}: {hint}"
        before = argument
