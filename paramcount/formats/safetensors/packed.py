"""Packed weights: which tensors of a file hold them, how many parameters they are, which tensors go with them.

The tensors beside a weight show its scheme, as the libraries write them: GPTQModel and AutoAWQ
(qweight, qzeros, scales, g_idx), MLX (weight, scales, biases), bitsandbytes (absmax, quant_map, SCB), gpt-oss' mxfp4
(_blocks, _scales), compressed-tensors (weight_packed, weight_scale), ModelOpt (weight_scale_2), fp8 (weight_scale_inv).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

from paramcount.formats.named_tensors.checkpoint import count_elements
from paramcount.model.dtypes import DTYPES
from paramcount.model.report import ReportWarning
from paramcount.model.tensors import UNKNOWN_SIZE, Tensor

Tensors = Mapping[str, Tensor]


_EIGHT_BIT_DTYPES = frozenset(("F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "I8"))
_PACKED_DTYPES = _EIGHT_BIT_DTYPES | {"I32", "U32", "U8"}
"""A file with packed weights has one of these types, of the weights or of the tensors beside them."""


class Packing(NamedTuple):
    """One packed weight: its scheme, how many parameters it holds (None: unknown), and the tensors that go with it."""

    scheme: str
    parameters: int | None
    companions: tuple[str, ...]


@dataclass(frozen=True)
class Unpacked:
    """The tensors, packed weights marked as such, and warnings about them."""

    tensors: Mapping[str, Tensor]
    warnings: tuple[ReportWarning, ...]


def unpack(tensors: Tensors, config: Mapping[str, Any]) -> Unpacked:
    """Mark the packed weights. The stored elements are counted; a warning says how many parameters they hold."""
    stated = config.get("quantization_config") or config.get("quantization") or config
    quantization = stated if isinstance(stated, dict) else {}
    may_be_packed = _PACKED_DTYPES & {tensor.dtype for tensor in tensors.values()}
    packings = dict(_find_packings(tensors, _find_bits(quantization))) if may_be_packed else {}
    method = quantization.get("quant_method")
    if not packings:
        detail = (
            f'the config says that weights are quantised by "{str(method)[:40]}", but no packed weight is recognised'
        )
        return Unpacked(tensors, (ReportWarning("packed", "", detail),) if method else ())
    companions = {name for packing in packings.values() for name in packing.companions}
    marked = {
        name: tensor._replace(role="weight", trainable=False, logical_size=_to_logical_size(packings[name]))
        if name in packings
        else tensor._replace(role="buffer")
        if name in companions
        else tensor
        for name, tensor in tensors.items()
    }
    return Unpacked(marked, (ReportWarning("packed", "", _describe(marked, packings)),))


def _to_logical_size(packing: Packing) -> int:
    return UNKNOWN_SIZE if packing.parameters is None else packing.parameters


def _describe(tensors: Tensors, packings: Mapping[str, Packing]) -> str:
    """Return the detail of the warning: the parameters in a file's packed weights, scheme by scheme."""
    plain = count_elements(t for name, t in tensors.items() if t.role == "weight" and name not in packings)
    parts, all_known = [], True
    for scheme in sorted({packing.scheme for packing in packings.values()}):
        names = [name for name, packing in packings.items() if packing.scheme == scheme]
        counts = [packings[name].parameters for name in names]
        stored = count_elements(tensors[name] for name in names)
        all_known &= None not in counts
        parameters = f"{sum(filter(None, counts)):,}" if None not in counts else "an unknown number of"
        parts.append(f"{stored:,} elements of {len(names):,} {scheme} weights are {parameters} parameters")
    total = sum(packing.parameters or 0 for packing in packings.values()) + plain
    logical = f"{total:,} parameters" if all_known else "parameters that only the quantization_config can tell"
    beside = count_elements(tensor for tensor in tensors.values() if tensor.role == "buffer")
    return (
        f"stands for {logical}: {'; '.join(parts)}; {plain:,} elements are weights as they are; {beside:,} are scales, "
        "zero points and other buffers, no parameters. The totals are of what is stored"
    )


def _find_bits(quantization: Mapping[str, Any]) -> int | None:
    """Return how many bits a weight takes, by a quantization_config."""
    bits = quantization.get("bits", quantization.get("w_bit"))
    groups = quantization.get("config_groups")
    for group in groups.values() if isinstance(groups, dict) else ():
        weights = group.get("weights") if isinstance(group, dict) else None
        bits = weights.get("num_bits") if isinstance(weights, dict) else bits
    return bits if type(bits) is int and 1 <= bits <= 16 else None


def _find_packings(tensors: Tensors, bits: int | None) -> Iterator[tuple[str, Packing]]:
    for name, tensor in tensors.items():
        for ending, detect in _SCHEMES.items():
            if name.endswith(ending) and (packing := detect(tensors, tensor, name.removesuffix(ending), bits)):
                yield name, packing
                break


def _select_existing(tensors: Tensors, prefix: str, *endings: str) -> tuple[str, ...]:
    """Return those of the names that are in the file."""
    return tuple(name for name in (prefix + ending for ending in endings) if name in tensors)


def _detect_qweight(tensors: Tensors, tensor: Tensor, prefix: str, bits: int | None) -> Packing | None:
    """GPTQ packs 32/bits rows of [in, out] into one, AWQ eight columns; scales are [groups, out]."""
    scales, zeros, order = (tensors.get(prefix + name) for name in ("scales", "qzeros", "g_idx"))
    if scales is None or len(scales.shape) != 2 or len(tensor.shape) != 2 or tensor.dtype not in ("I32", "U32"):
        return None
    companions = _select_existing(tensors, prefix, "scales", "qzeros", "g_idx", "perm")
    (rows, columns), outputs = tensor.shape, scales.shape[1]
    if columns != outputs:
        return Packing("AWQ", rows * outputs, companions)
    if order is not None:
        return Packing("GPTQ", prod(order.shape) * outputs, companions)
    if bits is None and zeros is not None and outputs and len(zeros.shape) == 2:
        bits = 32 * zeros.shape[1] // outputs
    return Packing("GPTQ", rows * 32 // bits * outputs if bits else None, companions)


def _detect_weight(tensors: Tensors, tensor: Tensor, prefix: str, bits: int | None) -> Packing | None:
    """bitsandbytes: 4-bit values, as many as fit into the storage type, or 8-bit ones with a scale per row (SCB).
    MLX: a row as one string of bits, in U32, with scales and biases."""
    name = f"{prefix}weight"
    states = _select_existing(tensors, f"{name}.quant_state.bitsandbytes__", "nf4", "fp4")
    if states or f"{name}.quant_map" in tensors:
        beside = _select_existing(tensors, f"{name}.", "absmax", "quant_map", "nested_absmax", "nested_quant_map")
        return Packing("4-bit bitsandbytes", int(tensor.size * DTYPES[tensor.dtype] // 4), beside + states)
    if tensor.dtype == "U32" and (beside := _select_existing(tensors, prefix, "scales", "biases")):
        return Packing("MLX", tensor.size * 32 // bits if bits else None, beside)
    if tensor.dtype == "I8" and f"{prefix}SCB" in tensors:
        return Packing("8-bit bitsandbytes", tensor.size, _select_existing(tensors, prefix, "SCB", "weight_format"))
    return None


def _detect_compressed(tensors: Tensors, tensor: Tensor, prefix: str, bits: int | None) -> Packing | None:
    """compressed-tensors: 32/bits values of a row in an I32, the last of a row padded; or two 4-bit floats in a U8."""
    scale = tensors.get(f"{prefix}weight_scale")
    if scale is None:
        return None
    companions = _select_existing(
        tensors, f"{prefix}weight_", "scale", "zero_point", "shape", "g_idx", "global_scale"
    ) + _select_existing(tensors, prefix, "input_scale", "input_global_scale", "input_zero_point")  # fmt: skip
    if tensor.dtype == "U8":
        return Packing("4-bit float compressed-tensors", 2 * tensor.size, companions)
    if tensor.dtype != "I32":
        return None
    exact = bits is not None and 32 % bits == 0
    return Packing("compressed-tensors", tensor.size * 32 // bits if bits and exact else None, companions)


def _detect_blocks(tensors: Tensors, tensor: Tensor, prefix: str, _: int | None) -> Packing | None:
    """mxfp4: two values in a U8, blocks of 32 with one scale each (transformers, integrations/mxfp4.py)."""
    scales = tensors.get(f"{prefix}_scales")
    if tensor.dtype != "U8" or scales is None or scales.dtype not in ("U8", "F8_E8M0"):
        return None
    return Packing("mxfp4", 2 * tensor.size, (f"{prefix}_scales",))


def _detect_scaled(tensors: Tensors, tensor: Tensor, prefix: str, _: int | None) -> Packing | None:
    """8-bit floats or integers with scales beside them, one value an element; ModelOpt's NVFP4 holds two in a U8."""
    eight = tensor.dtype in _EIGHT_BIT_DTYPES
    if not eight and tensor.dtype != "U8":
        return None
    scales = _select_existing(tensors, prefix, "_scale_inv", "_scale", "_scales", "_scale_2")
    if not scales:
        return None
    stem = prefix.removesuffix("weight")
    companions = (
        scales
        + _select_existing(tensors, prefix, "_zero_point")
        + _select_existing(tensors, stem, "input_scale", "activation_scale")
    )
    if eight:
        return Packing("8-bit", tensor.size, companions)
    return Packing("NVFP4", 2 * tensor.size, companions) if f"{prefix}_scale_2" in tensors else None


_Detect = Callable[[Tensors, Tensor, str, int | None], Packing | None]

_SCHEMES: Mapping[str, _Detect] = {
    "qweight": _detect_qweight,
    "weight_packed": _detect_compressed,
    "_blocks": _detect_blocks,
    "weight": _detect_weight,
    "": _detect_scaled,
}
"""By the ending of a packed weight's name; the first that recognises a weight counts."""
