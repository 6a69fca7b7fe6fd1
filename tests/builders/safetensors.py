"""Headers of safetensors files, plain and packed, as JSON and as bytes."""

from __future__ import annotations

import json
from itertools import accumulate
from typing import Any

from paramcount.model.dtypes import DTYPES


def header(**tensors: str) -> dict[str, Any]:
    """Return a header: w="F32 2x3" is a tensor of 2 x 3 floats; a dot in a name may be written __."""
    entries, start = {}, 0
    for name, text in tensors.items():
        dtype, _, sizes = text.partition(" ")
        shape = [int(size) for size in sizes.split("x") if size]
        size = int(list(accumulate(shape, int.__mul__, initial=1))[-1] * DTYPES[dtype] // 8)
        name = name if "." in name else name.replace("__", ".")  # noqa: PLW2901
        entries[name] = {"dtype": dtype, "shape": shape, "data_offsets": [start, start + size]}
        start += size
    return entries


def in_bytes(text: str | dict[str, Any], claimed: int | None = None, data: bytes = b"") -> bytes:
    """Return the bytes of a file: the header's length, or the claimed one, the header, and the data."""
    raw = (text if isinstance(text, str) else json.dumps(text)).encode()
    return (len(raw) if claimed is None else claimed).to_bytes(8, "little") + raw + data


# A Linear of 64 inputs and 32 outputs, 2048 parameters, as each library packs it; and a norm of 5, as it is.
PACKED = {
    "gptq": header(q__qweight="I32 8x32", q__qzeros="I32 2x4", q__scales="F16 2x32", q__g_idx="I32 64", n="F16 5"),
    "gptq-no-order": header(q__qweight="I32 8x32", q__qzeros="I32 2x4", q__scales="F16 2x32", n="F16 5"),
    "gptq-8-bit": header(q__qweight="I32 16x32", q__qzeros="I32 2x8", q__scales="F16 2x32", n="F16 5"),
    "gptq-3-bit": header(
        q__qweight="I32 6x32", q__qzeros="I32 2x3", q__scales="F16 2x32", q__g_idx="I32 64", n="F16 5"
    ),
    "awq": header(q__qweight="I32 64x4", q__qzeros="I32 2x4", q__scales="F16 2x32", n="F16 5"),
    "bnb-nf4": header(
        q__weight="U8 1024x1",
        q__weight__absmax="U8 32",
        q__weight__nested_absmax="F32 1",
        q__weight__nested_quant_map="F32 256",
        q__weight__quant_map="F32 16",
        n="F16 5",
    ),
    "bnb-int8": header(q__weight="I8 32x64", q__SCB="F32 32", q__weight_format="U8 ", n="F16 5"),
    "mxfp4": header(experts_blocks="U8 2x32x2x8", experts_scales="U8 2x32x2", n="F16 5"),
    "fp8": header(q__weight="F8_E4M3 32x64", q__weight_scale_inv="F32 1x1", n="F16 5"),
    "fp8-static": header(q__weight="F8_E4M3 32x64", q__weight_scale="F32 ", q__input_scale="F32 ", n="F16 5"),
    "w8a8": header(q__weight="I8 32x64", q__weight_scale="BF16 32x1", n="F16 5"),
    "nvfp4-ct": header(
        q__weight_packed="U8 32x32", q__weight_scale="F8_E4M3 32x4", q__weight_global_scale="F32 1", n="F16 5"
    ),
    "nvfp4-modelopt": header(q__weight="U8 32x32", q__weight_scale="F8_E4M3 32x4", q__weight_scale_2="F32 ", n="F16 5"),
}
