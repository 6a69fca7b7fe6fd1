"""Printed modules: the lines of `print(model)` as a tree, also if they went through a log or a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from paramcount.formats.torch.candidates import (
    find_counted,
    find_root,
    holds_module,
    refuse_modules,
    strip_comment,
)
from paramcount.formats.torch.figures import is_figure, strip_figures
from paramcount.model.errors import InvalidDocument, TooLarge

MAX_DEPTH = 90
"""The most modules inside each other. It fits Limits.max_depth."""

_ANSI = re.compile(r"\x1b\[[0-9;?]{0,50}[A-Za-z]")
_ESCAPED = re.compile(r"\((?:\\{1,8}r)?\\{1,8}n")
_ESCAPES = re.compile(r"(?<!\\)\\{1,8}(n|t|\"|'|u001b|x1b|r)")
_ESCAPED_CHARACTERS = {"n": "\n", "t": "\t", '"': '"', "'": "'", "u001b": "\x1b", "x1b": "\x1b", "r": ""}
_OPTIMIZER = re.compile(r"^.*\w \(\nParameter Group 0\n(?!\)).*(?:\n(?!\)).*)*+\n\)", re.MULTILINE)
"""An optimizer, as torch prints it."""

_LEAF = re.compile(
    r"\(([^()\s,:–—-]++)\): ([^\W\d][\w.]*+)\(([^()…]*+(?:(?:(?<==)|(?<=, )|(?<=\())\([^()…]*+\)[^()…]*+)*+)\)"
)
"""An entry as torch prints most of them: in one line a class and its arguments, which are values and tuples."""

_ENTRY = re.compile(r"\((.+?)\):\s*(.*)", re.DOTALL)
_TIMES = re.compile(r"(\d{1,18}) [x×] (?=\S)", re.ASCII)
_CLASS = re.compile(r"([^\W\d][\w.]*) ?\(")
_BRACKET = re.compile(r"[()]|(?<=[=,(\[{:\s])('[^']*+'|\"[^\"]*+\")(?=[\s,)\]}:]|\Z)")
"""A bracket, or a quoted text, in which brackets mean nothing."""

_INNER_MODULE = re.compile(r"(?:(.*), )?(\w+)=([A-Z]\w*) ?\(\Z", re.DOTALL)
_RANGE = re.compile(r"(?:[a-z]+ )?\d+(?: ?(?:-|–|—|\.{2,3}|:|,| to ) ?\d+)+")
"""A name that stands for several modules, as people write it, too: "0-3", "ids 0-3", "0 to 3", "0, 2"."""

_DIGITS = re.compile(r"\d+", re.ASCII)
_MAX_PREFIX_CHARS = 300
_CUT_SHORT = re.compile(r"\W*(\.\.\.|…|⋮)|[^\"']*(\.\.\.|…)[\s\])]*\Z")
_WITHOUT_BRACKETS = "SELU"
"""A class that torch printed without brackets until 0.3.1."""


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
    closed: bool = True  # in its first line
    tail: str = ""  # what follows its last bracket in that line
    prints_child: bool = False  # among its arguments, as no class of torch does


def parse_module(payload: str) -> Module:
    """Return the module that a text prints; a log's lines before and after it are left out.

    Raises InvalidDocument, with the line, if there is none, if it is cut short, or if a part of the text that may be
    a module is not understood.
    """
    lines = split_lines(payload)
    opening = find_root(lines)
    if opening is None:
        raise InvalidDocument(
            f"line {_first_line_with_text(lines)}: is not what print(model) writes of a torch.nn.Module"
        )
    root = _read_module(Module("", opening.type, opening.line), opening.rest)
    if not opening.prefix.strip():
        root.indent = len(opening.prefix)
    if root.closed:
        for text in root.text:
            _check_text(root, text, root.line)
        last, tail = root.line, opening.tail
    else:
        last, tail = _TreeBuilder(root).build(_lines_after(lines, root.line, opening.prefix))
    refuse_modules([opening.prefix], root.line - 1, root.type)
    refuse_modules([tail], last - 1, root.type)
    refuse_modules(lines[last:], last, root.type)
    if "%" in payload:
        _strip_figures(root)
    return root


def split_lines(payload: str) -> list[str]:
    """Return the lines of a text, without colours; line breaks may be written out, as in JSON or a repr."""
    text = _ANSI.sub("", payload)
    if _ESCAPED.search(text):
        text = _ANSI.sub("", _ESCAPES.sub(lambda match: _ESCAPED_CHARACTERS[match[1]], text))
    text = text.replace("\r\n", "\n").expandtabs(4)
    if "Parameter Group" in text:
        end = text.rfind("\n)") + 2  # none is closed behind it, and each would be looked for up to the end
        text = _OPTIMIZER.sub(lambda match: "\n" * match[0].count("\n"), text[:end]) + text[end:]
    return text.split("\n")


def _first_line_with_text(lines: Sequence[str]) -> int:
    return next((number for number, line in enumerate(lines, 1) if line.strip()), 1)


def _lines_after(lines: Sequence[str], after: int, prefix: str) -> Iterator[tuple[int, str]]:
    """Yield the lines after line `after`, each with its number, without a prefix that a log put before each."""
    pattern = None
    if prefix.strip():
        shape = _DIGITS.sub("0", prefix[:_MAX_PREFIX_CHARS])
        pattern = re.compile(r"\d+".join(map(re.escape, shape.split("0"))))
    for number, line in enumerate(lines[after:], after + 1):
        match = pattern and pattern.match(line[: 2 * _MAX_PREFIX_CHARS])
        yield number, line[match.end() :] if match else line


class _TreeBuilder:
    """Reads the lines after a root's first into it."""

    def __init__(self, root: Module) -> None:
        self._stack = [root]
        self._indented: bool | None = None
        self._depth = 0  # of the brackets in a module's own text that goes on in the next line
        self._in_arguments = False  # of the innermost module, whose own bracket is the last to close
        self._parts = root.text  # the lines of a text that goes on
        self._tail = ""

    def build(self, lines: Iterator[tuple[int, str]]) -> tuple[int, str]:
        """Return the number of the line that closes the root, and what follows the bracket there."""
        self._begin_arguments(self._stack[0])
        for number, line in lines:
            text = line.strip()
            if not text:
                continue
            if self._in_arguments or self._depth:
                self._continue(number, text)
            else:
                indent = len(line) - len(line.lstrip())
                if self._indented is None:
                    self._indented = indent > self._stack[0].indent
                if self._indented and (text[0] == ")" or self._stack[-1].indent >= indent):
                    self._check_indent(number, indent, text)
                self._take(number, indent, text)
            if not self._stack:
                return number, self._tail
        raise _not_closed(self._stack[-1])

    def _check_indent(self, number: int, indent: int, text: str) -> None:
        """Raise InvalidDocument for a line that stands outside of the module which is open there."""
        module = self._stack[-1]
        if module is self._stack[0]:
            return
        if module.indent > indent or (module.indent == indent and text[0] != ")"):
            raise _not_closed(module)
        if module.indent < indent and text[0] == ")":
            raise InvalidDocument(
                f"line {number}: this bracket closes {module.type[:60]}( of line {module.line}, and is indented "
                "deeper; is a line missing between them?"
            )

    def _take(self, number: int, indent: int, text: str) -> None:
        """Take a line as a child of the innermost open module, as its end, or as its own text."""
        if text[0] == ")":
            self._close(number, text)
            return
        if (match := _LEAF.fullmatch(text)) and ".." not in text:
            arguments = match[3].strip()
            child = Module(match[1], match[2], number, [arguments] if arguments else [], indent=indent)
            self._stack[-1].children.append(child)
            return
        if text[0] == "(" and (match := _ENTRY.match(text)):
            child = parse_entry(match[1], match[2], number)
            child.indent = indent
        else:
            self._add_text(number, text)
            return
        self._add_child(child, number)

    def _add_child(self, child: Module, number: int) -> None:
        parent = self._stack[-1]
        parent.children.append(child)
        if child.repeat == 1 and parent.type != "ModuleDict" and _RANGE.fullmatch(child.name):
            raise InvalidDocument(
                f'line {number}: "({child.name[:60]})" names several modules, and no "24 x" says how many'
            )
        inner = None if child.closed else _take_inner(child)
        if child.text:
            _check_text(child, child.text[0], number)
        if child.tail:
            _check_tail(child, child.tail, number)
        if not child.closed:
            self._push(child, number)
        if inner:
            self._add_child(inner, number)

    def _push(self, module: Module, number: int) -> None:
        self._stack.append(module)
        self._begin_arguments(module)
        if len(self._stack) > MAX_DEPTH:
            raise TooLarge(f"line {number}: is nested deeper than {MAX_DEPTH} modules")

    def _begin_arguments(self, module: Module) -> None:
        """Note that a module's arguments go on in the next line, if they begin in its first."""
        self._in_arguments, self._parts = bool(module.text), module.text[:]
        self._depth = _scan(module.text[0], 0)[1] if module.text else 0

    def _add_text(self, number: int, text: str) -> None:
        """Take a line as the innermost module's own text; it may go on in the next line, or close the module."""
        module = self._stack[-1]
        end, self._depth = _scan(text, 0)
        part = text if end < 0 else text[:end].rstrip()
        if part:
            _check_text(module, part, number)
            module.text.append(part)
            self._parts = [part]
        if end >= 0:
            self._close(number, text[end:])

    def _continue(self, number: int, text: str) -> None:
        """Join a line to a text whose brackets are still open, if the line was broken where nothing can be lost."""
        module = self._stack[-1]
        if (match := _ENTRY.match(text)) and _CLASS.match(match[2]):
            raise _not_closed(module)
        if self._parts[-1][-1] not in ",([{" and text[0] not in ",)]}":
            raise InvalidDocument(
                f"line {number}: goes on with a line that is broken before it; send the line of each module whole"
            )
        end, self._depth = _scan(text, self._depth)
        part = text if end < 0 else text[:end].rstrip()
        _check_text(module, part, number)
        self._parts.append(part)
        if end >= 0 or not (self._depth or self._in_arguments):
            module.text[-1] = "".join(self._parts)
        if end >= 0:
            self._close(number, text[end:])

    def _close(self, number: int, text: str) -> None:
        """Close a module for each bracket that a line begins with."""
        self._depth, self._in_arguments = 0, False
        rest = text
        while rest[:1] == ")" and self._stack:
            module = self._stack.pop()
            rest = rest[1:]
            _check_names(module)
        if self._stack:
            _check_tail(module, strip_comment(")" + rest)[1:], number)
        self._tail = rest


def parse_entry(name: str, text: str, number: int) -> Module:
    """Return the entry that a parent prints in line `number`: "(0-2): 3 x Linear(...)", or something without type."""
    if _scan(name, 0) != (-1, 0):
        raise InvalidDocument(f'line {number}: "({name[:60]})" is no name of a module; are two lines joined?')
    times = _TIMES.match(text)
    body = text[times.end() :] if times else text
    if times:
        name = name.rpartition(" ")[2]  # "ids 0-23"
    match = _CLASS.match(body)
    if match is None:
        return (
            Module(name, text, number) if text == _WITHOUT_BRACKETS else Module(name, "", number, [text or "nothing"])
        )
    module = Module(name, match[1], number, repeat=int(times[1]) if times else 1)
    return _read_module(module, strip_comment(body[match.end() - 1 :])[1:])


def _take_inner(module: Module) -> Module | None:
    """Return the child that a module prints among its arguments, and take it out of them: "GINConv(nn=Sequential("."""
    match = _INNER_MODULE.match(module.text[0]) if module.text else None
    if match is None:
        return None
    module.text, module.prints_child = [match[1]] if match[1] else [], True
    return Module(match[2], match[3], module.line, indent=module.indent, closed=False)


def _read_module(module: Module, rest: str) -> Module:
    """Read what follows a module's first bracket in its line; it is closed there, or goes on in the next."""
    end, _ = _scan(rest, 0)
    module.closed = end >= 0
    inner = rest[:end] if module.closed else rest
    if inner.strip():
        module.text.append(inner.strip())
    if module.closed:
        module.tail = rest[end + 1 :].strip()
    return module


def _scan(text: str, depth: int) -> tuple[int, int]:
    """Return the index of the bracket that closes the module, or -1, and the depth of brackets after the text."""
    for match in _BRACKET.finditer(text):
        if match[0] == "(":
            depth += 1
        elif match[0] == ")":
            if depth == 0:
                return match.start(), 0
            depth -= 1
    return -1, depth


def _not_closed(module: Module) -> InvalidDocument:
    return InvalidDocument(f"line {module.line}: {module.type[:60]}( is never closed; is the text cut short?")


def _check_text(module: Module, text: str, number: int) -> None:
    """Raise InvalidDocument for a module's own text that is cut short, or in which other modules stand."""
    if ("..." in text or "…" in text or "⋮" in text) and _CUT_SHORT.match(text):
        raise InvalidDocument(f"line {number}: the text is cut short here; send all of it")
    if holds_module(text):
        kind = find_counted(text) or "a module"
        raise InvalidDocument(
            f"line {number}: {kind} inside {module.type[:60] or 'an entry'}( has no name, or no line of its own; "
            'print(model) writes "(name): Class(...)"'
        )


def _check_tail(module: Module, tail: str, number: int) -> None:
    """Raise InvalidDocument for what follows a module's last bracket, unless it is a figure.

    An entry with another text is no module as torch prints it.
    """
    tail = tail.strip()
    if not tail or tail == "," or is_figure(tail):
        return
    if module.closed and not holds_module(tail) and not tail.startswith(")"):
        module.text, module.type = [f"{module.type} {tail}"], ""
        return
    raise InvalidDocument(f'line {number}: "{tail[:60]}" after {module.type[:60]}(...) is not understood')


def _check_names(module: Module) -> None:
    """Raise InvalidDocument for two children of one name."""
    names = [child.name for child in module.children]
    if len(set(names)) < len(names):
        lines: dict[str, int] = {}
        for child in module.children:
            first = lines.setdefault(child.name, child.line)
            if first != child.line:
                raise InvalidDocument(
                    f'line {child.line}: {module.type[:60]}( has a child "({child.name[:60]})" in line {first}; '
                    "print(model) names each once: are these the lines of several modules?"
                )


def _strip_figures(module: Module) -> None:
    module.text = [text for text in map(strip_figures, module.text) if text]
    for child in module.children:
        _strip_figures(child)
