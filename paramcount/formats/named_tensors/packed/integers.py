"""Schemes of integers below 8 bits: GPTQ, AWQ, Marlin, MLX, bitsandbytes, compressed-tensors, HQQ, quanto, torchao."""

from __future__ import annotations

from math import prod

from paramcount.formats.named_tensors.packed.candidates import Candidate, Matrix, Packing, to_matrix
from paramcount.model.dtypes import DTYPES
from paramcount.model.tensors import Tensor

_WORDS = ("I32", "U32")

_MLX_BITS, _MLX_GROUP_SIZES = (2, 3, 4, 5, 6, 8), (32, 64, 128)
_MLX_MX_BITS = {64: 4, 128: 4, 256: 8}
"""Bits by bits times group size, of the modes with scales in a byte: nvfp4, mxfp4, mxfp8."""


def detect_qweight(weight: Candidate) -> Packing | None:
    """GPTQ packs the rows of [in, out], AWQ its columns; scales are [groups, out]. Others have a layout of their own.

    Source: GPTQModel's nn_modules/qlinear, AutoAWQ's awq/modules/linear, nunchaku's models/linear.py.
    """
    matrix = weight.matrix
    if matrix is None:
        return None
    if (scales := to_matrix(weight.beside("wscales"))) is not None:
        return _pack_nunchaku(weight, matrix, scales)
    if (scales := to_matrix(weight.beside("scales"))) is None:
        return Packing("GPTQ or AWQ", None) if weight.dtype in _WORDS else None
    companions = weight.companions("scales qzeros g_idx perm scaled_zeros forward_hadamard_matrix "
                                   "backward_hadamard_matrix weight_global_scale act_global_scale")  # fmt: skip
    if weight.dtype == "I16" and scales.columns == 4 * matrix.rows:  # four values in each
        return Packing("AWQ", 4 * weight.tensor.size, companions)
    if weight.dtype == "U8":  # FP-Quant: two values in each, a scale for each 16 or 32
        known = scales.rows == matrix.rows and matrix.columns in (8 * scales.columns, 16 * scales.columns)
        return Packing("4-bit float", 2 * weight.tensor.size if known else None, companions)
    if weight.dtype not in _WORDS:
        return Packing("quantised", None, companions) if weight.dtype in ("I8", "I16") else None
    return _pack_words(weight, matrix, scales, companions)


def _pack_words(weight: Candidate, matrix: Matrix, scales: Matrix, companions: tuple[str, ...]) -> Packing:
    """Return the packing of 32-bit words: which axis they fill shows in the scales."""
    outputs, matrices = scales.columns, prod(matrix.leading)
    if scales.rows == matrix.rows > 1:  # GEMV: [out, in / 8], scales [out, groups]
        return Packing("AWQ", 8 * weight.tensor.size, companions)
    if matrix.columns == outputs:
        inputs = _gptq_inputs(weight, matrix, _gptq_bits(weight, scales))
        return Packing("GPTQ", matrices * inputs * outputs if inputs is not None else None, companions)
    if outputs and divmod(32 * matrix.columns, outputs) in ((2, 0), (3, 0), (4, 0), (8, 0)):
        return Packing("AWQ", matrices * matrix.rows * outputs, companions)
    if matrix.columns in (2 * outputs, 4 * outputs):  # tiles of 16 inputs
        return Packing("Marlin", matrices * 16 * matrix.rows * outputs, companions)
    return Packing("GPTQ or AWQ", None, companions)


def _gptq_inputs(weight: Candidate, matrix: Matrix, bits: int | None) -> int | None:
    """Return the inputs of a GPTQ weight: g_idx has an entry for each; else the words hold them without a rest."""
    order = weight.beside("g_idx")
    if order is not None and order.size:
        inputs = order.shape[-1] if order.shape else 1
        return inputs if bits is None or -(-inputs * bits // 32) == matrix.rows else None
    return matrix.rows * 32 // bits if bits else None


def _gptq_bits(weight: Candidate, scales: Matrix) -> int | None:
    """Return the bits of a GPTQ weight: its zero points are packed as it is."""
    zeros = to_matrix(weight.beside("qzeros"))
    if zeros is not None and zeros.rows == scales.rows and scales.columns:
        bits = 32 * zeros.columns // scales.columns
        if 0 < bits <= 8:
            return bits
    return weight.settings.bits


def _pack_nunchaku(weight: Candidate, matrix: Matrix, scales: Matrix) -> Packing:
    """Return the packing of [out, in / 2] bytes (SVDQuant), or of [out / 4, in / 2] words (AWQ)."""
    values_per_element, rows_of_scales = (2, 1) if weight.dtype in ("I8", "U8") else (8, 4)
    known = scales.columns == rows_of_scales * matrix.rows and scales.rows and 2 * matrix.columns % scales.rows == 0
    companions = weight.companions(
        "wscales wzeros wtscale wcscales smooth smooth_orig smooth_factor smooth_factor_orig"
    )
    return Packing("nunchaku", values_per_element * weight.tensor.size if known else None, companions)


def detect_marlin(weight: Candidate) -> Packing | None:
    """The first layout of Marlin, and QQQ's: B is [in / 16, 2·out] words of 4 bits, s or s_channel is [groups, out]."""
    matrix = weight.matrix
    scales = to_matrix(weight.beside("s")) or to_matrix(weight.beside("s_channel"))
    if matrix is None or scales is None or weight.dtype not in _WORDS or matrix.columns != 2 * scales.columns:
        return None
    return Packing("Marlin", 8 * weight.tensor.size, weight.companions("s s_channel s_group workspace"))


def detect_bitsandbytes(weight: Candidate) -> Packing | None:
    """4-bit values, as many as fit into the storage type, with their quant_state; or 8-bit ones with a scale a row."""
    stem = f"{weight.name}."
    states = weight.companions("quant_state.bitsandbytes__nf4 quant_state.bitsandbytes__fp4", stem)
    beside = weight.companions("absmax quant_map nested_absmax nested_quant_map", stem)
    if states or beside:
        return Packing("4-bit bitsandbytes", _count_nibbles(weight.tensor), beside + states)
    if weight.dtype == "I8" and weight.beside("SCB") is not None:
        return Packing("8-bit bitsandbytes", weight.tensor.size, weight.companions("SCB weight_format"))
    return None


def _count_nibbles(tensor: Tensor) -> int:
    return int(tensor.size * DTYPES[tensor.dtype] // 4)


def detect_mlx(weight: Candidate) -> Packing | None:
    """MLX: a row is one string of bits, in U32, with scales (and biases) for each group of its values.

    Words and scales of a row give bits times group size; the layer's settings, or what MLX has, tell them apart.
    Source: mlx's QuantizedLinear; mlx_lm.utils, infer_quant_config.
    """
    if weight.dtype != "U32" or (scale := weight.beside("scales")) is None:
        return None
    matrix, scales = weight.matrix, to_matrix(scale)
    if matrix is None or scales is None:
        return None
    companions = weight.companions("scales biases qbiases global_scale")
    bits = None
    if scales[:2] == matrix[:2] and scales.columns and 32 * matrix.columns % scales.columns == 0:
        product = 32 * matrix.columns // scales.columns
        has_byte_scales = scale.dtype in ("U8", "F8_E8M0", "F8_E4M3")
        bits = _MLX_MX_BITS.get(product) if has_byte_scales else _mlx_bits(product, weight)
    return Packing("MLX", 32 * weight.tensor.size // bits if bits else None, companions)


def _mlx_bits(product: int, weight: Candidate) -> int | None:
    """Return the bits of a layer, of which `product` is bits times group size."""
    settings = weight.settings
    if settings.bits and product == settings.bits * (settings.group_size or product // settings.bits):
        return settings.bits
    possible = [bits for bits in _MLX_BITS for size in _MLX_GROUP_SIZES if bits * size == product]
    return possible[0] if len(possible) == 1 else None


def detect_compressed(weight: Candidate) -> Packing | None:
    """compressed-tensors: integers as one string of bits a row, in I32; or two 4-bit floats, or 4/3 6-bit ones, in U8.

    A row may end with padding, and its true length is stored as data; the scales' groups prove it too.
    Source: compressed_tensors.compressors, pack_quantized, nvfp4, mxfp4, mxfp6.
    """
    matrix, scales = weight.matrix, weight.beside("weight_scale")
    if scales is None or matrix is None:
        return None
    companions = weight.companions(
        "weight_scale weight_zero_point weight_shape weight_g_idx weight_global_scale input_scale input_global_scale "
        "input_zero_point output_scale"
    )
    groups = to_matrix(scales)
    if weight.dtype in ("U8", "I8"):
        return _pack_small_floats(weight, matrix, scales, companions)
    if weight.dtype != "I32":
        return None
    bits, group_size, _ = weight.settings
    if not bits:
        return Packing("compressed-tensors", None, companions)
    if not group_size or groups is None:
        most = prod(matrix.leading) * matrix.rows * (32 * matrix.columns // bits)
        return Packing("compressed-tensors", most, companions, is_bound=True)
    inputs = groups.columns * group_size
    fits = groups.rows == matrix.rows and matrix.columns in (-(-inputs * bits // 32), -(-inputs // (32 // bits)))
    return Packing("compressed-tensors", prod(matrix.leading) * matrix.rows * inputs if fits else None, companions)


def _pack_small_floats(weight: Candidate, matrix: Matrix, scale: Tensor, companions: tuple[str, ...]) -> Packing:
    """Return the packing of bytes: a scale stands for 16 values of 4 bits, or for 32 of 4 or 6 bits."""
    scales = to_matrix(scale)
    groups = scales.columns if scales is not None and scales.rows == matrix.rows else 0
    if groups and scale.dtype in ("U8", "F8_E8M0") and matrix.columns == 24 * groups:
        return Packing("6-bit float compressed-tensors", 4 * weight.tensor.size // 3, companions)
    known = weight.settings.bits == 4 or (groups and groups in (-(-matrix.columns // 8), -(-matrix.columns // 16)))
    return Packing("4-bit float compressed-tensors", 2 * weight.tensor.size if known else None, companions)


def detect_groups(weight: Candidate) -> Packing | None:
    """HQQ's W_q: a weight as [groups, group size], several groups in a row of bytes or words; scale is [groups, 1].

    Source: hqq.core.quantize, hqq.core.bitpack.
    """
    companions = weight.companions(
        "scale zero nbits group_size shape axis packing unpack_view_dtype view_as_float quant_scale quant_zero "
        "compute_dtype offload_meta encoded_state_dict stores_quant_config channel_wise optimize round_zero meta "
        "scale_q zero_q meta_scale meta_zero"
    )
    if not companions or weight.dtype not in ("U8", "I32"):
        return None
    return Packing("HQQ", _count_groups(weight, weight.beside("scale"), weight.settings.bits), companions)


def _count_groups(weight: Candidate, scale: Tensor | None, bits: int | None) -> int | None:
    """Return the values of a weight that is stored in groups, a scale each; of groups in columns, by its bits."""
    matrix, scales = weight.matrix, to_matrix(scale)
    if matrix is None:
        return None
    if scales is not None and scales.columns == 1 and 0 < matrix.rows <= scales.rows <= 32 * matrix.rows:
        return scales.rows * matrix.columns
    return weight.tensor.size * 8 // bits if bits in (1, 2, 4, 8) and weight.dtype == "U8" else None


def detect_quanto(weight: Candidate) -> Packing | None:
    """quanto's tensors: 2- or 4-bit values of [groups, group size], packed along the groups; or one of 8 bits each.

    Source: optimum.quanto.tensor, packed.py, qbits.py.
    """
    stem = weight.layer.removesuffix("._data")
    companions = weight.companions("_scale _shift", f"{stem}.") + weight.companions(
        "input_scale output_scale", f"{stem.rpartition('.')[0]}."
    )
    scale = weight.tensor_at(f"{stem}._scale")
    if scale is None:
        return None
    if stem == weight.layer:
        return Packing("8-bit quanto", weight.tensor.size, companions)
    return Packing("quanto", _count_groups(weight, scale, None), companions)


def detect_torchao(weight: Candidate) -> Packing | None:
    """torchao's tensors, flattened: `_weight_qdata` beside `_weight_scale`. 4-bit values are two in a U8, eight in an
    I32; tiles of the latter are padded.

    Source: torchao.prototype.safetensors, torchao.quantization.quantize_.workflows.
    """
    stem = weight.name.removesuffix("qdata")
    companions = weight.companions(
        "scale zero_point scale_and_zero per_tensor_scale act_scale act_pre_scale act_per_tensor_scale", stem
    )
    if not companions:
        return None
    scale = weight.tensor_at(f"{stem}scale")
    if weight.dtype in _WORDS:
        is_tiled = len(weight.tensor.shape) == 4
        return Packing("torchao", 8 * weight.tensor.size, companions, is_bound=is_tiled)
    values = _torchao_values(weight, scale)
    return Packing("torchao", values * weight.tensor.size if values else None, companions)


def _torchao_values(weight: Candidate, scale: Tensor | None) -> int | None:
    """Return the values in an element of bytes: 4-bit integers have scales of [groups, out], other tensors [out, ...],
    and 6-bit floats with scales for each 32 are one a byte."""
    matrix, scales = weight.matrix, to_matrix(scale)
    if weight.dtype not in ("I8", "U8"):
        return 1
    if matrix is None or scale is None or scales is None:
        return None
    if weight.dtype == "I8":
        is_transposed = scales.columns == matrix.rows
        return None if is_transposed and scales.rows == matrix.rows else 2 if is_transposed else 1
    if scale.dtype != "F8_E8M0":
        return 2
    return {32: 1, 16: 2}.get(matrix.columns // scales.columns) if scales.columns else None
