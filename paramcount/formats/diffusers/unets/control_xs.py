"""ControlNetXSAdapter and UNetControlNetXSModel: a small UNet beside a large one, each reading the other.

Source: diffusers.models.controlnets.controlnet_xs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from paramcount.formats.diffusers.blocks import Style, modules, stack, time_embedding
from paramcount.formats.diffusers.unets.hints import connections, hint_embedding
from paramcount.formats.diffusers.unets.ladders import Pairs, down_pairs, up_pairs
from paramcount.formats.diffusers.values import Builders, Values
from paramcount.formats.parts import Tensors, assemble, convolution
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer

_KINDS = {way: (f"{way}Block2D", f"CrossAttn{way}Block2D") for way in ("Down", "Up")}

_ADAPTER: Mapping[str, Any] = {
    "conditioning_channels": 3, "conditioning_channel_order": "rgb",
    "conditioning_embedding_out_channels": [16, 32, 96, 256], "learn_time_embedding": False,
    "num_attention_heads": 4, "block_out_channels": [4, 8, 16, 16],
    "base_block_out_channels": [320, 640, 1280, 1280], "cross_attention_dim": 1024,
    "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"], "transformer_layers_per_block": 1,
    "max_norm_num_groups": 32, "use_linear_projection": True,
}  # fmt: skip

_MODEL: Mapping[str, Any] = {
    "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
    "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3, "block_out_channels": [320, 640, 1280, 1280],
    "norm_num_groups": 32, "cross_attention_dim": 1024, "transformer_layers_per_block": 1, "num_attention_heads": 8,
    "addition_embed_type": None, "use_linear_projection": True, "time_cond_proj_dim": None,
    "projection_class_embeddings_input_dim": None, "time_embedding_mix": 1.0, "ctrl_conditioning_channels": 3,
    "ctrl_conditioning_embedding_out_channels": [16, 32, 96, 256], "ctrl_learn_time_embedding": False,
    "ctrl_block_out_channels": [4, 8, 16, 16], "ctrl_num_attention_heads": 4, "ctrl_max_norm_num_groups": 32,
}  # fmt: skip


class _Network(NamedTuple):
    """One of the two networks: its widths, and the heads of its attention by block."""

    style: Style
    widths: list[int]
    heads: list[int]
    contexts: list[int]
    layers: list[list[int]]  # of each transformer of each block

    def attentions(self, name: str, position: int, counts: Sequence[int]) -> Layer:
        """The transformers of a block, of so many layers each."""
        width, heads, context = self.widths[position], self.heads[position], self.contexts[position]
        built = {count: self.style.transformer(width, heads, count, context) for count in set(counts)}
        return stack(name, [built[count] for count in counts])

    def middle(self, name: str, inputs: int) -> Layer:
        """UNetMidBlock2DCrossAttn."""
        pairs = [(inputs, self.widths[-1]), (self.widths[-1],) * 2]
        children = (self.attentions("attentions", -1, self.layers[-1][:1]), self.style.resnets(pairs))
        return Layer(name, "UNetMidBlock2DCrossAttn", children=children)


def build_xs_adapter(config: Mapping[str, Any]) -> Layer:
    """ControlNetXSAdapter: what the small network and the connections have. Raises InvalidDocument."""
    values = Values(config, _ADAPTER)
    values.choice("conditioning_channel_order", "rgb", "bgr")
    values.size("max_norm_num_groups")
    base = values.sizes("base_block_out_channels")
    control = _read_network(values, "", 1, 4 * base[0])
    if len(base) != len(control.widths):
        raise InvalidDocument(f"must have {len(control.widths)} items, one a block", "/base_block_out_channels")
    kinds = values.choices("down_block_types", len(base), _KINDS["Down"])

    def tensors() -> Tensors:
        hints, first = values.sizes("conditioning_embedding_out_channels"), control.widths[0]
        yield from hint_embedding("controlnet_cond_embedding", values.size("conditioning_channels"), hints, first)
        if values.flag("learn_time_embedding"):
            yield from time_embedding("time_embedding", base[0], 4 * base[0])
        yield from convolution("conv_in", 4, first, (3, 3))
        yield from convolution("control_to_base_for_conv_in", first, base[0], (1, 1))

    down = []
    for index, kind in enumerate(kinds):
        halves = index < len(base) - 1
        children = _build_control(control, base, index, "", attends=kind.startswith("Cross"))
        children += _connect(control, base, index, halves=halves)
        tensors_of = _halving("downsamplers", control.widths[index] + base[index], control.widths[index])
        down.append(assemble("", "DownBlockControlNetXSAdapter", tensors_of if halves else (), children))
    middle = assemble(
        "mid_block", "MidBlockControlNetXSAdapter", _connect_middle(control, base),
        [control.middle("midblock", control.widths[-1] + base[-1])],
    )  # fmt: skip
    up = [
        Layer("", "UpBlockControlNetXSAdapter", children=(connections("ctrl_to_base", pairs),))
        for pairs in _connections_up(control.widths, base)
    ]
    children = [stack("down_blocks", down), middle, stack("up_connections", up)]
    return assemble("ControlNetXSAdapter", "ControlNetXSAdapter", tensors(), children)


def build_xs_model(config: Mapping[str, Any]) -> Layer:
    """UNetControlNetXSModel: both networks and their connections. Raises InvalidDocument."""
    values = Values(config, _MODEL)
    widths = values.sizes("block_out_channels")
    groups, time = values.size("norm_num_groups"), 4 * widths[0]
    values.size("ctrl_max_norm_num_groups")
    base, control = _read_network(values, "", groups, time), _read_network(values, "ctrl_", 1, time)
    if len(control.widths) != len(widths):
        raise InvalidDocument(f"must have {len(widths)} items, one a block", "/ctrl_block_out_channels")
    kinds = values.choices("down_block_types", len(widths), _KINDS["Down"])
    down = [_build_down(base, control, index, attends=kind.startswith("Cross")) for index, kind in enumerate(kinds)]
    middle = assemble(
        "mid_block", "ControlNetXSCrossAttnMidBlock2D", _connect_middle(control, widths),
        [base.middle("base_midblock", widths[-1]), control.middle("ctrl_midblock", control.widths[-1] + widths[-1])],
    )  # fmt: skip
    children = [stack("down_blocks", down), middle, _build_up(values, base, control)]
    return assemble("UNetControlNetXSModel", "UNetControlNetXSModel", _around(values, base, control), children)


def _around(values: Values, base: _Network, control: _Network) -> Tensors:
    first, small, learns = base.widths[0], control.widths[0], values.flag("ctrl_learn_time_embedding")
    mix = values.get("time_embedding_mix")
    if type(mix) not in (int, float) or not (0 if learns else 1) <= mix <= 1:
        raise InvalidDocument("must be 1, or from 0 to 1 with ctrl_learn_time_embedding", "/time_embedding_mix")
    yield from convolution("base_conv_in", 4, first, (3, 3))
    hints, inputs = values.sizes("ctrl_conditioning_embedding_out_channels"), values.size("ctrl_conditioning_channels")
    yield from hint_embedding("controlnet_cond_embedding", inputs, hints, small)
    yield from convolution("ctrl_conv_in", 4, small, (3, 3))
    yield from convolution("control_to_base_for_conv_in", small, first, (1, 1))
    yield from time_embedding("base_time_embedding", first, 4 * first, values.optional("time_cond_proj_dim"))
    if learns:
        yield from time_embedding("ctrl_time_embedding", first, 4 * first)
    if values.choice("addition_embed_type", None, "text_time"):
        inputs = values.size("projection_class_embeddings_input_dim")
        yield from time_embedding("base_add_embedding", inputs, 4 * first)
    yield from base.style.group_norm("base_conv_norm_out", first)
    yield from convolution("base_conv_out", first, 4, (3, 3))


def _read_network(values: Values, prefix: str, groups: int, time: int) -> _Network:
    widths = values.sizes(f"{prefix}block_out_channels")
    count = len(widths)
    nested = "up_block_types" not in values
    return _Network(
        Style(groups, time, linear_projection=values.flag("use_linear_projection")), widths,
        values.sizes(f"{prefix}num_attention_heads", count), values.sizes("cross_attention_dim", count),
        values.layer_lists("transformer_layers_per_block", [2] * count, nested=nested),
    )  # fmt: skip


def _build_control(control: _Network, base: list[int], index: int, prefix: str, *, attends: bool) -> list[Layer]:
    """The modules of the small network in a block on the way down, which reads the large one."""
    pairs = [
        (inputs + base[max(index - 1, 0) if layer == 0 else index], outputs)
        for layer, (inputs, outputs) in enumerate(down_pairs(control.widths, index, 2))
    ]
    children = [modules(f"{prefix}resnets", "ResnetBlock2D", control.style.resnet, pairs)]
    if attends:
        children.append(control.attentions(f"{prefix}attentions", index, control.layers[index]))
    return children


def _connect(control: _Network, base: list[int], index: int, *, halves: bool) -> list[Layer]:
    """The connections of a block on the way down."""
    width, count = base[index], 3 if halves else 2
    to_control = [(base[max(index - 1, 0)],) * 2, *[(width, width)] * (count - 1)]
    to_base = [(control.widths[index], width)] * count
    return [connections("base_to_ctrl", to_control), connections("ctrl_to_base", to_base)]


def _connect_middle(control: _Network, base: list[int]) -> Tensors:
    yield from convolution("base_to_ctrl", base[-1], base[-1], (1, 1))
    yield from convolution("ctrl_to_base", control.widths[-1], base[-1], (1, 1))


def _halving(name: str, inputs: int, outputs: int) -> Tensors:
    yield from convolution(f"{name}.conv", inputs, outputs, (3, 3))


def _build_down(base: _Network, control: _Network, index: int, *, attends: bool) -> Layer:
    width, small = base.widths[index], control.widths[index]
    halves = index < len(base.widths) - 1

    def tensors() -> Tensors:
        if halves:
            yield from _halving("base_downsamplers", width, width)
            yield from _halving("ctrl_downsamplers", small + width, small)

    children = _build_control(control, base.widths, index, "ctrl_", attends=attends)
    pairs = down_pairs(base.widths, index, 2)
    children.append(modules("base_resnets", "ResnetBlock2D", base.style.resnet, pairs))
    if attends:
        children.append(base.attentions("base_attentions", index, base.layers[index]))
    children += _connect(control, base.widths, index, halves=halves)
    return assemble("", "ControlNetXSCrossAttnDownBlock2D", tensors(), children)


def _build_up(values: Values, base: _Network, control: _Network) -> Layer:
    upwards, count = base.widths[::-1], len(base.widths)
    kinds, blocks = values.choices("up_block_types", count, _KINDS["Up"]), []
    links = _connections_up(control.widths, base.widths)
    for index, (kind, pairs) in enumerate(zip(kinds, links, strict=True)):
        children = [base.style.resnets(up_pairs(upwards, index, 3)), connections("ctrl_to_base", pairs)]
        below = count - 1 - index
        if kind.startswith("Cross"):
            children.append(base.attentions("attentions", below, base.layers[below][:1] * 3))
        doubling = _halving("upsamplers", upwards[index], upwards[index]) if below else ()
        blocks.append(assemble("", "ControlNetXSCrossAttnUpBlock2D", doubling, children))
    return stack("up_blocks", blocks)


def _connections_up(control: list[int], base: list[int]) -> list[Pairs]:
    """The widths of the connections of each block on the way up: from what the small network kept."""
    kept = [control[0]]
    for index, width in enumerate(control):
        kept += [width] * (3 if index < len(control) - 1 else 2)
    links, upwards = [], base[::-1]
    for index, width in enumerate(upwards):
        outputs = (upwards[max(index - 1, 0)], width, width)
        links.append([(kept.pop(), output) for output in outputs])
    return links


BUILDERS: Builders = {
    "ControlNetXSAdapter": build_xs_adapter,
    "UNetControlNetXSModel": build_xs_model,
}
