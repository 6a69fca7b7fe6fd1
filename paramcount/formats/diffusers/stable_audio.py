"""The transformer of Stable Audio. Source: diffusers.models.transformers.stable_audio_transformer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from paramcount.formats.diffusers.parts import attention, even, feed_forward
from paramcount.formats.diffusers.values import Values
from paramcount.formats.parts import Tensors, assemble, convolution, linear, norm, repeat
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

_DEFAULTS: Mapping[str, Any] = {
    "in_channels": 64, "num_layers": 24, "attention_head_dim": 64, "num_attention_heads": 24,
    "num_key_value_attention_heads": 12, "out_channels": 64, "cross_attention_dim": 768, "time_proj_dim": 256,
    "global_states_input_dim": 1536, "cross_attention_input_dim": 768,
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


def _pair(name: str, inputs: int, width: int, bias: bool = False) -> Tensors:
    yield from linear(f"{name}.0", inputs, width, bias)
    yield from linear(f"{name}.2", width, width, bias)


BUILDERS_OF_STABLE_AUDIO: Mapping[str, Callable[[Mapping[str, Any]], Layer]] = {
    "StableAudioDiTModel": build_stable_audio,
}
