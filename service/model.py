"""The nouns that every part shares: tensors, layers, documents, and what was counted of them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Iterable, Mapping
from fractions import Fraction
from math import prod
from typing import Any, Literal, NamedTuple

Dimensions = tuple[int | None, ...]
"""What flows between layers, batch axis first; None is an axis that the document leaves open: (None, 224, 224, 3)."""

Output = Any
"""What a layer returns: Dimensions, a list or dict of them for several outputs, or None where nobody can know."""

Convention = Literal["keras", "torch", "stored"]
"""Where buffers go: keras counts them as frozen, torch leaves them out, stored counts every element of a file."""

# GGUF's quantised types: elements that share a block, and the bytes that block takes (ggml's type_traits).
BLOCKS: Mapping[str, tuple[int, int]] = {
    "Q4_0": (32, 18), "Q4_1": (32, 20), "Q5_0": (32, 22), "Q5_1": (32, 24), "Q8_0": (32, 34), "Q8_1": (32, 40),
    "Q2_K": (256, 84), "Q3_K": (256, 110), "Q4_K": (256, 144), "Q5_K": (256, 176), "Q6_K": (256, 210),
    "Q8_K": (256, 292), "IQ1_S": (256, 50), "IQ1_M": (256, 56), "IQ2_XXS": (256, 66), "IQ2_XS": (256, 74),
    "IQ2_S": (256, 82), "IQ3_XXS": (256, 98), "IQ3_S": (256, 110), "IQ4_NL": (32, 18), "IQ4_XS": (256, 136),
    "TQ1_0": (256, 54), "TQ2_0": (256, 66), "MXFP4": (32, 17), "NVFP4": (64, 36), "Q1_0": (128, 18),
}  # fmt: skip

# Bits an element takes: by the names that safetensors uses, then by those of formats that hold other types.
DTYPES: Mapping[str, int | Fraction] = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "I8", "U8", "BOOL"), 8),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    **dict.fromkeys(("F4", "I4", "U4"), 4),
    **dict.fromkeys(("I2", "U2"), 2),
    "C128": 128,
    "C32": 32,
    "F4_X2": 8,  # torch's float4_e2m1fn_x2: one element is a pair
    "STRING": 0,  # ONNX: each of its own length
    **{name: Fraction(8 * size, elements) for name, (elements, size) in BLOCKS.items()},
}

# The names that frameworks have for them.
DTYPE_NAMES: Mapping[str, str] = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "bfloat16": "BF16",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
    "float8_e8m0fnu": "F8_E8M0",
    "float8_e4m3fnuz": "F8_E4M3FNUZ",
    "float8_e5m2fnuz": "F8_E5M2FNUZ",
    "float4_e2m1fn_x2": "F4_X2",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "int8": "I8",
    "int4": "I4",
    "uint64": "U64",
    "uint32": "U32",
    "uint16": "U16",
    "uint8": "U8",
    "bool": "BOOL",
    "complex32": "C32",
    "complex64": "C64",
    "complex128": "C128",
}


class Reason(NamedTuple):
    """Why something does not train."""

    by: Literal["design", "document", "adapter", "rule"]
    rule: int = -1  # which of the request's, from 0
    match: str = ""  # what that rule matches


ADAPTER = Reason("adapter")
"""It is of the model that an adapter was put into."""

DESIGN = Reason("design")
"""Its layer never trains it, whatever anybody says: a buffer, a quantised kernel."""


class Tensor(NamedTuple):
    """One named array; every number that is reported derives from these."""

    name: str
    shape: tuple[int, ...]
    role: Literal["weight", "buffer"] = "weight"  # a buffer is saved with the model and never trained
    dtype: str = ""  # a key of DTYPES; empty: the layer's
    trainable: bool = True  # False: frozen by its layer's design
    tied_to: str = ""  # the path of the tensor that this one is; it is counted there
    frozen_by: Reason | None = None  # settled by counting
    stands_for: int = 0  # how many values a packed one holds: -1, nobody can tell; 0, as many as it has elements
    inside: tuple[str, ...] = ()  # the types of the layers in its layer's config that it is of, the outermost first

    @property
    def size(self) -> int:
        """How many elements; a scalar has shape () and size 1."""
        return prod(self.shape)


Formula = Generator[Tensor, None, Output]
"""What a layer's function is: it yields its tensors and returns its output."""


class Ref(NamedTuple):
    """One output of one call of a layer, and the shape that the document itself states for it."""

    layer: str
    call: int = 0
    output: int | None = None  # None: all that the call returned
    stated: Dimensions | None = None


class Call(NamedTuple):
    """One use of a layer: refs, alone or in lists and dicts, by position and by name; anything else is no tensor."""

    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = {}


class Graph(NamedTuple):
    """How the children of a layer are wired: the names of those that stand for its inputs, and what it returns."""

    inputs: tuple[str, ...]
    outputs: Any  # refs, alone or in lists and dicts
    stated: tuple[Dimensions | None, ...] = ()  # what the document says of inputs that are no layers


class Layer(NamedTuple):
    """One node of an architecture, whatever format it was read from.

    `config` is what its type's formula takes; None: there is nothing to compute, all is in `tensors` and `children`.
    `calls` wire it into its parent's graph; without a graph, children follow each other.
    `name` of one of several alike blocks is its indices ("0-31"), and `repeat` is how many those are.
    """

    name: str
    type: str
    config: Mapping[str, Any] | None = None
    children: tuple[Layer, ...] = ()
    tensors: tuple[Tensor, ...] = ()
    calls: tuple[Call, ...] = ()
    graph: Graph | None = None
    trainable: bool = True  # False is inherited by everything beneath
    repeat: int = 1
    shares: str = ""  # the path of the layer whose tensors these are
    dtype: str = ""
    pointer: str = ""  # where it stands in the document
    alike: bytes = b""  # the same of two layers only if type and config are; empty where the reader does not know

    def called(self, calls: Iterable[Call]) -> Layer:
        """The layer, wired in by these."""
        return Layer._make((*self[:5], tuple(calls), *self[6:]))


class Notice(NamedTuple):
    """Something that a reader of the report must know; with `seen` false, the count is not exact because of it."""

    code: str
    path: str
    detail: str
    seen: bool = True


class Inner(NamedTuple):
    """A layer inside another's config, as the formula of the outer one sees it: `yield from layer(shape)`."""

    layer: Layer
    ask: Callable[[Layer, Call], tuple[tuple[Tensor, ...], Output]]

    def __call__(self, *args: Output, **kwargs: Output) -> Formula:
        """Its tensors, by its own names; returns its output."""
        tensors, output = self.ask(self.layer, Call(args, kwargs))
        yield from tensors
        return output


class Share(NamedTuple):
    """What of a model's weights is for what, where a format knows."""

    embedding: int  # of tokens, at the input
    head: int  # embeddings at the output, where those are not the same tensor
    idle: int | None = None  # in routed experts that one token does not visit; None: it is no mixture of experts


class Document(NamedTuple):
    """What a reader makes of a payload."""

    root: Layer
    convention: Convention
    framework: str = ""
    inputs: tuple[Output, ...] = ()  # the shapes that the root is fed, where the document states them beside it
    notices: tuple[Notice, ...] = ()
    part: Callable[[Any, str], Layer] | None = (
        None  # reads a layer inside a layer's config (a wrapper's), given its pointer
    )
    type_at: str = "/type"  # where a layer's type and config stand, below the layer's own pointer
    config_at: str = ""
    once_counted: Callable[[Totals], tuple[Notice, ...]] | None = None  # what can be told only with the totals
    lenient: bool = False  # an argument that no formula knows makes the count inexact, and is no error
    adapted: bool = False  # what it says is frozen is so because of an adapter
    share: Share | None = None
    alike: Hashable = None  # the same of two documents only if all is but what is said of them; None: not known
    by_line: bool = False  # a text has no pointers: each layer's is "line 12", which a problem tells in its detail


class Totals(NamedTuple):
    """How many elements train, are frozen, or are buffers; and the bytes they take."""

    trainable: int = 0
    frozen: int = 0
    buffers: int = 0
    bytes: int = 0  # of the weights
    buffer_bytes: int = 0

    def __add__(self, other: Totals) -> Totals:  # type: ignore[override] # it is no sequence, but made as fast as one
        return Totals(
            self.trainable + other.trainable,
            self.frozen + other.frozen,
            self.buffers + other.buffers,
            self.bytes + other.bytes,
            self.buffer_bytes + other.buffer_bytes,
        )

    def __mul__(self, times: int) -> Totals:  # type: ignore[override]
        return Totals(
            self.trainable * times,
            self.frozen * times,
            self.buffers * times,
            self.bytes * times,
            self.buffer_bytes * times,
        )

    def __sub__(self, other: Totals) -> Totals:
        return self + other * -1

    def __floordiv__(self, copies: int) -> Totals:
        """What each of some alike copies has."""
        return Totals(
            self.trainable // copies,
            self.frozen // copies,
            self.buffers // copies,
            self.bytes // copies,
            self.buffer_bytes // copies,
        )


def total(parts: Iterable[Totals]) -> Totals:
    """The sum."""
    trainable = frozen = buffers = size_bytes = buffer_bytes = 0
    for part in parts:
        trainable += part[0]
        frozen += part[1]
        buffers += part[2]
        size_bytes += part[3]
        buffer_bytes += part[4]
    return Totals(trainable, frozen, buffers, size_bytes, buffer_bytes)


class Row(NamedTuple):
    """A layer as counted: its own tensors with their fate settled, and the totals of all its copies and all beneath."""

    path: str
    name: str
    type: str
    repeat: int
    tensors: tuple[Tensor, ...]
    totals: Totals
    children: tuple[Row, ...]
    output: Output

    @property
    def rows(self) -> int:
        """How many it is with all beneath."""
        return 1 + sum([child.rows if child.children else 1 for child in self.children])

    @property
    def own(self) -> Totals:
        """What one copy owns itself, without what is beneath."""
        return sum((Totals() - child.totals for child in self.children), self.totals // self.repeat)


class Report(NamedTuple):
    """The answer: the root's row, and what holds for all of it."""

    root: Row
    rows: int  # how many, the root's included
    convention: Convention
    weights_by_dtype: Mapping[str, int]
    buffers_by_dtype: Mapping[str, int]
    notices: tuple[Notice, ...] = ()
    framework: str = ""  # whose layers they are, where the document says so
    share: Share | None = None

    @property
    def exact(self) -> bool:
        """Whether everything could be seen."""
        return all(notice.seen for notice in self.notices)
