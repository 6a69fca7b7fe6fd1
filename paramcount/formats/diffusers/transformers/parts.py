"""The parts that many transformers share. Source: diffusers.models.attention, embeddings, normalization."""

from __future__ import annotations

from collections.abc import Iterable

from paramcount.formats.diffusers.values import Values
from paramcount.formats.parts import Tensors, linear
from paramcount.model.errors import InvalidDocument, token
from paramcount.model.tensors import Tensor

TIME_CHANNELS = 256
"""The width of the sines and cosines of a time step, where the config does not say it."""


def scale(name: str, width: int) -> Tensors:
    """An RMS norm."""
    yield Tensor(f"{name}.weight", (width,))


def scales(names: Iterable[str], width: int) -> Tensors:
    for name in names:
        yield from scale(name, width)


def linears(names: Iterable[str], inputs: int, outputs: int, bias: bool = True) -> Tensors:
    for name in names:
        yield from linear(name, inputs, outputs, bias)


def attention(
    name: str, width: int, inner: int, context: int | None = None, keys: int | None = None, *,
    bias: bool = True, out_bias: bool = True,
) -> Tensors:  # fmt: skip
    """Attention: from a width to an inner one and back, to a context of another width, of fewer keys and values."""
    yield from linear(f"{name}.to_q", width, inner, bias)
    yield from linears((f"{name}.to_k", f"{name}.to_v"), context or width, keys or inner, bias)
    yield from linear(f"{name}.to_out.0", inner, width, out_bias)


def joint_attention(name: str, width: int, inner: int, head: int, *, bias: bool = True) -> Tensors:
    """Attention of an image and of a text, each with projections and RMS norms of its own."""
    yield from attention(name, width, inner, bias=bias, out_bias=True)
    yield from linears((f"{name}.add_{letter}_proj" for letter in "qkv"), width, inner)
    yield from linear(f"{name}.to_add_out", inner, width)
    yield from scales((f"{name}.{one}" for one in ("norm_q", "norm_k", "norm_added_q", "norm_added_k")), head)


def feed_forward(
    name: str, width: int, inner: int | None = None, outputs: int | None = None, *, gated: bool = False,
    bias: bool = True,
) -> Tensors:  # fmt: skip
    """FeedForward, of four times the width where no inner one is given; where it is gated, of two such halves."""
    inner = inner or 4 * width
    yield from linear(f"{name}.net.0.proj", width, inner * (1 + gated), bias)
    yield from linear(f"{name}.net.2", inner, outputs or width, bias)


def projection(name: str, inputs: int, hidden: int, outputs: int | None = None) -> Tensors:
    """PixArtAlphaTextProjection, TimestepEmbedding: two layers."""
    yield from linear(f"{name}.linear_1", inputs, hidden)
    yield from linear(f"{name}.linear_2", hidden, outputs or hidden)


MAX_RATIO = 1000


def times(values: Values, width: int, field: str = "mlp_ratio") -> int:
    """int(width * ratio) as Python computes it, of the field that has the ratio."""
    ratio = values.get(field)
    if type(ratio) not in (int, float) or not 0 < ratio < MAX_RATIO or int(width * ratio) < 1:
        raise InvalidDocument(f"must be a number below {MAX_RATIO} that leaves a width", token(field))
    return int(width * ratio)


def exactly(values: Values, name: str, count: int) -> tuple[int, ...]:
    """A list of so many sizes, for which no single one may stand."""
    sizes = values.sizes(name)
    if len(sizes) != count:
        raise InvalidDocument(f"must have {count} items", token(name))
    return tuple(sizes)


def even(values: Values, name: str) -> int:
    """A size that positions are rotated in: pairs."""
    size = values.size(name)
    if size % 2:
        raise InvalidDocument("must be even", token(name))
    return size


def is_gated(values: Values, name: str = "activation_fn") -> bool:
    """Return whether the activation of a FeedForward takes two halves."""
    activation = values.choice(name, "gelu", "gelu-approximate", "geglu", "geglu-approximate", "swiglu", "linear-silu")
    return activation in ("geglu", "swiglu")
