"""Transformers of plain blocks: Transformer2DModel, TransformerTemporalModel, PriorTransformer, T5FilmDecoder.

Source: diffusers.models.transformers.transformer_2d, transformer_temporal, prior_transformer, t5_film_transformer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from paramcount.formats.diffusers.blocks import Style, fuser
from paramcount.formats.diffusers.values import Builders, Values
from paramcount.formats.parts import Tensors, assemble, convolution, linear, norm, repeat
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

_BOTH: Mapping[str, Any] = {
    "num_attention_heads": 16, "attention_head_dim": 88, "in_channels": None, "num_layers": 1, "norm_num_groups": 32,
    "cross_attention_dim": None, "attention_bias": False, "activation_fn": "geglu", "norm_elementwise_affine": True,
}  # fmt: skip

TRANSFORMER_FIELDS: Mapping[str, Any] = {
    **_BOTH, "out_channels": None, "sample_size": None, "num_vector_embeds": None, "patch_size": None,
    "num_embeds_ada_norm": None, "use_linear_projection": False, "only_cross_attention": False,
    "double_self_attention": False, "norm_type": "layer_norm", "attention_type": "default", "caption_channels": None,
}  # fmt: skip

_TEMPORAL: Mapping[str, Any] = {
    **_BOTH, "double_self_attention": True, "positional_embeddings": None, "num_positional_embeddings": None,
}  # fmt: skip

_PRIOR: Mapping[str, Any] = {
    "num_attention_heads": 32, "attention_head_dim": 64, "num_layers": 20, "embedding_dim": 768, "num_embeddings": 77,
    "additional_embeddings": 4, "norm_in_type": None, "embedding_proj_norm_type": None,
    "encoder_hid_proj_type": "linear", "added_emb_type": "prd", "time_embed_dim": None, "embedding_proj_dim": None,
    "clip_embed_dim": None,
}  # fmt: skip

_FILM: Mapping[str, Any] = {
    "input_dims": 128, "targets_length": 256, "d_model": 768, "num_layers": 12, "num_heads": 12, "d_kv": 64,
    "d_ff": 2048,
}  # fmt: skip

GATED = {"geglu": 2, "swiglu": 2, "gelu": 1, "gelu-approximate": 1, "geglu-approximate": 1, "linear-silu": 1}
"""The activations, by how many times a feed-forward layer is as wide before them."""


class TransformerBlock(NamedTuple):
    """The settings of BasicTransformerBlock."""

    width: int
    context: int | None = None
    activation: str = "geglu"
    bias: bool = False
    norms: str = "layer_norm"
    affine: bool = True
    embeddings: int = 0  # of ada_norm
    only_cross: bool = False
    twice: bool = False  # attends to itself twice
    attends_self: bool = True
    head: int = 0  # the width of the norms of queries and keys
    query_norm: str | None = None  # rms_norm or layer_norm
    key_width: int | None = None  # of keys and values, or that of the block
    multiple: int = 4  # of the width within its feed-forward layer

    def tensors(self) -> Tensors:
        yield from self._norm("norm1")
        if self.attends_self:
            source = self.context if self.only_cross and self.context else self.width
            yield from self._attention("attn1", source)
        if self.context is not None or self.twice:
            yield from self._norm("norm2")
            yield from self._attention("attn2", self.width if self.twice or self.context is None else self.context)
        if self.affine and self.norms != "layer_norm_i2vgen":
            yield from norm("norm3", self.width)
        inner = self.multiple * self.width
        yield from linear("ff.net.0.proj", self.width, inner * GATED[self.activation])
        yield from linear("ff.net.2", inner, self.width)

    def _attention(self, name: str, source: int) -> Tensors:
        yield from linear(f"{name}.to_q", self.width, self.width, self.bias)
        for part in ("to_k", "to_v"):
            yield from linear(f"{name}.{part}", source, self.key_width or self.width, self.bias)
        yield from linear(f"{name}.to_out.0", self.width, self.width)
        for part in ("norm_q", "norm_k") if self.query_norm else ():
            yield Tensor(f"{name}.{part}.weight", (self.head,))
            if self.query_norm == "layer_norm":
                yield Tensor(f"{name}.{part}.bias", (self.head,))

    def _norm(self, name: str) -> Tensors:
        if self.norms == "ada_norm":
            yield Tensor(f"{name}.emb.weight", (self.embeddings, self.width))
            yield from linear(f"{name}.linear", self.width, 2 * self.width)
        elif self.affine:
            yield from norm(name, self.width)


def build_transformer_2d(config: Mapping[str, Any]) -> Layer:
    """Transformer2DModel: of a picture, of its patches or of its codes. Raises InvalidDocument."""
    if "norm_type" not in config:
        raise InvalidDocument("must be given: diffusers finds the class by it", "/norm_type", "required")
    values = Values(config, TRANSFORMER_FIELDS)
    norms = values.choice("norm_type", "layer_norm", "ada_norm", "layer_norm_i2vgen")
    patches, codes = values.get("patch_size") is not None, values.get("num_vector_embeds") is not None
    if patches and norms != "ada_norm":
        raise InvalidDocument("must be ada_norm for patches", "/norm_type")
    if codes == (values.get("in_channels") is not None):
        raise InvalidDocument("must be given, or num_vector_embeds, but not both", "/in_channels")
    if codes and patches:
        raise InvalidDocument("must not be given beside num_vector_embeds", "/patch_size")
    if norms == "layer_norm" and values.get("num_embeds_ada_norm") is not None:
        norms = "ada_norm"
    block = read_block(values)._replace(
        norms=norms, only_cross=values.flag("only_cross_attention"),
        embeddings=values.size("num_embeds_ada_norm") if norms == "ada_norm" else 0,
    )  # fmt: skip
    gated = values.choice("attention_type", "default", "gated", "gated-text-image") != "default"
    around = _patches if patches else _codes if codes else frame_picture
    extra = tuple(fuser(block.width, values.size("cross_attention_dim"))) if gated else ()
    one = assemble("", "BasicTransformerBlock", (*block.tensors(), *extra))
    blocks = repeat("transformer_blocks", values.size("num_layers"), one)
    return assemble("Transformer2DModel", "Transformer2DModel", around(values, block.width), blocks)


def read_block(values: Values) -> TransformerBlock:
    """The settings of the blocks that all transformers have."""
    return TransformerBlock(
        values.size("num_attention_heads") * values.size("attention_head_dim"), values.optional("cross_attention_dim"),
        values.choice("activation_fn", *GATED), values.flag("attention_bias"),
        affine=values.flag("norm_elementwise_affine"), twice=values.flag("double_self_attention"),
    )  # fmt: skip


def frame_picture(values: Values, width: int) -> Tensors:
    """The tensors around the blocks of a transformer of a picture."""
    channels = values.size("in_channels")
    kernel = () if values.flag("use_linear_projection") else (1, 1)
    yield from Style(values.size("norm_num_groups")).group_norm("norm", channels)
    yield from convolution("proj_in", channels, width, kernel)
    yield from convolution("proj_out", width, values.optional("out_channels") or channels, kernel)


def _codes(values: Values, width: int) -> Tensors:
    codes, size = values.size("num_vector_embeds"), values.size("sample_size")
    if codes < 2:
        raise InvalidDocument("must be at least 2", "/num_vector_embeds")
    yield Tensor("latent_image_embedding.emb.weight", (codes, width))
    yield Tensor("latent_image_embedding.height_emb.weight", (size, width))
    yield Tensor("latent_image_embedding.width_emb.weight", (size, width))
    yield from norm("norm_out", width)
    yield from linear("out", width, codes - 1)


def _patches(values: Values, width: int) -> Tensors:
    channels, patch = values.size("in_channels"), values.size("patch_size")
    if width % 4:
        raise InvalidDocument(f"makes {width} channels, which must be a multiple of 4", "/attention_head_dim")
    if values.size("sample_size") < patch:
        raise InvalidDocument("must be at least one patch", "/sample_size")
    yield from convolution("pos_embed.proj", channels, width, (patch, patch))
    yield from linear("proj_out_1", width, 2 * width)
    yield from linear("proj_out_2", width, patch * patch * (values.optional("out_channels") or channels))
    if values.get("caption_channels") is not None:
        yield from linear("caption_projection.linear_1", values.size("caption_channels"), width)
        yield from linear("caption_projection.linear_2", width, width)


def build_transformer_temporal(config: Mapping[str, Any]) -> Layer:
    """TransformerTemporalModel: of frames. Raises InvalidDocument."""
    values = Values(config, _TEMPORAL)
    block = read_block(values)

    def tensors() -> Tensors:
        channels = values.size("in_channels")
        yield from Style(values.size("norm_num_groups")).group_norm("norm", channels)
        yield from linear("proj_in", channels, block.width)
        yield from linear("proj_out", block.width, channels)

    def block_tensors() -> Tensors:
        if values.choice("positional_embeddings", None, "sinusoidal"):
            if block.width % 2:
                raise InvalidDocument(f"makes {block.width} channels, which must be even", "/attention_head_dim")
            shape = (1, values.size("num_positional_embeddings"), block.width)
            yield Tensor("pos_embed.pe", shape, "buffer", "F32", trainable=False)
        yield from block.tensors()

    one = assemble("", "BasicTransformerBlock", block_tensors())
    blocks = repeat("transformer_blocks", values.size("num_layers"), one)
    return assemble("TransformerTemporalModel", "TransformerTemporalModel", tensors(), blocks)


def build_prior(config: Mapping[str, Any]) -> Layer:
    """PriorTransformer, which makes an image embedding of a text embedding. Raises InvalidDocument."""
    values = Values(config, _PRIOR)
    width = values.size("num_attention_heads") * values.size("attention_head_dim")
    embedding = values.size("embedding_dim")
    projected, clip = (values.optional(name) or embedding for name in ("embedding_proj_dim", "clip_embed_dim"))
    time = values.optional("time_embed_dim") or width

    def tensors() -> Tensors:
        yield from linear("time_embedding.linear_1", width, time)
        yield from linear("time_embedding.linear_2", time, width)
        yield from linear("proj_in", embedding, width)
        if values.choice("embedding_proj_norm_type", None, "layer"):
            yield from norm("embedding_proj_norm", projected)
        yield from linear("embedding_proj", projected, width)
        if values.choice("encoder_hid_proj_type", None, "linear"):
            yield from linear("encoder_hidden_states_proj", embedding, width)
        positions = values.size("num_embeddings") + values.size("additional_embeddings")
        yield Tensor("positional_embedding", (1, positions, width))
        if values.choice("added_emb_type", None, "prd"):
            yield Tensor("prd_embedding", (1, 1, width))
        if values.choice("norm_in_type", None, "layer"):
            yield from norm("norm_in", width)
        yield from norm("norm_out", width)
        yield from linear("proj_to_clip_embeddings", width, clip)
        yield Tensor("clip_mean", (1, clip))
        yield Tensor("clip_std", (1, clip))

    block = assemble("", "BasicTransformerBlock", TransformerBlock(width, activation="gelu", bias=True).tensors())
    blocks = repeat("transformer_blocks", values.size("num_layers"), block)
    return assemble("PriorTransformer", "PriorTransformer", tensors(), blocks)


def build_film_decoder(config: Mapping[str, Any]) -> Layer:
    """T5FilmDecoder, which makes spectrograms. Raises InvalidDocument."""
    values = Values(config, _FILM)
    width, inputs, inner = values.size("d_model"), values.size("input_dims"), values.size("d_ff")
    heads = values.size("num_heads") * values.size("d_kv")

    def tensors() -> Tensors:
        yield from linear("conditioning_emb.0", width, 4 * width, bias=False)
        yield from linear("conditioning_emb.2", 4 * width, 4 * width, bias=False)
        yield Tensor("position_encoding.weight", (values.size("targets_length"), width), trainable=False)
        yield from linear("continuous_inputs_projection", inputs, width, bias=False)
        yield Tensor("decoder_norm.weight", (width,))
        yield from linear("spec_out", width, inputs, bias=False)

    def decoder() -> Tensors:
        for index in range(3):
            yield Tensor(f"layer.{index}.layer_norm.weight", (width,))
        for index in range(2):
            for name in ("to_q", "to_k", "to_v"):
                yield from linear(f"layer.{index}.attention.{name}", width, heads, bias=False)
            yield from linear(f"layer.{index}.attention.to_out.0", heads, width, bias=False)
        for name in ("layer.0.FiLMLayer", "layer.2.film"):
            yield from linear(f"{name}.scale_bias", 4 * width, 2 * width, bias=False)
        for name, before, after in (("wi_0", width, inner), ("wi_1", width, inner), ("wo", inner, width)):
            yield from linear(f"layer.2.DenseReluDense.{name}", before, after, bias=False)

    decoders = repeat("decoders", values.size("num_layers"), assemble("", "DecoderLayer", decoder()))
    return assemble("T5FilmDecoder", "T5FilmDecoder", tensors(), decoders)


BUILDERS: Builders = {
    "PriorTransformer": build_prior,
    "T5FilmDecoder": build_film_decoder,
    "Transformer2DModel": build_transformer_2d,
    "TransformerTemporalModel": build_transformer_temporal,
}
