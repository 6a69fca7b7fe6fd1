"""UNetMotionModel, MotionAdapter and SparseControlNetModel of AnimateDiff.

Source: diffusers.models.unets.unet_motion_model, .controlnets.controlnet_sparsectrl.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from paramcount.formats.diffusers.blocks import Style, attention_width, stack, time_embedding, transformer_block
from paramcount.formats.diffusers.unets.hints import hint_embedding, zero_convolutions
from paramcount.formats.diffusers.unets.ladders import Block, Pairs, build_down, build_up, read_transformers
from paramcount.formats.diffusers.values import Builders, Values
from paramcount.formats.parts import Tensors, assemble, convolution, linear, repeat
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

_BOTH: Mapping[str, Any] = {
    "in_channels": 4, "down_block_types": ["CrossAttnDownBlockMotion"] * 3 + ["DownBlockMotion"],
    "block_out_channels": [320, 640, 1280, 1280], "layers_per_block": 2, "norm_num_groups": 32,
    "transformer_layers_per_block": 1, "temporal_transformer_layers_per_block": 1,
    "transformer_layers_per_mid_block": None, "use_linear_projection": False, "motion_max_seq_length": 32,
    "motion_num_attention_heads": 8,
}  # fmt: skip

_MODEL: Mapping[str, Any] = {
    **_BOTH,
    "out_channels": 4, "up_block_types": ["UpBlockMotion"] + ["CrossAttnUpBlockMotion"] * 3,
    "cross_attention_dim": 1280, "reverse_transformer_layers_per_block": None,
    "reverse_temporal_transformer_layers_per_block": None, "temporal_transformer_layers_per_mid_block": 1,
    "num_attention_heads": 8, "use_motion_mid_block": True, "mid_block_layers": 1, "addition_embed_type": None,
    "projection_class_embeddings_input_dim": None, "time_cond_proj_dim": None,
}  # fmt: skip

_SPARSE: Mapping[str, Any] = {
    **_BOTH,
    "conditioning_channels": 4, "only_cross_attention": False, "cross_attention_dim": 768, "attention_head_dim": 8,
    "num_attention_heads": None, "resnet_time_scale_shift": "default",
    "conditioning_embedding_out_channels": [16, 32, 96, 256], "concat_conditioning_mask": True,
    "use_simplified_condition_embedding": True,
}  # fmt: skip

_ADAPTER: Mapping[str, Any] = {
    "block_out_channels": [320, 640, 1280, 1280], "motion_layers_per_block": 2,
    "motion_transformer_layers_per_block": 1, "motion_mid_block_layers_per_block": 1,
    "motion_transformer_layers_per_mid_block": 1, "motion_num_attention_heads": 8, "motion_norm_num_groups": 32,
    "motion_max_seq_length": 32, "use_motion_mid_block": True, "conv_in_channels": None,
}  # fmt: skip


class _Motion(NamedTuple):
    """The settings of all motion modules."""

    frames: int
    twice: bool = True  # attends to itself twice


class _Spec(NamedTuple):
    """The settings of a block, by its layers."""

    motion_heads: int
    motion_layers: Sequence[int]
    heads: int = 1
    layers: Sequence[int] = ()  # of a transformer over each frame; none where it has none
    context: int = 0
    only_cross: bool = False


def build_motion_model(config: Mapping[str, Any]) -> Layer:
    """UNetMotionModel. Raises InvalidDocument."""
    values = Values(config, _MODEL)
    widths = values.sizes("block_out_channels")
    style = Style(values.size("norm_num_groups"), 4 * widths[0], linear_projection=values.flag("use_linear_projection"))
    motion, layers = _Motion(values.size("motion_max_seq_length")), values.layers_each("layers_per_block", len(widths))
    ways = {way: values.choices(f"{way}_block_types", len(widths), _kinds(way)) for way in ("down", "up")}
    heads = values.sizes("num_attention_heads", len(widths))

    def tensors() -> Tensors:
        yield from convolution("conv_in", values.size("in_channels"), widths[0], (3, 3))
        yield from time_embedding("time_embedding", widths[0], 4 * widths[0], values.optional("time_cond_proj_dim"))
        if values.get("addition_embed_type") == "text_time":
            inputs = values.size("projection_class_embeddings_input_dim")
            yield from time_embedding("add_embedding", inputs, 4 * widths[0])
        yield from style.group_norm("conv_norm_out", widths[0])
        yield from convolution("conv_out", widths[0], values.size("out_channels"), (3, 3))

    down, more = _read_specs(values, layers, heads), [count + 1 for count in reversed(layers)]
    up = _read_specs(values, more, heads[::-1], upwards=True)
    children = [
        build_down(widths, ways["down"], layers, _block(style, motion, ways["down"], down)),
        _middle(values, style, motion, widths[-1], down[-1]),
        build_up(widths[::-1], ways["up"], more, _block(style, motion, ways["up"], up)),
    ]
    return assemble("UNetMotionModel", "UNetMotionModel", tensors(), children)


def _kinds(way: str) -> tuple[str, str]:
    return f"{way.title()}BlockMotion", f"CrossAttn{way.title()}BlockMotion"


def _read_specs(values: Values, layers: list[int], heads: list[int], *, upwards: bool = False) -> list[_Spec]:
    """The settings of each block, in the order of its way."""
    count = len(layers)
    motion, only_cross = values.sizes("motion_num_attention_heads", count), [False] * count
    contexts = values.sizes("cross_attention_dim", count)
    if "only_cross_attention" in values:
        only_cross = values.flags("only_cross_attention", count)
    if upwards:
        motion, contexts = motion[::-1], contexts[::-1]
    over_frames, over_pixels = (
        read_transformers(values, name, layers, upwards=upwards)
        for name in ("temporal_transformer_layers_per_block", "transformer_layers_per_block")
    )
    return [_Spec(*each) for each in zip(motion, over_frames, heads, over_pixels, contexts, only_cross, strict=True)]


def _middle(values: Values, style: Style, motion: _Motion, width: int, last: _Spec) -> Layer:
    """The block in the middle, which has motion modules or not."""
    count = values.layers("mid_block_layers") if "mid_block_layers" in values else 1
    last = last._replace(layers=_middle_layers(values, count), only_cross=False)
    children = [style.resnets([(width, width)] * (count + 1)), _transformers(style, width, last)]
    if "use_motion_mid_block" not in values or not values.flag("use_motion_mid_block"):
        return Layer("mid_block", "UNetMidBlock2DCrossAttn", children=tuple(children))
    layers = values.layer_list("temporal_transformer_layers_per_mid_block", count)
    children.append(_motion_modules(style, motion, width, last.motion_heads, layers))
    return Layer("mid_block", "UNetMidBlockCrossAttnMotion", children=tuple(children))


def _middle_layers(values: Values, count: int) -> list[int]:
    """The numbers of blocks of the transformers in the middle: those of the last block, unless they are stated."""
    if values.get("transformer_layers_per_mid_block") is not None:
        return values.layer_list("transformer_layers_per_mid_block", count)
    last = values.get("transformer_layers_per_block")
    last = last[-1] if isinstance(last, list | tuple) else last
    return [last if isinstance(last, int) else 1] * count


def _block(style: Style, motion: _Motion, kinds: list[str], specs: list[_Spec]) -> Block:
    def modules(position: int, pairs: Pairs) -> Iterator[Layer]:
        width, spec = pairs[0][1], specs[position]
        yield style.resnets(pairs)
        if kinds[position].startswith("CrossAttn"):
            yield _transformers(style, width, spec)
        yield _motion_modules(style, motion, width, spec.motion_heads, spec.motion_layers)

    return modules


def _transformers(style: Style, width: int, spec: _Spec) -> Layer:
    kinds = {
        count: style.transformer(width, spec.heads, count, spec.context, only_cross=spec.only_cross)
        for count in set(spec.layers)
    }
    return stack("attentions", [kinds[count] for count in spec.layers])


def _motion_modules(style: Style, motion: _Motion, width: int, heads: int, layers: Sequence[int]) -> Layer:
    """A list of AnimateDiffTransformer3D of so many blocks each, over the frames."""
    inner = attention_width(width, heads)
    if inner % 2:
        raise InvalidDocument(
            f"makes {inner} channels for positions, which must be even", "/motion_num_attention_heads"
        )

    def around() -> Tensors:
        yield from style.group_norm("norm", width)
        yield from linear("proj_in", width, inner)
        yield from linear("proj_out", inner, width)

    def block() -> Tensors:
        yield Tensor("pos_embed.pe", (1, motion.frames, inner), "buffer", "F32", trainable=False)
        yield from transformer_block(inner, inner if motion.twice else None)

    one = assemble("", "BasicTransformerBlock", block())
    kinds = {
        count: assemble("", "AnimateDiffTransformer3D", around(), repeat("transformer_blocks", count, one))
        for count in set(layers)
    }
    return stack("motion_modules", [kinds[count] for count in layers])


def build_motion_adapter(config: Mapping[str, Any]) -> Layer:
    """MotionAdapter: only motion modules. Raises InvalidDocument."""
    values = Values(config, _ADAPTER)
    widths, style = values.sizes("block_out_channels"), Style(values.size("motion_norm_num_groups"))
    layers = values.layers_each("motion_layers_per_block", len(widths))
    heads = values.sizes("motion_num_attention_heads", len(widths))
    motion, name = _Motion(values.size("motion_max_seq_length")), "motion_transformer_layers_per_block"
    numbers = [count for (count,) in values.layer_lists(name, [1] * len(widths), nested=False)]

    def block(position: int, more: int) -> Layer:
        counts = [numbers[position]] * (layers[position] + more)
        modules = _motion_modules(style, motion, widths[position], heads[position], counts)
        return Layer("", "MotionModules", children=(modules,))

    positions = range(len(widths))
    children = [stack("down_blocks", [block(position, 0) for position in positions])]
    count = values.layers("motion_mid_block_layers_per_block")
    counts = values.layer_list("motion_transformer_layers_per_mid_block", count)
    if values.flag("use_motion_mid_block"):
        modules = _motion_modules(style, motion, widths[-1], heads[-1], counts)
        children.append(Layer("mid_block", "MotionModules", children=(modules,)))
    children.append(stack("up_blocks", [block(position, 1) for position in reversed(positions)]))
    inputs = values.optional("conv_in_channels")
    tensors = convolution("conv_in", inputs, widths[0], (3, 3)) if inputs else ()
    return assemble("MotionAdapter", "MotionAdapter", tensors, children)


def build_sparse_controlnet(config: Mapping[str, Any]) -> Layer:
    """SparseControlNetModel. Raises InvalidDocument."""
    values = Values(config, _SPARSE)
    widths = values.sizes("block_out_channels")
    scale_shift = values.choice("resnet_time_scale_shift", "default", "scale_shift") == "scale_shift"
    linear_projection = values.flag("use_linear_projection")
    style = Style(values.size("norm_num_groups"), 4 * widths[0], scale_shift, linear_projection)
    layers = [values.layers("layers_per_block")] * len(widths)
    motion = _Motion(values.size("motion_max_seq_length"), twice=False)
    kinds = values.choices("down_block_types", len(widths), _kinds("down"))
    name = "num_attention_heads" if values.get("num_attention_heads") else "attention_head_dim"
    specs = _read_specs(values, layers, values.sizes(name, len(widths)))
    inputs = values.size("conditioning_channels") + values.flag("concat_conditioning_mask")

    def tensors() -> Tensors:
        yield from convolution("conv_in", values.size("in_channels"), widths[0], (3, 3))
        yield from time_embedding("time_embedding", widths[0], 4 * widths[0])
        if values.flag("use_simplified_condition_embedding"):
            yield from convolution("controlnet_cond_embedding", inputs, widths[0], (3, 3))
        else:
            hints = values.sizes("conditioning_embedding_out_channels")
            yield from hint_embedding("controlnet_cond_embedding", inputs, hints, widths[0])
        yield from convolution("controlnet_mid_block", widths[-1], widths[-1], (1, 1))

    children = [
        build_down(widths, kinds, layers, _block(style, motion, kinds, specs)),
        _middle(values, style, motion, widths[-1], specs[-1]),
        zero_convolutions(widths, layers),
    ]
    return assemble("SparseControlNetModel", "SparseControlNetModel", tensors(), children)


BUILDERS: Builders = {
    "MotionAdapter": build_motion_adapter,
    "SparseControlNetModel": build_sparse_controlnet,
    "UNetMotionModel": build_motion_model,
}
