"""What training takes in memory: weights, gradients, and optimizer states by the optimizers' own code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Literal, NamedTuple, get_args

from paramcount.model.dtypes import DTYPES
from paramcount.model.report import Report, Row

Precision = Literal["fp32", "bf16", "mixed"]
"""fp32: all in float32. bf16: all in bfloat16. mixed: bfloat16, and a float32 master copy of what trains, which the
optimizer works on (ZeRO, arXiv:1910.02054, section 3.1: 2 + 2 + 12 bytes a parameter with Adam)."""

PRECISIONS: tuple[Precision, ...] = get_args(Precision)

NOT_INCLUDED = (
    "activations, which depend on batch, sequence and recomputation",
    "what a step needs in passing: workspaces, casts, gathered gradients",
    "the framework's own memory and what fragmentation loses",
)

_CAST = frozenset(("F64", "F32", "F16", "BF16"))
"""Weights that a precision is for; packed and integer ones stay as they are stored (QLoRA's frozen base)."""

Shape = tuple[int, ...]


class State(NamedTuple):
    """What an optimizer keeps beside a tensor of a shape: bytes, given those of an element where it works."""

    name: str
    size: Callable[[Shape, int], int]
    formula: str = ""  # none: as many bytes for each element that trains as it has where the optimizer works


class Optimizer(NamedTuple):
    """What an optimizer keeps, and the code that says so."""

    states: tuple[State, ...]
    source: str
    once: int = 0  # bytes that it keeps beside all tensors
    is_once: str = ""


class Item(NamedTuple):
    """One line of the bill."""

    name: str
    bytes: int
    formula: str


@dataclass(frozen=True, slots=True)
class TrainingMemory:
    """The bill, and what is not on it."""

    optimizer: str
    precision: Precision
    items: tuple[Item, ...]
    source: str

    @property
    def total(self) -> int:
        return sum(item.bytes for item in self.items)


def _alike(name: str) -> State:
    """As torch.zeros_like(parameter)."""
    return State(name, lambda shape, each: each * prod(shape))


def _scalar(name: str, note: str) -> State:
    return State(name, lambda _shape, _each: 4, f"4 bytes a tensor ({note})")


_STEP = _scalar("step", "float32; on the CPU unless fused")


def _row(shape: Shape, _: int) -> int:
    return 4 * prod(shape[:-1]) if len(shape) >= 2 else 0


def _column(shape: Shape, _: int) -> int:
    return 4 * prod((*shape[:-2], shape[-1])) if len(shape) >= 2 else 0


def _unfactored(shape: Shape, _: int) -> int:
    return 4 * prod(shape) if len(shape) < 2 else 0


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
    "momentum": Optimizer((_alike("momentum_buffer"),), "torch.optim.SGD with momentum"),
    "adam": Optimizer((_alike("exp_avg"), _alike("exp_avg_sq"), _STEP), "torch.optim.Adam"),
    "adamw": Optimizer((_alike("exp_avg"), _alike("exp_avg_sq"), _STEP), "torch.optim.AdamW"),
    "lion": Optimizer((_alike("exp_avg"),), "lion_pytorch.Lion"),
    "adafactor": Optimizer(
        (
            State("exp_avg_sq_row", _row, "4 bytes each of the shape without its last axis"),
            State("exp_avg_sq_col", _column, "4 bytes each of the shape without its last axis but one"),
            State("exp_avg_sq", _unfactored, "4 bytes each of tensors of less than two axes"),
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


def cost(report: Report, optimizer: str, precision: Precision = "fp32") -> TrainingMemory:
    """What one process that trains the whole model holds; `optimizer` is one of OPTIMIZERS."""
    kind, held = OPTIMIZERS[optimizer], _Held(precision)
    for row, copies in report.root.walk():
        held.add(row, copies)
    trains = sum(prod(shape) * times for shape, times in held.trained.items())
    width = 4 if precision == "fp32" else 2
    working = 2 if precision == "bf16" else 4  # where the optimizer works: on the master copy, if there is one
    items = [
        Item("weights that train", held.trainable, f"{width} bytes × {trains:,}"),
        Item("frozen weights", held.frozen, f"{width} bytes each; packed and integer ones as they are stored"),
        Item("buffers", held.buffers, f"{width} bytes each; integer ones as they are stored"),
    ]
    if precision == "mixed":
        items.append(Item("master weights", 4 * trains, f"4 bytes × {trains:,}"))
    items.append(Item("gradients", width * trains, f"{width} bytes × {trains:,}"))
    for state in kind.states:
        size = sum(state.size(shape, working) * times for shape, times in held.trained.items())
        items.append(Item(f"optimizer: {state.name}", size, state.formula or f"{working} bytes × {trains:,}"))
    if kind.once and any(map(_is_blockwise, held.trained)):
        items.append(Item("optimizer: shared", kind.once, kind.is_once))
    return TrainingMemory(optimizer, precision, tuple(items), kind.source)


class _Held:
    """The tensors of a report: shapes that train, with how often each is there, and the bytes of all."""

    def __init__(self, precision: Precision) -> None:
        self.bits = 32 if precision == "fp32" else 16
        self.trained: Counter[Shape] = Counter()
        self.trainable = self.frozen = self.buffers = 0

    def add(self, row: Row, times: int) -> None:
        for tensor in row.tensors:
            if tensor.tied_to:
                continue
            bits = self.bits if tensor.dtype in _CAST or tensor.trainable else DTYPES[tensor.dtype]
            size = -(-tensor.size * bits // 8) * times
            if tensor.role == "buffer":
                self.buffers += size
            elif tensor.trainable:
                self.trainable += size
                self.trained[tensor.shape] += times
            else:
                self.frozen += size
