"""QwenImageControlNetModel and ZImageControlNetModel.

Source: diffusers.models.controlnets.controlnet_qwenimage, controlnet_z_image.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcount.formats.diffusers.blocks import stack, time_embedding
from paramcount.formats.diffusers.transformers.z_image import Block
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


def _build_z_block(block: Block, *, first: bool) -> Layer:
    """A block that controls: with a projection at its end, and at its beginning where it is the first."""
    projections = [name for name, there in (("before_proj", first), ("after_proj", True)) if there]
    tensors = [tensor for name in projections for tensor in linear(name, block.width, block.width)]
    return assemble("", "ZImageControlTransformerBlock", (*block.tensors(), *tensors))


def build_z_image_control(config: Mapping[str, Any]) -> Layer:
    """ZImageControlNetModel. Raises InvalidDocument."""
    values = Values(config, _Z_IMAGE)
    block = Block.read(values)
    numbers = values.get("control_layers_places")
    if (
        not isinstance(numbers, list | tuple) or len(numbers) > MAX_LAYERS or 0 not in numbers
        or not all(type(number) is int for number in numbers)
    ):  # fmt: skip
        raise InvalidDocument(
            f"must be a list of at most {MAX_LAYERS} integers, 0 among them", "/control_layers_places"
        )
    kinds = {first: _build_z_block(block, first=first) for first in (True, False)}
    children = [stack("control_layers", [kinds[number == 0] for number in numbers])]
    refiner = values.choice("add_control_noise_refiner", None, "control_layers", "control_noise_refiner")
    count = values.layers("n_refiner_layers")
    if refiner is None:
        children += repeat("control_noise_refiner", count, block.build())
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
