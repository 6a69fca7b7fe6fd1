"""What quantisation and LoRA make of a matrix: keras.src.layers.core.dense, .einsum_dense, .embedding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil
from typing import Any, NamedTuple

from paramcount import Tensor, require
from paramcount.schema.signature import MAX_DIMENSION
from paramcount.schema.validator import shown

AMAX_HISTORY = 1024
"""QuantizedFloat8DTypePolicy.default_amax_history_length"""


class Quantization(NamedTuple):
    """A mode as Keras names it, taken apart: int8, int4, int4/128, float8, gptq/4/128, awq/4/128."""

    mode: str = ""
    bits: int = 4
    block: int = -1  # rows that share a scale; -1: all

    @property
    def freezes(self) -> bool:
        """Whether whole numbers stand for the matrix, which cannot train."""
        return self.mode in ("int8", "int4", "gptq", "awq")

    def blocks(self, rows: int) -> int:
        return 1 if self.block == -1 else ceil(rows / self.block)


_NONE = Quantization()


def quantization(mode: str | None, config: Any, modes: Sequence[str]) -> Quantization:
    """A layer's quantisation; `config` is its quantization_config, whose block size goes before the policy's."""
    if mode is None:
        return _NONE
    name, *numbers = mode.split("/")
    fine = name in modes and all(_is_block(number) for number in numbers) and len(numbers) <= 2
    require(fine, f"must be one of {', '.join(modes)}, not {shown(mode)}", "quantization_mode")
    sizes = [int(number) for number in numbers]
    found = Quantization(name, sizes[0] if len(sizes) == 2 else 4, sizes[-1] if sizes else -1)
    if name in ("gptq", "awq"):
        require(len(sizes) == 2 and found.bits in (2, 3, 4, 8), f"is not complete: {shown(mode)}", "quantization_mode")
    stated = config.get("config") if isinstance(config, dict) else None
    if name == "int4" and isinstance(stated, dict) and config.get("class_name") == "Int4QuantizationConfig":
        block = stated.get("block_size", 128)
        block = -1 if block is None else block
        fine = isinstance(block, int) and not isinstance(block, bool) and _is_block(str(block))
        require(fine, f"has a block_size of {shown(block)}", "quantization_config")
        found = found._replace(block=block)
    return found


def _is_block(text: str) -> bool:
    return text == "-1" or (len(text) <= 13 and text.isascii() and text.isdigit() and 1 <= int(text) <= MAX_DIMENSION)


def lora(name: str, before: tuple[int, ...], rank: int | None, after: int) -> Iterator[Tensor]:
    """Two narrow matrices that train in the place of a wide one; none where the rank is 0 or null."""
    if rank:
        yield Tensor(f"lora_{name}_a", (*before, rank), dtype="F32")
        yield Tensor(f"lora_{name}_b", (rank, after), dtype="F32")


def float8(history: int) -> Iterator[Tensor]:
    """Scales and the largest values seen, for inputs, kernel and output gradients; all of them train."""
    for name in ("inputs", "kernel", "outputs_grad"):
        yield Tensor(f"{name}_scale", (), dtype="F32")
        yield Tensor(f"{name}_amax_history", (history,), dtype="F32")


def packed(name: str, rows: int, columns: int, how: Quantization) -> Iterator[Tensor]:
    """A matrix in four bits: two values of the last axis in one byte, a scale for each column and block."""
    yield Tensor(name, (rows, (columns + 1) // 2), dtype="I8", trainable=False, logical_size=rows * columns)
    scale = (columns,) if how.block == -1 else (how.blocks(rows), columns)
    yield Tensor(f"{name}_scale", scale, "buffer")
    if how.block != -1:
        yield Tensor(f"{name}_zero", scale, "buffer", "I8")
        yield Tensor("g_idx", (rows,), "buffer", "F32")


def calibrated(rows: int, columns: int, how: Quantization, zero: str) -> Iterator[Tensor]:
    """GPTQ and AWQ: a transposed matrix, and a scale and zero point for each column and group."""
    narrow = how.bits == 4 or how.mode == "awq"
    shape = ((columns + 1) // 2 if narrow else columns, rows)
    yield Tensor("kernel", shape, dtype="U8", trainable=False, logical_size=rows * columns)
    groups = (columns, how.blocks(rows))
    yield Tensor("kernel_scale", groups, "buffer")
    yield Tensor(zero, groups, "buffer", "U8")
    if how.mode == "awq":
        yield Tensor("awq_scales", (rows,), "buffer")
    yield Tensor("g_idx", (rows,), "buffer", "F32")
