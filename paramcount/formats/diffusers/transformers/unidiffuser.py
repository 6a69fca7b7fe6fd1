"""UniDiffuserModel. Source: diffusers.pipelines.deprecated.unidiffuser.modeling_uvit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcount.formats.diffusers.transformers.plain import GATED, TransformerBlock
from paramcount.formats.diffusers.values import Builders, Values
from paramcount.formats.parts import Tensors, assemble, convolution, linear, norm, repeat
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

_DEFAULTS: Mapping[str, Any] = {
    "text_dim": 768, "clip_img_dim": 512, "num_text_tokens": 77, "num_attention_heads": 16, "attention_head_dim": 88,
    "in_channels": None, "out_channels": None, "num_layers": 1, "cross_attention_dim": None, "attention_bias": False,
    "sample_size": None, "patch_size": None, "activation_fn": "geglu", "num_embeds_ada_norm": None,
    "only_cross_attention": False, "norm_type": "layer_norm", "use_timestep_embedding": False,
    "norm_elementwise_affine": True, "use_patch_pos_embed": False, "use_data_type_embedding": False,
}  # fmt: skip


def build_unidiffuser(config: Mapping[str, Any]) -> Layer:
    """UniDiffuserModel: a transformer of texts and pictures with connections over it. Raises InvalidDocument."""
    values = Values(config, _DEFAULTS)
    width = values.size("num_attention_heads") * values.size("attention_head_dim")
    norms = values.choice("norm_type", "layer_norm", "ada_norm")
    block = TransformerBlock(
        width, values.optional("cross_attention_dim"), values.choice("activation_fn", *GATED),
        values.flag("attention_bias"), norms, values.flag("norm_elementwise_affine"),
        values.size("num_embeds_ada_norm") if norms == "ada_norm" else 0, values.flag("only_cross_attention"),
    )  # fmt: skip
    if values.flag("use_patch_pos_embed") and width % 4:
        raise InvalidDocument(f"makes {width} channels, which must be a multiple of 4", "/attention_head_dim")
    inner, count = assemble("block", "UniDiffuserBlock", block.tensors()), values.size("num_layers") // 2
    skip = assemble("skip", "SkipBlock", (*linear("skip_linear", 2 * width, width), *norm("norm", width)))
    children = [
        *repeat("transformer_in_blocks", count, inner),
        inner._replace(name="transformer_mid_block"),
        *repeat("transformer_out_blocks", count, Layer("", "ModuleDict", children=(skip, inner))),
    ]
    patch = (values.size("patch_size"),) * 2
    around = (
        *convolution("pos_embed.proj", values.size("in_channels"), width, patch), *norm("norm_out", width)
    )  # fmt: skip
    transformer = assemble("transformer", "UTransformer2DModel", around, children)
    return assemble("UniDiffuserModel", "UniDiffuserModel", _around(values, width), [transformer])


def _around(values: Values, width: int) -> Tensors:
    patch, size = values.size("patch_size"), values.size("sample_size")
    if size < patch:
        raise InvalidDocument("must be at least one patch", "/sample_size")
    yield from convolution("vae_img_in.proj", values.size("in_channels"), width, (patch, patch))
    yield from linear("vae_img_out", width, patch * patch * values.size("out_channels"))
    for name, inputs in (("clip_img", values.size("clip_img_dim")), ("text", values.size("text_dim"))):
        yield from linear(f"{name}_in", inputs, width)
        yield from linear(f"{name}_out", width, inputs)
    if values.flag("use_timestep_embedding"):
        for name in ("timestep_img_embed", "timestep_text_embed"):
            yield from linear(f"{name}.linear_1", width, 4 * width)
            yield from linear(f"{name}.linear_2", 4 * width, width)
    tokens = 3 + values.size("num_text_tokens") + (size // patch) ** 2
    yield Tensor("pos_embed", (1, tokens, width))
    if values.flag("use_data_type_embedding"):
        yield Tensor("data_type_token_embedding.weight", (2, width))
        yield Tensor("data_type_pos_embed_token", (1, 1, width))


BUILDERS: Builders = {"UniDiffuserModel": build_unidiffuser}
