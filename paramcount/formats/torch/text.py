"""Printed modules: the lines of `print(model)` as a tree, whatever log or terminal they went through."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from paramcount.model.errors import InvalidDocument, TooLarge

DEEPEST = 90
"""How many modules may stand inside each other."""

_ANSI = re.compile(r"\x1b\[[0-9;?]{0,50}[A-Za-z]")
_ENTRY = re.compile(r"\((.+?)\): (.*)", re.DOTALL)
_TIMES = re.compile(r"(\d{1,18}) x (?=\S)", re.ASCII)
_CLASS_AT_END = re.compile(r"[^\W\d][\w.]*\Z")
_CLASS = re.compile(r"[^\W\d][\w.]*")
_DIGITS = re.compile(r"\d+", re.ASCII)
_LONGEST_PREFIX = 300
_CUT_SHORT = ("...", "…", "[...]")


@dataclass(slots=True)
class Module:
    """A module as printed: what stands between its brackets is `text`, then its children."""

    name: str
    type: str  # empty: what is printed is no module ("Parameter containing: ...", "None")
    line: int
    text: list[str] = field(default_factory=list)
    children: list[Module] = field(default_factory=list)
    repeat: int = 1
    indent: int = 0
    closed: bool = True


def module(payload: str) -> Module:
    """The module that a text prints; what a log has before and after it is left out.

    Raises InvalidDocument, with the line, where there is none or where it is cut short.
    """
    lines = _ANSI.sub("", payload).replace("\r\n", "\n").expandtabs(4).split("\n")
    start = find(lines)
    if start is None:
        raise InvalidDocument(f"line {_first_text(lines)}: is not what print(model) writes of a torch.nn.Module")
    root, prefix = start
    last = root.line if root.closed else _fill(root, lines, prefix)
    second = find(lines[last:])
    if second is not None and not second[0].closed:
        raise InvalidDocument(f"line {last + second[0].line}: a second module begins here; send one at a time")
    return root


def find(lines: Sequence[str]) -> tuple[Module, str] | None:
    """Where a printed module begins, and what stands before it in its line; a single line may be all of it."""
    alone = None
    for number, line in enumerate(map(str.rstrip, lines), 1):
        if line.endswith("(") and (match := _CLASS_AT_END.search(line[-200:-1])):
            prefix = line[: -1 - len(match[0])]
            return _root(prefix, Module("", match[0], number, closed=False)), prefix
        if alone is None and line.endswith(")") and (opening := _opening(line)) is not None:
            match = _CLASS_AT_END.search(line[max(0, opening - 200) : opening])
            if match and match[0].rpartition(".")[2][:1].isupper():
                inner = line[opening + 1 : -1].strip()
                alone = Module("", match[0], number, [inner] if inner else []), line[: opening - len(match[0])]
    return alone


def _root(prefix: str, root: Module) -> Module:
    root.indent = len(prefix) - len(prefix.lstrip()) if not prefix.strip() else 0
    return root


def _opening(line: str) -> int | None:
    """Where the bracket opens that the last character closes."""
    depth = 0
    for at in range(len(line) - 1, -1, -1):
        depth += (line[at] == ")") - (line[at] == "(")
        if depth == 0:
            return at
    return None


def _first_text(lines: Sequence[str]) -> int:
    return next((number for number, line in enumerate(lines, 1) if line.strip()), 1)


def _fill(root: Module, lines: Sequence[str], prefix: str) -> int:
    """Read the lines after a root's first into it; returns the line of the bracket that closes it."""
    stack = [root]
    indented = None
    for number, line in _inside(lines, root.line, prefix):
        text = line.strip()
        if not text:
            continue
        indent = len(line) - len(line.lstrip())
        if indented is None:
            indented = indent > root.indent
        if indented:
            _leave(stack, indent, text)
        if text == ")":
            stack.pop().closed = True
            if not stack:
                return number
            continue
        if text in _CUT_SHORT:
            raise InvalidDocument(f"line {number}: the text is cut short here; send all of it")
        _take(stack, number, indent, text)
    open_module = stack[-1]
    raise InvalidDocument(f"line {open_module.line}: {open_module.type[:60]}( is never closed; is the text cut short?")


def _inside(lines: Sequence[str], after: int, prefix: str) -> Iterator[tuple[int, str]]:
    """The lines that follow, without what a log put before each, where it did."""
    pattern = None
    if prefix.strip():
        shape = _DIGITS.sub("0", prefix[:_LONGEST_PREFIX])
        pattern = re.compile(r"\d+".join(map(re.escape, shape.split("0"))))
    for number, line in enumerate(lines[after:], after + 1):
        match = pattern and pattern.match(line[: 2 * _LONGEST_PREFIX])
        yield number, line[match.end() :] if match else line


def _leave(stack: list[Module], indent: int, text: str) -> None:
    """Close what a line stands outside of."""
    while len(stack) > 1 and (stack[-1].indent > indent or (stack[-1].indent == indent and text != ")")):
        left = stack.pop()
        if not left.closed:
            raise InvalidDocument(f"line {left.line}: {left.type[:60]}( is never closed; is the text cut short?")


def _take(stack: list[Module], number: int, indent: int, text: str) -> None:
    """Put a line into the module that is open: as a child, or as its own text."""
    match = _ENTRY.match(text) if text[0] == "(" else None
    if match is None:
        stack[-1].text.append(text)
        return
    child = entry(match[1], match[2], number)
    child.indent = indent
    stack[-1].children.append(child)
    if not child.closed:
        stack.append(child)
        if len(stack) > DEEPEST:
            raise TooLarge(f"line {number}: is nested deeper than {DEEPEST} modules")


def entry(name: str, text: str, number: int) -> Module:
    """A module, or what stands in its place, as its parent prints it: "(0-2): 3 x Linear(...)"."""
    times = _TIMES.match(text)
    body = text[times.end() :] if times else text
    match = _CLASS.match(body)
    if match is None or body[match.end() : match.end() + 1] != "(":
        return Module(name, "", number, [text])
    found = Module(name, match[0], number, repeat=int(times[1]) if times else 1)
    inner = body[match.end() + 1 :]
    if inner.endswith(")"):
        inner = inner[:-1]
    else:
        found.closed = inner != ""
    if inner.strip():
        found.text.append(inner.strip())
    return found
