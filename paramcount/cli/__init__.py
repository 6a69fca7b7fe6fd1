"""paramcount: the same core without HTTP, and the command that serves it."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence

EXIT_CRASH = 3
"""The exit status of a crash of ours, which no check and no model may be taken for."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command, and return its exit status. Only what a command needs is imported."""
    command = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if command[:1] == ["serve"]:
            return _serve(command[1:])
        from paramcount.cli.commands import run  # noqa: PLC0415

        return run(command)
    except Exception:  # noqa: BLE001 # whatever it is
        traceback.print_exc()
        sys.stderr.write("paramcount: this is our mistake, not yours: please report the lines above\n")
        return EXIT_CRASH


def _serve(arguments: list[str]) -> int:
    from paramcount.cli import serve  # noqa: PLC0415
    from paramcount.cli.terminal import CommandError, print_error  # noqa: PLC0415

    try:
        return serve.run(arguments)
    except CommandError as error:
        return print_error(*error.lines)
