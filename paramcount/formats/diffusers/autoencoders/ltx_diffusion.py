"""LTX2VideoDiffusionDecoderModel: stages of attention to neighbours, and a diffusion of the pixels.

Source: ltx2_diffusion_decoder of diffusers.models.autoencoders.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

from paramcount.formats.diffusers.blocks import stack, time_embedding
from paramcount.formats.diffusers.values import Builders, Values
from paramcount.formats.parts import Tensors, assemble, linear, repeat
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

_DEFAULTS: Mapping[str, Any] = {
    "out_channels": 3, "latent_channels": 128, "patch_size": 4, "decoder_head_dim": 64,
    "decoder_stage_channels": [2048, 1024, 512, 512, 256], "decoder_stage_depths": [4, 6, 4, 2, 8],
    "decoder_stage_kernels": [[3, 7, 7], [3, 7, 7], [3, 5, 5], [3, 5, 5]],
    "decoder_upsample_strides": [[1, 2, 2], [2, 1, 1], [2, 2, 2], [2, 2, 2]],
    "decoder_upsample_channel_reductions": [2, 2, 1, 2], "decoder_t_emb_dim": 384, "decoder_model_output_type": "x0",
}  # fmt: skip

_MODULATIONS = 7


def build_ltx2_diffusion(config: Mapping[str, Any]) -> Layer:
    """LTX2VideoDiffusionDecoderModel. Raises InvalidDocument."""
    values, name = Values(config, _DEFAULTS), "LTX2VideoDiffusionDecoderModel"
    values.choice("decoder_model_output_type", "x0", "v")
    widths, head = values.sizes("decoder_stage_channels"), values.size("decoder_head_dim")
    latent, embedded = values.size("latent_channels"), values.size("decoder_t_emb_dim")
    pixels = values.size("out_channels") * values.size("patch_size") ** 2
    if head % 8:
        raise InvalidDocument("must be divisible by 8", "/decoder_head_dim")
    if any(width % head for width in widths):
        raise InvalidDocument(f"must be divisible by {head}", "/decoder_stage_channels")
    reductions = _read_reductions(values, widths)
    depths = values.sizes("decoder_stage_depths", len(widths))
    stages, last = [], widths[-1]
    for width, depth in zip(widths[:-1], depths, strict=False):
        stages += [
            layers._replace(name="") for layers in repeat("", depth, assemble("", "NABlock", _block(width, head)))
        ]

    def tensors() -> Tensors:
        yield from linear("conv_in", latent, widths[0])
        yield from time_embedding("t_embedder.timestep_embedder", 256, embedded)
        yield from linear("conv_in_x_t", pixels, last)
        yield from linear("shared_adaln.proj", embedded, _MODULATIONS * last)
        yield Tensor("norm_out.weight", (last,))
        yield from linear("conv_out", last, pixels)
        for index, (stride, reduction) in enumerate(
            zip(_read_strides(values, len(widths) - 1), reductions, strict=True)
        ):
            yield from linear(f"upsamples.{index}.proj", widths[index], prod(stride) * widths[index] // reduction)

    blocks = repeat("diff_blocks", depths[-1], assemble("", "DiffusionNABlock", _diffusion_block(last, head)))
    decoder = assemble("decoder", "LTX2VideoDiffusionDecoder3d", tensors(), [stack("det_stages", stages), *blocks])
    statistics = [Tensor(f"latents_{part}", (latent,), "buffer", "F32", trainable=False) for part in ("mean", "std")]
    return assemble(name, name, statistics, [decoder])


def _read_reductions(values: Values, widths: list[int]) -> list[int]:
    """The divisors of the channels after each stage but the last."""
    name = "decoder_upsample_channel_reductions"
    reductions = values.sizes(name, len(widths) - 1) if len(widths) > 1 else []
    if [width // by for width, by in zip(widths, reductions, strict=False)] != widths[1:]:
        raise InvalidDocument("must divide each width to the next", f"/{name}")
    return reductions


def _read_strides(values: Values, count: int) -> list[list[int]]:
    """The strides of time, height and width; as many kernels are stated, which change no tensor."""
    for name in ("decoder_upsample_strides", "decoder_stage_kernels"):
        lists = values.get(name)
        if not isinstance(lists, list | tuple) or len(lists) != count:
            raise InvalidDocument(f"must have {count} items", f"/{name}")
        each = [Values({name: sizes}, {name: []}).sizes(name, 3) for sizes in lists]
        if name == "decoder_upsample_strides":
            strides = each
    return strides


def _block(width: int, head: int) -> Tensors:
    """Attention, and a gated layer of four times the width, in multiples of 16."""
    for name in ("norm1", "norm2"):
        yield Tensor(f"{name}.weight", (width,))
    for name in ("to_q", "to_k", "to_v", "to_out.0"):
        yield from linear(f"attn.{name}", width, width)
    for name in ("norm_q", "norm_k"):
        yield Tensor(f"attn.{name}.weight", (head,))
    hidden = -(-4 * width // 16) * 16
    for name, inputs, outputs in (("w_up", width, hidden), ("w_gate", width, hidden), ("w_down", hidden, width)):
        yield from linear(f"mlp.{name}", inputs, outputs, bias=False)


def _diffusion_block(width: int, head: int) -> Tensors:
    yield from _block(width, head)
    yield from linear("context_proj", width, width)
    yield Tensor("scale_shift_table", (_MODULATIONS, width))


BUILDERS: Builders = {
    "LTX2VideoDiffusionDecoderModel": build_ltx2_diffusion,
}
