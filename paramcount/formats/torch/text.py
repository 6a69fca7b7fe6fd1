"""Printed modules: the lines of `print(model)` as a tree, also if they went through a log or a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from paramcount.model.errors import InvalidDocument, TooLarge

MAX_DEPTH = 90
"""The most modules inside each other. It fits Limits.max_depth."""

_ANSI = re.compile(r"\x1b\[[0-9;?]{0,50}[A-Za-z]")
_ENTRY = re.compile(r"\((.+?)\): (.*)", re.DOTALL)
_TIMES = re.compile(r"(\d{1,18}) x (?=\S)", re.ASCII)
_CLASS_AT_END = re.compile(r"[^\W\d][\w.]*\Z")
_CLASS = re.compile(r"[^\W\d][\w.]*")
_DIGITS = re.compile(r"\d+", re.ASCII)
_MAX_PREFIX_CHARS = 300
_MAX_CLASS_CHARS = 200
_CUT_SHORT = ("...", "…", "[...]")


@dataclass(slots=True)
class Module:
    """A module as printed: `text` holds the lines between its brackets, without its children's."""

    name: str
    type: str  # empty for an entry that is no module ("Parameter containing: ...", "None")
    line: int
    text: list[str] = field(default_factory=list)
    children: list[Module] = field(default_factory=list)
    repeat: int = 1
    indent: int = 0
    closed: bool = True


def parse_module(payload: str) -> Module:
    """Return the module that a text prints; a log's lines before and after it are left out.

    Raises InvalidDocument, with the line, if there is none or if it is cut short.
    """
    lines = _ANSI.sub("", payload).replace("\r\n", "\n").expandtabs(4).split("\n")
    start = find_module(lines)
    if start is None:
        raise InvalidDocument(
            f"line {_first_line_with_text(lines)}: is not what print(model) writes of a torch.nn.Module"
        )
    root, prefix = start
    last = root.line if root.closed else _fill(root, lines, prefix)
    second = find_module(lines[last:])
    if second is not None and not second[0].closed:
        raise InvalidDocument(f"line {last + second[0].line}: a second module begins here; send one at a time")
    return root


def find_module(lines: Sequence[str]) -> tuple[Module, str] | None:
    """Return the module that begins first, and the text before it in its line; a single line may hold all of it.

    A module of several lines goes before one of a single line.
    """
    single = None
    for number, line in enumerate(map(str.rstrip, lines), 1):
        if line.endswith("(") and (match := _CLASS_AT_END.search(line[-_MAX_CLASS_CHARS:-1])):
            prefix = line[: -1 - len(match[0])]
            return _root(prefix, Module("", match[0], number, closed=False)), prefix
        if single is None and line.endswith(")") and (opening := _find_opening(line)) is not None:
            match = _CLASS_AT_END.search(line[max(0, opening - _MAX_CLASS_CHARS) : opening])
            if match and match[0].rpartition(".")[2][:1].isupper():
                inner = line[opening + 1 : -1].strip()
                single = Module("", match[0], number, [inner] if inner else []), line[: opening - len(match[0])]
    return single


def _root(prefix: str, root: Module) -> Module:
    root.indent = len(prefix) - len(prefix.lstrip()) if not prefix.strip() else 0
    return root


def _find_opening(line: str) -> int | None:
    """Return the index of the bracket that the last character closes."""
    depth = 0
    for index in range(len(line) - 1, -1, -1):
        depth += (line[index] == ")") - (line[index] == "(")
        if depth == 0:
            return index
    return None


def _first_line_with_text(lines: Sequence[str]) -> int:
    return next((number for number, line in enumerate(lines, 1) if line.strip()), 1)


def _fill(root: Module, lines: Sequence[str], prefix: str) -> int:
    """Read the lines after a root's first into it; return the number of the line that closes it."""
    stack = [root]
    indented = None
    for number, line in _lines_after(lines, root.line, prefix):
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


def _lines_after(lines: Sequence[str], after: int, prefix: str) -> Iterator[tuple[int, str]]:
    """Yield the lines after line `after`, each with its number, without a prefix that a log put before each."""
    pattern = None
    if prefix.strip():
        shape = _DIGITS.sub("0", prefix[:_MAX_PREFIX_CHARS])
        pattern = re.compile(r"\d+".join(map(re.escape, shape.split("0"))))
    for number, line in enumerate(lines[after:], after + 1):
        match = pattern and pattern.match(line[: 2 * _MAX_PREFIX_CHARS])
        yield number, line[match.end() :] if match else line


def _leave(stack: list[Module], indent: int, text: str) -> None:
    """Close the modules that end before a line of this indent."""
    while len(stack) > 1 and (stack[-1].indent > indent or (stack[-1].indent == indent and text != ")")):
        module = stack.pop()
        if not module.closed:
            raise InvalidDocument(f"line {module.line}: {module.type[:60]}( is never closed; is the text cut short?")


def _take(stack: list[Module], number: int, indent: int, text: str) -> None:
    """Put a line into the innermost open module: as a child, or as text."""
    match = _ENTRY.match(text) if text[0] == "(" else None
    if match is None:
        stack[-1].text.append(text)
        return
    child = parse_entry(match[1], match[2], number)
    child.indent = indent
    stack[-1].children.append(child)
    if not child.closed:
        stack.append(child)
        if len(stack) > MAX_DEPTH:
            raise TooLarge(f"line {number}: is nested deeper than {MAX_DEPTH} modules")


def parse_entry(name: str, text: str, number: int) -> Module:
    """Return the entry that a parent prints in line `number`: "(0-2): 3 x Linear(...)", or something without type."""
    times = _TIMES.match(text)
    body = text[times.end() :] if times else text
    match = _CLASS.match(body)
    if match is None or body[match.end() : match.end() + 1] != "(":
        return Module(name, "", number, [text])
    module = Module(name, match[0], number, repeat=int(times[1]) if times else 1)
    inner = body[match.end() + 1 :]
    if inner.endswith(")"):
        inner = inner[:-1]
    else:
        module.closed = inner != ""
    if inner.strip():
        module.text.append(inner.strip())
    return module
