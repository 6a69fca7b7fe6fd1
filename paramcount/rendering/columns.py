"""The columns that text takes where letters differ in width: two for 漢, none for a combining accent."""

from __future__ import annotations

import re
from collections.abc import Iterable

from wcwidth import iter_graphemes, iter_graphemes_reverse, width


def column_width(text: str) -> int:
    """Return how many columns a terminal gives the text."""
    return len(text) if text.isascii() else width(text)


def clip(text: str, columns: int, tail: int) -> str:
    """Return the text in at most `columns`; where it is longer, "…" replaces what is before its last `tail` columns.

    wcwidth.clip cuts at one end only, and takes ten times as long as this for wide letters.
    """
    if column_width(text) <= columns:
        return text
    if text.isascii():
        return f"{text[: columns - 1 - tail]}…{text[len(text) - tail :]}"
    end = "".join(reversed(_take(iter_graphemes_reverse(text), tail)))
    for room in range(columns - 1 - tail, -1, -1):  # letters that join may be wider together than one by one
        clipped = f"{''.join(_take(iter_graphemes(text), room))}…{end}"
        if column_width(clipped) <= columns:
            return clipped
    return "…"


_SPACES = re.compile(r"(?<=\s)(?=[^\s\d])|(?<=, )(?=\d)")
_BREAKS = re.compile(r"(?<=[_./;×-])(?=[^\s_./;×-])|(?<=\s)(?=[^\s\d])|(?<=, )(?=\d)|(?<=[a-z\d])(?=[A-Z])")
"""The positions where a text may go on in the next line: not within a number, nor before one but after a comma; first
between words, then within them."""


def wrap(text: str, columns: int, max_lines: int, *, keep_end: bool = True) -> list[str]:
    """Return the text in lines of at most `columns`, broken between its parts where that can be.

    Where it is longer than `max_lines`, "…" replaces its middle, or its end.
    """
    if (length := column_width(text)) <= columns:
        return [text]
    if columns < 4:
        return [clip(text, columns, columns // 2)]
    room = columns * max_lines
    for limit in (room, room * 4 // 5):
        for breaks in (_SPACES, _BREAKS) if limit < room or length <= room else ():
            lines = _break_between_parts(clip(text, limit, limit // 2 * keep_end), columns, breaks)
            if len(lines) <= max_lines and all(column_width(line) <= columns for line in lines):
                return lines
    return _break_anywhere(clip(text, (columns - 1) * max_lines, (columns - 1) * max_lines // 2 * keep_end), columns)


def _break_between_parts(text: str, columns: int, breaks: re.Pattern[str]) -> list[str]:
    lines = [""]
    for part in breaks.split(text):
        if lines[-1] and column_width((lines[-1] + part).rstrip()) > columns:
            lines.append("")
        lines[-1] += part
    return [line.rstrip() for line in lines]


def _break_anywhere(text: str, columns: int) -> list[str]:
    lines = []
    while text:
        line = _head(text, columns) or text[0]
        lines.append(line)
        text = text[len(line) :]
    return lines


def _take(letters: Iterable[str], columns: int) -> list[str]:
    """Return the first letters that fit."""
    taken: list[str] = []
    for letter in letters:
        columns -= column_width(letter)
        if columns < 0:
            break
        taken.append(letter)
    return taken


def _head(text: str, columns: int) -> str:
    """Return the longest start of the text that fits: letters that join may be wider together than one by one."""
    letters = _take(iter_graphemes(text), columns)
    while letters and column_width("".join(letters)) > columns:
        letters.pop()
    return "".join(letters)
