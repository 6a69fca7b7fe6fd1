"""Swin2SR: any number of stages, and the upsampler that a word in the config chooses."""

from collections.abc import Iterator, Sequence
from typing import Any

from tools.blueprints.overrides.changes import Append, Change, Override, Remove, Replace, Rewrite, SetFields

_PINS = (
    "depths == [6, 6, 6, 6, 6, 6]", "embed_dim == 180", "num_heads == [6, 6, 6, 6, 6, 6]", "resi_connection == '1conv'",
    "window_size == 8",
)  # fmt: skip
_BRANCHES = (
    "resi_connection == '1conv'", "embed_dim == 180",
    "not image_size // patch_size <= min(image_size // patch_size, window_size)",
)  # fmt: skip
_FEATURES = 64
_SHUFFLED = "upsampler in ['pixelshuffle', 'pixelshuffle_aux']"
_NEAREST, _DIRECT = "upsampler == 'nearest+conv'", "upsampler == 'pixelshuffledirect'"
_PREPARED = "upsampler in ['pixelshuffle', 'pixelshuffle_aux', 'nearest+conv']"
_DOUBLINGS = "bit_length(upscale) - 1"
_IS_POWER = f"upscale == 2 ** ({_DOUBLINGS})"
_HEADS = "num_heads[i] + {0: 0}[embed_dim % num_heads[i]]"
"""The heads of a stage; without a value, and so refused, where they do not divide its width."""


def _convolution(name: str, channels: object, inputs: object, where: str, kernel: int = 3) -> Iterator[str]:
    """Yield the clauses of a convolution."""
    yield f"{name}.weight [{channels}; {inputs}; {kernel}; {kernel}] {where}"
    yield f"{name}.bias [{channels}] {where}"


def _residual(prefix: str) -> Iterator[str]:
    """Yield the clauses of the convolution that ends a stage."""
    name, stages = f"{prefix}encoder.stages.{{i}}.conv", "for len(depths) where resi_connection =="
    yield from _convolution(name, "embed_dim", "embed_dim", f"{stages} '1conv'")
    yield from _convolution(f"{name}.0", "embed_dim // 4", "embed_dim", f"{stages} '3conv'")
    yield from _convolution(f"{name}.2", "embed_dim // 4", "embed_dim // 4", f"{stages} '3conv'", kernel=1)
    yield from _convolution(f"{name}.4", "embed_dim", "embed_dim // 4", f"{stages} '3conv'")


def _upsamplers() -> Iterator[str]:
    """Yield the clauses of all upsamplers."""
    auxiliary, none = "where upsampler == 'pixelshuffle_aux'", f"where not ({_PREPARED} or {_DIRECT})"
    yield from _convolution("upsample.conv_before_upsample", _FEATURES, "embed_dim", f"where {_PREPARED}")
    yield from _convolution("upsample.conv_bicubic", _FEATURES, "num_channels", auxiliary)
    yield from _convolution("upsample.conv_aux", "num_channels", _FEATURES, auxiliary)
    yield from _convolution("upsample.conv_after_aux.0", _FEATURES, 3, auxiliary)
    doubled = f"for {_DOUBLINGS} where {_SHUFFLED} and {_IS_POWER}"
    yield from _convolution("upsample.upsample.convolution_{i}", 4 * _FEATURES, _FEATURES, doubled)
    tripled = f"where {_SHUFFLED} and upscale == 3"
    yield from _convolution("upsample.upsample.convolution", 9 * _FEATURES, _FEATURES, tripled)
    for name in ("conv_up1", "conv_up2", "conv_hr"):
        yield from _convolution(f"upsample.{name}", _FEATURES, _FEATURES, f"where {_NEAREST}")
    yield from _convolution("upsample.final_convolution", "num_channels_out", _FEATURES, f"where {_PREPARED}")
    yield from _convolution("upsample.conv", "upscale ** 2 * num_channels_out", "embed_dim", f"where {_DIRECT}")
    yield from _convolution("final_convolution", "num_channels_out", "embed_dim", none)


def _changes(prefix: str) -> Sequence[Change]:
    return (
        SetFields({"depths": "I"}),
        Remove("given", frozenset(_PINS)),
        Append("given", ("len(num_heads) >= len(depths)", "min(depths) >= 0", "window_size > 1")),
        Remove("assumed", frozenset(_BRANCHES)),
        Replace("tensors", r".*stages\.\{i\}\.conv\..*", tuple(_residual(prefix))),
        Rewrite("tensors", " for 6; 6", " for len(depths); depths[i]"),
        Rewrite("tensors", " for 6", " for len(depths)"),
        Rewrite("tensors", "logit_scale [num_heads[i]; ", f"logit_scale [{_HEADS}; "),
    )


_SMALL: dict[str, Any] = {"embed_dim": 12, "depths": [2, 1, 2], "num_heads": [2, 3, 4], "image_size": 16}

OVERRIDE = Override(
    reason=(
        "Swin2SREncoder has a stage for each of depths, and Swin2SRForImageSuperResolution one of five upsamplers. "
        "The compiler took the six stages of six layers for one number, and drew no other upsampler."
    ),
    classes={
        "Swin2SRForImageSuperResolution": (
            *_changes("swin2sr."),
            SetFields({"upscale": "i"}),
            Remove("given", frozenset(["upsampler == 'pixelshuffle'", "upscale == 2"])),
            Append(
                "given",
                (
                    "upscale > 0",
                    f"not {_SHUFFLED} or upscale == 3 or {_IS_POWER}",
                    f"not {_NEAREST} or upscale == 4",
                ),
            ),
            Remove("assumed", frozenset(["upsampler == 'pixelshuffle'"])),
            Replace("tensors", r"upsample\..*", tuple(_upsamplers())),
        ),
        "Swin2SRModel": _changes(""),
    },
    proofs=(
        {},
        _SMALL,
        _SMALL | {"upsampler": "pixelshuffledirect", "upscale": 4, "num_heads": [2, 3, 4, 6]},
        _SMALL | {"upsampler": "pixelshuffle_aux", "upscale": 8, "num_channels": 1, "num_channels_out": 2},
        _SMALL | {"upsampler": "pixelshuffle", "upscale": 3, "resi_connection": "3conv"},
        _SMALL | {"upsampler": "nearest+conv", "upscale": 4, "resi_connection": "none", "window_size": 4},
        _SMALL | {"upsampler": "", "use_absolute_embeddings": True, "patch_size": 2, "window_size": 20},
    ),
    refused=(
        _SMALL | {"num_heads": [2, 3]},
        _SMALL | {"num_heads": [2, 3, 5]},
        _SMALL | {"window_size": 1},
    ),
)
