"""Packed initializers: the values that each holds, by the operator that reads it.

Source: onnxruntime's contrib_defs.cc.
"""

from __future__ import annotations

from collections.abc import Mapping

from paramcount.formats.named_tensors.packed.candidates import Packing
from paramcount.formats.onnx.graph import MAX_PACKED_USES, Model, PackedUse
from paramcount.model.tensors import Tensor

_COLUMNS: Mapping[tuple[str, int], str] = {
    ("MatMulBnb4", 1): "N",
    ("MatMulNBits", 1): "N",
    ("MatMulNBitsMlp", 3): "N",
    ("MatMulNBitsMlp", 6): "N",
    ("MatMulNBitsQkv", 3): "Nq",
    ("MatMulNBitsQkv", 6): "Nkv",
    ("MatMulNBitsQkv", 9): "Nkv",
}
"""The attribute that holds the outputs of a matrix, by the input that it is; `K` holds its inputs."""

_EXPERT_BITS: Mapping[int, str] = {2: "fc1", 5: "fc2", 8: "fc3"}
_EXPERT_TYPE_BITS = {"fp4": 4, "nvfp4": 4, "wfp4afp8": 4, "fp8": 8}
_DEFAULT_BITS = 4

_TAKE_NARROW_DTYPES = ("GatherBlockQuantized", "QMoE")
"""The operators that take dtypes of 4 bits too, each element of which is a value."""


def find_packings(model: Model) -> dict[str, Packing]:
    """Return the packings of initializers, by path."""
    packings = {}
    for path, (name, tensor) in model.initializers.items():
        uses = model.packed_uses.get(name)
        if uses and tensor.size and (tensor.dtype == "U8" or uses[0].operator not in _TAKE_NARROW_DTYPES):
            sizes = {_count_values(tensor, use) for use in uses}
            agree = len(sizes) == 1 and len(uses) < MAX_PACKED_USES
            packings[path] = Packing(uses[0].operator, sizes.pop() if agree else None)
    return packings


def _count_values(tensor: Tensor, use: PackedUse) -> int | None:
    """Return the number of values that a tensor holds for a node; None where its attributes do not prove it."""
    operator, position, attributes = use
    bits: int | str | None
    if columns := _COLUMNS.get((operator, position)):
        return _count_matrix(tensor, attributes, columns)
    if operator == "GatherBlockQuantized":
        bits = attributes.get("bits", _DEFAULT_BITS)
    elif operator == "QMoE":
        bits = _expert_bits(position, attributes)
    else:
        bits = 4 if operator == "MatMulBlockQuantizedFp4Weight" else None
    return tensor.size * 8 // bits if bits in (1, 2, 4, 8) else None


def _expert_bits(position: int, attributes: Mapping[str, int | str]) -> int | str | None:
    kind = attributes.get("quant_type", "int")
    if kind != "int":
        return _EXPERT_TYPE_BITS.get(str(kind))
    common = attributes.get("expert_weight_bits", _DEFAULT_BITS)
    return attributes.get(f"{_EXPERT_BITS[position]}_expert_weight_bits", common)


def _count_matrix(tensor: Tensor, attributes: Mapping[str, int | str], columns: str) -> int | None:
    """Return the values of a matrix, whose inputs are packed in blocks."""
    inputs, outputs = attributes.get("K"), attributes.get(columns)
    block, bits = attributes.get("block_size"), attributes.get("bits", _DEFAULT_BITS)
    if not (isinstance(inputs, int) and isinstance(outputs, int) and isinstance(block, int) and isinstance(bits, int)):
        return None
    if block <= 0 or not 0 < bits <= 8:
        return None
    in_blocks = outputs * -(-inputs // block) * -(-block * bits // 8)
    flat = -(-inputs * outputs * bits // 8)
    return inputs * outputs if tensor.size in (in_blocks, flat) else None
