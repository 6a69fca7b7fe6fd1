"""Merging several inputs: keras.layers.merging. No layer of this family has tensors."""

from __future__ import annotations

from paramcount import Axes, Formula, Inputs, Int, ShapeMismatch, layer, require
from paramcount.layers.keras.shapes import Shapes, require_min_rank, require_shapes
from paramcount.layers.variants import layer_variant
from paramcount.model.tensors import Dimensions
from paramcount.schema.validator import format_value

_ELEMENTWISE = {
    "Add": "The sum of its inputs, element by element.",
    "Subtract": "The first of two inputs less the second, element by element.",
    "Multiply": "The product of its inputs, element by element.",
    "Average": "The mean of its inputs, element by element.",
    "Maximum": "The maximum of its inputs, element by element.",
    "Minimum": "The minimum of its inputs, element by element.",
}


def broadcast_inputs(inputs: Shapes) -> Dimensions:
    """Return the shape to which all inputs broadcast. Source: keras.src.layers.merging.base_merge."""
    shapes = [require_min_rank(shape, 1) for shape in require_shapes(inputs)]
    batches = {shape[0] for shape in shapes} - {None}
    if len(batches) > 1:
        raise ShapeMismatch(f"takes inputs of one batch size, not {', '.join(map(format_value, shapes[:8]))}")
    merged = shapes[0][1:]
    for shape in shapes[1:]:
        merged = _broadcast(merged, shape[1:])
    return (next(iter(batches), None), *merged)


def _broadcast(one: Dimensions, other: Dimensions) -> Dimensions:
    if len(one) < len(other):
        one, other = other, one
    extra_axes = len(one) - len(other)
    lengths = list(one[:extra_axes])
    for i, j in zip(one[extra_axes:], other, strict=True):
        if i is None or j is None:
            lengths.append(None)
        elif i == 1:
            lengths.append(j)
        elif j in (1, i):
            lengths.append(i)
        else:
            raise ShapeMismatch(
                f"takes inputs of one shape, not {format_value((None, *one))} and {format_value((None, *other))}"
            )
    return tuple(lengths)


def _require_two(inputs: Shapes) -> None:
    if len(inputs) != 2:
        raise ShapeMismatch(f"takes two inputs, not {len(inputs)}")


def _register_elementwise(name: str, summary: str) -> None:
    @layer_variant(f"keras.{name}", summary, weightless=True)
    def merge(inputs: Inputs) -> Formula:
        yield from ()
        if name == "Subtract":
            _require_two(inputs)
        return broadcast_inputs(inputs)


for _name, _summary in _ELEMENTWISE.items():
    _register_elementwise(_name, _summary)


@layer("keras.Concatenate", weightless=True)
def concatenate(inputs: Inputs, axis: Int = -1) -> Formula:
    """Joins its inputs along an axis; the other axes are equal. Source: keras.layers.Concatenate."""
    yield from ()
    shapes = require_shapes(inputs)
    rank = len(shapes[0])
    if any(len(shape) != rank for shape in shapes) or not -rank <= axis < rank:
        raise ShapeMismatch(f"takes inputs alike but for axis {axis}, not {', '.join(map(format_value, shapes[:8]))}")
    for number, lengths in enumerate(zip(*shapes, strict=True)):
        if number != axis % rank and len({length for length in lengths if length is not None}) > 1:
            raise ShapeMismatch(
                f"takes inputs alike but for axis {axis}, not {', '.join(map(format_value, shapes[:8]))}"
            )
    joined = list(shapes[0])
    along = [shape[axis] for shape in shapes]
    joined[axis] = None if None in along else sum(length for length in along if length is not None)
    return tuple(joined)


@layer("keras.Dot", ignores="normalize", weightless=True)
def dot(inputs: Inputs, axes: Axes) -> Formula:
    """The sum of products along one axis of each of two inputs. Source: keras.layers.Dot."""
    yield from ()
    _require_two(inputs)
    shapes = [require_min_rank(shape, 1) for shape in require_shapes(inputs)]
    along = axes if isinstance(axes, list) else [axes % len(shape) if axes < 0 else axes for shape in shapes]
    require(len(along) == 2, "must be an integer or a list of two", "axes")
    if any(not -len(shape) <= axis < len(shape) for axis, shape in zip(along, shapes, strict=True)):
        raise ShapeMismatch(f"multiplies along axes {along} of {format_value(shapes[0])} and {format_value(shapes[1])}")
    if shapes[0][along[0]] != shapes[1][along[1]]:
        raise ShapeMismatch(
            f"multiplies along axes {along}, which differ: {format_value(shapes[0])} and {format_value(shapes[1])}"
        )
    left, right = map(list, shapes)
    left.pop(along[0])
    right.pop(along[1])
    if not right:
        raise ShapeMismatch(f"takes inputs of at least two axes, not {format_value(shapes[1])}")
    output = left + right[1:]
    return tuple(output if len(output) != 1 else [*output, 1])
