"""Globs over dotted paths, as regular expressions that take time in proportion to path times glob."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import translate

from paramcount.model import block_ranges

# A star; a class such as [!ab]; indices between dots that name more than one ("0-9,12"); else a character.
_TOKENS = re.compile(
    r"(?P<star>\*+)|(?P<set>\[!?\]?[^\]]*\])"
    rf"|(?P<indices>(?:(?<=\.)|\A)(?=[0-9]+[-,]){block_ranges.PATTERN}(?=\.|\Z))"
    r"|(?P<one>.)",
    re.DOTALL,
)
_CLASS = re.compile(r"\(\?s:(.*)\)\\[Zz]", re.DOTALL)


def compiled(glob: str) -> re.Pattern[str]:
    """What `fullmatch` finds as fnmatch would: `*` and `?` span dots; a component "0-9,12" stands for each index."""
    chunks = [""]
    for token in _TOKENS.finditer(glob):
        if token.lastgroup == "star":
            chunks.append("")
        elif token.lastgroup == "indices":
            chunks[-1] += f"(?:{'|'.join((re.escape(token[0]), *_indices(token[0])))})"
        elif token.lastgroup == "set":
            found = _CLASS.fullmatch(translate(token[0]))
            assert found
            chunks[-1] += found[1]
        else:
            chunks[-1] += "." if token[0] == "?" else re.escape(token[0])
    first, *rest = chunks
    if not rest:
        return re.compile(first, re.DOTALL)
    # As in fnmatch: what stands between two stars is taken where it is found first, and never looked for again.
    *inner, last = rest
    return re.compile(first + "".join(f"(?>.*?{chunk})" for chunk in inner) + ".*" + last, re.DOTALL)


def _indices(text: str) -> Iterator[str]:
    """Expressions that match each number in a list of indices."""
    for first, last in block_ranges.parse(text):
        yield from _range(first, last)


def _range(first: int, last: int) -> Iterator[str]:
    """Expressions, two a digit at most, for the numbers from `first` to `last`: 7 to 123 is [7-9], [1-9][0-9], ..."""
    while first <= last:
        # The widest run from `first` in which all but one digit is settled or free: 30 to 99 is [3-9][0-9].
        free = 0
        while first % 10 ** (free + 1) == 0 and first and first + 10 ** (free + 1) - 1 <= last:
            free += 1
        unit = 10**free
        digit = first // unit % 10
        end = min(9, digit + (last - first + 1) // unit - 1)
        head = str(first // unit // 10) if first >= 10 * unit else ""
        yield f"{head}[{digit}-{end}]{'[0-9]' * free}"
        first += (end - digit + 1) * unit
