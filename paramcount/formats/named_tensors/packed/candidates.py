"""A tensor that may be a packed weight, and what is beside it; the packing that it turns out to have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from paramcount.formats.named_tensors.packed.quantization import LayerSettings, Quantization
from paramcount.model.tensors import Tensor

Tensors = Mapping[str, Tensor]


class Packing(NamedTuple):
    """One packed weight: its scheme, how many values it holds (None: unknown), and the tensors that go with it."""

    scheme: str
    size: int | None
    companions: tuple[str, ...] = ()
    is_bound: bool = False  # `size` is the most that it may hold: the end of each row may be padding


class Matrix(NamedTuple):
    """A shape as the matrices that it holds: one, or one for each expert."""

    leading: tuple[int, ...]
    rows: int
    columns: int


class Checkpoint:
    """Tensors by name, and the quantization that a config states of them."""

    def __init__(self, tensors: Tensors, quantization: Quantization) -> None:
        self.tensors, self.quantization = tensors, quantization
        self._names = "\n".join(["", *tensors, ""])
        self._endings: dict[str, tuple[str, ...]] = {}

    def endings(self, endings: str) -> tuple[str, ...]:
        """Return those of the endings, parted by blanks, that a name has: a file has few of all that there are."""
        if (present := self._endings.get(endings)) is None:
            present = tuple([ending for ending in endings.split() if f"{ending}\n" in self._names])
            self._endings[endings] = present
        return present


class Candidate:
    """A tensor that may be a packed weight."""

    __slots__ = ("_checkpoint", "layer", "name", "tensor")

    def __init__(self, checkpoint: Checkpoint, name: str, tensor: Tensor) -> None:
        self.name, self.tensor = name, tensor
        self.layer = name.rpartition(".")[0]
        self._checkpoint = checkpoint

    @property
    def settings(self) -> LayerSettings:
        """The config's statements about the tensor's layer."""
        return self._checkpoint.quantization.settings(self.layer)

    @property
    def has_packed_experts(self) -> bool:
        """True for the weight of a routed expert, where the config says that experts are of 4 bits."""
        is_routed = ".experts." in self.name and "shared_experts" not in self.name
        return is_routed and self._checkpoint.quantization.has_packed_experts

    @property
    def method(self) -> str:
        """The name that the config has for its quantization."""
        return self._checkpoint.quantization.method

    @property
    def dtype(self) -> str:
        """The tensor's dtype."""
        return self.tensor.dtype

    @property
    def matrix(self) -> Matrix | None:
        """The tensor's shape as matrices; None below two axes."""
        return to_matrix(self.tensor)

    def beside(self, name: str) -> Tensor | None:
        """Return the tensor of that name in the same layer."""
        return self._checkpoint.tensors.get(f"{self.layer}.{name}" if self.layer else name)

    def tensor_at(self, path: str) -> Tensor | None:
        """Return the tensor at a full path."""
        return self._checkpoint.tensors.get(path)

    def companions(self, names: str, stem: str | None = None) -> tuple[str, ...]:
        """Return the paths of those names, parted by blanks, that exist: in the same layer, or after `stem`."""
        endings = self._checkpoint.endings(names)
        if not endings:
            return ()
        if stem is None:
            stem = f"{self.layer}." if self.layer else ""
        return tuple([path for path in [stem + ending for ending in endings] if path in self._checkpoint.tensors])


def to_matrix(tensor: Tensor | None) -> Matrix | None:
    """Return a tensor's shape as matrices; None for no tensor, and for one of less than two axes."""
    if tensor is None or len(tensor.shape) < 2:
        return None
    *leading, rows, columns = tensor.shape
    return Matrix(tuple(leading), rows, columns)
