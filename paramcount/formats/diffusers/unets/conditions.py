"""The embeddings of what steers a UNet or a ControlNet: of time, classes, texts and pictures.

Source: diffusers.models.unets.unet_2d_condition, .embeddings.
"""

from __future__ import annotations

from itertools import pairwise

from paramcount.formats.diffusers.blocks import time_embedding
from paramcount.formats.diffusers.values import Values
from paramcount.formats.parts import Tensors, convolution, linear, norm
from paramcount.model.errors import InvalidDocument
from paramcount.model.tensors import Tensor

_HINTS = (3, 16, 16, 32, 32, 96, 96, 256, 4)
"""The channels of the layers of an image_hint."""


def class_embeddings(values: Values, inputs: int, time: int) -> Tensors:
    """The embeddings of classes, of a width of time; `inputs` is what an embedding of time takes."""
    kind = values.choice("class_embed_type", None, "timestep", "identity", "projection", "simple_projection")
    if kind is None and values.get("num_class_embeds") is not None:
        yield Tensor("class_embedding.weight", (values.size("num_class_embeds"), time))
    elif kind == "timestep":
        yield from time_embedding("class_embedding", inputs, time)
    elif kind == "projection" and "projection_class_embeddings_input_dim" in values:
        yield from time_embedding("class_embedding", values.size("projection_class_embeddings_input_dim"), time)
    elif kind == "simple_projection" and "class_embeddings_concat" in values:
        yield from linear("class_embedding", values.size("projection_class_embeddings_input_dim"), time)


def added_embeddings(values: Values, time: int, *verified: str) -> Tensors:
    """The embeddings that are added to that of time, of a verified type or none."""
    kind, name = values.choice("addition_embed_type", None, *verified), "add_embedding"
    if kind == "text":
        width = values.optional("encoder_hid_dim") or values.size("cross_attention_dim")
        values.size("addition_embed_type_num_heads")
        yield from norm(f"{name}.norm1", width)
        yield Tensor(f"{name}.pool.positional_embedding", (1, width))
        for part in ("k_proj", "q_proj", "v_proj"):
            yield from linear(f"{name}.pool.{part}", width, width)
        yield from linear(f"{name}.proj", width, time)
        yield from norm(f"{name}.norm2", time)
    elif kind == "text_image":
        for part in ("text_proj", "image_proj"):
            yield from linear(f"{name}.{part}", values.size("cross_attention_dim"), time)
        yield from norm(f"{name}.text_norm", time)
    elif kind == "text_time":
        yield from time_embedding(name, values.size("projection_class_embeddings_input_dim"), time)
    elif kind is not None:
        yield from linear(f"{name}.image_proj", values.size("encoder_hid_dim"), time)
        yield from norm(f"{name}.image_norm", time)
        for index, (inputs, outputs) in enumerate(pairwise(_HINTS) if kind == "image_hint" else ()):
            yield from convolution(f"{name}.input_hint_block.{2 * index}", inputs, outputs, (3, 3))


def context_projection(values: Values, *verified: str) -> Tensors:
    """The projection of the context, of a verified type or none."""
    width, name = values.optional("encoder_hid_dim"), "encoder_hid_proj"
    kind = values.choice("encoder_hid_dim_type", None, *verified)
    if width is None:
        if kind is not None:
            raise InvalidDocument("must be an integer, as encoder_hid_dim_type is given", "/encoder_hid_dim")
        return
    context = values.size("cross_attention_dim")
    if kind in (None, "text_proj"):
        yield from linear(name, width, context)
    elif kind == "text_image_proj":
        yield from linear(f"{name}.image_embeds", context, 10 * context)
        yield from linear(f"{name}.text_proj", width, context)
    else:
        yield from linear(f"{name}.image_embeds", width, 32 * context)
        yield from norm(f"{name}.norm", context)


def position_net(context: int, *, pictures: bool) -> Tensors:
    """GLIGENTextBoundingboxProjection, of texts or of texts and pictures."""
    for part in ("_text", "_image") if pictures else ("",):
        sizes = (context + 64, 512, 512, context)
        for index, (inputs, outputs) in enumerate(pairwise(sizes)):
            yield from linear(f"position_net.linears{part}.{2 * index}", inputs, outputs)
        yield Tensor(f"position_net.null{part or '_positive'}_feature", (context,))
    yield Tensor("position_net.null_position_feature", (64,))
