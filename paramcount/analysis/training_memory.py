"""The memory that training takes: weights, gradients, and optimizer states by the optimizers' own code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Literal, NamedTuple, get_args

from paramcount.model.dtypes import DTYPES
from paramcount.model.report import Report

Precision = Literal["fp32", "bf16", "mixed"]
"""fp32: all in float32. bf16: all in bfloat16. mixed: bfloat16, and a float32 master copy of the trainable weights,
which the optimizer works on (ZeRO, arXiv:1910.02054, section 3.1: 2 + 2 + 12 bytes a parameter with Adam)."""

PRECISIONS: tuple[Precision, ...] = get_args(Precision)

NOT_INCLUDED = (
    "activations, which depend on batch, sequence and recomputation",
    "what a step needs in passing: workspaces, casts, gathered gradients",
    "the framework's own memory and what fragmentation loses",
)

_CAST_DTYPES = frozenset(("F64", "F32", "F16", "BF16"))
"""The dtypes that a precision replaces; packed and integer weights stay as they are stored (QLoRA's frozen base)."""

Shape = tuple[int, ...]


class State(NamedTuple):
    """One state that an optimizer keeps for each trainable tensor.

    `size` returns its bytes, given the tensor's shape and the bytes of an element as the optimizer sees it.
    """

    name: str
    size: Callable[[Shape, int], int]
    formula: str = ""  # empty: as many bytes as the tensor has there


class Optimizer(NamedTuple):
    """The states that an optimizer keeps, and the code that they were read from."""

    states: tuple[State, ...]
    source: str
    shared_bytes: int = 0  # kept once for all tensors
    shared_formula: str = ""


class MemoryItem(NamedTuple):
    """One kind of memory."""

    name: str
    bytes: int
    formula: str


@dataclass(frozen=True, slots=True)
class TrainingMemory:
    """The bytes that training takes, item by item."""

    optimizer: str
    precision: Precision
    items: tuple[MemoryItem, ...]
    source: str

    @property
    def total(self) -> int:
        """The sum of the items."""
        return sum(item.bytes for item in self.items)


def _zeros_like(name: str) -> State:
    """Return a state of the tensor's shape and dtype, as torch.zeros_like(parameter) makes it."""
    return State(name, lambda shape, element_bytes: element_bytes * prod(shape))


def _scalar(name: str, note: str) -> State:
    """Return a state of one float32 number a tensor."""
    return State(name, lambda _shape, _element_bytes: 4, f"4 bytes a tensor ({note})")


_STEP = _scalar("step", "float32; on the CPU unless fused")


# Of Adafactor: a matrix has a row and a column of moments; anything with less than two axes has all of them.
def _row_factor(shape: Shape, _: int) -> int:
    return 4 * prod(shape[:-1]) if len(shape) >= 2 else 0


def _column_factor(shape: Shape, _: int) -> int:
    return 4 * prod((*shape[:-2], shape[-1])) if len(shape) >= 2 else 0


def _unfactored_moments(shape: Shape, _: int) -> int:
    return 4 * prod(shape) if len(shape) < 2 else 0


# Of bitsandbytes: tensors of at least 4,096 elements are quantised in blocks of 256, smaller ones stay in float32.
def _eight_bit(shape: Shape, _: int) -> int:
    return prod(shape) * (1 if _is_blockwise(shape) else 4)


def _absmax(shape: Shape, _: int) -> int:
    return 4 * -(-prod(shape) // 256) if _is_blockwise(shape) else 0


def _is_blockwise(shape: Shape) -> bool:
    return prod(shape) >= 4096


_EIGHT_BIT = "1 byte each; 4 each of tensors of less than 4,096 elements"
_ABSMAX = "4 bytes a block of 256, of tensors of at least 4,096 elements"

OPTIMIZERS: Mapping[str, Optimizer] = {
    "sgd": Optimizer((), "torch.optim.SGD with momentum=0"),
    "momentum": Optimizer((_zeros_like("momentum_buffer"),), "torch.optim.SGD with momentum"),
    "adam": Optimizer((_zeros_like("exp_avg"), _zeros_like("exp_avg_sq"), _STEP), "torch.optim.Adam"),
    "adamw": Optimizer((_zeros_like("exp_avg"), _zeros_like("exp_avg_sq"), _STEP), "torch.optim.AdamW"),
    "lion": Optimizer((_zeros_like("exp_avg"),), "lion_pytorch.Lion"),
    "adafactor": Optimizer(
        (
            State("exp_avg_sq_row", _row_factor, "4 bytes each of the shape without its last axis"),
            State("exp_avg_sq_col", _column_factor, "4 bytes each of the shape without its last axis but one"),
            State("exp_avg_sq", _unfactored_moments, "4 bytes each of tensors of less than two axes"),
            _scalar("RMS", "float32"),
        ),
        "transformers.Adafactor with beta1=None; its states are float32 whatever the weights are",
    ),
    "adam8bit": Optimizer(
        (
            State("state1", _eight_bit, _EIGHT_BIT),
            State("state2", _eight_bit, _EIGHT_BIT),
            State("absmax1", _absmax, _ABSMAX),
            State("absmax2", _absmax, _ABSMAX),
        ),
        "bitsandbytes.optim.Adam8bit, block-wise, min_8bit_size=4096",
        2 * 256 * 4,
        "two tables of 256 float32, shared by all tensors",
    ),
}


def count_training_memory(report: Report, optimizer: str, precision: Precision) -> TrainingMemory:
    """Count the bytes of one process that trains the whole model; `optimizer` is one of OPTIMIZERS."""
    states, source, shared_bytes, shared_formula = OPTIMIZERS[optimizer]
    tensors = _take_inventory(report, precision)
    trainable = sum(prod(shape) * copies for shape, copies in tensors.trainable_shapes.items())
    element_bytes = 4 if precision == "fp32" else 2
    each = f"{element_bytes} bytes each"
    state_bytes = 2 if precision == "bf16" else 4  # of an element as the optimizer sees it: of the master copy, if any
    items = [
        MemoryItem("weights that train", tensors.trainable_bytes, f"{element_bytes} bytes × {trainable:,}"),
        MemoryItem("frozen weights", tensors.frozen_bytes, f"{each}; packed and integer ones as they are stored"),
        MemoryItem("buffers", tensors.buffer_bytes, f"{each}; integer ones as they are stored"),
    ]
    if precision == "mixed":
        items.append(MemoryItem("master weights", 4 * trainable, f"4 bytes × {trainable:,}"))
    items.append(MemoryItem("gradients", element_bytes * trainable, f"{element_bytes} bytes × {trainable:,}"))
    for state in states:
        size = sum(state.size(shape, state_bytes) * copies for shape, copies in tensors.trainable_shapes.items())
        formula = state.formula or f"{state_bytes} bytes × {trainable:,}"
        items.append(MemoryItem(f"optimizer: {state.name}", size, formula))
    if shared_bytes and any(map(_is_blockwise, tensors.trainable_shapes)):
        items.append(MemoryItem("optimizer: shared", shared_bytes, shared_formula))
    return TrainingMemory(optimizer, precision, tuple(items), source)


@dataclass(slots=True)
class _TensorInventory:
    """The bytes of a model's tensors in one precision, and the shapes that train with the number of their copies."""

    trainable_bytes: int = 0
    frozen_bytes: int = 0
    buffer_bytes: int = 0
    trainable_shapes: Counter[Shape] = field(default_factory=Counter)


def _take_inventory(report: Report, precision: Precision) -> _TensorInventory:
    """Count the bytes of every tensor, all copies; a tied one once."""
    inventory, cast_bits = _TensorInventory(), 32 if precision == "fp32" else 16
    for row, copies in report.root.walk():
        for tensor in row.tensors:
            if tensor.tied_to:
                continue
            is_cast = tensor.dtype in _CAST_DTYPES or tensor.trainable
            bits = cast_bits if is_cast else DTYPES[tensor.dtype]
            size = -(-tensor.size * bits // 8) * copies
            if tensor.role == "buffer":
                inventory.buffer_bytes += size
            elif tensor.trainable:
                inventory.trainable_bytes += size
                inventory.trainable_shapes[tensor.shape] += copies
            else:
                inventory.frozen_bytes += size
    return inventory
