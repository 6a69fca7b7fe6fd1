"""VITS: residual blocks of all stages of its decoder in one list, so many of each stage as there are kernels."""

from collections.abc import Iterator, Mapping
from typing import Any

from tools.blueprints.overrides.changes import Override, Write

_SPEAKER = "speaker_embedding_size != 0"
_STOCHASTIC = "use_stochastic_duration_prediction"
_KERNELS = "min(len(resblock_kernel_sizes), len(resblock_dilation_sizes))"
_STAGES = "len(upsample_rates)"
_CHANNELS = f"upsample_initial_channel // 2 ** (i // {_KERNELS} + 1)"
_INTEGERS = (
    "vocab_size hidden_size num_hidden_layers num_attention_heads window_size ffn_dim ffn_kernel_size flow_size "
    "spectrogram_bins num_speakers speaker_embedding_size upsample_initial_channel depth_separable_channels "
    "depth_separable_num_layers duration_predictor_flow_bins duration_predictor_kernel_size "
    "duration_predictor_num_flows duration_predictor_filter_channels prior_encoder_num_flows "
    "prior_encoder_num_wavenet_layers posterior_encoder_num_wavenet_layers wavenet_kernel_size"
)


def _affine(name: str, weight: str, rest: str = "") -> Iterator[str]:
    """Yield the clauses of a weight and a bias as long as its first axis."""
    yield f"{name}.weight [{weight}]{rest}"
    yield f"{name}.bias [{weight.partition(';')[0]}]{rest}"


def _make_weight_norm(name: str, weight: str, rest: str = "") -> Iterator[str]:
    """Yield the clauses of a convolution whose weight is a direction and a length."""
    width = weight.partition(";")[0]
    yield f"{name}.bias [{width}]{rest}"
    yield f"{name}.parametrizations.weight.original0 [{width}; 1; 1]{rest}"
    yield f"{name}.parametrizations.weight.original1 [{weight}]{rest}"


def _wavenet(name: str, layers: str, index: str, outer: str = "") -> Iterator[str]:
    """Yield the clauses of a WaveNet, within the blocks of `outer`."""
    counts = f" for {outer}{layers}"
    within = f" for {outer.removesuffix('; ')}" if outer else ""
    yield from _make_weight_norm(f"{name}.cond_layer", f"2 * hidden_size * {layers}; speaker_embedding_size; 1",
                       f"{within} where {_SPEAKER}")  # fmt: skip
    yield from _make_weight_norm(
        f"{name}.in_layers.{{{index}}}", "2 * hidden_size; hidden_size; wavenet_kernel_size", counts
    )
    for width, last in (("2 * hidden_size", "not "), ("hidden_size", "")):
        where = f"{counts} where {last}{index} + 1 == {layers}"
        yield from _make_weight_norm(f"{name}.res_skip_layers.{{{index}}}", f"{width}; hidden_size; 1", where)


def _text_encoder() -> Iterator[str]:
    """Yield the clauses of the text encoder."""
    yield "text_encoder.embed_tokens.weight [vocab_size; hidden_size]"
    layer, layers = "text_encoder.encoder.layers.{i}.", " for num_hidden_layers"
    for letter in "kv":
        shape = "1; window_size * 2 + 1; hidden_size // num_attention_heads"
        yield f"{layer}attention.emb_rel_{letter} [{shape}]{layers} where window_size != 0"
    for name in ("k_proj", "v_proj", "q_proj", "out_proj"):
        yield f"{layer}attention.{name}.weight [hidden_size; hidden_size]{layers}"
        yield f"{layer}attention.{name}.bias [hidden_size]{layers} where use_bias"
    yield from _affine(f"{layer}layer_norm", "hidden_size", layers)
    yield from _affine(f"{layer}feed_forward.conv_1", "ffn_dim; hidden_size; ffn_kernel_size", layers)
    yield from _affine(f"{layer}feed_forward.conv_2", "hidden_size; ffn_dim; ffn_kernel_size", layers)
    yield from _affine(f"{layer}final_layer_norm", "hidden_size", layers)
    yield from _affine("text_encoder.project", "flow_size * 2; hidden_size; 1")


def _decoder() -> Iterator[str]:
    """Yield the clauses of the decoder."""
    yield from _affine("decoder.conv_pre", "upsample_initial_channel; flow_size; 7")
    narrower = "upsample_initial_channel // 2 ** (i + 1)"
    kernel = "upsample_kernel_sizes[i]"
    yield f"decoder.upsampler.{{i}}.weight [upsample_initial_channel // 2 ** i; {narrower}; {kernel}] for {_STAGES}"
    yield f"decoder.upsampler.{{i}}.bias [{narrower}] for {_STAGES}"
    blocks = f" for {_STAGES} * {_KERNELS}; len(resblock_dilation_sizes[i % {_KERNELS}])"
    for convolutions in ("convs1", "convs2"):
        weight = f"{_CHANNELS}; {_CHANNELS}; resblock_kernel_sizes[i % {_KERNELS}]"
        yield from _affine(f"decoder.resblocks.{{i}}.{convolutions}.{{j}}", weight, blocks)
    yield f"decoder.conv_post.weight [1; upsample_initial_channel // 2 ** {_STAGES}; 7]"
    cond = "upsample_initial_channel; speaker_embedding_size; 1"
    yield from _affine("decoder.cond", cond, f" where {_SPEAKER}")


def _separable(name: str, index: str, outer: str = "", where: str = "") -> Iterator[str]:
    """Yield the clauses of dilated convolutions that are separable by depth."""
    rest = f" for {outer}depth_separable_num_layers where {_STOCHASTIC}{where}"
    dilated = "hidden_size; 1; duration_predictor_kernel_size"
    yield from _affine(f"{name}.convs_dilated.{{{index}}}", dilated, rest)
    yield from _affine(f"{name}.convs_pointwise.{{{index}}}", "hidden_size; hidden_size; 1", rest)
    yield from _affine(f"{name}.norms_1.{{{index}}}", "hidden_size", rest)
    yield from _affine(f"{name}.norms_2.{{{index}}}", "hidden_size", rest)


def _duration_predictor() -> Iterator[str]:
    """Yield the clauses of the predictor of durations, the stochastic one and the other."""
    stochastic, half = f" where {_STOCHASTIC}", "depth_separable_channels // 2"
    for prefix, inputs in (("", "hidden_size"), ("post_", "1")):
        name = f"duration_predictor.{prefix}"
        yield from _affine(f"{name}conv_pre", f"hidden_size; {inputs}; 1", stochastic)
        yield from _affine(f"{name}conv_proj", "hidden_size; hidden_size; 1", stochastic)
        yield from _separable(f"{name}conv_dds", "i")
        flow, flows = f"{name}flows.{{i}}.", "duration_predictor_num_flows + 1"
        for leaf in ("translate", "log_scale"):
            yield f"{flow}{leaf} [depth_separable_channels; 1] for {flows} where {_STOCHASTIC} and i == 0"
        rest = f" for {flows} where {_STOCHASTIC} and not i == 0"
        yield from _affine(f"{flow}conv_pre", f"hidden_size; {half}; 1", rest)
        yield from _affine(f"{flow}conv_proj", f"{half} * (duration_predictor_flow_bins * 3 - 1); hidden_size; 1", rest)
        yield from _separable(f"{flow}conv_dds", "j", f"{flows}; ", " and not i == 0")
    plain, width, kernel = (
        f" where not {_STOCHASTIC}",
        "duration_predictor_filter_channels",
        "duration_predictor_kernel_size",
    )
    yield from _affine("duration_predictor.conv_1", f"{width}; hidden_size; {kernel}", plain)
    yield from _affine("duration_predictor.norm_1", width, plain)
    yield from _affine("duration_predictor.conv_2", f"{width}; {width}; {kernel}", plain)
    yield from _affine("duration_predictor.norm_2", width, plain)
    yield from _affine("duration_predictor.proj", f"1; {width}; 1", plain)
    yield from _affine("duration_predictor.cond", "hidden_size; speaker_embedding_size; 1", f" where {_SPEAKER}")


def _tensors() -> Iterator[str]:
    """Yield the clauses of all parts."""
    yield from _text_encoder()
    flow, flows = "flow.flows.{i}.", " for prior_encoder_num_flows"
    yield from _affine(f"{flow}conv_pre", "hidden_size; flow_size // 2; 1", flows)
    yield from _wavenet(f"{flow}wavenet", "prior_encoder_num_wavenet_layers", "j", "prior_encoder_num_flows; ")
    yield from _affine(f"{flow}conv_post", "flow_size // 2; hidden_size; 1", flows)
    yield from _decoder()
    yield from _duration_predictor()
    yield "embed_speaker.weight [num_speakers; speaker_embedding_size] where num_speakers > 1"
    yield from _affine("posterior_encoder.conv_pre", "hidden_size; spectrogram_bins; 1")
    yield from _wavenet("posterior_encoder.wavenet", "posterior_encoder_num_wavenet_layers", "i")
    yield from _affine("posterior_encoder.conv_proj", "flow_size * 2; hidden_size; 1")


_LISTS = ("upsample_rates", "upsample_kernel_sizes", "resblock_kernel_sizes")
_RECORD: Mapping[str, Any] = {
    "fields": dict(sorted({
        **dict.fromkeys(_INTEGERS.split(), "i"), **dict.fromkeys(_LISTS, "I"), "resblock_dilation_sizes": "L",
        "use_bias": "b", _STOCHASTIC: "b", "hidden_act": "s",
    }.items())),
    "given": [
        "is_activation(hidden_act)",
        "len(upsample_rates) == len(upsample_kernel_sizes)",
        "len(upsample_rates) > 0",
        "hidden_size % num_attention_heads == 0",
    ],
    "assumed": [],
    "rules": [],
    "tensors": list(_tensors()),
}  # fmt: skip
_SMALL = {"hidden_size": 32, "flow_size": 20, "ffn_dim": 48, "vocab_size": 77, "upsample_initial_channel": 64}
_TWO = {"upsample_rates": [4, 2], "upsample_kernel_sizes": [8, 5], "resblock_kernel_sizes": [3, 5],
        "resblock_dilation_sizes": [[1, 3], [1, 2, 4]]}  # fmt: skip

OVERRIDE = Override(
    reason=(
        "VitsHifiGan puts the residual blocks of all stages into one list, with dilations from a list of lists. The "
        "compiler knows the place of a block in the list, and neither its stage nor lists inside of lists."
    ),
    classes={"VitsModel": (Write(_RECORD),)},
    proofs=(
        {},
        _SMALL,
        _SMALL | _TWO | {"use_bias": False, "window_size": 0, "prior_encoder_num_wavenet_layers": 2},
        _SMALL | _TWO | {"num_speakers": 5, "speaker_embedding_size": 12, "prior_encoder_num_flows": 3},
        _SMALL | _TWO | {"use_stochastic_duration_prediction": False, "posterior_encoder_num_wavenet_layers": 3},
        _SMALL | {"use_stochastic_duration_prediction": False, "num_speakers": 3, "speaker_embedding_size": 6,
                  "duration_predictor_filter_channels": 28, "duration_predictor_kernel_size": 5},
        _SMALL | {"depth_separable_channels": 6, "depth_separable_num_layers": 2, "duration_predictor_flow_bins": 4,
                  "duration_predictor_num_flows": 2, "wavenet_kernel_size": 3, "ffn_kernel_size": 5,
                  "num_attention_heads": 4, "spectrogram_bins": 65, "num_hidden_layers": 3},
    ),
    refused=(
        {"hidden_act": "prelu"},
        {"resblock_dilation_sizes": [1, 3, 5]},
        {"upsample_rates": [8, 8]},
        {"hidden_size": 191},
    ),
)  # fmt: skip
