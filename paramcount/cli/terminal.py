"""What a terminal is told: colours where it shows them, complaints, and how far long work has come."""

from __future__ import annotations

import os
import re
import shutil
import sys
from typing import Any, TextIO

from tqdm import tqdm

FAILED = 1
"""The exit status when a check that was asked for does not hold."""

EXIT_ERROR = 2
"""The exit status when something cannot be read, counted or understood."""

_BOLD, _RED, _GREEN, _YELLOW, _CYAN = "1", "31", "32", "33", "36"

# Lines of our own tables, by what they say; the first that matches colours the line.
_COLOURS = (
    (re.compile(r".*, NOT EXACT: see below\)"), _RED),
    (re.compile(r"Trainable  |│.*: (added|unfrozen) |.*: (added|unfrozen) [\d,]+"), _GREEN),
    (re.compile(r".*: removed [\d,]+"), _RED),
    (re.compile(r"Frozen    |.*: frozen [\d,]+"), _CYAN),
    (re.compile(r"[a-z_]+: "), _YELLOW),
    (re.compile(r"Total  |.*, counted as \w+ does\)"), _BOLD),
)


class CommandError(Exception):
    """What cannot be done, and why, a line a problem."""

    def __init__(self, *lines: str) -> None:
        super().__init__(*lines)
        self.lines = lines


def print_error(*lines: str, status: int = EXIT_ERROR) -> int:
    """Say on standard error what is wrong; returns the exit status."""
    for line in lines:
        tqdm.write(_painted(f"paramcount: {line}", _RED) if _shows(sys.stderr) else f"paramcount: {line}", sys.stderr)
    return status


def columns() -> int:
    """How wide a table may be: as the terminal, or COLUMNS."""
    return shutil.get_terminal_size((120, 24)).columns


def coloured(text: str, when: str) -> str:
    """A table with colours, where `when` ("auto", "always", "never") and standard output have it so."""
    if when == "never" or (when == "auto" and not _shows(sys.stdout)):
        return text
    return "\n".join(map(_line, text.split("\n")))


def progress(total: int | None) -> tqdm[Any]:
    """A bar on standard error, where a terminal shows it and nothing else."""
    hidden = not sys.stderr.isatty() or sys.stdout.isatty()
    return tqdm(total=total, unit=" models", disable=hidden, leave=False, delay=0.5)


def _shows(stream: TextIO) -> bool:
    """Whether a stream shows colours (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _line(line: str) -> str:
    for pattern, colour in _COLOURS:
        if pattern.match(line):
            return _painted(line, colour)
    return line


def _painted(text: str, colour: str) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m"
