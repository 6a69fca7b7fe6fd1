"""The control net of Z-Image. Source: diffusers.models.controlnets.controlnet_z_image."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from paramcount.formats.diffusers.blocks import stack
from paramcount.formats.diffusers.parts import attention, linears, scales
from paramcount.formats.diffusers.values import Values
from paramcount.formats.parts import Tensors, assemble, linear
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer

_DEFAULTS: Mapping[str, Any] = {
    "control_layers_places": None, "control_in_dim": None, "add_control_noise_refiner": None, "all_patch_size": [2],
    "all_f_patch_size": [1], "dim": 3840, "n_refiner_layers": 2, "n_heads": 30, "qk_norm": True,
}  # fmt: skip

_MAX_CONDITION = 256


def build_z_image_control(config: Mapping[str, Any]) -> Layer:
    """ZImageControlNetModel. Raises InvalidDocument."""
    values = Values(config, _DEFAULTS)
    positions, width, inputs = values.get("control_layers_places"), values.size("dim"), values.size("control_in_dim")
    if (
        not isinstance(positions, list | tuple)
        or not all(type(position) is int for position in positions)
        or 0 not in positions
    ):
        raise InvalidDocument("must be a list of integers that has 0", "/control_layers_places")
    refiner = values.choice("add_control_noise_refiner", None, "control_layers", "control_noise_refiner")
    pairs = dict.fromkeys(zip(values.sizes("all_patch_size"), values.sizes("all_f_patch_size"), strict=False))

    def tensors() -> Tensors:
        for patch, frames in pairs:
            yield from linear(f"control_all_x_embedder.{patch}-{frames}", frames * patch * patch * inputs, width)

    plain = assemble("", "ZImageTransformerBlock", _block(values, width))
    control = [
        assemble("", "ZImageControlTransformerBlock", _block(values, width, *names))
        for names in (("after_proj",), ("before_proj", "after_proj"))
    ]
    children = [stack("control_layers", [control[position == 0] for position in positions])]
    if refiner != "control_layers":
        count = values.layers("n_refiner_layers")
        blocks = [control[not index] if refiner else plain for index in range(count)]
        children.append(stack("control_noise_refiner", blocks))
    return assemble("ZImageControlNetModel", "ZImageControlNetModel", tensors(), children)


def _block(values: Values, width: int, *projections: str) -> Tensors:
    heads = values.size("n_heads")
    head, hidden = width // heads, int(width / 3 * 8)
    if not head:
        raise InvalidDocument(f"must be at most {width}", "/n_heads")
    yield from attention("attention", width, head * heads, bias=False, out_bias=False)
    if values.flag("qk_norm"):
        yield from scales(("attention.norm_q", "attention.norm_k"), head)
    yield from linears(("feed_forward.w1", "feed_forward.w3"), width, hidden, bias=False)
    yield from linear("feed_forward.w2", hidden, width, bias=False)
    yield from scales(("attention_norm1", "ffn_norm1", "attention_norm2", "ffn_norm2"), width)
    yield from linear("adaLN_modulation.0", min(width, _MAX_CONDITION), 4 * width)
    yield from linears(projections, width, width)


BUILDERS_OF_Z_IMAGE: Mapping[str, Callable[[Mapping[str, Any]], Layer]] = {
    "ZImageControlNetModel": build_z_image_control,
}
