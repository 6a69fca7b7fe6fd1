"""Trees of modules: from a model's named tensors to definitions that equal modules share, written as lines of text."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from paramcount.formats.architectures.tables import name_of
from paramcount.model import block_ranges

Dimension = int | str
"""A length, or an expression of arguments."""

MIN_ID_CHARS = 4


class ModelTensor(NamedTuple):
    """A tensor of a built model."""

    shape: tuple[Dimension, ...]
    frozen: bool = False
    buffer: str = ""  # the dtype of a buffer; empty: a parameter
    tied: str = ""  # the first name of the same tensor


@dataclass(slots=True)
class Module:
    """A module in the tree: its class, its own tensors as tokens, and its children."""

    kind: str
    tensors: dict[str, str] = field(default_factory=dict)
    children: dict[str, Module] = field(default_factory=dict)


class Definitions:
    """The different modules of a family, each a line; equal ones are one."""

    def __init__(self) -> None:
        self.lines: dict[str, str] = {}  # by id
        self._ids: dict[str, str] = {}  # by line

    def add(self, module: Module) -> str:
        """Return the id of a module, defined if it is new."""
        return self._define(" ".join([module.kind, *self.tokens(module)]))

    def tokens(self, module: Module) -> list[str]:
        """The tokens of a module's tensors and children."""
        children = {name: self.add(child) for name, child in module.children.items()}
        return [*module.tensors.values(), *(f"{name}={one}" for name, one in _fold(children))]

    def _define(self, line: str) -> str:
        if line not in self._ids:
            digest = int.from_bytes(hashlib.sha256(line.encode()).digest()[:10])
            text = "".join(_DIGITS[digest >> 5 * digit & 31] for digit in range(16))
            length = next(size for size in range(MIN_ID_CHARS, 16) if text[:size] not in self.lines)
            self._ids[line] = text[:length]
            self.lines[text[:length]] = line
        return self._ids[line]


_DIGITS = "abcdefghijkmnpqrstuvwxyz23456789"


def _fold(children: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the names of children with their ids; equal ones that are named by an index share a name."""
    groups: dict[tuple[str, str], list[str]] = {}
    for name, one in children.items():
        groups.setdefault((one, "" if name.isdecimal() else name), []).append(name)
    for (one, word), names in groups.items():
        yield word or block_ranges.format(sorted(map(int, names))), one


def build_module(tensors: Mapping[str, ModelTensor], classes: Mapping[str, str]) -> Module:
    """The tree of a model's modules that hold a tensor."""
    root = Module(classes.get("", "Module"))
    for name, tensor in tensors.items():
        *steps, leaf = name.split(".")
        module, path = root, ""
        for step in steps:
            path = f"{path}.{step}" if path else step
            if step not in module.children:
                module.children[step] = Module(classes.get(path) or "Module")
            module = module.children[step]
        module.tensors[leaf] = write_tensor(leaf, tensor)
    return root


def write_tensor(name: str, tensor: ModelTensor) -> str:
    """The token of a tensor: weight:64,3,7,7, frozen weight!64, buffer mean~F32:64, tied weight:64>stem.weight."""
    mark = f"~{tensor.buffer}:" if tensor.buffer else "!" if tensor.frozen else ":"
    shape = ",".join(map(str, tensor.shape))
    return f"{name}{mark}{shape}" + (f">{tensor.tied}" if tensor.tied else "")


def edits(before: Iterable[str], after: Iterable[str]) -> list[str]:
    """The tokens that make the one list of tokens of the other: new ones, and -name of those that go."""
    old, new = {name_of(token): token for token in before}, {name_of(token): token for token in after}
    gone = [f"-{name}" for name in old if name not in new]
    return gone + [token for name, token in new.items() if old.get(name) != token]
