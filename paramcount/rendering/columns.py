"""The columns that text takes where letters differ in width: two for 漢, none for a combining accent."""

from __future__ import annotations

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


def _take(letters: Iterable[str], columns: int) -> list[str]:
    """Return the first letters that fit."""
    taken: list[str] = []
    for letter in letters:
        columns -= column_width(letter)
        if columns < 0:
            break
        taken.append(letter)
    return taken
