"""The arguments that torch's modules without tensors print: a class of the same name with others is another class."""

from __future__ import annotations

import re
from collections.abc import Mapping

from paramcount.formats.torch.arguments import parse_arguments


def _split(names: str) -> frozenset[str]:
    return frozenset(names.split())


_AXES = re.compile(r"[123]d\Z")
_POOL = "kernel_size size stride padding dilation return_indices ceil_mode count_include_pad divisor_override norm_type"
_UPSAMPLE = "size scale_factor mode align_corners recompute_scale_factor"
_FOLD = "output_size kernel_size dilation padding stride"
_NAMES: Mapping[str, str] = {
    **dict.fromkeys(("AdaptiveAvgPool", "AdaptiveMaxPool"), "output_size return_indices"),
    **dict.fromkeys(("AlphaDropout", "Dropout", "FeatureAlphaDropout"), "p inplace"),
    **dict.fromkeys(("AvgPool", "LPPool", "MaxPool", "MaxUnpool"), _POOL),
    **dict.fromkeys(("CELU", "ELU"), "alpha inplace"),
    **dict.fromkeys(("CircularPad", "ConstantPad", "ReflectionPad", "ReplicationPad", "ZeroPad"), "padding value"),
    **dict.fromkeys(("CrossMapLRN", "LocalResponseNorm"), "size alpha beta k"),
    **dict.fromkeys(("Fold", "Unfold"), _FOLD),
    **dict.fromkeys(("GLU", "LogSoftmax", "Softmax", "Softmin"), "dim"),
    **dict.fromkeys(("Hardsigmoid", "Hardswish", "Mish", "ReLU", "SELU", "SiLU"), "inplace"),
    **dict.fromkeys(("Hardtanh", "ReLU6"), "min_val max_val inplace"),
    **dict.fromkeys(("Upsample", "UpsamplingBilinear", "UpsamplingNearest"), _UPSAMPLE),
    "ChannelShuffle": "groups",
    "Flatten": "start_dim end_dim",
    "GELU": "approximate",
    "LeakyReLU": "negative_slope inplace",
    "PixelShuffle": "upscale_factor",
    "PixelUnshuffle": "downscale_factor",
    "RReLU": "lower upper inplace",
    "Softplus": "beta threshold",
    "Threshold": "threshold value inplace",
    "Unflatten": "dim unflattened_size",
}
"""By class, without its number of axes, the names in the prints of torch 0.2 to 2.13. Others print no names."""

_POSITIONAL = _split("""
    CircularPad ConstantPad CrossMapLRN Hardshrink LeakyReLU LocalResponseNorm RReLU ReflectionPad ReplicationPad
    Softshrink Threshold ZeroPad
    """)
"""Classes that print values without names."""

_NEVER_EMPTY = _split("""
    CELU ChannelShuffle CircularPad ConstantPad ELU Fold Hardtanh LeakyReLU LocalResponseNorm MaxPool PixelShuffle
    PixelUnshuffle ReflectionPad ReplicationPad Threshold Unflatten Unfold Upsample UpsamplingBilinear UpsamplingNearest
    ZeroPad
    """)
"""Classes that every version of torch prints with arguments."""


def may_print(name: str, text: str) -> bool:
    """Return whether torch prints these arguments of its module without tensors."""
    name = _AXES.sub("", name)
    if not text:
        return name not in _NEVER_EMPTY
    arguments = parse_arguments(text)
    if name not in _POSITIONAL and any(value != "inplace" for value in arguments.positional):
        return False
    return arguments.named.keys() <= _split(_NAMES.get(name, ""))
