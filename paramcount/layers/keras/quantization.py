"""Tensors of quantized and LoRA matrices: keras.src.layers.core.dense, .einsum_dense, .embedding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil
from typing import Any, NamedTuple

from paramcount import Tensor, require
from paramcount.layers.keras.shapes import is_length
from paramcount.schema.validator import format_value

MATRIX_MODES = ("int8", "int4", "float8", "gptq", "awq")
"""The modes of Dense and EinsumDense."""

EMBEDDING_MODES = ("int8", "int4")

_CALIBRATED_MODES = ("gptq", "awq")

_ALL_ROWS = -1
"""The block size of a matrix whose rows share one scale a column."""

_AMAX_HISTORY_LENGTH = 1024
"""QuantizedFloat8DTypePolicy.default_amax_history_length"""


class Quantization(NamedTuple):
    """The parts of a mode as Keras names it: int8, int4, int4/128, float8, gptq/4/128, awq/4/128."""

    mode: str = ""  # empty: not quantized
    bits: int = 4
    block_size: int = _ALL_ROWS  # rows that share a scale; of float8, the length of its histories

    @property
    def is_integer(self) -> bool:
        """True where the matrix is stored as integers, which cannot train."""
        return self.mode in ("int8", "int4", *_CALIBRATED_MODES)

    @property
    def has_blocks(self) -> bool:
        """True where blocks of rows have scales and zero points of their own."""
        return self.block_size != _ALL_ROWS

    def block_count(self, rows: int) -> int:
        """The number of blocks of a matrix of `rows` rows."""
        return ceil(rows / self.block_size) if self.has_blocks else 1


_NOT_QUANTIZED = Quantization()


def parse_quantization(mode: str | None, config: Any, modes: Sequence[str]) -> Quantization:
    """Return a layer's quantization; the block size of `config`, its quantization_config, precedes that of `mode`."""
    if mode is None:
        return _NOT_QUANTIZED
    name, *numbers = mode.split("/")
    is_known = name in modes and all(map(_is_block_size, numbers)) and len(numbers) <= 2
    require(is_known, f"must be one of {', '.join(modes)}, not {format_value(mode)}", "quantization_mode")
    sizes = [int(number) for number in numbers]
    quantization = Quantization(name, sizes[0] if len(sizes) == 2 else 4, sizes[-1] if sizes else _ALL_ROWS)
    if name in _CALIBRATED_MODES:
        is_complete = len(sizes) == 2 and quantization.bits in (2, 3, 4, 8)
        require(is_complete, f"is not complete: {format_value(mode)}", "quantization_mode")
    settings = config.get("config") if isinstance(config, dict) else None
    if name == "int4" and isinstance(settings, dict) and config.get("class_name") == "Int4QuantizationConfig":
        block_size = settings.get("block_size", 128)
        block_size = _ALL_ROWS if block_size is None else block_size
        is_valid = is_length(block_size, 1) or (block_size == _ALL_ROWS and type(block_size) is int)
        require(is_valid, f"has a block_size of {format_value(block_size)}", "quantization_config")
        quantization = quantization._replace(block_size=block_size)
    return quantization


def parse_matrix_quantization(mode: str | None, config: Any, lora_rank: int | None) -> Quantization:
    """Return the quantization of a Dense or EinsumDense kernel; refuse LoRA on a calibrated one."""
    quantization = parse_quantization(mode, config, MATRIX_MODES)
    takes_lora = quantization.mode not in _CALIBRATED_MODES
    require(takes_lora or not lora_rank, f"is not for {quantization.mode}", "lora_rank")
    return quantization


def _is_block_size(text: str) -> bool:
    return text == str(_ALL_ROWS) or (len(text) <= 13 and text.isascii() and text.isdigit() and is_length(int(text), 1))


def lora_tensors(name: str, before: tuple[int, ...], rank: int | None, after: int) -> Iterator[Tensor]:
    """Two narrow matrices that train in place of a wide one; none where the rank is 0 or null."""
    if rank:
        yield Tensor(f"lora_{name}_a", (*before, rank), dtype="F32")
        yield Tensor(f"lora_{name}_b", (rank, after), dtype="F32")


def float_kernel(shape: tuple[int, ...], quantization: Quantization, lora_rank: int | None) -> Iterator[Tensor]:
    """A kernel of floats, which trains without LoRA; float8 adds scales and histories of maxima, all of which train."""
    if quantization.mode == "float8":
        history = quantization.block_size if quantization.has_blocks else _AMAX_HISTORY_LENGTH
        for name in ("inputs", "kernel", "outputs_grad"):
            yield Tensor(f"{name}_scale", (), dtype="F32")
            yield Tensor(f"{name}_amax_history", (history,), dtype="F32")
    yield Tensor("kernel", shape, trainable=not lora_rank)


def int8_kernel(shape: tuple[int, ...], scale: tuple[int, ...]) -> Iterator[Tensor]:
    """A kernel of bytes and its scales."""
    yield Tensor("kernel", shape, dtype="I8", trainable=False)
    yield Tensor("kernel_scale", scale, "buffer")


def int4_kernel(rows: int, columns: int, quantization: Quantization) -> Iterator[Tensor]:
    """A kernel in four bits: two values of the last axis in one byte, a scale for each column and block."""
    yield Tensor("kernel", (rows, (columns + 1) // 2), dtype="I8", trainable=False, logical_size=rows * columns)
    scale = (quantization.block_count(rows), columns) if quantization.has_blocks else (columns,)
    yield Tensor("kernel_scale", scale, "buffer")
    if quantization.has_blocks:
        yield Tensor("kernel_zero", scale, "buffer", "I8")
        yield Tensor("g_idx", (rows,), "buffer", "F32")


def calibrated_kernel(rows: int, columns: int, quantization: Quantization, zero_name: str) -> Iterator[Tensor]:
    """GPTQ and AWQ: a transposed kernel, and a scale and zero point for each column and group."""
    is_packed = quantization.bits == 4 or quantization.mode == "awq"
    shape = ((columns + 1) // 2 if is_packed else columns, rows)
    yield Tensor("kernel", shape, dtype="U8", trainable=False, logical_size=rows * columns)
    groups = (columns, quantization.block_count(rows))
    yield Tensor("kernel_scale", groups, "buffer")
    yield Tensor(zero_name, groups, "buffer", "U8")
    if quantization.mode == "awq":
        yield Tensor("awq_scales", (rows,), "buffer")
    yield Tensor("g_idx", (rows,), "buffer", "F32")
