"""Named tensors, and the totals that derive from them."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any, Literal, NamedTuple

Dimensions = tuple[int | None, ...]
"""What flows between layers, batch axis first; None is an axis that the document leaves open: (None, 224, 224, 3)."""

Output = Any
"""What a layer returns: Dimensions, a list or dict of them for several outputs, or None where nobody can know."""

Convention = Literal["keras", "torch", "stored"]
"""Where buffers go: keras counts them as frozen, torch leaves them out, stored counts every element of a file."""


class FreezeReason(NamedTuple):
    """Why something does not train."""

    by: Literal["design", "document", "adapter", "rule"]
    rule: int = -1  # which of the request's, from 0
    match: str = ""  # what that rule matches


ADAPTER = FreezeReason("adapter")
"""It is of the model that an adapter was put into."""

DESIGN = FreezeReason("design")
"""Its layer never trains it, whatever anybody says: a buffer, a quantised kernel."""


class Tensor(NamedTuple):
    """One named array; every number that is reported derives from these."""

    name: str
    shape: tuple[int, ...]
    role: Literal["weight", "buffer"] = "weight"  # a buffer is saved with the model and never trained
    dtype: str = ""  # a key of DTYPES; empty: the layer's
    trainable: bool = True  # False: frozen by its layer's design
    tied_to: str = ""  # the path of the tensor that this one is; it is counted there
    frozen_by: FreezeReason | None = None  # decided by counting
    logical_size: int | None = None  # values that a packed one holds, or UNKNOWN_SIZE; None: as many as elements
    layer_types: tuple[
        str, ...
    ] = ()  # the types of the layers in its layer's config that it is of, the outermost first

    def with_status(self, dtype: str, tied_to: str, frozen_by: FreezeReason | None) -> Tensor:
        """The tensor as counted; `_replace` takes four times as long."""
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
        """How many elements; a scalar has shape () and size 1."""
        return prod(self.shape)

    def with_name(self, name: str) -> Tensor:
        """Return the tensor under another name, in half the time of `_replace`."""
        _, *others = self
        return Tensor._make((name, *others))


UNKNOWN_SIZE = -1
"""The logical size of a packed tensor of which nobody can tell how many values it holds."""

Formula = Generator[Tensor, None, Output]
"""What a layer's function is: it yields its tensors and returns its output."""


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


NO_TOTALS = Totals()


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


@dataclass(slots=True)
class TensorSummary:
    """One layer's tensors, each with what freezes it, and the sums of those that are not counted elsewhere.

    Equal layers share one summary, so what a renderer makes of it is kept here from its second use on.
    """

    tensors: tuple[Tensor, ...] = ()
    totals: Totals = NO_TOTALS
    weights: Mapping[str, int] = field(default_factory=dict)  # elements by dtype
    buffers: Mapping[str, int] = field(default_factory=dict)
    rendered: dict[Any, Any] | None = field(default=None, compare=False)  # none before it is used again
