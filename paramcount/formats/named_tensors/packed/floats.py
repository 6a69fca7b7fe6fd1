"""Schemes of floats, and of integers of 8 bits, with scales beside them: fp8, mxfp4, NVFP4, BitNet, ModelOpt, Quark."""

from __future__ import annotations

from paramcount.formats.named_tensors.packed.candidates import Candidate, Matrix, Packing, to_matrix
from paramcount.model.tensors import Tensor

_EIGHT_BIT_FLOATS = ("F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ")
_POWERS_OF_TWO = ("F8_E8M0", "U8")
"""The dtypes of scales that the MX formats have: exponents alone, one for 32 values."""

_SCALES = "_scale_inv _scale _scales _weight_scale"
"""The endings of a weight's scales; DeepSeek's `scale` replaces the name `weight`."""

_OTHER_COMPANIONS = "_scale_2 _weight_scale_2 _global_scale _zero_point _activation_scale _input_scale"
_LAYER_COMPANIONS = (
    "input_scale input_scale_ub scale_input activation_scale output_scale input_activation_scale "
    "output_activation_scale pre_quant_scale input_zero_point output_zero_point k_scale v_scale"
)


def detect_blocks(weight: Candidate) -> Packing | None:
    """mxfp4 as gpt-oss has it: two values in a U8, blocks of 32 with one scale each.

    Source: transformers' integrations/mxfp4.py; gpt_oss/torch/weights.py.
    """
    stem = weight.name.removesuffix("blocks")
    scales = weight.tensor_at(f"{stem}scales")
    if weight.dtype != "U8" or scales is None or scales.dtype not in _POWERS_OF_TWO:
        return None
    return Packing("mxfp4", 2 * weight.tensor.size, (f"{stem}scales",))


def detect_scaled(weight: Candidate) -> Packing | None:
    """A weight of 8 bits an element, or two of 4 bits in each, with scales: their shapes tell which.

    Source: transformers' integrations/finegrained_fp8.py; ModelOpt's export/quant_utils.py; DeepSeek's inference code.
    """
    paths = weight.companions(_SCALES, weight.name) or _find_scale(weight)
    if not paths:
        return None
    scale = weight.tensor_at(paths[0])
    assert scale is not None
    companions = paths + weight.companions(_OTHER_COMPANIONS, weight.name) + weight.companions(_LAYER_COMPANIONS)
    if weight.dtype in _EIGHT_BIT_FLOATS:
        return Packing("8-bit", weight.tensor.size, companions)
    if weight.dtype in ("I32", "U32"):
        return _pack_quark(weight, to_matrix(scale), companions)
    if weight.dtype not in ("I8", "U8"):
        return None
    scheme, values = _pack_int8(weight, scale) if weight.dtype == "I8" else _pack_byte(weight, scale)
    return Packing(scheme, weight.tensor.size * values if values else None, companions)


def _find_scale(weight: Candidate) -> tuple[str, ...]:
    """Return the path of a scale in the place of the name `weight`, where its shape is that of a scale of blocks."""
    if weight.name.rpartition(".")[2] != "weight":
        return ()
    if paths := weight.companions("scale_weight"):  # ComfyUI's
        return paths
    matrix, scales = weight.matrix, to_matrix(weight.beside("scale"))
    if matrix is None or scales is None or scales.leading != matrix.leading:
        return ()
    fits = 0 < scales.rows <= matrix.rows and 0 < scales.columns <= matrix.columns
    return weight.companions("scale") if fits else ()


def _pack_int8(weight: Candidate, scale: Tensor) -> tuple[str, int | None]:
    """Return the scheme and the values in an I8: two of 4 bits where each 32 of a row have a scale (DeepSeek)."""
    has_scale_per_32 = _has_groups(weight.matrix, to_matrix(scale), 16)  # of elements, which are pairs
    if has_scale_per_32 and (weight.has_packed_experts or scale.dtype in _POWERS_OF_TWO):
        return "mxfp4", 2
    return "8-bit", None if has_scale_per_32 or weight.has_packed_experts else 1


def _pack_byte(weight: Candidate, scale: Tensor) -> tuple[str, int | None]:
    """Return the scheme and the values in a U8: two of 4 bits, or what the config says."""
    matrix, scales = weight.matrix, to_matrix(scale)
    if scale.dtype == "F8_E4M3" and _has_groups(matrix, scales, 8):
        return "NVFP4", 2
    if scale.dtype in _POWERS_OF_TWO and _has_groups(matrix, scales, 16):
        return "mxfp4", 2
    if scale.dtype in _POWERS_OF_TWO and _has_groups(matrix, scales, 32):
        return "8-bit", 1
    if _packs_rows(matrix, scales):
        return "4-bit", 2
    if weight.method == "bitnet":
        return "BitNet", 4
    bits = weight.settings.bits
    return "quantised", 8 // bits if bits in (2, 4, 8) else None


def _packs_rows(matrix: Matrix | None, scales: Matrix | None) -> bool:
    """Return whether two rows share a byte: ModelOpt's 4-bit integers, [out / 2, in] with scales of [out, groups]."""
    if matrix is None or scales is None or scales.leading != matrix.leading:
        return False
    return scales.rows == 2 * matrix.rows and scales.columns > 0 and matrix.columns % scales.columns == 0


def _has_groups(matrix: Matrix | None, scales: Matrix | None, elements: int) -> bool:
    """Return whether each row has a scale for so many of its elements."""
    if matrix is None or scales is None or scales.leading != matrix.leading or scales.rows != matrix.rows:
        return False
    return scales.columns == -(-matrix.columns // elements)


def _pack_quark(weight: Candidate, scales: Matrix | None, companions: tuple[str, ...]) -> Packing:
    """Return the packing of Quark's words: [in, out / values] with scales of [groups, out]."""
    matrix, size = weight.matrix, weight.tensor.size
    if matrix is not None and scales is not None and matrix.columns:
        values, rest = divmod(scales.columns, matrix.columns)
        if rest == 0 and values in (4, 8, 16) and scales.rows and matrix.rows % scales.rows == 0:
            return Packing("Quark", values * size, companions)
    bits = weight.settings.bits
    return Packing("Quark", size * 32 // bits if bits in (2, 4, 8) else None, companions)
