"""torch.nn.MultiheadAttention, and the modules of torch.nn.modules.transformer."""

from __future__ import annotations

from typing import Annotated

from marshmallow import fields, validate

from paramcount import Dim, Flag, Formula, Part, Size, Tensor, inside, layer, require
from paramcount.layers.torch.common import FACTORY, MAX_STACKED_LAYERS
from paramcount.layers.torch.linear import linear
from paramcount.layers.torch.normalization import layer_norm

Depth = Annotated[int, fields.Integer(strict=True, validate=validate.Range(0, MAX_STACKED_LAYERS))]
"""The number of layers of a stack, which may be empty."""

_LAYER_IGNORED = f"dropout activation layer_norm_eps batch_first norm_first {FACTORY}"


@layer("torch.MultiheadAttention", ignores=f"dropout add_zero_attn batch_first {FACTORY}")
def multihead_attention(
    embed_dim: Dim,
    num_heads: Dim,
    bias: Flag = True,
    add_bias_kv: Flag = False,
    kdim: Dim | None = None,
    vdim: Dim | None = None,
) -> Formula:
    """Projects queries, keys and values; one weight if equally wide. Source: torch.nn.MultiheadAttention."""
    require(embed_dim % num_heads == 0, f"must be divisible by num_heads, {num_heads}", "embed_dim")
    kdim, vdim = kdim or embed_dim, vdim or embed_dim
    if kdim == vdim == embed_dim:
        yield Tensor("in_proj_weight", (3 * embed_dim, embed_dim))
    else:
        yield Tensor("q_proj_weight", (embed_dim, embed_dim))
        yield Tensor("k_proj_weight", (embed_dim, kdim))
        yield Tensor("v_proj_weight", (embed_dim, vdim))
    if bias:
        yield Tensor("in_proj_bias", (3 * embed_dim,))
    if add_bias_kv:
        yield Tensor("bias_k", (1, 1, embed_dim))
        yield Tensor("bias_v", (1, 1, embed_dim))
    yield from inside("out_proj", linear(embed_dim, embed_dim, bias))


def _feedforward(d_model: int, dim_feedforward: int, bias: bool, norms: int) -> Formula:
    """The two linear layers after the attention, and all norms of a transformer layer."""
    yield from inside("linear1", linear(d_model, dim_feedforward, bias))
    yield from inside("linear2", linear(dim_feedforward, d_model, bias))
    for number in range(1, norms + 1):
        yield from inside(f"norm{number}", layer_norm(d_model, bias=bias))


@layer("torch.TransformerEncoderLayer", ignores=_LAYER_IGNORED)
def encoder_layer(d_model: Dim, nhead: Dim, dim_feedforward: Size = 2048, bias: Flag = True) -> Formula:
    """Self-attention, then two linear layers, a norm for each. Source: torch.nn.TransformerEncoderLayer."""
    require(d_model % nhead == 0, f"must be divisible by nhead, {nhead}", "d_model")
    yield from inside("self_attn", multihead_attention(d_model, nhead, bias))
    yield from _feedforward(d_model, dim_feedforward, bias, norms=2)


@layer("torch.TransformerDecoderLayer", ignores=_LAYER_IGNORED)
def decoder_layer(d_model: Dim, nhead: Dim, dim_feedforward: Size = 2048, bias: Flag = True) -> Formula:
    """Self-attention, attention to the encoder, then two linear layers. Source: torch.nn.TransformerDecoderLayer."""
    require(d_model % nhead == 0, f"must be divisible by nhead, {nhead}", "d_model")
    yield from inside("self_attn", multihead_attention(d_model, nhead, bias))
    yield from inside("multihead_attn", multihead_attention(d_model, nhead, bias))
    yield from _feedforward(d_model, dim_feedforward, bias, norms=3)


def _stack(block: Formula, num_layers: int, norm: Formula | None) -> Formula:
    """`num_layers` copies of a layer, and the norm after the last."""
    tensors = tuple(block)
    for number in range(num_layers):
        yield from inside(f"layers.{number}", tensors)
    if norm is not None:
        yield from inside("norm", norm)


@layer("torch.TransformerEncoder", ignores="enable_nested_tensor mask_check")
def encoder(encoder_layer: Part, num_layers: Depth, norm: Part | None = None) -> Formula:
    """A stack of `num_layers` copies of a layer. Source: torch.nn.TransformerEncoder."""
    yield from _stack(encoder_layer(), num_layers, norm and norm())


@layer("torch.TransformerDecoder")
def decoder(decoder_layer: Part, num_layers: Depth, norm: Part | None = None) -> Formula:
    """A stack of `num_layers` copies of a layer. Source: torch.nn.TransformerDecoder."""
    yield from _stack(decoder_layer(), num_layers, norm and norm())


@layer("torch.Transformer", ignores=_LAYER_IGNORED)
def transformer(
    d_model: Dim = 512,
    nhead: Dim = 8,
    num_encoder_layers: Depth = 6,
    num_decoder_layers: Depth = 6,
    dim_feedforward: Size = 2048,
    custom_encoder: Part | None = None,
    custom_decoder: Part | None = None,
    bias: Flag = True,
) -> Formula:
    """An encoder and a decoder, each with a norm at its end. Source: torch.nn.Transformer."""
    sizes = d_model, nhead, dim_feedforward, bias
    if custom_encoder:
        yield from inside("encoder", custom_encoder())
    else:
        yield from inside("encoder", _stack(encoder_layer(*sizes), num_encoder_layers, layer_norm(d_model, bias=bias)))
    if custom_decoder:
        yield from inside("decoder", custom_decoder())
    else:
        yield from inside("decoder", _stack(decoder_layer(*sizes), num_decoder_layers, layer_norm(d_model, bias=bias)))
