"""Mimi: its encoder and decoder each put all stages into one list of layers; its frames follow from its samples."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tools.blueprints.overrides.changes import Append, Change, Override, Remove, Replace, SetFields

_STAGES, _STAGE = "len(upsampling_ratios)", "(num_residual_layers + 2)"
_DEEPEST = f"num_filters * 2 ** {_STAGES}"
_LAYERS = f"3 + {_STAGES} * {_STAGE}"
_POSITION, _INSIDE = f"(i - 1) % {_STAGE}", f"i >= 1 and i <= {_STAGES} * {_STAGE}"
"""The place of a layer in its stage, and the condition that it is in one."""


def _conv(name: str, weight: str, where: str, width: str = "") -> Iterator[str]:
    """Yield the clauses of a convolution; `width` is that of its output."""
    yield f"{name}.conv.weight [{weight}] for {_LAYERS} where {where}"
    yield f"{name}.conv.bias [{width or weight.partition(';')[0]}] for {_LAYERS} where {where}"


def _residual(name: str, width: str, where: str) -> Iterator[str]:
    """Yield the clauses of a residual block."""
    narrow = f"({width}) // compress"
    yield from _conv(f"{name}.block.1", f"{narrow}; {width}; residual_kernel_size", where)
    yield from _conv(f"{name}.block.3", f"{width}; {narrow}; 1", where)
    yield from _conv(f"{name}.shortcut", f"{width}; {width}; 1", f"{where} and use_conv_shortcut")


def _encoder(prefix: str) -> Iterator[str]:
    name, width = f"{prefix}layers.{{i}}", f"num_filters * 2 ** ((i - 1) // {_STAGE})"
    ratio = f"upsampling_ratios[{_STAGES} - 1 - (i - 1) // {_STAGE}]"
    yield from _conv(name, "num_filters; audio_channels; kernel_size", "i == 0")
    yield from _residual(name, width, f"{_INSIDE} and {_POSITION} < num_residual_layers")
    wider = f"{width} * 2; {width}; {ratio} * 2"
    yield from _conv(name, wider, f"{_INSIDE} and {_POSITION} == num_residual_layers + 1")
    yield from _conv(name, f"hidden_size; {_DEEPEST}; last_kernel_size", f"i + 1 == {_LAYERS}")


def _decoder(prefix: str) -> Iterator[str]:
    name, width = f"{prefix}layers.{{i}}", f"num_filters * 2 ** ({_STAGES} - 1 - (i - 1) // {_STAGE})"
    yield from _conv(name, f"{_DEEPEST}; hidden_size; kernel_size", "i == 0")
    narrower = f"{width} * 2; {width}; upsampling_ratios[(i - 1) // {_STAGE}] * 2"
    yield from _conv(name, narrower, f"{_INSIDE} and {_POSITION} == 1", width)
    yield from _residual(name, width, f"{_INSIDE} and {_POSITION} >= 2")
    yield from _conv(name, "audio_channels; num_filters; last_kernel_size", f"i + 1 == {_LAYERS}")


_FREED = frozenset(
    (
        "num_filters == 64",
        "num_residual_layers == 1",
        "kernel_size == 7",
        "compress == 2",
        "use_conv_shortcut == False",
    )
)
_BOUNDS = ("num_filters > 0", "num_residual_layers >= 0", "kernel_size > 0", "compress > 0")
_KINDS = dict.fromkeys(("num_filters", "num_residual_layers", "kernel_size", "compress"), "i")


def _frames(prefix: str = "") -> tuple[Change, ...]:
    """Return the changes for a codec's frames a second, whose config's path is `prefix`.

    MimiConfig computes frame_rate where it is null: two frames of the encoder are one of the quantizer then, from 1,920
    samples a second on. The published configs state what follows from their other fields.
    """
    frames, samples = f"{prefix}frame_rate", f"{prefix}sampling_rate"
    return (
        Replace("given", re.escape(f"{frames} is None"), (f"{frames} is None or {frames} == 12.5",)),
        Append("given", (f"{frames} is None or {samples} == 24000", f"{samples} >= 1920")),
    )


def _changes(*tensors: tuple[str, Iterator[str]]) -> tuple[Change, ...]:
    return (
        Remove("given", _FREED.union(_BOUNDS)),
        Append("given", _BOUNDS),
        *_frames(),
        SetFields({**_KINDS, "use_conv_shortcut": "b"}),
        *(Replace("tensors", rf"{prefix.replace('.', '[.]')}layers[.].*", tuple(lines)) for prefix, lines in tensors),
    )


_ENCODER, _DECODER = "encoder_seanet.", "decoder_seanet."
_PROOFS: tuple[Mapping[str, Any], ...] = (
    {},
    {"num_residual_layers": 2, "kernel_size": 5},
    {"num_residual_layers": 3, "use_conv_shortcut": True, "compress": 4},
    {"num_filters": 32, "last_kernel_size": 5, "residual_kernel_size": 5},
    {"frame_rate": 12.5},
    {"num_filters": 24, "num_residual_layers": 0, "compress": 1},
)
_FRAMES_REFUSED: tuple[Mapping[str, Any], ...] = (
    {"sampling_rate": 1000},
    {"sampling_rate": 48000, "frame_rate": 12.5},
    {"frame_rate": 25.0},
    {"frame_rate": 6.25},
)
_REFUSED = (
    *_FRAMES_REFUSED,
    {"num_filters": 0},
    {"compress": 0},
    {"num_residual_layers": "one"},
)


def _override(**classes: tuple[Change, ...]) -> Override:
    return Override(
        reason=(
            "MimiEncoder and MimiDecoder put residual blocks, activations and convolutions of all stages into one "
            "list. The compiler knows the place of a layer in the list, and not its stage."
        ),
        classes=classes,
        proofs=_PROOFS,
        refused=_REFUSED,
    )


_SEANETS = ((f"encoder.{_ENCODER}", _encoder), (f"decoder.{_DECODER}", _decoder))
OVERRIDES: Mapping[str, Override] = {
    "csm": Override(
        reason="CSM has Mimi as its codec, with the frames a second that MimiConfig computes or takes.",
        classes={"CsmForConditionalGeneration": _frames("codec_config.")},
        proofs=({}, {"codec_config": {"frame_rate": 12.5}}, {"codec_config": {"sampling_rate": 1920}}),
        refused=tuple({"codec_config": config} for config in _FRAMES_REFUSED),
    ),
    "mimi": _override(MimiModel=_changes(*((prefix, lines(prefix)) for prefix, lines in _SEANETS))),
    "mimi_decoder": _override(MimiDecoderModel=_changes((_DECODER, _decoder(_DECODER)))),
    "mimi_encoder": _override(MimiEncoderModel=_changes((_ENCODER, _encoder(_ENCODER)))),
}
