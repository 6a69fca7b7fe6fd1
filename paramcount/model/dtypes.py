"""Element types: the bits of one element, and the frameworks' names for them."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

# GGUF's quantised types: elements that share a block, and the bytes that block takes (ggml's type_traits).
BLOCKS: Mapping[str, tuple[int, int]] = {
    "Q4_0": (32, 18), "Q4_1": (32, 20), "Q5_0": (32, 22), "Q5_1": (32, 24), "Q8_0": (32, 34), "Q8_1": (32, 40),
    "Q2_K": (256, 84), "Q3_K": (256, 110), "Q4_K": (256, 144), "Q5_K": (256, 176), "Q6_K": (256, 210),
    "Q8_K": (256, 292), "IQ1_S": (256, 50), "IQ1_M": (256, 56), "IQ2_XXS": (256, 66), "IQ2_XS": (256, 74),
    "IQ2_S": (256, 82), "IQ3_XXS": (256, 98), "IQ3_S": (256, 110), "IQ4_NL": (32, 18), "IQ4_XS": (256, 136),
    "TQ1_0": (256, 54), "TQ2_0": (256, 66), "MXFP4": (32, 17), "NVFP4": (64, 36), "Q1_0": (128, 18),
}  # fmt: skip

# Bits an element takes: by the names that safetensors uses, then by those of formats that hold other types.
DTYPES: Mapping[str, int | Fraction] = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "I8", "U8", "BOOL"), 8),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    **dict.fromkeys(("F4", "I4", "U4"), 4),
    **dict.fromkeys(("I2", "U2"), 2),
    "C128": 128,
    "C32": 32,
    **dict.fromkeys(("QI8", "QU8"), 8),  # torch's quantised types
    "QI32": 32,
    "QU4X2": 4,
    "QU2X4": 2,
    "F4_X2": 8,  # torch's float4_e2m1fn_x2: one element is a pair
    "STRING": 0,  # ONNX: each of its own length
    **{name: Fraction(8 * size, elements) for name, (elements, size) in BLOCKS.items()},
}

# The names that frameworks have for them.
DTYPE_NAMES: Mapping[str, str] = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "bfloat16": "BF16",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
    "float8_e8m0fnu": "F8_E8M0",
    "float8_e4m3fnuz": "F8_E4M3FNUZ",
    "float8_e5m2fnuz": "F8_E5M2FNUZ",
    "float4_e2m1fn_x2": "F4_X2",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "int8": "I8",
    "int4": "I4",
    "uint64": "U64",
    "uint32": "U32",
    "uint16": "U16",
    "uint8": "U8",
    "bool": "BOOL",
    "complex32": "C32",
    "complex64": "C64",
    "complex128": "C128",
}

DTYPE_CHOICES = (*sorted(DTYPES), *(name for name in DTYPE_NAMES if name.upper() not in DTYPES))
"""The names that options take: ours, and those of frameworks; generated clients have them in upper case."""
