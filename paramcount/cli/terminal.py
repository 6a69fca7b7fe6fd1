"""Output for a terminal: colors where it shows them, errors, and the progress of long work."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable
from typing import Any, TextIO

import orjson
from tqdm import tqdm

from paramcount.rendering.fields import printable
from paramcount.rendering.text import WIDTH

EXIT_CHECK_FAILED = 1
"""The exit status when a check that was asked for does not hold."""

EXIT_ERROR = 2
"""The exit status when something cannot be read, counted or understood."""

_BOLD, _RED, _GREEN, _YELLOW, _CYAN = "1", "31", "32", "33", "36"

# Lines of our own tables, by what they say; the first that matches colors the line.
_COLORS = (
    (re.compile(r".*, NOT EXACT: see below\)"), _RED),
    (re.compile(r"Trainable  |│.*: (added|unfrozen) |.*: (added|unfrozen) [\d,]+"), _GREEN),
    (re.compile(r".*: removed [\d,]+"), _RED),
    (re.compile(r"Frozen    |.*: frozen [\d,]+"), _CYAN),
    (re.compile(r"[a-z_]+: "), _YELLOW),
    (re.compile(r"Total  |Parameters  |.*, in the \w+ convention\)"), _BOLD),
)


_CI_COMMAND = re.compile(r"##(?=\w*\[)")
"""The mark of a command to a CI that reads our output, wherever it stands: ##[...] or ##vso[...]."""


class CommandError(Exception):
    """A command that cannot be carried out, and why, a line a problem."""

    def __init__(self, *lines: str) -> None:
        super().__init__(*lines)
        self.lines = lines


def print_error(*lines: str, status: int = EXIT_ERROR) -> int:
    """Print what is wrong on standard error; returns the exit status."""
    for line in lines:
        message = f"paramcount: {_CI_COMMAND.sub('# #', printable(line))}"
        tqdm.write(_paint(message, _RED) if _shows_color(sys.stderr) else message, sys.stderr)
    return status


def terminal_width() -> int:
    """Return the columns of the terminal, or COLUMNS."""
    return shutil.get_terminal_size((WIDTH, 24)).columns


def color_table(text: str, when: str) -> str:
    """Return a table with colors, where `when` ("auto", "always", "never") and standard output have it so."""
    if when == "never" or (when == "auto" and not _shows_color(sys.stdout)):
        return text
    return "\n".join(map(_color_line, text.split("\n")))


def indent_json(data: object) -> str:
    """Render JSON that a person reads."""
    return orjson.dumps(data, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def start_progress(count_models: Callable[[], int | None]) -> tqdm[Any]:
    """Start a bar on standard error, where a terminal shows it and nothing else; only then count the models."""
    hidden = not sys.stderr.isatty() or sys.stdout.isatty()
    total = None if hidden else count_models()
    return tqdm(total=total, unit=" models", disable=hidden, leave=False, delay=0.5)


def _shows_color(stream: TextIO) -> bool:
    """Return whether a stream shows colors (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _color_line(line: str) -> str:
    for pattern, color in _COLORS:
        if pattern.match(line):
            return _paint(line, color)
    return line


def _paint(text: str, color: str) -> str:
    return f"\x1b[{color}m{text}\x1b[0m"
