"""Merging several inputs: keras.layers.merging. No layer of this family owns anything."""

from __future__ import annotations

from paramcount import Axes, Formula, Inputs, Int, ShapeMismatch, layer, require
from paramcount.layers.keras.shapes import Shapes, at_least, each
from paramcount.model.tensors import Dimensions
from paramcount.schema.validator import shown


def _elementwise(inputs: Shapes) -> Dimensions:
    """What inputs make together that broadcast against each other. Source: keras.src.layers.merging.base_merge."""
    shapes = [at_least(shape, 1) for shape in each(inputs)]
    batches = {shape[0] for shape in shapes} - {None}
    if len(batches) > 1:
        raise ShapeMismatch(f"takes inputs of one batch size, not {', '.join(map(shown, shapes[:8]))}")
    merged = shapes[0][1:]
    for shape in shapes[1:]:
        merged = _broadcast(merged, shape[1:])
    return (next(iter(batches), None), *merged)


def _broadcast(one: Dimensions, other: Dimensions) -> Dimensions:
    if len(one) < len(other):
        one, other = other, one
    apart = len(one) - len(other)
    lengths = list(one[:apart])
    for i, j in zip(one[apart:], other, strict=True):
        if i is None or j is None:
            lengths.append(None)
        elif i == 1:
            lengths.append(j)
        elif j in (1, i):
            lengths.append(i)
        else:
            raise ShapeMismatch(f"takes inputs of one shape, not {shown((None, *one))} and {shown((None, *other))}")
    return tuple(lengths)


@layer("keras.Add")
def add(inputs: Inputs) -> Formula:
    """The sum. Source: keras.layers.Add."""
    yield from ()
    return _elementwise(inputs)


@layer("keras.Subtract")
def subtract(inputs: Inputs) -> Formula:
    """The difference of two. Source: keras.layers.Subtract."""
    yield from ()
    if len(inputs) != 2:
        raise ShapeMismatch(f"takes two inputs, not {len(inputs)}")
    return _elementwise(inputs)


@layer("keras.Multiply")
def multiply(inputs: Inputs) -> Formula:
    """The product. Source: keras.layers.Multiply."""
    yield from ()
    return _elementwise(inputs)


@layer("keras.Average")
def average(inputs: Inputs) -> Formula:
    """The mean. Source: keras.layers.Average."""
    yield from ()
    return _elementwise(inputs)


@layer("keras.Maximum")
def maximum(inputs: Inputs) -> Formula:
    """The largest. Source: keras.layers.Maximum."""
    yield from ()
    return _elementwise(inputs)


@layer("keras.Minimum")
def minimum(inputs: Inputs) -> Formula:
    """The smallest. Source: keras.layers.Minimum."""
    yield from ()
    return _elementwise(inputs)


@layer("keras.Concatenate")
def concatenate(inputs: Inputs, axis: Int = -1) -> Formula:
    """One after the other along an axis; the others are equal. Source: keras.layers.Concatenate."""
    yield from ()
    shapes = each(inputs)
    rank = len(shapes[0])
    if any(len(shape) != rank for shape in shapes) or not -rank <= axis < rank:
        raise ShapeMismatch(f"takes inputs alike but for axis {axis}, not {', '.join(map(shown, shapes[:8]))}")
    for number, lengths in enumerate(zip(*shapes, strict=True)):
        if number != axis % rank and len({length for length in lengths if length is not None}) > 1:
            raise ShapeMismatch(f"takes inputs alike but for axis {axis}, not {', '.join(map(shown, shapes[:8]))}")
    joined = list(shapes[0])
    along = [shape[axis] for shape in shapes]
    joined[axis] = None if None in along else sum(length for length in along if length is not None)
    return tuple(joined)


@layer("keras.Dot", ignores="normalize")
def dot(inputs: Inputs, axes: Axes) -> Formula:
    """The sum of products along an axis of each. Source: keras.layers.Dot."""
    yield from ()
    if len(inputs) != 2:
        raise ShapeMismatch(f"takes two inputs, not {len(inputs)}")
    shapes = [at_least(shape, 1) for shape in each(inputs)]
    along = axes if isinstance(axes, list) else [axes % len(shape) if axes < 0 else axes for shape in shapes]
    require(len(along) == 2, "must be an integer or a list of two", "axes")
    if any(not -len(shape) <= axis < len(shape) for axis, shape in zip(along, shapes, strict=True)):
        raise ShapeMismatch(f"multiplies along axes {along} of {shown(shapes[0])} and {shown(shapes[1])}")
    if shapes[0][along[0]] != shapes[1][along[1]]:
        raise ShapeMismatch(f"multiplies along axes {along}, which differ: {shown(shapes[0])} and {shown(shapes[1])}")
    left, right = map(list, shapes)
    left.pop(along[0])
    right.pop(along[1])
    if not right:
        raise ShapeMismatch(f"takes inputs of at least two axes, not {shown(shapes[1])}")
    output = left + right[1:]
    return tuple(output if len(output) != 1 else [*output, 1])
