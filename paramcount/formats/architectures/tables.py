"""Tables of architectures: the modules of every named model of a library, loaded from `data/` on first use.

A family's file has a line for each architecture, and one for each module that they are made of:

    resnet18 ResNet conv1=qm3c bn1=5hxk layer1=zw4a fc=8kdn
     num_classes=0 -fc
     global_pool=avg,max,avgmax,""
     global_pool=catavgmax fc=t2yw
    =qm3c Conv2d weight:64,in_chans,7,7
    =5hxk BatchNorm2d weight:64 bias:64 running_mean~F32:64 running_var~F32:64 num_batches_tracked~I64:

A token `name=id` is a child, `0-2=id` three of them, `name:sizes` a tensor, `name!sizes` a frozen one,
`name~DTYPE:sizes` a buffer; `>path` ends one that is tied. The indented lines say what arguments change: a token
replaces that of its name, or is new; `-name` goes. Values that no line has were not verified.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple

from paramcount.formats.huggingface.expressions import evaluate_integer, parse
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

_DATA = files("paramcount.formats.architectures") / "data"
_TENSOR = re.compile(r"(?P<name>[^:!~=]+)(?::|(?P<frozen>!)|~(?P<buffer>\w+):)(?P<shape>[^>]*)(?:>(?P<tied>.+))?")
_NO_NAME = '""'


class Variant(NamedTuple):
    """The change that some arguments make: their values, and the tokens."""

    values: Mapping[str, frozenset[str]]
    tokens: tuple[str, ...]


class Architecture(NamedTuple):
    """A named model: its class, the tokens of its root, and its variants."""

    kind: str
    tokens: tuple[str, ...]
    variants: tuple[Variant, ...]

    @property
    def is_sized_by_image(self) -> bool:
        """True where the size of images is in the shape of a tensor of the root."""
        return any("rows" in token for token in self.tokens)


class Family:
    """The architectures of one file, and the modules that they share."""

    def __init__(self, name: str, text: str) -> None:
        self._name = name
        self._lines: dict[str, list[str]] = {}  # of each architecture
        self._definitions: dict[str, str] = {}
        self._parts: dict[str, Layer | Tensor] = {}  # by token, of those that depend on no argument
        name = ""
        for line in text.splitlines():
            if line[0] == "=":
                one, _, definition = line[1:].partition(" ")
                self._definitions[one] = definition
            elif line[0] == " ":
                self._lines[name].append(line[1:])
            else:
                name, _, rest = line.partition(" ")
                self._lines[name] = [rest]

    def __contains__(self, name: str) -> bool:
        return name in self._lines

    def names(self) -> Iterator[str]:
        """Yield the names of the family's architectures."""
        yield from self._lines

    def architecture(self, name: str) -> Architecture:
        """The architecture of a name that the family has."""
        first, *others = self._lines[name]
        kind, *tokens = first.split(" ")
        return Architecture(kind, tuple(tokens), tuple(map(_parse_variant, others)))

    def build(self, kind: str, tokens: Iterable[str], arguments: Mapping[str, int]) -> Layer:
        """The layer of a class with these tensors and children, for the arguments that size them."""
        return _Builder(self._name, self._definitions, self._parts, arguments).build_layer(kind, tokens)[0]


class _Builder:
    """Builds the layers of one model; what no argument sizes is kept for all."""

    def __init__(
        self,
        family: str,
        definitions: Mapping[str, str],
        parts: dict[str, Layer | Tensor],
        arguments: Mapping[str, int],
    ) -> None:
        self._family, self._definitions, self._parts, self._arguments = family, definitions, parts, arguments
        self._sized: dict[str, Layer | Tensor] = {}  # by token, of those that an argument sizes

    def build_layer(self, kind: str, tokens: Iterable[str]) -> tuple[Layer, bool]:
        """A layer, and whether an argument sizes anything in it."""
        tensors: list[Tensor] = []
        children: list[Layer] = []
        sized = False
        for token in tokens:
            if (part := self._parts.get(token)) is None:
                part, is_sized = self._build_part(token)
                sized |= is_sized
            if isinstance(part, Tensor):
                tensors.append(part)
            else:
                children.append(part)
        return Layer("", kind, None, tuple(children), tuple(tensors)), sized

    def _build_part(self, token: str) -> tuple[Layer | Tensor, bool]:
        """The tensor or the child of a token, and whether an argument sizes anything in it."""
        if (part := self._sized.get(token)) is not None:
            return part, True
        if match := _TENSOR.fullmatch(token):
            part, sized = self._build_tensor(match)
        else:
            name, _, one = token.partition("=")
            kind, *tokens = self._definitions[one].split(" ")
            layer, sized = self.build_layer(kind, tokens)
            cache_key = b"" if sized else f"{self._family} {token}".encode()
            part = layer._replace(name=name, repeat=_count_blocks(name), cache_key=cache_key)
        (self._sized if sized else self._parts)[token] = part
        return part, sized

    def _build_tensor(self, match: re.Match[str]) -> tuple[Tensor, bool]:
        texts = match["shape"].split(",") if match["shape"] else []
        sized = not all(map(str.isdecimal, texts))
        shape = tuple([int(text) if text.isdecimal() else self._evaluate(text) for text in texts])
        if match["buffer"]:
            return Tensor(match["name"], shape, "buffer", match["buffer"], trainable=False), sized
        tensor = Tensor(match["name"], shape, trainable=not match["frozen"], tied_to=match["tied"] or "")
        return tensor, sized

    def _evaluate(self, text: str) -> int:
        length = evaluate_integer(parse(text), self._arguments, ())
        if length is None:
            raise InvalidDocument(f"needs a value for {text}", "", "required")
        return length


def _count_blocks(name: str) -> int:
    """The number of blocks that a name stands for."""
    if not name[0].isdigit():
        return 1
    parts = (part.partition("-") for part in name.split(","))
    return sum(int(last or first) - int(first) + 1 for first, _, last in parts)


def _parse_variant(line: str) -> Variant:
    values: dict[str, frozenset[str]] = {}
    tokens = line.split(" ")
    while tokens and (argument := tokens[0].partition("="))[0] in ARGUMENTS:
        values[argument[0]] = frozenset("" if one == _NO_NAME else one for one in argument[2].split(","))
        tokens = tokens[1:]
    return Variant(values, tuple(tokens))


ARGUMENTS = ("global_pool", "img_size", "include_top", "num_classes")
"""The arguments whose values change more than sizes."""


def name_of(token: str) -> str:
    """The name of the tensor or child that a token gives."""
    return next(token[:position] for position, letter in enumerate(token) if letter in "=:!~")


def apply(tokens: Iterable[str], changes: Iterable[str]) -> tuple[str, ...]:
    """The tokens of a module once these are changed."""
    by_name = {name_of(token): token for token in tokens}
    for change in changes:
        if change[0] == "-":
            del by_name[change[1:]]
        else:
            by_name[name_of(change)] = change
    return tuple(by_name.values())


@lru_cache(maxsize=16)
def load_family(library: str, family: str) -> Family:
    """Load a family that the library's index lists."""
    return Family(f"{library} {family}", (_DATA / library / f"{family}.txt").read_text())


class Entry(NamedTuple):
    """A line of a library's index: where an architecture is, its default arguments, and those of its checkpoints."""

    family: str
    defaults: Mapping[str, str]
    tags: Mapping[str, Mapping[str, str]]


class Index(NamedTuple):
    """The architectures of a library, and the release that they were verified against."""

    version: str
    lines: Mapping[str, str]

    def entry(self, name: str) -> Entry:
        """The line of an architecture."""
        family, *tokens = self.lines[name].split(" ")
        defaults: dict[str, str] = {}
        tags: dict[str, dict[str, str]] = {}
        arguments = defaults
        for token in tokens:
            if token[0] == ".":
                arguments = tags[token[1:]] = {}
            else:
                argument, _, value = token.partition("=")
                arguments[argument] = value
        return Entry(family, defaults, tags)


@lru_cache(maxsize=8)
def load_index(library: str) -> Index:
    """Load the index of a library."""
    version, *lines = (_DATA / library / "index.txt").read_text().splitlines()
    return Index(version.partition(" ")[2], dict(_split(line) for line in lines))


def _split(line: str) -> tuple[str, str]:
    name, _, rest = line.partition(" ")
    return name, rest


def iterate_libraries() -> Iterator[str]:
    """Yield the libraries that have a table."""
    yield from sorted(folder.name for folder in _DATA.iterdir() if folder.is_dir())
