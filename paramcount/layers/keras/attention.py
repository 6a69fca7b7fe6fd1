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
from paramcount.layers.keras.shapes import Shapes, at_least, each, of_rank
from paramcount.model.tensors import Dimensions, Output
from paramcount.schema.validator import shown

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_MULTIHEAD = f"dropout sliding_window flash_attention seed {KERNEL} {BIAS}"


def _query_and_value(inputs: Shapes) -> tuple[Dimensions, Dimensions, Dimensions]:
    """[query, value] or [query, value, key]. Source: keras.layers.Attention._validate_inputs."""
    if len(inputs) not in (2, 3):
        raise ShapeMismatch(f"takes [query, value] or [query, value, key], not {len(inputs)} inputs")
    query, value, key = (at_least(shape, 2) for shape in (*each(inputs), *each(inputs)[1:2])[:3])
    return query, value, key


def _attended(inputs: Shapes, return_attention_scores: bool) -> Output:
    query, value, key = _query_and_value(inputs)
    output = (*query[:-1], value[-1])
    return [output, (*query[:-1], key[-2])] if return_attention_scores else output


@layer("keras.Attention", ignores="dropout seed")
def attention(
    inputs: Inputs, use_scale: Flag = False, score_mode: Text = "dot", return_attention_scores: CallFlag = False
) -> Formula:
    """A scalar or two at most. Source: keras.layers.Attention."""
    require(score_mode in ("dot", "concat"), f'must be "dot" or "concat", not {shown(score_mode)}', "score_mode")
    output = _attended(inputs, return_attention_scores)
    if use_scale:
        yield Tensor("scale", ())
    if score_mode == "concat":
        yield Tensor("concat_score_weight", ())
    return output


@layer("keras.AdditiveAttention", ignores="dropout seed")
def additive_attention(
    inputs: Inputs, use_scale: Flag = True, score_mode: Text = "dot", return_attention_scores: CallFlag = False
) -> Formula:
    """A scale as long as the query's last axis. Source: keras.layers.AdditiveAttention."""
    require(score_mode in ("dot", "concat"), f'must be "dot" or "concat", not {shown(score_mode)}', "score_mode")
    query, _, _ = _query_and_value(inputs)
    if use_scale:
        yield Tensor("scale", (axis_length(query),))
    return _attended(inputs, return_attention_scores)


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
    """Projections to the heads and back, each with its bias. Source: keras.layers.MultiHeadAttention."""
    key = value if key is None else key
    if any(not 2 <= len(shape) <= 20 for shape in (query, value, key)) or value[1:-1] != key[1:-1]:
        raise ShapeMismatch(f"takes a value and a key alike but for their last axis: {shown(value)}, {shown(key)}")
    rank = len(value) + 1
    axes = [] if attention_axes is None else attention_axes if isinstance(attention_axes, list) else [attention_axes]
    fits = all(-rank <= (axis if axis >= 0 else rank - 1 + axis) < rank for axis in axes)
    require(fits, f"must be axes of a value of {len(value)}", "attention_axes")
    depth = value_dim or key_dim
    wide = [output_shape] if isinstance(output_shape, int) else output_shape or [axis_length(query)]

    def project(shape: Dimensions, after: list[int], summed: int = 1) -> Formula:
        equation, bias = _projection(len(shape) - summed, summed, len(after))
        whole = [*(None,) * (len(shape) - summed - 1), *after]
        return einsum_dense(shape, equation, whole, bias if use_bias else None, quantization_mode=quantization_mode)

    heads = yield from inside("query", project(query, [num_heads, key_dim]))
    yield from inside("key", project(key, [num_heads, key_dim]))
    if use_gate:
        yield from inside("gate", project(query, [num_heads, depth]))
    yield from inside("value", project(value, [num_heads, depth]))
    yield from inside("attention_output", project((*heads[:-1], depth), wide, 2))
    output = (*query[:-1], *wide) if output_shape else query
    return [output, (query[0], num_heads, query[1], query[1])] if return_attention_scores else output


def _projection(free: int, summed: int, made: int) -> tuple[str, str]:
    """Source: keras.src.layers.attention.multi_head_attention._build_proj_equation."""
    require(free + summed + made <= len(_LETTERS), "makes more axes than an equation has letters", "output_shape")
    kept, bound, new = _LETTERS[:free], _LETTERS[free : free + summed], _LETTERS[free + summed : free + summed + made]
    return f"{kept}{bound},{bound}{new}->{kept}{new}", new


def _grouped(
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

    def project(shape: Dimensions, equation: str, after: list[int | None], bias: str) -> Formula:
        return einsum_dense(shape, equation, after, bias if use_bias else None, quantization_mode=quantization_mode)

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
    """Several query heads share a key and a value. Source: keras.layers.GroupQueryAttention."""
    even = num_query_heads % num_key_value_heads == 0
    require(even, f"must divide the {num_query_heads} query heads", "num_key_value_heads")
    key = value if key is None else key
    query, value, key = (of_rank(shape, 3) for shape in (query, value, key))
    if query[-1] != value[-1] or value[1:-1] != key[1:-1]:
        raise ShapeMismatch(f"takes inputs that agree, not {shown(query)}, {shown(value)} and {shown(key)}")
    output = yield from _grouped(
        query, value, key, head_dim, num_query_heads, num_key_value_heads, use_bias, use_gate, quantization_mode
    )
    return [output, (query[0], num_query_heads, query[1], key[1])] if return_attention_scores else output
