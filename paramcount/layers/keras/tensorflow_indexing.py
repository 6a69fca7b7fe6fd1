"""The shapes of parts of tensors, as TensorFlow takes them by index, slice and mask."""

from __future__ import annotations

from typing import Any

from paramcount.layers.keras.tensorflow_shapes import NotInferred, integers, known_integers, shape_of
from paramcount.model.tensors import Dimensions, Output


def slice_axes(x: Any, begin: Any, size: Any, **_: Any) -> Output:
    """Return the shape of a part: its first elements, and its lengths (-1: to the end)."""
    lengths = []
    for length, start, count in zip(shape_of(x), integers(begin), integers(size), strict=True):
        if count != -1:
            lengths.append(count)
        else:
            lengths.append(None if length is None or start is None else length - start)
    return tuple(lengths)


_ELLIPSIS = {"class_name": "__ellipsis__"}


def getitem(x: Any, slice_spec: Any = None, **_: Any) -> Output:
    """Return the shape of `x[slice_spec]`, the items as Keras serializes them."""
    return index_by(shape_of(x), slice_spec if isinstance(slice_spec, list) else [slice_spec])


def index_by(shape: Dimensions, items: list[Any]) -> Dimensions:
    """Return the shape after indexing; an item is an integer, a slice as a dict, null (a new axis) or an ellipsis."""
    ellipses = [item == _ELLIPSIS or item == "..." for item in items]
    taken = sum(item is not None and not is_ellipsis for item, is_ellipsis in zip(items, ellipses, strict=True))
    rest = len(shape) - taken
    if rest < 0 or sum(ellipses) > 1:
        raise NotInferred
    if not any(ellipses):
        items, ellipses = [*items, _ELLIPSIS], [*ellipses, True]
    lengths: list[int | None] = []
    axis = 0
    for item, is_ellipsis in zip(items, ellipses, strict=True):
        if is_ellipsis:
            lengths += shape[axis : axis + rest]
            axis += rest
        elif item is None:
            lengths.append(1)
        else:
            if isinstance(item, dict):
                lengths.append(_slice_length(shape[axis], item))
            elif not isinstance(item, int) and item != ():  # an integer, or a tensor of one, takes its axis away
                raise NotInferred
            axis += 1
    return tuple(lengths)


def strided_slice(x: Any, begin: Any, end: Any, strides: Any = None, **masks: Any) -> Output:
    """Return the shape of a part by first, last and step of each axis; a bit of a mask is for one of these."""
    bits = {
        name: int(masks.get(f"{name}_mask") or 0) for name in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")
    }
    first, last = integers(begin), integers(end)
    steps = known_integers(strides) if strides is not None else [1] * len(first)
    items: list[Any] = []
    for index, (start, stop, step) in enumerate(zip(first, last, steps, strict=True)):
        bit = 1 << index
        if bits["ellipsis"] & bit:
            items.append(_ELLIPSIS)
        elif bits["new_axis"] & bit:
            items.append(None)
        elif bits["shrink_axis"] & bit:
            items.append(0)
        else:
            start_item = None if bits["begin"] & bit else () if start is None else start
            stop_item = None if bits["end"] & bit else () if stop is None else stop
            items.append({"start": start_item, "stop": stop_item, "step": step})
    return index_by(shape_of(x), items)


def _slice_length(length: int | None, item: dict[str, Any]) -> int | None:
    start, stop, step = (item.get(name) for name in ("start", "stop", "step"))
    if start in (None, 0) and stop is None and step in (None, 1):
        return length
    if not all(value is None or isinstance(value, int) for value in (start, stop, step)):
        return None
    if length is not None:
        return len(range(*slice(start, stop, step).indices(length)))
    return None
