"""The transformers of Kandinsky 5 and 6. Source: diffusers.models.transformers.transformer_kandinsky, _kandinsky6."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from paramcount.formats.diffusers.blocks import time_embedding
from paramcount.formats.diffusers.transformers.parts import even, exactly, feed_forward, scales
from paramcount.formats.diffusers.values import Builders, Values
from paramcount.formats.parts import Tensors, assemble, linear, norm, repeat
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

_KANDINSKY_5: Mapping[str, Any] = {
    "in_visual_dim": 4, "in_text_dim": 3584, "in_text_dim2": 768, "time_dim": 512, "out_visual_dim": 4,
    "patch_size": [1, 2, 2], "model_dim": 2048, "ff_dim": 5120, "num_text_blocks": 2, "num_visual_blocks": 32,
    "axes_dims": [16, 24, 24], "visual_cond": False,
}  # fmt: skip
_KANDINSKY_6: Mapping[str, Any] = {
    "in_visual_dim": 16, "out_visual_dim": 16, "in_text_dim": 3584, "in_text_dim2": 768, "time_dim": 1024,
    "patch_size": [1, 2, 2], "model_dim": 4096, "ff_dim": 16384, "num_text_blocks": 4, "num_visual_blocks": 60,
    "axes_dims": [32, 48, 48], "visual_cond": True, "in_audio_dim": 20, "out_audio_dim": 20, "model_dim_a": None,
    "time_dim_a": None, "ff_dim_a": None, "axes_dims_a": None, "cross_gates": False,
    "visual_token_type_num_embeddings": 0,
}  # fmt: skip


class _Sizes(NamedTuple):
    """The widths of a stream: of the model, of the time, of feed-forward layers, of a head."""

    width: int
    time: int
    hidden: int
    head: int

    @classmethod
    def read(cls, values: Values, ending: str = "") -> _Sizes:
        """The sizes of a stream, of which those of sound may be left to those of pictures. Raises InvalidDocument."""
        names = [
            name + (ending if values.get(name + ending) else "")
            for name in ("model_dim", "time_dim", "ff_dim", "axes_dims")
        ]
        width, time, hidden = (values.size(name) for name in names[:3])
        sizes = cls(width, time, hidden, sum(values.sizes(names[3])))
        even(values, names[0])
        if sizes.width % sizes.head:
            raise InvalidDocument(f"must be a multiple of the width of a head, {sizes.head}", f"/{names[0]}")
        return sizes


def build_kandinsky_5(config: Mapping[str, Any]) -> Layer:
    """Kandinsky5Transformer3DModel. Raises InvalidDocument."""
    values = Values(config, _KANDINSKY_5)
    width, time, hidden, head = sizes = _Sizes.read(values)

    def tensors() -> Tensors:
        yield from linear("time_embeddings.in_layer", width, time)
        yield from linear("time_embeddings.out_layer", time, time)
        yield from _embedding("text_embeddings", values.size("in_text_dim"), width)
        yield from _embedding("pooled_text_embeddings", values.size("in_text_dim2"), time)
        yield from _pictures(values, sizes)

    def block(modulation: str, count: int, *names: str) -> Tensors:
        yield from linear(f"{modulation}.out_layer", time, count * width)
        for name in names:
            yield from _attention(name, width, head, width)
        yield from linear("feed_forward.in_layer", width, hidden, bias=False)
        yield from linear("feed_forward.out_layer", hidden, width, bias=False)

    texts = assemble("", "Kandinsky5TransformerEncoderBlock", block("text_modulation", 6, "self_attention"))
    pictures = assemble(
        "", "Kandinsky5TransformerDecoderBlock", block("visual_modulation", 9, "self_attention", "cross_attention")
    )
    children = [
        *repeat("text_transformer_blocks", values.size("num_text_blocks"), texts),
        *repeat("visual_transformer_blocks", values.size("num_visual_blocks"), pictures),
    ]
    return assemble("Kandinsky5Transformer3DModel", "Kandinsky5Transformer3DModel", tensors(), children)


def _embedding(name: str, inputs: int, width: int) -> Tensors:
    yield from linear(f"{name}.in_layer", inputs, width)
    yield from norm(f"{name}.norm", width)


def _pictures(values: Values, sizes: _Sizes) -> Tensors:
    """The layers that read and write patches."""
    inputs, volume = values.size("in_visual_dim"), math.prod(exactly(values, "patch_size", 3))
    if values.flag("visual_cond"):
        inputs = 2 * inputs + 1
    yield from linear("visual_embeddings.in_layer", inputs * volume, sizes.width)
    yield from linear("out_layer.modulation.out_layer", sizes.time, 2 * sizes.width)
    yield from linear("out_layer.out_layer", sizes.width, volume * values.size("out_visual_dim"))


def _attention(name: str, width: int, head: int, context: int) -> Tensors:
    for part, inputs in (("to_query", width), ("to_key", context), ("to_value", context), ("out_layer", width)):
        yield from linear(f"{name}.{part}", inputs, width)
    yield from scales((f"{name}.query_norm", f"{name}.key_norm"), head)


def build_kandinsky_6(config: Mapping[str, Any]) -> Layer:
    """Kandinsky6Transformer3DModel. Raises InvalidDocument."""
    values = Values(config, _KANDINSKY_6)
    streams = {"video": _Sizes.read(values), "audio": _Sizes.read(values, "_a")}
    video, audio = streams.values()

    def tensors() -> Tensors:
        yield from _pictures(values, video)
        if values.get("visual_token_type_num_embeddings") not in (0, None):
            yield Tensor("visual_token_type_embeddings.weight",
                         (values.size("visual_token_type_num_embeddings"), video.width))  # fmt: skip
        yield from _embedding("audio_embeddings", values.size("in_audio_dim"), audio.width)
        yield from linear("audio_out_layer.modulation.out_layer", audio.time, 2 * audio.width)
        yield from linear("audio_out_layer.out_layer", audio.width, values.size("out_audio_dim"))
        for name, sizes in streams.items():
            yield from time_embedding(f"{name}_time_embeddings.timestep_embedder", sizes.width, sizes.time)
            yield from _embedding(f"{name}_text_embeddings", values.size("in_text_dim"), sizes.width)
            yield from _embedding(f"{name}_pooled_text_embeddings", values.size("in_text_dim2"), sizes.time)

    count = values.size("num_text_blocks")
    children = []
    for name, sizes in streams.items():
        block = assemble("", "Kandinsky6TransformerEncoderBlock", _block("", sizes, "text_modulation", "attn"))
        children += repeat(f"{name}_text_transformer_blocks", count, block)
    block_tensors = _fuse(video, audio, gates=values.flag("cross_gates"))
    block = assemble("", "Kandinsky6FusedTransformerDecoderBlock", block_tensors)
    children += repeat("visual_transformer_blocks", values.size("num_visual_blocks"), block)
    return assemble("Kandinsky6Transformer3DModel", "Kandinsky6Transformer3DModel", tensors(), children)


def _block(prefix: str, sizes: _Sizes, modulation: str, *names: str) -> Tensors:
    """A block that attends once or twice: 3 modulations for each part."""
    yield from linear(f"{prefix}{modulation}.out_layer", sizes.time, 3 * (1 + len(names)) * sizes.width)
    for name in names:
        yield from _attention(f"{prefix}{name}", sizes.width, sizes.head, sizes.width)
    yield from feed_forward(f"{prefix}feed_forward", sizes.width, sizes.hidden, bias=False)


def _fuse(video: _Sizes, audio: _Sizes, *, gates: bool) -> Tensors:
    """A block of pictures, one of sound, and what each attends to of the other."""
    for name, sizes in (("video", video), ("audio", audio)):
        prefix = f"{name}_dec_block."
        yield from _block(prefix, sizes, "visual_modulation", "self_attention", "cross_attention")
    for name, first, other in (("va", video, audio), ("av", audio, video)):
        yield from _attention(f"{name}_cross_attention", first.width, first.head, other.width)
        outputs = 2 * first.width + other.width if gates else 3 * first.width
        yield from linear(f"{name}_modulation.out_layer", first.time, outputs)


BUILDERS: Builders = {
    "Kandinsky5Transformer3DModel": build_kandinsky_5,
    "Kandinsky6Transformer3DModel": build_kandinsky_6,
}
