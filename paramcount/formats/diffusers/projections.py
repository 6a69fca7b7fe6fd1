"""Small components: projections, embeddings, a decoder of texts.

Source: diffusers.pipelines.stable_diffusion.clip_image_project_model, .flux.modeling_flux, .stable_audio,
.stable_audio_3, .deprecated.unidiffuser.modeling_text_decoder.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcount.formats.diffusers.values import Builders, Values
from paramcount.formats.parts import Tensors, assemble, linear, norm, repeat
from paramcount.model.errors import InvalidDocument, token
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

_DECODER: Mapping[str, Any] = {
    "prefix_length": None, "prefix_inner_dim": None, "prefix_hidden_dim": None, "vocab_size": 50257,
    "n_positions": 1024, "n_embd": 768, "n_layer": 12, "n_head": 12, "n_inner": None,
    "activation_function": "gelu_new",
}  # fmt: skip

_SINES = 256
"""The width of the sines and cosines of a number of seconds."""


def build_clip_projection(config: Mapping[str, Any]) -> Layer:
    """CLIPImageProjection. Raises InvalidDocument."""
    width = Values(config, {"hidden_size": 768}).size("hidden_size")
    return assemble("CLIPImageProjection", "CLIPImageProjection", linear("project", width, width, bias=False))


def build_redux(config: Mapping[str, Any]) -> Layer:
    """ReduxImageEncoder of FLUX.1. Raises InvalidDocument."""
    values = Values(config, {"redux_dim": 1152, "txt_in_features": 4096})
    width = values.size("txt_in_features")
    tensors = (*linear("redux_up", values.size("redux_dim"), 3 * width), *linear("redux_down", 3 * width, width))
    return assemble("ReduxImageEncoder", "ReduxImageEncoder", tensors)


def build_stable_audio_projection(config: Mapping[str, Any]) -> Layer:
    """StableAudioProjectionModel. Raises InvalidDocument."""
    names = ("text_encoder_dim", "conditioning_dim", "min_value", "max_value")
    values = Values(config, dict.fromkeys(names))
    inputs, width = values.size("text_encoder_dim"), values.size("conditioning_dim")
    for name in names:
        if name not in config:
            raise InvalidDocument("must be given", token(name), "required")

    def tensors() -> Tensors:
        if inputs != width:
            yield from linear("text_projection", inputs, width)
        for part in ("start", "end"):
            name = f"{part}_number_conditioner.time_positional_embedding"
            yield Tensor(f"{name}.0.weights", (_SINES // 2,))
            yield from linear(f"{name}.1", _SINES + 1, width)

    return assemble("StableAudioProjectionModel", "StableAudioProjectionModel", tensors())


def build_duration_embedder(config: Mapping[str, Any]) -> Layer:
    """StableAudio3DurationEmbedder. Raises InvalidDocument."""
    values = Values(config, {"output_dim": 768, "fourier_dim": 256, "min_freq": 0.5, "max_freq": 10000.0})
    width = values.size("fourier_dim")
    if width < 2:
        raise InvalidDocument("must be at least 2", "/fourier_dim")
    for name in ("min_freq", "max_freq"):
        frequency = values.get(name)
        if type(frequency) not in (int, float) or not 0 < frequency <= 1e9:
            raise InvalidDocument("must be a number above 0, up to 1e9", token(name))

    def tensors() -> Tensors:
        yield Tensor("freqs", (width // 2,), "buffer", "F32", trainable=False)
        yield from linear("linear", width, values.size("output_dim"))

    return assemble("StableAudio3DurationEmbedder", "StableAudio3DurationEmbedder", tensors())


def build_text_decoder(config: Mapping[str, Any]) -> Layer:
    """UniDiffuserTextDecoder: GPT-2 with a projection before it. Raises InvalidDocument."""
    values = Values(config, _DECODER)
    values.size("prefix_length")
    width, prefix, hidden = (
        values.size("n_embd"), values.size("prefix_inner_dim"), values.optional("prefix_hidden_dim")
    )  # fmt: skip
    if hidden is None and prefix != width:
        raise InvalidDocument(f"must be given, or prefix_inner_dim be {width}", "/prefix_hidden_dim")
    if width % values.size("n_head"):
        raise InvalidDocument(f"must divide n_embd, {width}", "/n_head")
    values.choice("activation_function", "gelu_new", "gelu", "gelu_fast", "gelu_pytorch_tanh", "relu", "silu", "tanh")
    inner, words = values.optional("n_inner") or 4 * width, values.size("vocab_size")

    def tensors() -> Tensors:
        if hidden is not None:
            yield from linear("encode_prefix", prefix, hidden)
            yield from linear("decode_prefix", hidden, width)
        yield Tensor("transformer.transformer.wte.weight", (words, width))
        yield Tensor("transformer.transformer.wpe.weight", (values.size("n_positions"), width))
        yield from norm("transformer.transformer.ln_f", width)
        yield Tensor("transformer.lm_head.weight", (words, width), tied_to="transformer.transformer.wte.weight")

    block = assemble("", "GPT2Block", _gpt2_block(width, inner))
    root = assemble("UniDiffuserTextDecoder", "UniDiffuserTextDecoder", tensors())
    blocks = repeat("h", values.size("n_layer"), block)
    return _insert(root, ("transformer", "transformer"), blocks)


def _gpt2_block(width: int, inner: int) -> Tensors:
    sizes = (("attn.c_attn", width, 3 * width), ("attn.c_proj", width, width), ("mlp.c_fc", width, inner),
             ("mlp.c_proj", inner, width))  # fmt: skip
    for name, before, after in sizes:
        yield Tensor(f"{name}.weight", (before, after))
        yield Tensor(f"{name}.bias", (after,))
    yield from norm("ln_1", width)
    yield from norm("ln_2", width)


def _insert(layer: Layer, path: tuple[str, ...], children: list[Layer]) -> Layer:
    """A layer with more children below the layer of a path."""
    if not path:
        return layer._replace(children=(*layer.children, *children), cache_key=b"")
    inner = [_insert(child, path[1:], children) if child.name == path[0] else child for child in layer.children]
    return layer._replace(children=tuple(inner), cache_key=b"")


BUILDERS: Builders = {
    "CLIPImageProjection": build_clip_projection,
    "ReduxImageEncoder": build_redux,
    "StableAudio3DurationEmbedder": build_duration_embedder,
    "StableAudioProjectionModel": build_stable_audio_projection,
    "UniDiffuserTextDecoder": build_text_decoder,
}
