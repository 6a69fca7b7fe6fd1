"""UVit2DModel of aMUSEd. Source: diffusers.models.unets.uvit_2d."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from paramcount.formats.diffusers.values import Builders, Values
from paramcount.formats.parts import Tensors, assemble, convolution, linear, repeat
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

_DEFAULTS: Mapping[str, Any] = {
    "hidden_size": 1024, "use_bias": False, "cond_embed_dim": 768, "micro_cond_embed_dim": 1280,
    "encoder_hidden_size": 768, "vocab_size": 8256, "codebook_size": 8192, "in_channels": 768,
    "block_out_channels": 768, "num_res_blocks": 3, "downsample": False, "upsample": False, "block_num_heads": 12,
    "num_hidden_layers": 22, "num_attention_heads": 16, "intermediate_size": 2816, "ln_elementwise_affine": True,
}  # fmt: skip


class _Parts(NamedTuple):
    """The settings that all modules share."""

    bias: bool
    affine: bool

    def rms_norm(self, name: str, width: int) -> Tensors:
        if self.affine:
            yield Tensor(f"{name}.weight", (width,))

    def attention(self, name: str, width: int, heads: int) -> Tensors:
        inner = width // heads * heads
        for part in ("to_q", "to_k", "to_v"):
            yield from linear(f"{name}.{part}", width, inner, self.bias)
        yield from linear(f"{name}.to_out.0", inner, width, self.bias)

    def conv_next(self, width: int, condition: int) -> Tensors:
        """ConvNextBlock."""
        yield from convolution("depthwise", 1, width, (3, 3), self.bias)
        yield from self.rms_norm("norm", width)
        yield from linear("channelwise_linear_1", width, 4 * width, self.bias)
        for name in ("gamma", "beta"):
            yield Tensor(f"channelwise_norm.{name}", (1, 1, 1, 4 * width))
        yield from linear("channelwise_linear_2", 4 * width, width, self.bias)
        yield from linear("cond_embeds_mapper", condition, 2 * width, self.bias)

    def skip_attention(self, width: int, heads: int, condition: int) -> Tensors:
        """SkipFFTransformerBlock."""
        if condition != width:
            yield from linear("kv_mapper", condition, width, self.bias)
        for number in (1, 2):
            yield Tensor(f"norm{number}.weight", (width,))
            yield from self.attention(f"attn{number}", width, heads)

    def transformer(self, width: int, heads: int, inner: int) -> Tensors:
        """BasicTransformerBlock whose norms follow a condition."""
        for number in (1, 2, 3):
            yield from linear(f"norm{number}.linear", width, 2 * width, self.bias)
            yield from self.rms_norm(f"norm{number}.norm", width)
        if self.affine and self.bias:
            yield Tensor("norm3.norm.bias", (width,))
        for number in (1, 2):
            yield from self.attention(f"attn{number}", width, heads)
        yield from linear("ff.net.0.proj", width, 2 * inner, self.bias)
        yield from linear("ff.net.2", inner, width, self.bias)


def build_uvit(config: Mapping[str, Any]) -> Layer:
    """UVit2DModel. Raises InvalidDocument."""
    values = Values(config, _DEFAULTS)
    parts = _Parts(values.flag("use_bias"), values.flag("ln_elementwise_affine"))
    hidden, heads = values.size("hidden_size"), values.size("num_attention_heads")
    if heads > hidden:
        raise InvalidDocument(f"must be at most {hidden}", "/num_attention_heads")
    block = assemble("", "BasicTransformerBlock", parts.transformer(hidden, heads, values.size("intermediate_size")))
    children = [
        _build_block(values, parts, "down_block", resampling="downsample"),
        *repeat("transformer_layers", values.size("num_hidden_layers"), block),
        _build_block(values, parts, "up_block", resampling="upsample"),
    ]
    return assemble("UVit2DModel", "UVit2DModel", _around(values, parts), children)


def _around(values: Values, parts: _Parts) -> Tensors:
    hidden, width, inputs = (values.size(name) for name in ("hidden_size", "block_out_channels", "in_channels"))
    yield from linear("encoder_proj", values.size("encoder_hidden_size"), hidden, parts.bias)
    yield from parts.rms_norm("encoder_proj_layer_norm", hidden)
    yield Tensor("embed.embeddings.weight", (values.size("vocab_size"), inputs))
    yield from parts.rms_norm("embed.layer_norm", inputs)
    yield from convolution("embed.conv", inputs, width, (1, 1), parts.bias)
    conditions = values.size("micro_cond_embed_dim") + values.size("cond_embed_dim")
    yield from linear("cond_embed.linear_1", conditions, hidden, parts.bias)
    yield from linear("cond_embed.linear_2", hidden, hidden, parts.bias)
    for name, before, after in (("project_to_hidden", width, hidden), ("project_from_hidden", hidden, width)):
        yield from parts.rms_norm(f"{name}_norm", before)
        yield from linear(name, before, after, parts.bias)
    yield from convolution("mlm_layer.conv1", width, inputs, (1, 1), parts.bias)
    yield from parts.rms_norm("mlm_layer.layer_norm", inputs)
    yield from convolution("mlm_layer.conv2", inputs, values.size("codebook_size"), (1, 1), parts.bias)


def _build_block(values: Values, parts: _Parts, name: str, *, resampling: str) -> Layer:
    """UVitBlock."""
    width, heads, hidden = (values.size(field) for field in ("block_out_channels", "block_num_heads", "hidden_size"))
    count, resamples = values.size("num_res_blocks"), values.flag(resampling)
    if heads > width:
        raise InvalidDocument(f"must be at most {width}", "/block_num_heads")

    def tensors() -> Iterator[Tensor]:
        if resamples:
            yield from parts.rms_norm(f"{resampling}.norm", width)
            yield from convolution(f"{resampling}.conv", width, width, (2, 2), parts.bias)

    children = [
        *repeat("res_blocks", count, assemble("", "ConvNextBlock", parts.conv_next(width, hidden))),
        *repeat(
            "attention_blocks",
            count,
            assemble("", "SkipFFTransformerBlock", parts.skip_attention(width, heads, hidden)),
        ),
    ]
    return assemble(name, "UVitBlock", tensors(), children)


BUILDERS: Builders = {"UVit2DModel": build_uvit}
