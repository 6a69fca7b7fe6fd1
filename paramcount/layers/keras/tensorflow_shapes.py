"""The output shapes of TensorFlow's functions, as its static shape inference gives them.

A tensor is the tuple of its dimensions, or None where its shape is unknown; a constant is a number or a list of such.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import zip_longest
from math import prod
from typing import Any

from paramcount.model.tensors import Dimensions, Output


class NotInferred(Exception):
    """TensorFlow, or this table, does not know the shape."""


def shape_of(value: Any) -> Dimensions:
    """Return the shape of a tensor or of a constant. Raises NotInferred."""
    if isinstance(value, tuple):
        return value
    if value is None or isinstance(value, dict):
        raise NotInferred
    lengths = []
    while isinstance(value, list):
        lengths.append(len(value))
        value = value[0] if value else 0
    if isinstance(value, tuple):  # a list of tensors, which TensorFlow stacks
        lengths += value
    return tuple(lengths)


def integers(value: Any) -> list[int | None]:
    """Return the integers of a constant, None for each that is a tensor. Raises NotInferred."""
    if isinstance(value, tuple):
        if len(value) != 1 or value[0] is None:
            raise NotInferred
        return [None] * value[0]
    items = value if isinstance(value, list) else [value]
    if not all(isinstance(item, int | tuple) for item in items):
        raise NotInferred
    return [None if isinstance(item, tuple) else item for item in items]


def known_integers(value: Any) -> list[int]:
    """Return the integers of a constant. Raises NotInferred."""
    items = integers(value)
    if None in items:
        raise NotInferred
    return [item for item in items if item is not None]


def _axis(value: Any, rank: int) -> int:
    """Return the index of one axis, from 0. Raises NotInferred."""
    (axis,) = known_integers(value)
    if not -rank <= axis < rank:
        raise NotInferred
    return axis % rank


def _axes(value: Any, rank: int) -> set[int]:
    return set(range(rank)) if value is None else {_axis(axis, rank) for axis in known_integers(value)}


def _multiply(*lengths: int | None) -> int | None:
    return None if None in lengths else prod(length for length in lengths if length is not None)


def broadcast(*values: Any) -> Dimensions:
    """Return the shape to which all values broadcast."""
    shapes = [shape_of(value) for value in values]
    merged = []
    for lengths in zip_longest(*(reversed(shape) for shape in shapes), fillvalue=1):
        known = {length for length in lengths if length not in (None, 1)}
        if len(known) > 1:
            raise NotInferred
        merged.append(known.pop() if known else None if None in lengths else 1)
    return tuple(reversed(merged))


def same(x: Any, **_: Any) -> Output:
    """Return the shape of the input."""
    return shape_of(x)


def binary(x: Any, y: Any, **_: Any) -> Output:
    """Return the shape of a function of two tensors, element by element."""
    return broadcast(x, y)


def where(condition: Any, x: Any = None, y: Any = None, **_: Any) -> Output:
    """Return the shape of a choice between two tensors, or of the indices of what is true."""
    return (None, len(shape_of(condition))) if x is None else broadcast(condition, x, y)


def add_n(inputs: Any, **_: Any) -> Output:
    """Return the shape of a sum of tensors."""
    return broadcast(*inputs)


def reduce(x: Any, axis: Any = None, *, keepdims: Any = False, **_: Any) -> Output:
    """Return the shape of a sum along axes."""
    shape = shape_of(x)
    axes = _axes(axis, len(shape))
    kept = [(1 if index in axes else length) for index, length in enumerate(shape)]
    return tuple(kept) if keepdims else tuple(kept[index] for index in range(len(shape)) if index not in axes)


def arg_reduce(x: Any, axis: Any = 0, **_: Any) -> Output:
    """Return the shape of indices along an axis."""
    return reduce(x, 0 if axis is None else axis)


def moments(x: Any, axes: Any, *, keepdims: Any = False, **_: Any) -> Output:
    """Return the shapes of mean and variance."""
    return [reduce(x, axes, keepdims=keepdims)] * 2


def reshape(x: Any, shape: Any, **_: Any) -> Output:
    """Return the shape of a reshaped tensor, whose open axis follows from the number of elements."""
    target = [None if length == -1 else length for length in integers(shape)]
    source = shape_of(x) if x is not None else (None,)
    size = _multiply(*source)
    known = prod(length for length in target if length is not None)
    if target.count(None) == 1 and size is not None and known:
        target[target.index(None)] = size // known
    return tuple(target)


def transpose(x: Any, perm: Any = None, **_: Any) -> Output:
    """Return the shape with its axes in another order."""
    shape = shape_of(x)
    order = [*range(len(shape))][::-1] if perm is None else known_integers(perm)
    if sorted(order) != [*range(len(shape))]:
        raise NotInferred
    return tuple(shape[axis] for axis in order)


def concat(values: Any, axis: Any, **_: Any) -> Output:
    """Return the shape of tensors side by side."""
    shapes = [shape_of(value) for value in values]
    index = _axis(axis, len(shapes[0]))
    joined = list(_merge(shapes, index))
    along = [shape[index] for shape in shapes]
    joined[index] = None if None in along else sum(length for length in along if length is not None)
    return tuple(joined)


def _merge(shapes: Sequence[Dimensions], free: int = -1) -> Dimensions:
    """Return what is known of one shape that all have, but for the axis `free`."""
    merged: list[int | None] = []
    for index, lengths in enumerate(zip(*shapes, strict=True)):
        known = {length for length in lengths if length is not None}
        if len(known) > 1 and index != free:
            raise NotInferred
        merged.append(next(iter(known), None))
    return tuple(merged)


def stack(values: Any, axis: Any = 0, **_: Any) -> Output:
    """Return the shape of tensors along a new axis."""
    shapes = [shape_of(value) for value in values]
    return _insert(_merge(shapes), _axis(axis, len(shapes[0]) + 1), len(shapes))


def _insert(shape: Dimensions, index: int, length: int | None) -> Dimensions:
    return (*shape[:index], length, *shape[index:])


def unstack(x: Any, num: Any = None, axis: Any = 0, **_: Any) -> Output:
    """Return the shapes of the parts along an axis, which goes."""
    shape = shape_of(x)
    index = _axis(axis, len(shape))
    count = num or shape[index]
    if count is None or count > MAX_OUTPUTS:
        raise NotInferred
    return [shape[:index] + shape[index + 1 :]] * count


MAX_OUTPUTS = 10_000
"""The most tensors that a tensor is split into."""


def split(x: Any, num_or_size_splits: Any, axis: Any = 0, **_: Any) -> Output:
    """Return the shapes of the parts along an axis, which stays."""
    shape = shape_of(x)
    index = _axis(axis, len(shape))
    length = shape[index]
    if isinstance(num_or_size_splits, list):
        sizes: list[int | None] = [None if size == -1 else size for size in known_integers(num_or_size_splits)]
        if None in sizes and length is not None:
            sizes[sizes.index(None)] = length - sum(size for size in sizes if size is not None)
    else:
        (count,) = known_integers(num_or_size_splits)
        if not 0 < count <= MAX_OUTPUTS:
            raise NotInferred
        sizes = [None if length is None else length // count] * count
    return [(*shape[:index], size, *shape[index + 1 :]) for size in sizes]


def expand_dims(x: Any, axis: Any = None, dim: Any = None, **_: Any) -> Output:
    """Return the shape with a new axis of length 1."""
    shape = shape_of(x)
    return _insert(shape, _axis(dim if axis is None else axis, len(shape) + 1), 1)


def squeeze(x: Any, axis: Any = None, squeeze_dims: Any = None, **_: Any) -> Output:
    """Return the shape without axes of length 1."""
    shape = shape_of(x)
    named = axis if squeeze_dims is None else squeeze_dims
    if named in (None, []) and None in shape:  # it might go too
        raise NotInferred
    axes = _axes(named, len(shape)) if named not in (None, []) else {i for i, size in enumerate(shape) if size == 1}
    return tuple(size for index, size in enumerate(shape) if index not in axes)


def tile(x: Any, multiples: Any, **_: Any) -> Output:
    """Return the shape with each axis several times as long."""
    return tuple(_multiply(*pair) for pair in zip(shape_of(x), integers(multiples), strict=True))


def pad(x: Any, paddings: Any, **_: Any) -> Output:
    """Return the shape with each axis longer at both ends."""
    pairs = [known_integers(pair) for pair in paddings]
    shape = shape_of(x)
    return tuple(None if size is None else size + a + b for size, (a, b) in zip(shape, pairs, strict=True))


def broadcast_to(x: Any, shape: Any, **_: Any) -> Output:
    """Return the shape that is asked for."""
    del x
    return tuple(integers(shape))


def gather(x: Any, indices: Any, axis: Any = None, batch_dims: Any = 0, **_: Any) -> Output:
    """Return the shape with an axis replaced by those of the indices."""
    shape, taken = shape_of(x), shape_of(indices)
    index = _axis(batch_dims if axis is None else axis, len(shape))
    return (*shape[:index], *taken[batch_dims:], *shape[index + 1 :])


def one_hot(x: Any, depth: Any, axis: Any = -1, **_: Any) -> Output:
    """Return the shape with a new axis of classes."""
    shape = shape_of(x)
    (length,) = integers(depth)
    return _insert(shape, _axis(-1 if axis is None else axis, len(shape) + 1), length)


def matrix_transpose(x: Any, **_: Any) -> Output:
    """Return the shape with its last two axes swapped."""
    *batch, rows, columns = shape_of(x)
    return (*batch, columns, rows)


def constant(x: Any, **_: Any) -> Output:
    """Return the shape that a tensor of equal numbers is asked for."""
    return tuple(integers(x))


def matmul(a: Any, b: Any, *, transpose_a: Any = False, transpose_b: Any = False, **others: Any) -> Output:
    """Return the shape of a product of matrices."""
    left, right = list(shape_of(a)), list(shape_of(b))
    if transpose_a or others.get("adjoint_a"):
        left[-2:] = left[:-3:-1]
    if transpose_b or others.get("adjoint_b"):
        right[-2:] = right[:-3:-1]
    return (*broadcast(tuple(left[:-2]), tuple(right[:-2])), left[-2], right[-1])


def tensordot(a: Any, b: Any, axes: Any, **_: Any) -> Output:
    """Return the shape of a sum of products along axes of both."""
    left, right = shape_of(a), shape_of(b)
    if isinstance(axes, int):
        return (*left[: len(left) - axes], *right[axes:])
    gone_left, gone_right = _axes(axes[0], len(left)), _axes(axes[1], len(right))
    return (
        *(size for index, size in enumerate(left) if index not in gone_left),
        *(size for index, size in enumerate(right) if index not in gone_right),
    )


def einsum(equation: str, *inputs: Any, **_: Any) -> Output:
    """Return the shape of a sum of products, an axis a letter."""
    terms, _arrow, result = re.sub(r"\s", "", equation).partition("->")
    sizes: dict[str, int | None] = {}
    for letters, value in zip(terms.split(","), inputs, strict=True):
        for letter, size in zip(letters, shape_of(value), strict=True):
            sizes[letter] = sizes.get(letter) or size
    if not _arrow or "." in equation:
        raise NotInferred
    return tuple(sizes[letter] for letter in result)


def depth_to_space(x: Any, block_size: Any, data_format: Any = "NHWC", **_: Any) -> Output:
    """Return the shape with channels moved into blocks of pixels."""
    return _move_blocks(x, data_format, lambda size: size * block_size, lambda size: size // block_size**2)


def space_to_depth(x: Any, block_size: Any, data_format: Any = "NHWC", **_: Any) -> Output:
    """Return the shape with blocks of pixels moved into channels."""
    return _move_blocks(x, data_format, lambda size: size // block_size, lambda size: size * block_size**2)


def _move_blocks(x: Any, data_format: Any, space: Callable[[int], int], depth: Callable[[int], int]) -> Output:
    shape = shape_of(x)
    if len(shape) != 4 or data_format not in ("NHWC", "NCHW"):
        raise NotInferred
    channels = 3 if data_format == "NHWC" else 1
    moved = [
        size if size is None or index == 0 else depth(size) if index == channels else space(size)
        for index, size in enumerate(shape)
    ]
    return tuple(moved)


def resize(x: Any, size: Any, *, preserve_aspect_ratio: Any = False, **_: Any) -> Output:
    """Return the shape of resized images."""
    *batch, _height, _width, channels = shape_of(x)
    height, width = [None, None] if preserve_aspect_ratio else integers(size)
    return (*batch, height, width, channels)


def pool(x: Any, ksize: Any, strides: Any, padding: Any, data_format: Any = "NHWC", **_: Any) -> Output:
    """Return the shape of pooled images. Source: tf.nn.max_pool2d, tf.nn.avg_pool2d."""
    shape = shape_of(x)
    if len(shape) != 4 or data_format != "NHWC" or padding not in ("SAME", "VALID"):
        raise NotInferred
    windows = zip(shape, _windows(ksize), _windows(strides), strict=True)
    return tuple([_pool_axis(length, size if padding == "VALID" else 1, step) for length, size, step in windows])


def _pool_axis(length: int | None, size: int, step: int) -> int | None:
    if size < 1 or step < 1 or (length is not None and length < size):
        raise NotInferred
    return None if length is None else (length - size) // step + 1


def _windows(value: Any) -> list[int]:
    """Return the sizes of a window for each axis: one for both axes of an image, one for each, or all four."""
    items = known_integers(value)
    return items if len(items) == 4 else [1, *(items * 2 if len(items) == 1 else items), 1]


def top_k(x: Any, k: Any = 1, **_: Any) -> Output:
    """Return the shapes of the largest values and of their indices."""
    (count,) = integers(k)
    return [(*shape_of(x)[:-1], count)] * 2


def repeat(x: Any, repeats: Any, axis: Any = None, **_: Any) -> Output:
    """Return the shape with each element several times."""
    shape = shape_of(x)
    (times,) = known_integers(repeats)
    if axis is None:
        return (_multiply(times, *shape),)
    index = _axis(axis, len(shape))
    return (*shape[:index], _multiply(shape[index], times), *shape[index + 1 :])


def shape_vector(x: Any, **_: Any) -> Output:
    """Return the shape of a shape."""
    return (len(shape_of(x)),)


def scalar(x: Any, **_: Any) -> Output:
    """Return the shape of one number."""
    del x
    return ()


def last_axis(length: int) -> Callable[..., Output]:
    """Return a function that gives the last axis another length."""

    def replace_last(x: Any, **_: Any) -> Output:
        return (*shape_of(x)[:-1], length)

    return replace_last
