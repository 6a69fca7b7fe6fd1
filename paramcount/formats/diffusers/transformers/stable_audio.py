"""The transformers of Stable Audio. Source: diffusers.models.transformers.stable_audio_transformer, _stable_audio3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcount.formats.diffusers.transformers.parts import attention, even, feed_forward, times
from paramcount.formats.diffusers.values import Builders, Values
from paramcount.formats.parts import Tensors, assemble, convolution, linear, norm, repeat
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

_DEFAULTS: Mapping[str, Any] = {
    "in_channels": 64, "num_layers": 24, "attention_head_dim": 64, "num_attention_heads": 24,
    "num_key_value_attention_heads": 12, "out_channels": 64, "cross_attention_dim": 768, "time_proj_dim": 256,
    "global_states_input_dim": 1536, "cross_attention_input_dim": 768,
}  # fmt: skip
_STABLE_AUDIO_3: Mapping[str, Any] = {
    "io_channels": 256, "patch_size": 1, "embed_dim": 1536, "depth": 24, "num_heads": 24, "cond_token_dim": 768,
    "global_cond_dim": 768, "local_add_cond_dim": 257, "timestep_features_dim": 256, "ff_mult": 4.0,
    "num_memory_tokens": 64, "use_differential_attention": True,
}  # fmt: skip


def build_stable_audio(config: Mapping[str, Any]) -> Layer:
    """StableAudioDiTModel. Raises InvalidDocument."""
    values = Values(config, _DEFAULTS)
    head, inputs, outputs = (values.size(name) for name in ("attention_head_dim", "in_channels", "out_channels"))
    width, context, time = (
        values.size("num_attention_heads") * head,
        values.size("cross_attention_dim"),
        even(values, "time_proj_dim"),
    )

    def tensors() -> Tensors:
        yield Tensor("time_proj.weight", (time // 2,), trainable=False)
        yield from _pair("timestep_proj", time, width, bias=True)
        yield from _pair("global_proj", values.size("global_states_input_dim"), width)
        yield from _pair("cross_attention_proj", values.size("cross_attention_input_dim"), context)
        yield from convolution("preprocess_conv", inputs, inputs, (1,), bias=False)
        yield from linear("proj_in", inputs, width, bias=False)
        yield from linear("proj_out", width, outputs, bias=False)
        yield from convolution("postprocess_conv", outputs, outputs, (1,), bias=False)

    def block() -> Tensors:
        for name in ("norm1", "norm2", "norm3"):
            yield from norm(name, width)
        yield from attention("attn1", width, width, bias=False, out_bias=False)
        keys = head * values.size("num_key_value_attention_heads")
        yield from attention("attn2", width, width, context, keys, bias=False, out_bias=False)
        yield from feed_forward("ff", width, gated=True)

    blocks = repeat("transformer_blocks", values.size("num_layers"), assemble("", "StableAudioDiTBlock", block()))
    return assemble("StableAudioDiTModel", "StableAudioDiTModel", tensors(), blocks)


def build_stable_audio_3(config: Mapping[str, Any]) -> Layer:
    """StableAudio3DiTModel. Raises InvalidDocument."""
    values = Values(config, _STABLE_AUDIO_3)
    width, inputs, text = (values.size(name) for name in ("embed_dim", "io_channels", "cond_token_dim"))
    head, pixels = width // values.size("num_heads"), inputs * values.size("patch_size")
    if head < 2:  # positions are rotated in half of it
        raise InvalidDocument("must leave a head a width of at least 2", "/embed_dim")

    def tensors() -> Tensors:
        yield from _pair("to_timestep_embed", values.size("timestep_features_dim"), width, bias=True)
        yield Tensor("prompt_padding_embedding", (text,))
        yield from _pair("to_cond_embed", text, width)
        yield from _pair("to_global_embed", values.size("global_cond_dim"), width)
        yield from linear("global_cond_embedder.0", width, width)
        yield from linear("global_cond_embedder.2", width, 6 * width)
        for name in ("preprocess_conv", "postprocess_conv"):
            yield from convolution(name, inputs, inputs, (1,), bias=False)
        yield from linear("proj_in", pixels, width, bias=False)
        yield from linear("proj_out", width, pixels, bias=False)
        if values.get("num_memory_tokens") != 0:
            yield Tensor("memory_tokens", (values.size("num_memory_tokens"), width))
        yield Tensor("rotary_pos_emb.inv_freq", (-(-(head // 2) // 2),), "buffer", "F32", trainable=False)

    block = assemble("", "StableAudio3DiTBlock", _block_3(values, width, head))
    blocks = repeat("transformer_blocks", values.size("depth"), block)
    return assemble("StableAudio3DiTModel", "StableAudio3DiTModel", tensors(), blocks)


def _block_3(values: Values, width: int, head: int) -> Tensors:
    extra = int(values.flag("use_differential_attention"))
    for name in ("pre_norm", "cross_attend_norm", "ff_norm"):
        yield Tensor(f"{name}.gamma", (width,))
    yield from linear("self_attn.to_qkv", width, (3 + 2 * extra) * width, bias=False)
    yield from linear("cross_attn.to_q", width, (1 + extra) * width, bias=False)
    yield from linear("cross_attn.to_kv", width, (2 + extra) * width, bias=False)
    for name in ("self_attn", "cross_attn"):
        yield from linear(f"{name}.to_out", width, width, bias=False)
        yield Tensor(f"{name}.q_norm.gamma", (head,))
        yield Tensor(f"{name}.k_norm.gamma", (head,))
    hidden = times(values, width, "ff_mult")
    yield from linear("ff.proj_in", width, 2 * hidden)
    yield from linear("ff.proj_out", hidden, width)
    yield Tensor("to_scale_shift_gate", (6 * width,))
    yield from _pair("to_local_embed", values.size("local_add_cond_dim"), width, bias=True)


def _pair(name: str, inputs: int, width: int, bias: bool = False) -> Tensors:
    yield from linear(f"{name}.0", inputs, width, bias)
    yield from linear(f"{name}.2", width, width, bias)


BUILDERS: Builders = {
    "StableAudio3DiTModel": build_stable_audio_3,
    "StableAudioDiTModel": build_stable_audio,
}
