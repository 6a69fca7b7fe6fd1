"""What a terminal shows: colours where it can, errors, and how far long work has come."""

from __future__ import annotations

import os
import re
import shutil
import sys
from typing import Any, TextIO

from tqdm import tqdm

EXIT_CHECK_FAILED = 1
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
    """A command that cannot be carried out, and why, a line a problem."""

    def __init__(self, *lines: str) -> None:
        super().__init__(*lines)
        self.lines = lines


def print_error(*lines: str, status: int = EXIT_ERROR) -> int:
    """Print what is wrong on standard error; returns the exit status."""
    for line in lines:
        message = f"paramcount: {line}"
        tqdm.write(_paint(message, _RED) if _shows_color(sys.stderr) else message, sys.stderr)
    return status


def terminal_width() -> int:
    """How wide a table may be: as the terminal, or COLUMNS."""
    return shutil.get_terminal_size((120, 24)).columns


def color_table(text: str, when: str) -> str:
    """A table with colours, where `when` ("auto", "always", "never") and standard output have it so."""
    if when == "never" or (when == "auto" and not _shows_color(sys.stdout)):
        return text
    return "\n".join(map(_color_line, text.split("\n")))


def progress(total: int | None) -> tqdm[Any]:
    """A bar on standard error, where a terminal shows it and nothing else."""
    hidden = not sys.stderr.isatty() or sys.stdout.isatty()
    return tqdm(total=total, unit=" models", disable=hidden, leave=False, delay=0.5)


def _shows_color(stream: TextIO) -> bool:
    """Whether a stream shows colours (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _color_line(line: str) -> str:
    for pattern, colour in _COLOURS:
        if pattern.match(line):
            return _paint(line, colour)
    return line


def _paint(text: str, colour: str) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m"
