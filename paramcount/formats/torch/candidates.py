"""Lines of a text that may print a module: where a model begins, and what stands before and after it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from paramcount.formats.torch.known import MAX_CLASS_CHARS
from paramcount.model.errors import InvalidDocument
from paramcount.schema.registry import LAYERS

_MAX_LOOKAHEAD_LINES = 3
_CLASS_AT_END = re.compile(r"(?<![\w.])([^\W\d][\w.]*+)( ?)\Z")
_COMMENT = re.compile(r"(?<=[(),])\s+(?:#|//|<-|←).*\Z")
_COMMENT_MARK = re.compile(r"#|//|<-|←")
_DECORATION = re.compile(r"[\s>'\"`,;.\]}\\]*+(</\w+>)?\s*\Z")
"""The end of a line after the last bracket of a print: a quote, a tag, the ">" of a bound method."""

_PARENT = re.compile(r"\w\((\w+=)?\Z")
_ENTRY_BEFORE = re.compile(r"\(([^()]{1,200})\):\s*+(\d+ x )?\Z")
_ENTRY = re.compile(r"\([^()]{1,200}\):\s*+(\d+ x )?([^\W\d][\w.]*+\(|[A-Z]\w*+ \()")
_PART = re.compile(r"\s*+(\([^()]{1,200}\):|(.*\s)?\)+\s*\Z)")
"""A line that only stands within a model: one that begins with a name in brackets, or a closing bracket alone."""

_CLASS = re.compile(r"(?<![\w.])([A-Z]\w*+) ?\(")
_OLD_ARGUMENTS = re.compile(r"=|->|\A[-+\d.,e ]*(inplace)?\Z")
"""Arguments as torch 0.2 printed them, after a blank and a bracket: "Linear (400 -> 120)", "ReLU (inplace)"."""

_OPEN_AT_END = re.compile(r"(?<![\w.])[A-Z]\w*+ ?\(\Z")
_ASSIGNED = re.compile(r"(\w = |\breturn |\bprint\()\Z")
_NO_MODULE = re.compile(
    r"(\w*(Config|Arguments|Args|Dataset|DataLoader|Tokenizer|TokenizerFast|Error|Exception|Warning)"
    r"|Namespace|OrderedDict|Counter|\w*Path|AddedToken|Tensor|Size)\Z"
)
"""Classes whose objects people print beside a model, and which are no modules."""

_CONTAINERS = frozenset(("Sequential", "ModuleList", "ModuleDict"))


class Opening(NamedTuple):
    """A line in which a module begins."""

    line: int
    prefix: str
    type: str
    rest: str  # after the bracket, with the last bracket of the line; empty: other lines follow
    tail: str  # after the last bracket


def strip_comment(line: str) -> str:
    """Return the line without a comment after its last bracket or comma."""
    return _COMMENT.sub("", line) if _COMMENT_MARK.search(line) else line


def find_root(lines: Sequence[str]) -> Opening | None:
    """Return where the first module begins; source code counts if nothing else does.

    Raises InvalidDocument if it is a part of a model whose first line is missing.
    """
    source = None
    for index, line in enumerate(lines):
        opening = _find_opening(lines, index)
        if opening and is_source(opening.type):
            source = source or opening
        elif opening and not (_ENTRY_BEFORE.search(opening.prefix) or _PARENT.search(opening.prefix)):
            return opening
        elif opening and _PARENT.search(opening.prefix):
            if any(map(_ENTRY.search, lines[index + 1 : index + 2])):
                raise InvalidDocument(
                    f"line {index + 1}: {opening.type[:60]}( begins inside the brackets of another module: "
                    "print(model) gives each a line of its own"
                )
        elif not source and (opening or _ENTRY.search(line) or _PART.match(line)):
            raise InvalidDocument(
                f'line {index + 1}: is a part of a model, whose first line, as "Net(", is missing: send all of it'
            )
    return source


def refuse_modules(lines: Sequence[str], after: int, root: str) -> None:
    """Raise InvalidDocument for the first of these lines, beside the model, that may print another module.

    `after` is the number of the line before them.
    """
    for index, line in enumerate(lines):
        opening = _find_opening(lines, index)
        is_module = (opening and not is_source(opening.type)) or _ENTRY.search(line) or find_counted(line)
        if is_module or _PART.match(line):
            raise InvalidDocument(
                f'line {after + index + 1}: "{line.strip()[:60]}" beside {root[:60]}( may be of a second module; '
                "send one at a time"
            )


def find_counted(text: str) -> str:
    """Return the first class in a text that is printed as one with tensors or modules in it: "Linear(", or ''."""
    if "(" in text:
        for match in _CLASS.finditer(text):
            name = match[1]
            if name in _CONTAINERS or ((kind := LAYERS.get(f"torch.{name}")) and kind.signature.arguments):
                return name
    return ""


def holds_module(text: str) -> bool:
    """Return whether a module's own text, between its brackets, prints modules that count."""
    return "(" in text and bool(_ENTRY.search(text) or find_counted(text) or _OPEN_AT_END.search(text))


def is_source(name: str) -> bool:
    """Return whether a class is named as in source code: nn.Linear, torch.nn.Linear, self.block."""
    module, _, _ = name.rpartition(".")
    return module.split(".")[-1] in ("nn", "torch", "functional", "F") or module.startswith(("self", "torch.", "nn."))


def _find_opening(lines: Sequence[str], index: int) -> Opening | None:
    """Return the module that begins in a line and goes on below it, or is all of it."""
    line = strip_comment(lines[index].rstrip())
    if line.endswith("("):
        return _find_multiline(lines, index, line)
    last = line.rfind(")")
    if last < 0 or not _DECORATION.match(line, last + 1):
        return None
    first = _match_bracket(line, last)
    match = _CLASS_AT_END.search(line[max(0, first - MAX_CLASS_CHARS) : first]) if first > 0 else None
    if match is None:
        return None
    prefix, name, inner = line[: first - len(match[0])], match[1], line[first + 1 : last]
    is_named = name.rpartition(".")[2][:1].isupper() and not _NO_MODULE.match(name)
    is_torch = f"torch.{name}" in LAYERS
    if not is_named or (match[2] and not (_OLD_ARGUMENTS.search(inner) and (is_torch or "=" in inner))):
        return None
    if _ASSIGNED.search(prefix) and not is_torch:
        return None
    return Opening(index + 1, prefix, name, line[first + 1 : last + 1], line[last + 1 :])


def _find_multiline(lines: Sequence[str], index: int, line: str) -> Opening | None:
    match = _CLASS_AT_END.search(line[-MAX_CLASS_CHARS:-1])
    if match is None or _NO_MODULE.match(match[1]):
        return None
    below = next((text for text in map(str.strip, lines[index + 1 : index + 1 + _MAX_LOOKAHEAD_LINES]) if text), "")
    is_named = match[1].rpartition(".")[2][:1].isupper()
    if not (is_named or _ENTRY.search(below) or below == ")"):
        return None
    return Opening(index + 1, line[: -1 - len(match[0])], match[1], "", "")


def _match_bracket(line: str, last: int) -> int:
    """Return the index of the bracket that the one at `last` closes, or -1."""
    depth = 0
    for index in range(last, -1, -1):
        depth += (line[index] == ")") - (line[index] == "(")
        if depth == 0:
            return index
    return -1
