"""StableCascadeUNet. Source: diffusers.models.unets.unet_stable_cascade."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from paramcount.formats.diffusers.blocks import stack
from paramcount.formats.diffusers.values import MAX_BLOCKS, MAX_LAYERS, Builders, Values
from paramcount.formats.parts import Tensors, assemble, convolution, linear, repeat
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

_KINDS = ("SDCascadeResBlock", "SDCascadeTimestepBlock", "SDCascadeAttnBlock")

_DEFAULTS: Mapping[str, Any] = {
    "in_channels": 16, "out_channels": 16, "timestep_ratio_embedding_dim": 64, "patch_size": 1,
    "conditioning_dim": 2048, "block_out_channels": [2048, 2048], "num_attention_heads": [32, 32],
    "down_num_layers_per_block": [8, 24], "up_num_layers_per_block": [24, 8], "down_blocks_repeat_mappers": [1, 1],
    "up_blocks_repeat_mappers": [1, 1], "block_types_per_layer": [_KINDS, _KINDS], "clip_text_in_channels": None,
    "clip_text_pooled_in_channels": 1280, "clip_image_in_channels": None, "clip_seq": 4, "effnet_in_channels": None,
    "pixel_mapper_in_channels": None, "kernel_size": 3, "dropout": [0.1, 0.1], "self_attn": True,
    "timestep_conditioning_type": ["sca", "crp"], "switch_level": None,
}  # fmt: skip


class _Level(NamedTuple):
    """The settings of the blocks of one resolution."""

    width: int
    heads: int
    kinds: list[str]


class _Parts(NamedTuple):
    """The settings of all blocks."""

    kernel: int
    condition: int
    time: int
    conditions: list[str]

    def block(self, kind: str, level: _Level, kept: int) -> Layer:
        if kind == _KINDS[0]:
            return assemble("", kind, self._resnet(level.width, kept))
        return assemble("", kind, self._time(level.width) if kind == _KINDS[1] else self._attention(level))

    def _resnet(self, width: int, kept: int) -> Tensors:
        yield from convolution("depthwise", 1, width, (self.kernel, self.kernel))
        yield from linear("channelwise.0", width + kept, 4 * width)
        for name in ("gamma", "beta"):
            yield Tensor(f"channelwise.2.{name}", (1, 1, 1, 4 * width))
        yield from linear("channelwise.4", 4 * width, width)

    def _time(self, width: int) -> Tensors:
        for name in ("mapper", *(f"mapper_{condition}" for condition in self.conditions)):
            yield from linear(name, self.time, 2 * width)

    def _attention(self, level: _Level) -> Tensors:
        if not 0 < level.heads <= level.width:
            raise InvalidDocument(f"must be 1 to {level.width} where a block attends", "/num_attention_heads")
        inner = level.width // level.heads * level.heads
        for name in ("to_q", "to_k", "to_v"):
            yield from linear(f"attention.{name}", level.width, inner)
        yield from linear("attention.to_out.0", inner, level.width)
        yield from linear("kv_mapper.1", self.condition, level.width)


def build_cascade(config: Mapping[str, Any]) -> Layer:
    """StableCascadeUNet. Raises InvalidDocument."""
    values = Values(config, _DEFAULTS)
    levels = _read_levels(values)
    parts = _Parts(
        values.size("kernel_size"), values.size("conditioning_dim"), values.size("timestep_ratio_embedding_dim"),
        _read_conditions(values),
    )  # fmt: skip
    children = [*_build_way(values, parts, levels), *_build_way(values, parts, levels, upwards=True)]
    return assemble("StableCascadeUNet", "StableCascadeUNet", _around(values, levels[0].width), children)


def _read_levels(values: Values) -> list[_Level]:
    widths = values.sizes("block_out_channels")
    count = len(widths)
    heads, kinds = values.get("num_attention_heads"), values.get("block_types_per_layer")
    if not isinstance(heads, list | tuple) or len(heads) != count or not all(type(each) is int for each in heads):
        raise InvalidDocument(f"must have {count} integers, one a block", "/num_attention_heads")
    if not isinstance(kinds, list | tuple) or len(kinds) != count:
        raise InvalidDocument(f"must have {count} lists, one a block", "/block_types_per_layer")
    for position, each in enumerate(kinds):
        if not isinstance(each, list | tuple) or len(each) > MAX_BLOCKS or not all(kind in _KINDS for kind in each):
            detail = f"must be a list of at most {MAX_BLOCKS} of {', '.join(_KINDS)}"
            raise InvalidDocument(detail, f"/block_types_per_layer/{position}", "unsupported")
    values.flags("self_attn", count)
    dropout = values.get("dropout")
    if not isinstance(dropout, float) and not (isinstance(dropout, list | tuple) and len(dropout) == count):
        raise InvalidDocument(f"must be a number such as 0.1, or {count} of them", "/dropout")
    return [_Level(width, head, list(each)) for width, head, each in zip(widths, heads, kinds, strict=True)]


def _read_conditions(values: Values) -> list[str]:
    conditions = values.get("timestep_conditioning_type")
    if not isinstance(conditions, list | tuple) or any(each not in ("sca", "crp") for each in conditions):
        raise InvalidDocument("was verified for sca and crp only", "/timestep_conditioning_type", "unsupported")
    return list(dict.fromkeys(conditions))


def _around(values: Values, width: int) -> Tensors:
    condition, patches = values.size("conditioning_dim"), values.size("patch_size") ** 2
    for name, field in (("effnet_mapper", "effnet_in_channels"), ("pixels_mapper", "pixel_mapper_in_channels")):
        if values.get(field) is not None:
            yield from convolution(f"{name}.0", values.size(field), 4 * width, (1, 1))
            yield from convolution(f"{name}.2", 4 * width, width, (1, 1))
    sequence = condition * values.size("clip_seq")
    yield from linear("clip_txt_pooled_mapper", values.size("clip_text_pooled_in_channels"), sequence)
    if values.get("clip_text_in_channels") is not None:
        yield from linear("clip_txt_mapper", values.size("clip_text_in_channels"), condition)
    if values.get("clip_image_in_channels") is not None:
        yield from linear("clip_img_mapper", values.size("clip_image_in_channels"), sequence)
    yield from convolution("embedding.1", values.size("in_channels") * patches, width, (1, 1))
    yield from convolution("clf.1", width, values.size("out_channels") * patches, (1, 1))


def _build_way(values: Values, parts: _Parts, levels: list[_Level], *, upwards: bool = False) -> Iterator[Layer]:
    """The blocks of a way, the convolutions between them, and those that stand in where blocks are repeated."""
    way, count = "up" if upwards else "down", len(levels)
    numbers = values.layers_each(f"{way}_num_layers_per_block", count)
    repeats = values.layers_each(f"{way}_blocks_repeat_mappers", count)
    order = levels[::-1] if upwards else levels
    if sum(number * len(level.kinds) for number, level in zip(numbers, order, strict=True)) > MAX_LAYERS:
        detail = f"must make at most {MAX_LAYERS} blocks"
        raise InvalidDocument(detail, f"/{way}_num_layers_per_block", "too_large")
    blocks, mappers, scalers = [], [], []
    for index, (number, repeats_of, level) in enumerate(zip(numbers, repeats, order, strict=True)):
        one = [parts.block(kind, level, 0) for kind in level.kinds]
        built = one * number
        if upwards and index and built:
            built[0] = parts.block(level.kinds[0], level, level.width)
        blocks.append(stack("", built))
        mapper = assemble("", "Conv2d", _plain(level.width, level.width, (1, 1)))
        mappers.append(Layer("", "ModuleList", children=tuple(_unwrap(repeat("", repeats_of - 1, mapper)))))
        last = index == count - 1 if upwards else index == 0
        between = (level, order[index + 1]) if upwards and not last else (order[index - 1], level)
        scalers.append(Layer("", "Identity") if last else _scaler(values, *between, upwards=upwards))
    yield stack(f"{way}_blocks", blocks)
    yield stack(f"{way}_{way}scalers", scalers)
    yield stack(f"{way}_repeat_mappers", mappers)


def _unwrap(lists: list[Layer]) -> tuple[Layer, ...]:
    return lists[0].children if lists else ()


def _plain(inputs: int, outputs: int, kernel: tuple[int, ...]) -> Tensors:
    yield Tensor("weight", (outputs, inputs, *kernel))
    yield Tensor("bias", (outputs,))


def _scaler(values: Values, before: _Level, after: _Level, *, upwards: bool) -> Layer:
    """The convolution from one level to the next, after a norm without weights."""
    if values.get("switch_level") is not None:
        values.flags("switch_level", len(values.sizes("block_out_channels")) - 1)
        tensors = convolution(f"1.blocks.{int(upwards)}", before.width, after.width, (1, 1))
    elif upwards:
        tensors = iter((Tensor("1.weight", (before.width, after.width, 2, 2)), Tensor("1.bias", (after.width,))))
    else:
        tensors = convolution("1", before.width, after.width, (2, 2))
    return assemble("", "Sequential", tensors)


BUILDERS: Builders = {"StableCascadeUNet": build_cascade}
