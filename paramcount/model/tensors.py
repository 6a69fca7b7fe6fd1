"""Named tensors, and the totals that derive from them."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any, Literal, NamedTuple

Dimensions = tuple[int | None, ...]
"""A shape, batch axis first; None is an axis that the document leaves open: (None, 224, 224, 3)."""

Output = Any
"""The output of a layer: Dimensions, a list or dict of them for several outputs, or None where it is unknown."""

Convention = Literal["keras", "torch", "stored"]
"""A convention for buffers: keras counts them as frozen, torch leaves them out, stored counts all of a file."""


NO_RULE = -1
"""The number of the rule where no rule of the request decided."""


class FreezeReason(NamedTuple):
    """The cause that freezes a layer or a tensor."""

    by: Literal["design", "document", "adapter", "rule"]
    rule: int = NO_RULE  # its number in the request, from 0
    match: str = ""  # the glob of that rule


ADAPTER = FreezeReason("adapter")
"""The tensor belongs to the base model of an adapter."""

DESIGN = FreezeReason("design")
"""The layer never trains the tensor, whatever flags and rules say: a buffer, a quantised kernel."""


class Tensor(NamedTuple):
    """One named array of a layer."""

    name: str
    shape: tuple[int, ...]
    role: Literal["weight", "buffer"] = "weight"  # a buffer is saved with the model and never trained
    dtype: str = ""  # a key of DTYPES; empty: the layer's
    trainable: bool = True  # False: frozen by its layer's design
    tied_to: str = ""  # the path of the tensor that this one shares its values with; it is counted there
    frozen_by: FreezeReason | None = None  # decided by counting
    logical_size: int | None = None  # values that a packed one holds (its scales: 0), or UNKNOWN_SIZE; None: its size
    layer_types: tuple[str, ...] = ()  # of the layers inside its layer's config that own it, the outermost first

    def with_status(self, dtype: str, tied_to: str, frozen_by: FreezeReason | None) -> Tensor:
        """Return the tensor with its dtype, tie and freeze reason; `_replace` takes four times as long."""
        return Tensor(
            self.name,
            self.shape,
            self.role,
            dtype,
            not frozen_by,
            tied_to,
            frozen_by,
            self.logical_size,
            self.layer_types,
        )

    @property
    def size(self) -> int:
        """The number of elements; a scalar has shape () and size 1."""
        return prod(self.shape)

    def with_name(self, name: str) -> Tensor:
        """Return the tensor under another name, in half the time of `_replace`."""
        _, *others = self
        return Tensor._make((name, *others))


UNKNOWN_SIZE = -1
"""The logical size of a packed tensor that holds an unknown number of values."""

Formula = Generator[Tensor, None, Output]
"""A layer's formula, called: a generator that yields the layer's tensors and returns its output."""


class Totals(NamedTuple):
    """Numbers of trainable, frozen and buffer elements, and the bytes that they take."""

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
        """Return the totals of one of `copies` equal blocks, of which these are the totals."""
        return Totals(
            self.trainable // copies,
            self.frozen // copies,
            self.buffers // copies,
            self.bytes // copies,
            self.buffer_bytes // copies,
        )


NO_TOTALS = Totals()


class PackedTotals(NamedTuple):
    """Corrections of totals of elements, for packed weights to count as the values that they stand for."""

    trainable: int = 0  # values minus elements, of weights that train
    frozen: int = 0  # the same of the other weights
    buffers: int = 0  # elements of buffers
    buffer_values: int = 0  # values of weights that are buffers to their framework
    unknown: int = 0  # packed weights that hold an unknown number of values

    def add(self, other: PackedTotals, copies: int) -> PackedTotals:
        """Return the sum with `copies` of another."""
        return PackedTotals._make(first + copies * second for first, second in zip(self, other, strict=True))


NO_PACKED = PackedTotals()


def sum_totals(parts: Iterable[Totals]) -> Totals:
    """Return the sum of totals."""
    trainable = frozen = buffers = size_bytes = buffer_bytes = 0
    for part_trainable, part_frozen, part_buffers, part_bytes, part_buffer_bytes in parts:
        trainable += part_trainable
        frozen += part_frozen
        buffers += part_buffers
        size_bytes += part_bytes
        buffer_bytes += part_buffer_bytes
    return Totals(trainable, frozen, buffers, size_bytes, buffer_bytes)


@dataclass(slots=True)
class TensorSummary:
    """The tensors of one layer with their freeze reasons, and the sums over those that no other layer counts.

    Equal layers share one summary. From its second use on, `rendered` keeps the fragments that renderers make of it.
    """

    tensors: tuple[Tensor, ...] = ()
    totals: Totals = NO_TOTALS
    weights: Mapping[str, int] = field(default_factory=dict)  # elements by dtype
    buffers: Mapping[str, int] = field(default_factory=dict)
    packed: PackedTotals | None = None  # None: all tensors hold as many values as elements
    rendered: dict[Any, Any] | None = field(default=None, compare=False)  # None until its second use
