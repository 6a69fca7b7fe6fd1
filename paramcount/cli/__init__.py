"""paramcount: the same core without HTTP, and the command that serves it."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command, and return its exit status. Only what a command needs is imported."""
    command = list(sys.argv[1:] if arguments is None else arguments)
    if command[:1] == ["serve"]:
        return _serve(command[1:])
    from paramcount.cli.commands import run  # noqa: PLC0415

    return run(command)


def _serve(arguments: list[str]) -> int:
    from gunicorn.app.wsgiapp import WSGIApplication  # noqa: PLC0415

    sys.argv = ["paramcount serve", "--config", "python:service.gunicorn_conf", *arguments]
    WSGIApplication("%(prog)s [OPTIONS]", prog="paramcount serve").run()
    return 0
