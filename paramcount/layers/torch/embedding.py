"""Modules of torch.nn.modules.sparse."""

from __future__ import annotations

from paramcount import Flag, Formula, Input, Int, Size, Tensor, layer, require
from paramcount.layers.torch.common import FACTORY

_IGNORED = f"_weight max_norm norm_type scale_grad_by_freq sparse {FACTORY}"


def _check_padding(num_embeddings: int, padding_idx: int | None) -> None:
    # torch does not check 0, not even where there is no row 0.
    is_row = not padding_idx or -num_embeddings <= padding_idx < num_embeddings
    require(is_row, f"must be one of the {num_embeddings} rows", "padding_idx")


@layer("torch.Embedding", ignores=_IGNORED)
def embedding(
    num_embeddings: Size,
    embedding_dim: Size,
    padding_idx: Int | None = None,
    _freeze: Flag = False,
    inputs: Input | None = None,
) -> Formula:
    """One vector for each index, `padding_idx` included. Source: torch.nn.Embedding."""
    _check_padding(num_embeddings, padding_idx)
    yield Tensor("weight", (num_embeddings, embedding_dim), trainable=not _freeze)
    return (*inputs, embedding_dim) if inputs else None


@layer("torch.EmbeddingBag", ignores=f"mode include_last_offset {_IGNORED}")
def embedding_bag(num_embeddings: Size, embedding_dim: Size, padding_idx: Int | None = None) -> Formula:
    """The sum, mean or maximum of the vectors of several indices. Source: torch.nn.EmbeddingBag."""
    _check_padding(num_embeddings, padding_idx)
    yield Tensor("weight", (num_embeddings, embedding_dim))
