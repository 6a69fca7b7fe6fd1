"""EnCodec: an encoder and a decoder that each put all of their stages into one list of layers."""

from collections.abc import Iterator, Mapping
from typing import Any

from tools.blueprints.overrides.changes import Override, Write

_WEIGHT_NORM = "norm_type == 'weight_norm'"
_STAGES, _STAGE = "len(upsampling_ratios)", "(num_residual_layers + 2)"
_DEEPEST = f"num_filters * 2 ** {_STAGES}"
_LAYERS = f"4 + {_STAGES} * {_STAGE}"
_MAX_LSTM_LAYERS = 4
_INTEGERS = (
    "sampling_rate audio_channels hidden_size num_filters num_residual_layers kernel_size last_kernel_size "
    "residual_kernel_size compress num_lstm_layers codebook_size"
)


def _conv(name: str, weight: str, where: str, width: str = "") -> Iterator[str]:
    """Yield the clauses of a convolution, with a norm of its weight or after it; `width` is that of its output."""
    first = weight.partition(";")[0]
    width, blocks = width or first, f"for {_LAYERS} where {where} and"
    yield f"{name}.conv.bias [{width}] for {_LAYERS} where {where}"
    yield f"{name}.conv.parametrizations.weight.original0 [{first}; 1; 1] {blocks} {_WEIGHT_NORM}"
    yield f"{name}.conv.parametrizations.weight.original1 [{weight}] {blocks} {_WEIGHT_NORM}"
    yield f"{name}.conv.weight [{weight}] {blocks} not {_WEIGHT_NORM}"
    yield f"{name}.norm.weight [{width}] {blocks} not {_WEIGHT_NORM}"
    yield f"{name}.norm.bias [{width}] {blocks} not {_WEIGHT_NORM}"


def _residual(name: str, width: str, where: str) -> Iterator[str]:
    """Yield the clauses of a residual block."""
    narrow = f"({width}) // compress"
    yield from _conv(f"{name}.block.1", f"{narrow}; {width}; residual_kernel_size", where)
    yield from _conv(f"{name}.block.3", f"{width}; {narrow}; 1", where)
    yield from _conv(f"{name}.shortcut", f"{width}; {width}; 1", f"{where} and use_conv_shortcut")


def _lstm(name: str, where: str) -> Iterator[str]:
    """Yield the clauses of an LSTM."""
    for layer in range(_MAX_LSTM_LAYERS):
        rest = f"for {_LAYERS} where {where} and num_lstm_layers > {layer}"
        for source in ("ih", "hh"):
            yield f"{name}.lstm.weight_{source}_l{layer} [4 * {_DEEPEST}; {_DEEPEST}] {rest}"
            yield f"{name}.lstm.bias_{source}_l{layer} [4 * {_DEEPEST}] {rest}"


def _tensors() -> Iterator[str]:
    """Yield the clauses of the encoder, the decoder and the codebooks."""
    name, after = "encoder.layers.{i}", f"{_STAGES} * {_STAGE} + 1"
    position, width = f"(i - 1) % {_STAGE}", f"num_filters * 2 ** ((i - 1) // {_STAGE})"
    inside = f"i >= 1 and i < {after}"
    ratio = f"upsampling_ratios[{_STAGES} - 1 - (i - 1) // {_STAGE}]"
    yield from _conv(name, "num_filters; audio_channels; kernel_size", "i == 0")
    yield from _residual(name, width, f"{inside} and {position} < num_residual_layers")
    wider = f"{width} * 2; {width}; {ratio} * 2"
    yield from _conv(name, wider, f"{inside} and {position} == num_residual_layers + 1")
    yield from _lstm(name, f"i == {after}")
    yield from _conv(name, f"hidden_size; {_DEEPEST}; last_kernel_size", f"i == {after} + 2")
    name, after = "decoder.layers.{i}", f"{_STAGES} * {_STAGE} + 2"
    position, width = f"(i - 2) % {_STAGE}", f"num_filters * 2 ** ({_STAGES} - 1 - (i - 2) // {_STAGE})"
    inside = f"i >= 2 and i < {after}"
    yield from _conv(name, f"{_DEEPEST}; hidden_size; kernel_size", "i == 0")
    yield from _lstm(name, "i == 1")
    narrower = f"{width} * 2; {width}; upsampling_ratios[(i - 2) // {_STAGE}] * 2"
    yield from _conv(name, narrower, f"{inside} and {position} == 1", width)
    yield from _residual(name, width, f"{inside} and {position} >= 2")
    yield from _conv(name, "audio_channels; num_filters; last_kernel_size", f"i == {after} + 1")
    codebook, codebooks = "quantizer.layers.{i}.codebook.", "for num_quantizers buffer F32"
    yield f"{codebook}inited [1] {codebooks}"
    yield f"{codebook}cluster_size [codebook_size] {codebooks}"
    yield f"{codebook}embed [codebook_size; codebook_dim] {codebooks}"
    yield f"{codebook}embed_avg [codebook_size; codebook_dim] {codebooks}"


_FRAME_RATE, _BITS = "ceil(sampling_rate / prod(upsampling_ratios))", "ceil(log2(codebook_size))"
_BANDWIDTH = "target_bandwidths[len(target_bandwidths) - 1]"
_RECORD: Mapping[str, Any] = {
    "fields": dict(sorted({
        **dict.fromkeys(_INTEGERS.split(), "i"), "codebook_dim": "in", "norm_type": "s", "target_bandwidths": "F",
        "upsampling_ratios": "I", "use_conv_shortcut": "b",
    }.items())),
    "given": [
        "norm_type == 'weight_norm' or norm_type == 'time_group_norm'",
        f"num_lstm_layers <= {_MAX_LSTM_LAYERS}",
        "2 ** int(log2(codebook_size)) == codebook_size",
    ],
    "assumed": ["not num_quantizers is None"],
    "rules": [
        "codebook_dim = hidden_size where codebook_dim is None",
        "codebook_dim = codebook_dim where not codebook_dim is None",
        f"num_quantizers = int(1000 * {_BANDWIDTH} // ({_FRAME_RATE} * {_BITS}))",
    ],
    "tensors": list(_tensors()),
}  # fmt: skip
_SMALL = {"hidden_size": 24, "num_filters": 4, "codebook_size": 64, "target_bandwidths": [1.5, 3.0]}

OVERRIDE = Override(
    reason=(
        "EncodecEncoder and EncodecDecoder put residual blocks, activations and convolutions of all stages into one "
        "list. The compiler knows the place of a layer in the list, and not its stage."
    ),
    classes={"EncodecModel": (Write(_RECORD),)},
    proofs=(
        {},
        _SMALL,
        _SMALL | {"norm_type": "time_group_norm", "audio_channels": 2, "use_causal_conv": False},
        _SMALL | {"num_residual_layers": 3, "upsampling_ratios": [5, 3], "use_conv_shortcut": False},
        _SMALL | {"num_residual_layers": 2, "upsampling_ratios": [6], "num_lstm_layers": 3, "compress": 4},
        _SMALL | {"kernel_size": 5, "last_kernel_size": 3, "residual_kernel_size": 5, "codebook_dim": 12},
        _SMALL | {"num_residual_layers": 0, "sampling_rate": 32000, "num_lstm_layers": 1, "target_bandwidths": [2.2]},
    ),
    refused=(
        {"norm_type": "layer_norm"},
        {"codebook_size": 1000},
        {"num_lstm_layers": 5},
        {"upsampling_ratios": []},
        {"target_bandwidths": []},
    ),
)
