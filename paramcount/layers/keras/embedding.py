"""keras.layers.Embedding and ReversibleEmbedding."""

from __future__ import annotations

from paramcount import Anything, CallFlag, Dim, Flag, Formula, Input, Size, Tensor, Text, layer
from paramcount.layers.keras.common import EMBEDDINGS
from paramcount.layers.keras.quantization import Quantization, lora, quantization
from paramcount.layers.keras.shapes import at_least

_MODES = ("int8", "int4")


def _table(rows: int, width: int, how: Quantization, lora_rank: int | None) -> Formula:
    """A vector for each of `rows` tokens. Source: keras.src.layers.core.embedding.Embedding.build."""
    if how.mode == "int8":
        yield Tensor("embeddings", (rows, width), dtype="I8", trainable=False)
        yield Tensor("embeddings_scale", (rows,), "buffer")
    elif how.mode == "int4":
        scale = (rows,) if how.block == -1 else (rows, how.blocks(width))
        yield Tensor("embeddings", (rows, (width + 1) // 2), dtype="I8", trainable=False)
        yield Tensor("embeddings_scale", scale, "buffer")
        if how.block != -1:
            yield Tensor("embeddings_zero", scale, "buffer", "I8")
            yield Tensor("g_idx", (width,), "buffer", "F32")
    else:
        yield Tensor("embeddings", (rows, width), trainable=not lora_rank)
    yield from lora("embeddings", (rows,), lora_rank, width)


@layer("keras.Embedding", ignores=f"mask_zero weights lora_alpha {EMBEDDINGS}")
def embedding(
    inputs: Input,
    input_dim: Dim,
    output_dim: Dim,
    lora_rank: Size | None = None,
    quantization_config: Anything = None,
    quantization_mode: Text | None = None,
) -> Formula:
    """A vector for each token. Source: keras.layers.Embedding."""
    how = quantization(quantization_mode, quantization_config, _MODES)
    yield from _table(input_dim, output_dim, how, lora_rank)
    return (*inputs, output_dim)


@layer("keras.ReversibleEmbedding", ignores=f"mask_zero weights lora_alpha reverse_dtype logit_soft_cap {EMBEDDINGS}")
def reversible_embedding(
    inputs: Input,
    input_dim: Dim,
    output_dim: Dim,
    tie_weights: Flag = True,
    lora_rank: Size | None = None,
    quantization_config: Anything = None,
    quantization_mode: Text | None = None,
    reverse: CallFlag = False,
) -> Formula:
    """A vector for each token, and back: with the same table, or with one of its own.

    Source: keras.layers.ReversibleEmbedding.
    """
    how = quantization(quantization_mode, quantization_config, _MODES)
    yield from _table(input_dim, output_dim, how, lora_rank)
    if not tie_weights:
        yield from _back(input_dim, output_dim, how)
    return (*at_least(inputs, 1)[:-1], input_dim) if reverse else (*inputs, output_dim)


def _back(rows: int, width: int, how: Quantization) -> Formula:
    """The table of the way back, in the same number of bits."""
    if not how.mode:
        yield Tensor("reverse_embeddings", (width, rows))
        return
    scale = (rows,) if how.block == -1 else (how.blocks(width), rows)
    kept = width if how.mode == "int8" else (width + 1) // 2
    yield Tensor("reverse_embeddings", (kept, rows), dtype="I8", trainable=False)
    yield Tensor("reverse_embeddings_scale", scale, "buffer")
    if how.block != -1:
        yield Tensor("reverse_embeddings_zero", scale, "buffer")
