"""AudioLDM2UNet2DConditionModel and AudioLDM2ProjectionModel. Source: diffusers.pipelines.audioldm2."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from paramcount.formats.diffusers.blocks import Style, attention_width, stack, time_embedding
from paramcount.formats.diffusers.unets.condition import CONDITION_DEFAULTS
from paramcount.formats.diffusers.unets.conditions import class_embeddings
from paramcount.formats.diffusers.unets.ladders import Block, Pairs, build_down, build_up
from paramcount.formats.diffusers.values import MAX_LAYERS, Builders, Values
from paramcount.formats.parts import Tensors, assemble, convolution, linear
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor
from paramcount.schema.signature import is_dimension

_FIELDS = (
    "in_channels", "out_channels", "down_block_types", "mid_block_type", "up_block_types", "only_cross_attention",
    "block_out_channels", "layers_per_block", "norm_num_groups", "cross_attention_dim", "transformer_layers_per_block",
    "attention_head_dim", "num_attention_heads", "use_linear_projection", "class_embed_type", "num_class_embeds",
    "resnet_time_scale_shift", "time_embedding_type", "time_embedding_dim", "time_cond_proj_dim", "conv_in_kernel",
    "conv_out_kernel", "projection_class_embeddings_input_dim", "class_embeddings_concat",
)  # fmt: skip

_MODEL: Mapping[str, Any] = {name: CONDITION_DEFAULTS[name] for name in _FIELDS}

_PROJECTION: Mapping[str, Any] = {
    "text_encoder_dim": None, "text_encoder_1_dim": None, "langauge_model_dim": None,
    "use_learned_position_embedding": None, "max_seq_length": None,
}  # fmt: skip

_MAX_CONTEXTS = 4


class _Spec(NamedTuple):
    """The settings of a block."""

    kind: str
    heads: int
    layers: int  # of a transformer
    contexts: Any
    only_cross: bool


def build_audioldm2(config: Mapping[str, Any]) -> Layer:
    """AudioLDM2UNet2DConditionModel, of several transformers a layer. Raises InvalidDocument."""
    values = Values(config, _MODEL)
    for name, verified in (("num_attention_heads", None), ("time_embedding_type", "positional"),
                           ("mid_block_type", "UNetMidBlock2DCrossAttn")):  # fmt: skip
        values.choice(name, verified)
    widths = values.sizes("block_out_channels")
    time, layers = (
        values.optional("time_embedding_dim") or 4 * widths[0],
        values.layers_each("layers_per_block", len(widths)),
    )
    scale_shift = values.choice("resnet_time_scale_shift", "default", "scale_shift") == "scale_shift"
    style = Style(
        values.size("norm_num_groups"), time * (1 + values.flag("class_embeddings_concat")), scale_shift,
        values.flag("use_linear_projection"),
    )  # fmt: skip
    down, up = (_read_specs(values, way, len(widths)) for way in ("down", "up"))
    more = [count + 1 for count in reversed(layers)]

    def tensors() -> Tensors:
        kernels = [(values.size(name),) * 2 for name in ("conv_in_kernel", "conv_out_kernel")]
        yield from convolution("conv_in", values.size("in_channels"), widths[0], kernels[0])
        yield from time_embedding("time_embedding", widths[0], time, values.optional("time_cond_proj_dim"))
        yield from class_embeddings(values, widths[0], time)
        yield from style.group_norm("conv_norm_out", widths[0])
        yield from convolution("conv_out", widths[0], values.size("out_channels"), kernels[1])

    transformers = _transformers(style, widths[-1], down[-1]._replace(only_cross=False))
    middle = (stack("attentions", transformers), style.resnets([(widths[-1], widths[-1])] * 2))
    children = [
        build_down(widths, [spec.kind for spec in down], layers, _block(style, down, layers)),
        Layer("mid_block", "UNetMidBlock2DCrossAttn", children=middle),
        build_up(widths[::-1], [spec.kind for spec in up], more, _block(style, up, more)),
    ]
    return assemble("AudioLDM2UNet2DConditionModel", "AudioLDM2UNet2DConditionModel", tensors(), children)


def _read_specs(values: Values, way: str, count: int) -> list[_Spec]:
    """The settings of the blocks, in the order of their way."""
    end = way.title()
    plain, cross = f"{end}Block2D", f"CrossAttn{end}Block2D"
    kinds = values.choices(f"{way}_block_types", count, (plain, cross, f"UNetRes{plain}", f"UNetRes{cross}"))
    contexts = values.get("cross_attention_dim")
    if not isinstance(contexts, list | tuple):
        contexts = [values.size("cross_attention_dim")] * count
    elif len(contexts) != count:
        raise InvalidDocument(f"must have {count} items, one a block", "/cross_attention_dim")
    numbers = [each for (each,) in values.layer_lists("transformer_layers_per_block", [1] * count, nested=False)]
    settings = list(
        zip(values.sizes("attention_head_dim", count), numbers, contexts,
            values.flags("only_cross_attention", count), strict=True)
    )  # fmt: skip
    order = reversed(settings) if way == "up" else settings
    return [_Spec(kind.removeprefix("UNetRes"), *setting) for kind, setting in zip(kinds, order, strict=True)]


def _block(style: Style, specs: list[_Spec], layers: list[int]) -> Block:
    several = [
        count * len(spec.contexts)
        for spec, count in zip(specs, layers, strict=True)
        if isinstance(spec.contexts, list | tuple)
    ]
    if sum(several) > MAX_LAYERS:
        raise InvalidDocument(f"must make at most {MAX_LAYERS} transformers", "/layers_per_block", "too_large")

    def modules(position: int, pairs: Pairs) -> Iterator[Layer]:
        yield style.resnets(pairs)
        if specs[position].kind.startswith("CrossAttn"):
            yield stack("attentions", _transformers(style, pairs[0][1], specs[position]) * len(pairs))

    return modules


def _transformers(style: Style, width: int, spec: _Spec) -> list[Layer]:
    """A transformer for each context of a layer; one without a context attends to itself twice."""
    contexts = spec.contexts if isinstance(spec.contexts, list | tuple) else [spec.contexts]
    if len(contexts) > _MAX_CONTEXTS or (spec.contexts is None):
        raise InvalidDocument(f"must have at most {_MAX_CONTEXTS} contexts in a block", "/cross_attention_dim")
    transformers = []
    for context in contexts:
        if context is None:
            inner = attention_width(width, spec.heads)
            transformers.append(style.transformer(width, spec.heads, spec.layers, inner))
        elif type(context) is int and context > 0 and is_dimension(context):
            one = style.transformer(width, spec.heads, spec.layers, context, only_cross=spec.only_cross)
            transformers.append(one)
        else:
            raise InvalidDocument("must hold integers of at least 1, and null", "/cross_attention_dim")
    return transformers


def build_projection(config: Mapping[str, Any]) -> Layer:
    """AudioLDM2ProjectionModel. Raises InvalidDocument."""
    values = Values(config, _PROJECTION)
    width = values.size("langauge_model_dim")

    def tensors() -> Tensors:
        yield from linear("projection", values.size("text_encoder_dim"), width)
        yield from linear("projection_1", values.size("text_encoder_1_dim"), width)
        for name in ("sos_embed", "eos_embed", "sos_embed_1", "eos_embed_1"):
            yield Tensor(name, (width,))
        if values.get("use_learned_position_embedding") is not None:
            shape = (1, values.size("text_encoder_1_dim"), values.size("max_seq_length"))
            yield Tensor("learnable_positional_embedding", shape)

    return assemble("AudioLDM2ProjectionModel", "AudioLDM2ProjectionModel", tensors())


BUILDERS: Builders = {
    "AudioLDM2ProjectionModel": build_projection,
    "AudioLDM2UNet2DConditionModel": build_audioldm2,
}
