"""Attention: keras.layers.attention."""

from __future__ import annotations

from paramcount import (
    Axes,
    CallFlag,
    Dim,
    Dims,
    Flag,
    Formula,
    Input,
    Inputs,
    ShapeMismatch,
    Tensor,
    Text,
    axis_length,
    inside,
    layer,
    require,
)
from paramcount.layers.keras.common import BIAS, KERNEL
from paramcount.layers.keras.einsum import einsum_dense
from paramcount.layers.keras.shapes import (
    Shapes,
    as_list,
    require_either,
    require_min_rank,
    require_rank,
    require_shapes,
)
from paramcount.model.tensors import Dimensions, Output
from paramcount.schema.validator import format_value

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_MULTIHEAD = f"dropout sliding_window flash_attention seed {KERNEL} {BIAS}"


def _query_value_key(inputs: Shapes) -> tuple[Dimensions, Dimensions, Dimensions]:
    """The shapes of query, value and key; the key is the value if not given. Source: Attention._validate_inputs."""
    if len(inputs) not in (2, 3):
        raise ShapeMismatch(f"takes [query, value] or [query, value, key], not {len(inputs)} inputs")
    query, value, *keys = (require_min_rank(shape, 2) for shape in require_shapes(inputs))
    return query, value, keys[0] if keys else value


def _output(inputs: Shapes, return_attention_scores: bool) -> Output:
    """The attended values, and where they are returned the scores."""
    query, value, key = _query_value_key(inputs)
    output = (*query[:-1], value[-1])
    return [output, (*query[:-1], key[-2])] if return_attention_scores else output


@layer("keras.Attention", ignores="dropout seed")
def attention(
    inputs: Inputs, use_scale: Flag = False, score_mode: Text = "dot", return_attention_scores: CallFlag = False
) -> Formula:
    """Dot-product attention: softmax(QKᵀ) V; at most two scalars train. Source: keras.layers.Attention."""
    require_either(score_mode, "dot", "concat", "score_mode")
    output = _output(inputs, return_attention_scores)
    if use_scale:
        yield Tensor("scale", ())
    if score_mode == "concat":
        yield Tensor("concat_score_weight", ())
    return output


@layer("keras.AdditiveAttention", ignores="dropout seed")
def additive_attention(
    inputs: Inputs, use_scale: Flag = True, score_mode: Text = "dot", return_attention_scores: CallFlag = False
) -> Formula:
    """Attention scored by Σ scale · tanh(Q + K). Source: keras.layers.AdditiveAttention."""
    require_either(score_mode, "dot", "concat", "score_mode")
    query, _, _ = _query_value_key(inputs)
    if use_scale:
        yield Tensor("scale", (axis_length(query),))
    return _output(inputs, return_attention_scores)


@layer("keras.MultiHeadAttention", ignores=_MULTIHEAD)
def multi_head_attention(
    query: Input,
    value: Input,
    num_heads: Dim,
    key_dim: Dim,
    key: Input | None = None,
    value_dim: Dim | None = None,
    use_bias: Flag = True,
    output_shape: Dims | None = None,
    attention_axes: Axes | None = None,
    use_gate: Flag = False,
    quantization_mode: Text | None = None,
    return_attention_scores: CallFlag = False,
) -> Formula:
    """Projects query, key and value to `num_heads` heads, and back. Source: keras.layers.MultiHeadAttention."""
    key = value if key is None else key
    if any(not 2 <= len(shape) <= 20 for shape in (query, value, key)) or value[1:-1] != key[1:-1]:
        raise ShapeMismatch(
            f"takes a value and a key alike but for their last axis: {format_value(value)}, {format_value(key)}"
        )
    rank = len(value) + 1
    fits = all(-rank <= (axis if axis >= 0 else rank - 1 + axis) < rank for axis in as_list(attention_axes))
    require(fits, f"must be axes of a value of {len(value)}", "attention_axes")
    depth = value_dim or key_dim
    output_axes = as_list(output_shape) or [axis_length(query)]

    def project(shape: Dimensions, new_axes: list[int], summed: int = 1) -> Formula:
        equation, bias_axes = _projection(len(shape) - summed, summed, len(new_axes))
        partial = [*(None,) * (len(shape) - summed - 1), *new_axes]
        axes = bias_axes if use_bias else None
        return einsum_dense(shape, equation, partial, axes, quantization_mode=quantization_mode)

    heads = yield from inside("query", project(query, [num_heads, key_dim]))
    yield from inside("key", project(key, [num_heads, key_dim]))
    if use_gate:
        yield from inside("gate", project(query, [num_heads, depth]))
    yield from inside("value", project(value, [num_heads, depth]))
    yield from inside("attention_output", project((*heads[:-1], depth), output_axes, 2))
    output = (*query[:-1], *output_axes) if output_shape else query
    return [output, (query[0], num_heads, query[1], query[1])] if return_attention_scores else output


def _projection(free: int, summed: int, new: int) -> tuple[str, str]:
    """The equation that sums the last axes of an input and adds new ones, and the letters of the new ones.

    Source: keras.src.layers.attention.multi_head_attention._build_proj_equation.
    """
    rank = free + summed
    require(rank + new <= len(_LETTERS), "makes more axes than an equation has letters", "output_shape")
    kept, bound, added = _LETTERS[:free], _LETTERS[free:rank], _LETTERS[rank : rank + new]
    return f"{kept}{bound},{bound}{added}->{kept}{added}", added


def _group_query(
    query: Dimensions,
    value: Dimensions,
    key: Dimensions,
    head_dim: int,
    num_query_heads: int,
    num_key_value_heads: int,
    use_bias: bool,
    use_gate: bool,
    quantization_mode: str | None,
) -> Formula:
    """Source: keras.layers.GroupQueryAttention.build."""
    width = axis_length(query)

    def project(shape: Dimensions, equation: str, partial: list[int | None], bias_axes: str) -> Formula:
        axes = bias_axes if use_bias else None
        return einsum_dense(shape, equation, partial, axes, quantization_mode=quantization_mode)

    queries: list[int | None] = [None, num_query_heads, head_dim]
    keys: list[int | None] = [None, num_key_value_heads, head_dim]
    yield from inside("query", project(query, "bqm,muh->bquh", queries, "uh"))
    yield from inside("key", project(key, "bkm,mvh->bkvh", keys, "vh"))
    if use_gate:
        yield from inside("gate", project(query, "bqm,muh->bquh", queries, "uh"))
    yield from inside("value", project(value, "bkm,mvh->bkvh", keys, "vh"))
    heads = (None, None, num_query_heads, head_dim)
    yield from inside("attention_output", project(heads, "bquh,uhm->bqm", [None, width], "m"))
    return query


@layer("keras.GroupQueryAttention", ignores=_MULTIHEAD)
def group_query_attention(
    query: Input,
    value: Input,
    head_dim: Dim,
    num_query_heads: Dim,
    num_key_value_heads: Dim,
    key: Input | None = None,
    use_bias: Flag = True,
    use_gate: Flag = False,
    quantization_mode: Text | None = None,
    return_attention_scores: CallFlag = False,
) -> Formula:
    """Attention with fewer key and value heads than query heads. Source: keras.layers.GroupQueryAttention."""
    divides = num_query_heads % num_key_value_heads == 0
    require(divides, f"must divide the {num_query_heads} query heads", "num_key_value_heads")
    key = value if key is None else key
    query, value, key = (require_rank(shape, 3) for shape in (query, value, key))
    if query[-1] != value[-1] or value[1:-1] != key[1:-1]:
        raise ShapeMismatch(
            f"takes inputs that agree, not {format_value(query)}, {format_value(value)} and {format_value(key)}"
        )
    output = yield from _group_query(
        query, value, key, head_dim, num_query_heads, num_key_value_heads, use_bias, use_gate, quantization_mode
    )
    return [output, (query[0], num_query_heads, query[1], key[1])] if return_attention_scores else output
