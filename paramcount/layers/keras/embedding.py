"""keras.layers.Embedding and ReversibleEmbedding."""

from __future__ import annotations

from paramcount import Anything, CallFlag, Dim, Flag, Formula, Input, Size, Tensor, Text, layer
from paramcount.layers.keras.common import EMBEDDINGS
from paramcount.layers.keras.quantization import EMBEDDING_MODES, Quantization, lora_tensors, parse_quantization
from paramcount.layers.keras.shapes import require_min_rank


def _embeddings(rows: int, width: int, quantization: Quantization, lora_rank: int | None) -> Formula:
    """A vector for each of `rows` tokens. Source: keras.src.layers.core.embedding.Embedding.build."""
    if quantization.mode == "int8":
        yield Tensor("embeddings", (rows, width), dtype="I8", trainable=False)
        yield Tensor("embeddings_scale", (rows,), "buffer")
    elif quantization.mode == "int4":
        scale = (rows, quantization.block_count(width)) if quantization.has_blocks else (rows,)
        yield Tensor("embeddings", (rows, (width + 1) // 2), dtype="I8", trainable=False)
        yield Tensor("embeddings_scale", scale, "buffer")
        if quantization.has_blocks:
            yield Tensor("embeddings_zero", scale, "buffer", "I8")
            yield Tensor("g_idx", (width,), "buffer", "F32")
    else:
        yield Tensor("embeddings", (rows, width), trainable=not lora_rank)
    yield from lora_tensors("embeddings", (rows,), lora_rank, width)


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
    quantization = parse_quantization(quantization_mode, quantization_config, EMBEDDING_MODES)
    yield from _embeddings(input_dim, output_dim, quantization, lora_rank)
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
    """A vector for each token, and with `reverse` a logit for each token; both by one table if `tie_weights`.

    Source: keras.layers.ReversibleEmbedding.
    """
    quantization = parse_quantization(quantization_mode, quantization_config, EMBEDDING_MODES)
    yield from _embeddings(input_dim, output_dim, quantization, lora_rank)
    if not tie_weights:
        yield from _reverse_embeddings(input_dim, output_dim, quantization)
    return (*require_min_rank(inputs, 1)[:-1], input_dim) if reverse else (*inputs, output_dim)


def _reverse_embeddings(rows: int, width: int, quantization: Quantization) -> Formula:
    """The second, transposed table, in the same number of bits."""
    if not quantization.mode:
        yield Tensor("reverse_embeddings", (width, rows))
        return
    scale = (quantization.block_count(width), rows) if quantization.has_blocks else (rows,)
    packed_width = width if quantization.mode == "int8" else (width + 1) // 2
    yield Tensor("reverse_embeddings", (packed_width, rows), dtype="I8", trainable=False)
    yield Tensor("reverse_embeddings_scale", scale, "buffer")
    if quantization.has_blocks:
        yield Tensor("reverse_embeddings_zero", scale, "buffer")
