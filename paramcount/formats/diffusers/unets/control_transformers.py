"""QwenImageControlNetModel and ZImageControlNetModel.

Source: diffusers.models.controlnets.controlnet_qwenimage, controlnet_z_image.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from paramcount.formats.diffusers.blocks import stack, time_embedding
from paramcount.formats.diffusers.values import MAX_LAYERS, Builders, Values
from paramcount.formats.parts import Tensors, assemble, linear, repeat
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

_QWEN: Mapping[str, Any] = {
    "in_channels": 64, "num_layers": 60, "attention_head_dim": 128, "num_attention_heads": 24,
    "joint_attention_dim": 3584, "axes_dims_rope": [16, 56, 56], "extra_condition_channels": 0,
}  # fmt: skip

_Z_IMAGE: Mapping[str, Any] = {
    "control_layers_places": None, "control_in_dim": None, "add_control_noise_refiner": None, "all_patch_size": [2],
    "all_f_patch_size": [1], "dim": 3840, "n_refiner_layers": 2, "n_heads": 30, "qk_norm": True,
}  # fmt: skip

_CONDITION = 256
"""The width of the condition that modulates the blocks of Z-Image, unless they are narrower."""


def build_qwen_control(config: Mapping[str, Any]) -> Layer:
    """QwenImageControlNetModel. Raises InvalidDocument."""
    values = Values(config, _QWEN)
    head, context = values.size("attention_head_dim"), values.size("joint_attention_dim")
    width, inputs = values.size("num_attention_heads") * head, values.size("in_channels")
    extra = values.size("extra_condition_channels") if values.get("extra_condition_channels") != 0 else 0
    if any(size % 2 for size in values.sizes("axes_dims_rope", 3)):
        raise InvalidDocument("must hold even numbers", "/axes_dims_rope")

    def tensors() -> Tensors:
        yield from time_embedding("time_text_embed.timestep_embedder", 256, width)
        yield Tensor("txt_norm.weight", (context,))
        yield from linear("img_in", inputs, width)
        yield from linear("txt_in", context, width)
        yield from linear("controlnet_x_embedder", inputs + extra, width)

    count = values.size("num_layers")
    block = assemble("", "QwenImageTransformerBlock", _qwen_block(width, head))
    zero = assemble("", "Linear", _zero_linear(width))
    children = [*repeat("transformer_blocks", count, block), *repeat("controlnet_blocks", count, zero)]
    return assemble("QwenImageControlNetModel", "QwenImageControlNetModel", tensors(), children)


def _zero_linear(width: int) -> Tensors:
    yield Tensor("weight", (width, width))
    yield Tensor("bias", (width,))


def _qwen_block(width: int, head: int) -> Tensors:
    for name in ("to_q", "to_k", "to_v", "add_q_proj", "add_k_proj", "add_v_proj", "to_out.0", "to_add_out"):
        yield from linear(f"attn.{name}", width, width)
    for name in ("norm_q", "norm_k", "norm_added_q", "norm_added_k"):
        yield Tensor(f"attn.{name}.weight", (head,))
    for stream in ("img", "txt"):
        yield from linear(f"{stream}_mod.1", width, 6 * width)
        yield from linear(f"{stream}_mlp.net.0.proj", width, 4 * width)
        yield from linear(f"{stream}_mlp.net.2", 4 * width, width)


class _ZBlock(NamedTuple):
    """The settings of the blocks of Z-Image."""

    width: int
    heads: int
    normed: bool  # queries and keys

    def build(self, *, controls: bool, first: bool = False) -> Layer:
        """A block; one that controls has a projection at its end, and at its beginning where it is the first."""
        kind = "ZImageControlTransformerBlock" if controls else "ZImageTransformerBlock"
        projections = [name for name, there in (("before_proj", first), ("after_proj", True)) if controls and there]
        return assemble("", kind, self._tensors(projections))

    def _tensors(self, projections: list[str]) -> Tensors:
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
        yield from linear("adaLN_modulation.0", min(width, _CONDITION), 4 * width)
        for name in projections:
            yield from linear(name, width, width)


def build_z_image_control(config: Mapping[str, Any]) -> Layer:
    """ZImageControlNetModel. Raises InvalidDocument."""
    values = Values(config, _Z_IMAGE)
    block = _ZBlock(values.size("dim"), values.size("n_heads"), values.flag("qk_norm"))
    if block.heads > block.width:
        raise InvalidDocument(f"must be at most {block.width}", "/n_heads")
    numbers = values.get("control_layers_places")
    if (
        not isinstance(numbers, list | tuple) or len(numbers) > MAX_LAYERS or 0 not in numbers
        or not all(type(number) is int for number in numbers)
    ):  # fmt: skip
        raise InvalidDocument(
            f"must be a list of at most {MAX_LAYERS} integers, 0 among them", "/control_layers_places"
        )
    kinds = {first: block.build(controls=True, first=first) for first in (True, False)}
    children = [stack("control_layers", [kinds[number == 0] for number in numbers])]
    refiner = values.choice("add_control_noise_refiner", None, "control_layers", "control_noise_refiner")
    count = values.layers("n_refiner_layers")
    if refiner is None:
        children += repeat("control_noise_refiner", count, block.build(controls=False))
    elif refiner == "control_noise_refiner":
        children.append(stack("control_noise_refiner", [kinds[index == 0] for index in range(count)]))
    embedders = _embed_patches(values, block.width)
    return assemble("ZImageControlNetModel", "ZImageControlNetModel", embedders, children)


def _embed_patches(values: Values, width: int) -> Tensors:
    """A layer for each size of patches; equal sizes have one."""
    sizes = zip(values.sizes("all_patch_size"), values.sizes("all_f_patch_size"), strict=False)
    for patch, frames in dict.fromkeys(sizes):
        inputs = frames * patch * patch * values.size("control_in_dim")
        yield from linear(f"control_all_x_embedder.{patch}-{frames}", inputs, width)


BUILDERS: Builders = {
    "QwenImageControlNetModel": build_qwen_control,
    "ZImageControlNetModel": build_z_image_control,
}
