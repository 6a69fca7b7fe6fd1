"""The towers of open_clip: its own vision transformer, ResNet and text transformers, and timm's models.

Source: open_clip.transformer, open_clip.modified_resnet, open_clip.timm_model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from paramcount.formats.architectures.models import build_document, find
from paramcount.formats.composition import nest
from paramcount.formats.open_clip.configs import TextConfig, VisionConfig
from paramcount.formats.open_clip.hub_towers import build_hub_text
from paramcount.formats.parts import (
    Tensors,
    assemble,
    batch_norm,
    convolution,
    linear,
    multihead_attention,
    norm,
    repeat,
)
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

Tower = VisionConfig | TextConfig


def build_vision(config: VisionConfig, embed_dim: int) -> Layer:
    """The vision tower. Raises InvalidDocument, Problems."""
    if config.timm_model_name:
        return _build_trunk(config, embed_dim)
    if isinstance(config.layers, list):
        return _build_resnet(config, config.layers, embed_dim)
    return _build_vision_transformer(config, config.layers, embed_dim)


def _build_vision_transformer(config: VisionConfig, layers: int, embed_dim: int) -> Layer:
    width, patch, heads = config.width, config.pair("patch_size"), config.width // config.head_width
    rows, columns = (size // step for size, step in zip(config.pair("image_size"), patch, strict=True))
    if config.pos_embed_type == "sin_cos_2d" and (rows != columns or width % 4):
        raise InvalidDocument("needs a square grid of patches, and a width of a multiple of 4", "/pos_embed_type")
    if config.attentional_pool and embed_dim % config.attn_pooler_heads:
        raise InvalidDocument(f"must divide embed_dim, {embed_dim}", "/attn_pooler_heads")

    def tensors() -> Tensors:
        yield from convolution("conv1", 3, width, patch, bias=False)
        yield Tensor("class_embedding", (width,))
        learned = config.pos_embed_type == "learnable"
        yield Tensor("positional_embedding", (rows * columns + 1, width), trainable=learned)
        if not config.no_ln_pre:
            yield from norm("ln_pre", width)
        if config.attentional_pool:
            yield from _pooler("attn_pool", embed_dim, width, config.attn_pooler_queries)
            if isinstance(config.attentional_pool, str):
                yield from _pooler("attn_pool_contrastive", embed_dim, width, 1)
        pooled = embed_dim if config.attentional_pool else width
        yield from norm("ln_post", pooled)
        yield Tensor("proj", (pooled, embed_dim))

    blocks = _build_transformer(config, layers, heads)
    return assemble("visual", "VisionTransformer", tensors(), [blocks])


def _pooler(name: str, width: int, context: int, queries: int) -> Tensors:
    yield Tensor(f"{name}.query", (queries, width))
    yield from multihead_attention(f"{name}.attn", width, context)
    yield from norm(f"{name}.ln_q", width)
    yield from norm(f"{name}.ln_k", context)


def _build_transformer(config: Tower, layers: int, heads: int) -> Layer:
    if not heads or config.width % heads:
        raise InvalidDocument(f"must be a multiple of the heads, {heads}", "/width")
    if config.is_custom and config.qk_norm and config.scaled_cosine_attn:
        raise InvalidDocument("excludes scaled_cosine_attn", "/qk_norm")
    block = assemble("", "ResidualAttentionBlock", _block(config, heads))
    return Layer("transformer", "Transformer", children=tuple(repeat("resblocks", layers, block)))


def _block(config: Tower, heads: int, cross: bool = False) -> Tensors:
    """ResidualAttentionBlock, and CustomResidualAttentionBlock where one of its features is on."""
    width, inner = config.width, int(config.width * config.mlp_ratio)
    custom = not cross and config.is_custom
    yield from norm("ln_1", width)
    yield from multihead_attention("attn", width)
    if custom:
        yield from _custom_attention(config, width, heads)
    if cross:
        yield from norm("ln_1_kv", width)
    yield from norm("ln_2", width)
    yield from linear("mlp.c_fc", width, inner)
    if custom and config.scale_fc:
        yield from norm("mlp.ln", inner)
    yield from linear("mlp.c_proj", inner, width)
    if config.ls_init_value is not None:
        yield Tensor("ls_1.gamma", (width,))
        yield Tensor("ls_2.gamma", (width,))


def _custom_attention(config: Tower, width: int, heads: int) -> Tensors:
    if config.qk_norm:
        yield from norm("attn.ln_q", width // heads)
        yield from norm("attn.ln_k", width // heads)
    if config.scaled_cosine_attn:
        yield Tensor("attn.logit_scale", (heads, 1, 1))
    if config.scale_heads:
        yield Tensor("attn.head_scale", (heads, 1, 1))
    if config.scale_attn_inner:
        yield from norm("attn.ln_inner", width)
    if config.scale_attn:
        yield from norm("ln_attn", width)


def _build_resnet(config: VisionConfig, layers: list[int], embed_dim: int) -> Layer:
    width, features = config.width, 32 * config.width

    def tensors() -> Tensors:
        stem = ((3, width // 2), (width // 2, width // 2), (width // 2, width))
        for number, (inputs, outputs) in enumerate(stem, 1):
            yield from convolution(f"conv{number}", inputs, outputs, (3, 3), bias=False)
            yield from batch_norm(f"bn{number}", outputs)
        side = config.pair("image_size")[0] // 32
        yield Tensor("attnpool.positional_embedding", (side**2 + 1, features))
        for name in ("k_proj", "q_proj", "v_proj"):
            yield from linear(f"attnpool.{name}", features, features)
        yield from linear("attnpool.c_proj", features, embed_dim or features)

    stages = list(_build_stages(width, layers))
    return assemble("visual", "ModifiedResNet", tensors(), stages)


def _build_stages(width: int, layers: list[int]) -> Iterator[Layer]:
    inputs = width
    for stage, count in enumerate(layers):
        planes = width * 2**stage
        first = assemble("0", "Bottleneck", _bottleneck(inputs, planes, strided=stage > 0))
        inputs = 4 * planes
        others = repeat("", count - 1, assemble("", "Bottleneck", _bottleneck(inputs, planes)))
        blocks = [first, *(_shift(block) for layer in others for block in layer.children)]
        yield Layer(f"layer{stage + 1}", "Sequential", children=tuple(blocks))


def _shift(block: Layer) -> Layer:
    """Blocks that are numbered from 1 on."""
    return block._replace(name="1" if block.repeat == 1 else f"1-{block.repeat}")


def _bottleneck(inputs: int, planes: int, strided: bool = False) -> Tensors:
    sizes = ((inputs, planes, 1), (planes, planes, 3), (planes, 4 * planes, 1))
    for number, (before, after, kernel) in enumerate(sizes, 1):
        yield from convolution(f"conv{number}", before, after, (kernel, kernel), bias=False)
        yield from batch_norm(f"bn{number}", after)
    if strided or inputs != 4 * planes:
        yield from convolution("downsample.0", inputs, 4 * planes, (1, 1), bias=False)
        yield from batch_norm("downsample.1", 4 * planes)


def _build_trunk(config: VisionConfig, embed_dim: int) -> Layer:
    """A model of timm, with the projection that open_clip adds."""
    name, pool, proj = config.timm_model_name or "", config.timm_pool, config.timm_proj
    entry = find("timm", name, "/timm_model_name")
    pointers = {"num_classes": "/timm_proj", "in_chans": "", "global_pool": "/timm_pool"}
    arguments: dict[str, Any] = {"num_classes": 0, "in_chans": 3}
    if not proj:
        arguments["num_classes"] = embed_dim
    if proj in ("linear", "mlp"):
        if pool or "num_features" not in entry.defaults:
            raise InvalidDocument(f"was not verified with the pool {pool!r} of {name}", "/timm_proj", "unsupported")
    else:
        arguments["global_pool"] = pool
    trunk = build_document("timm", name, entry, arguments, pointers).root
    head = assemble("head", "Sequential", _head(config, entry.defaults, embed_dim))
    children = (nest(trunk, "visual.trunk"), *([head] if head.children else []))
    return Layer("visual", "TimmModel", children=children)


def _head(config: VisionConfig, defaults: Mapping[str, str], embed_dim: int) -> Tensors:
    if config.timm_proj == "linear":
        yield from linear("proj", int(defaults["num_features"]), embed_dim, config.timm_proj_bias)
    elif config.timm_proj == "mlp":
        yield from linear("mlp.fc1", int(defaults["num_features"]), 2 * embed_dim)
        yield from linear("mlp.fc2", 2 * embed_dim, embed_dim, config.timm_proj_bias)


def build_text(config: TextConfig, embed_dim: int) -> Layer:
    """TextTransformer, or a model of the Hub. Raises InvalidDocument."""
    if config.hf_model_name:
        return build_hub_text(config, embed_dim)

    def tensors() -> Tensors:
        yield Tensor("token_embedding.weight", (config.vocab_size, config.width))
        if config.embed_cls:
            yield Tensor("cls_emb", (config.width,))
        yield Tensor("positional_embedding", (config.context_length + bool(config.embed_cls), config.width))
        yield from norm("ln_final", config.width)
        if config.proj_type != "none" and embed_dim:
            if config.proj_bias:
                yield from linear("text_projection", config.width, embed_dim)
            else:
                yield Tensor("text_projection", (config.width, embed_dim))

    return assemble("text", "TextTransformer", tensors(), [_build_transformer(config, config.layers, config.heads)])


def build_decoder(config: TextConfig, vocab_size: int) -> Layer:
    """MultimodalTransformer, of the default width of the MLP, and without the features of custom blocks."""
    plain = config.plain()
    if config.width % config.heads:
        raise InvalidDocument(f"must be a multiple of the heads, {config.heads}", "/width")
    block = assemble("", "ResidualAttentionBlock", _block(plain, plain.heads))
    cross = assemble("", "ResidualAttentionBlock", _block(plain, plain.heads, cross=True))

    def tensors() -> Tensors:
        yield from norm("ln_final", config.width)
        yield Tensor("text_projection", (config.width, vocab_size))

    blocks = [*repeat("resblocks", config.layers, block), *repeat("cross_attn", config.layers, cross)]
    return assemble("text_decoder", "MultimodalTransformer", tensors(), blocks)
