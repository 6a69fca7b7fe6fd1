"""The transformer of Z-Image, and the blocks that its control net has too.

Source: diffusers.models.transformers.transformer_z_image.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from paramcount.formats.diffusers.values import Builders, Values
from paramcount.formats.parts import Tensors, assemble, linear, repeat
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

_DEFAULTS: Mapping[str, Any] = {
    "all_patch_size": [2], "all_f_patch_size": [1], "in_channels": 16, "dim": 3840, "n_layers": 30,
    "n_refiner_layers": 2, "n_heads": 30, "qk_norm": True, "cap_feat_dim": 2560, "siglip_feat_dim": None,
    "axes_dims": [32, 48, 48], "axes_lens": [1024, 512, 512],
}  # fmt: skip

_CONDITION = 256
"""The width of the condition that modulates the blocks, unless they are narrower."""

_TIME, _TIME_HIDDEN = 256, 1024


class Block(NamedTuple):
    """The settings of the blocks."""

    width: int
    heads: int
    normed: bool  # queries and keys

    @classmethod
    def read(cls, values: Values) -> Block:
        """The settings of a config. Raises InvalidDocument."""
        block = cls(values.size("dim"), values.size("n_heads"), values.flag("qk_norm"))
        if block.heads > block.width:
            raise InvalidDocument(f"must be at most {block.width}", "/n_heads")
        return block

    def build(self, *, modulated: bool = True) -> Layer:
        return assemble("", "ZImageTransformerBlock", self.tensors(modulated=modulated))

    def tensors(self, *, modulated: bool = True) -> Tensors:
        width, head = self.width, self.width // self.heads
        inner, hidden = head * self.heads, int(width / 3 * 8)
        for name in ("to_q", "to_k", "to_v"):
            yield from linear(f"attention.{name}", width, inner, bias=False)
        yield from linear("attention.to_out.0", inner, width, bias=False)
        for name in ("norm_q", "norm_k") if self.normed else ():
            yield Tensor(f"attention.{name}.weight", (head,))
        for name, before, after in (("w1", width, hidden), ("w2", hidden, width), ("w3", width, hidden)):
            yield from linear(f"feed_forward.{name}", before, after, bias=False)
        for name in ("attention_norm1", "ffn_norm1", "attention_norm2", "ffn_norm2"):
            yield Tensor(f"{name}.weight", (width,))
        if modulated:
            yield from linear("adaLN_modulation.0", min(width, _CONDITION), 4 * width)


def build_z_image(config: Mapping[str, Any]) -> Layer:
    """ZImageTransformer2DModel. Raises InvalidDocument."""
    values = Values(config, _DEFAULTS)
    block, axes = Block.read(values), values.sizes("axes_dims")
    values.sizes("axes_lens", len(axes))
    if (head := block.width // block.heads) != sum(axes):
        raise InvalidDocument(f"must add up to dim // n_heads, which is {head}", "/axes_dims")
    plain, refiners = block.build(modulated=False), values.count("n_refiner_layers")
    children = [
        *repeat("noise_refiner", refiners, block.build()),
        *repeat("context_refiner", refiners, plain),
        *(repeat("siglip_refiner", refiners, plain) if values.get("siglip_feat_dim") is not None else ()),
        *repeat("layers", values.count("n_layers"), block.build()),
    ]
    return assemble("ZImageTransformer2DModel", "ZImageTransformer2DModel", _around(values, block.width), children)


def _around(values: Values, width: int) -> Tensors:
    """The layers before and after the blocks."""
    patches = values.sizes("all_patch_size")
    condition, channels = min(width, _CONDITION), values.size("in_channels")
    frames = values.sizes("all_f_patch_size")
    if len(frames) != len(patches):
        raise InvalidDocument(f"must have {len(patches)} items, as all_patch_size has", "/all_f_patch_size")
    for patch, count in dict.fromkeys(zip(patches, frames, strict=True)):  # equal sizes have one layer
        name, pixels = f"{patch}-{count}", count * patch * patch * channels
        yield from linear(f"all_x_embedder.{name}", pixels, width)
        yield from linear(f"all_final_layer.{name}.linear", width, pixels)
        yield from linear(f"all_final_layer.{name}.adaLN_modulation.1", condition, width)
    yield from linear("t_embedder.mlp.0", _TIME, _TIME_HIDDEN)
    yield from linear("t_embedder.mlp.2", _TIME_HIDDEN, condition)
    yield from _embed("cap", values.size("cap_feat_dim"), width)
    if (features := values.optional("siglip_feat_dim")) is not None:
        yield from _embed("siglip", features, width)
    yield Tensor("x_pad_token", (1, width))


def _embed(source: str, features: int, width: int) -> Tensors:
    """The embedding of a caption, or of a picture's features, and what pads it."""
    yield Tensor(f"{source}_embedder.0.weight", (features,))
    yield from linear(f"{source}_embedder.1", features, width)
    yield Tensor(f"{source}_pad_token", (1, width))


BUILDERS: Builders = {"ZImageTransformer2DModel": build_z_image}
