"""Functions of TensorFlow in a model of Keras 2: layers without tensors, whose output shapes TensorFlow infers."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from paramcount import Anything, Formula, Inputs, Text, layer
from paramcount.layers.keras import tensorflow_indexing as indexing
from paramcount.layers.keras import tensorflow_shapes as shapes
from paramcount.model.tensors import Output

Shape = Callable[..., Output]

_ELEMENTWISE = """
abs acos acosh asin asinh atan atanh bessel_i0 bessel_i1 ceil cast check_numerics clip_by_norm clip_by_value conj cos
cosh crelu cumprod cumsum digamma dropout elu erf erfc exp expm1 floor gelu hard_sigmoid identity imag invert
is_finite is_inf is_nan l2_normalize leaky_relu lgamma local_response_normalization log log1p log_sigmoid log_softmax
logical_not lrn negative neg ones_like real reciprocal relu relu6 reverse reverse_v2 rint roll round rsqrt selu sigmoid
sign silu sin sinh softmax softplus softsign sqrt square stop_gradient swish tan tanh zeros_like bias_add sort argsort
flip_left_right flip_up_down per_image_standardization adjust_brightness adjust_contrast adjust_gamma adjust_hue
adjust_saturation random_brightness random_contrast random_flip_left_right random_flip_up_down random_hue
random_saturation rgb_to_hsv hsv_to_rgb yuv_to_rgb rgb_to_yuv batch_normalization
"""
_BINARY = """
add addv2 add_v2 subtract sub multiply mul divide div realdiv truediv floordiv div_no_nan divide_no_nan multiply_no_nan
mod floormod pow maximum minimum squared_difference atan2 greater greater_equal less less_equal equal not_equal
logical_and logical_or logical_xor and or xor biasadd
"""
_REDUCE = """
reduce_sum reduce_mean reduce_max reduce_min reduce_prod reduce_any reduce_all reduce_std reduce_variance
reduce_logsumexp reduce_euclidean_norm count_nonzero norm
"""

_FUNCTIONS: Mapping[str, Shape] = {
    **dict.fromkeys(_ELEMENTWISE.split(), shapes.same),
    **dict.fromkeys(_BINARY.split(), shapes.binary),
    **dict.fromkeys(_REDUCE.split(), shapes.reduce),
    "add_n": shapes.add_n,
    "argmax": shapes.arg_reduce,
    "argmin": shapes.arg_reduce,
    **dict.fromkeys(("avg_pool", "avg_pool2d", "max_pool", "max_pool2d"), shapes.pool),
    "broadcast_to": shapes.broadcast_to,
    "concat": shapes.concat,
    "depth_to_space": shapes.depth_to_space,
    "expand_dims": shapes.expand_dims,
    "gather": shapes.gather,
    "getitem": indexing.getitem,
    "grayscale_to_rgb": shapes.last_axis(3),
    "matmul": shapes.matmul,
    "matrix_transpose": shapes.matrix_transpose,
    "moments": shapes.moments,
    "one_hot": shapes.one_hot,
    "ones": shapes.constant,
    "pad": shapes.pad,
    "rank": shapes.scalar,
    "repeat": shapes.repeat,
    "reshape": shapes.reshape,
    "resize": shapes.resize,
    "rgb_to_grayscale": shapes.last_axis(1),
    "shape": shapes.shape_vector,
    "size": shapes.scalar,
    "slice": indexing.slice_axes,
    "space_to_depth": shapes.space_to_depth,
    "split": shapes.split,
    "squeeze": shapes.squeeze,
    "stack": shapes.stack,
    "strided_slice": indexing.strided_slice,
    "tensordot": shapes.tensordot,
    "tile": shapes.tile,
    "top_k": shapes.top_k,
    "transpose": shapes.transpose,
    "unstack": shapes.unstack,
    "where": shapes.where,
    "zeros": shapes.constant,
}
"""By the last part of a function's name: tf.math.add and tf.__operators__.add are one."""

_OTHER_PACKAGES = frozenset(("sparse", "ragged", "strings", "sets"))
"""Packages whose functions have names of functions of dense tensors."""
_REDUCTIONS = (shapes.reduce, shapes.arg_reduce, shapes.moments)
_RENAMED = {"keep_dims": "keepdims", "reduction_indices": "axis", "dimension": "axis"}
"""Arguments of the reductions of TensorFlow 1."""


class Operation(NamedTuple):
    """An operation of TensorFlow's graph: its function, the names of its inputs and of its attributes for that."""

    shape: Shape
    inputs: tuple[str, ...] = ()
    attributes: Mapping[str, str] = {}


_KEEP = {"keep_dims": "keepdims"}
_POOL = {name: name for name in ("ksize", "strides", "padding", "data_format")}
_BLOCKS = {"block_size": "block_size", "data_format": "data_format"}
_OPERATIONS: Mapping[str, Operation] = {
    **dict.fromkeys(("Sum", "Mean", "Max", "Min", "Prod", "Any", "All"), Operation(shapes.reduce, ("axis",), _KEEP)),
    "ArgMax": Operation(shapes.arg_reduce, ("axis",)),
    "ArgMin": Operation(shapes.arg_reduce, ("axis",)),
    **dict.fromkeys(("AvgPool", "MaxPool"), Operation(shapes.pool, (), _POOL)),
    "BatchMatMul": Operation(shapes.matmul, ("b",), {"adj_x": "transpose_a", "adj_y": "transpose_b"}),
    "BatchMatMulV2": Operation(shapes.matmul, ("b",), {"adj_x": "transpose_a", "adj_y": "transpose_b"}),
    "BroadcastTo": Operation(shapes.broadcast_to, ("shape",)),
    **dict.fromkeys(("Cumprod", "Cumsum", "ReverseV2"), Operation(shapes.same, ("axis",))),
    "DepthToSpace": Operation(shapes.depth_to_space, (), _BLOCKS),
    "ExpandDims": Operation(shapes.expand_dims, ("axis",)),
    "GatherV2": Operation(shapes.gather, ("indices", "axis"), {"batch_dims": "batch_dims"}),
    "MatMul": Operation(shapes.matmul, ("b",), {"transpose_a": "transpose_a", "transpose_b": "transpose_b"}),
    "MirrorPad": Operation(shapes.pad, ("paddings",)),
    "OneHot": Operation(shapes.one_hot, ("depth", "on", "off"), {"axis": "axis"}),
    "Pad": Operation(shapes.pad, ("paddings",)),
    "PadV2": Operation(shapes.pad, ("paddings", "value")),
    "Reshape": Operation(shapes.reshape, ("shape",)),
    "ResizeBilinear": Operation(shapes.resize, ("size",)),
    "ResizeNearestNeighbor": Operation(shapes.resize, ("size",)),
    "Select": Operation(shapes.where, ("x", "y")),
    "SelectV2": Operation(shapes.where, ("x", "y")),
    "Shape": Operation(shapes.shape_vector),
    "Slice": Operation(indexing.slice_axes, ("begin", "size")),
    "SpaceToDepth": Operation(shapes.space_to_depth, (), _BLOCKS),
    "SplitV": Operation(shapes.split, ("num_or_size_splits", "axis")),
    "Squeeze": Operation(shapes.squeeze, (), {"squeeze_dims": "axis"}),
    "Tile": Operation(shapes.tile, ("multiples",)),
    "TopKV2": Operation(shapes.top_k, ("k",)),
    "Transpose": Operation(shapes.transpose, ("perm",)),
    "Unpack": Operation(shapes.unstack, (), {"num": "num", "axis": "axis"}),
}


@layer("keras.TFOpLambda", weightless=True)
def tf_op_lambda(inputs: Inputs, function: Text, arguments: Anything = None) -> Formula:
    """A function of TensorFlow, with its arguments, tensors by number. Source: tf.keras.layers.TFOpLambda."""
    yield from ()
    package, _, name = function.rpartition(".")
    shape = _FUNCTIONS.get(name)
    first, others = _read_arguments(arguments, inputs)
    if shape is None or others is None or package.partition(".")[0] in _OTHER_PACKAGES:
        return None
    names = _RENAMED if shape in _REDUCTIONS else {}
    return _infer(
        shape, (first,), {names.get(name, name): value for name, value in others.items() if value is not None}
    )


@layer("keras.SlicingOpLambda", weightless=True)
def slicing_op_lambda(inputs: Inputs, function: Text, arguments: Anything = None) -> Formula:
    """A part of a tensor, as `x[:, 0]` takes it. Source: tf.keras.layers.TFOpLambda."""
    yield from ()
    first, others = _read_arguments(arguments, inputs)
    if function != "__operators__.getitem" or others is None:
        return None
    return _infer(indexing.getitem, (first,), others)


@layer("keras.TensorFlowOpLayer", weightless=True)
def tensorflow_op_layer(inputs: Inputs, node_def: Anything = None, constants: Anything = None) -> Formula:
    """An operation of TensorFlow's graph. Source: keras.src.engine.base_layer.TensorFlowOpLayer."""
    yield from ()
    if not isinstance(node_def, dict) or not isinstance(constants or {}, dict):
        return None
    values: list[Any] = list(inputs)
    numbered = {int(index): _fill_in(value, []) for index, value in (constants or {}).items() if index.isdecimal()}
    for index in sorted(numbered):
        values.insert(index, numbered[index])
    name, attributes = str(node_def.get("op")), node_def.get("attr")
    stated = {key: _attribute(value) for key, value in attributes.items()} if isinstance(attributes, dict) else {}
    return _infer_operation(name, values, stated)


def _infer_operation(name: str, values: list[Any], attributes: Mapping[str, Any]) -> Output:
    """Return the shape of an operation of TensorFlow's graph; None if it is not known."""
    if name in ("ConcatV2", "Concat", "Pack"):
        if name == "Pack":
            return _infer(shapes.stack, (values, attributes.get("axis", 0)), {})
        *others, last = values if name == "ConcatV2" else [*values[1:], values[0]]
        return _infer(shapes.concat, (others, last), {})
    if name == "Split" and len(values) == 2:
        return _infer(shapes.split, (values[1], attributes.get("num_split"), values[0]), {})
    if name == "AddN":
        return _infer(shapes.add_n, (values,), {})
    if name == "Einsum":
        return _infer(shapes.einsum, (attributes.get("equation"), *values), {})
    if name == "StridedSlice" and len(values) == 4:
        return _infer(indexing.strided_slice, tuple(values), attributes)
    operation = _OPERATIONS.get(name)
    if operation is None:
        shape = _FUNCTIONS.get(name.lower(), _unknown)
        return _infer(shape if shape in (shapes.same, shapes.binary) else _unknown, tuple(values), {})
    named = dict(zip(operation.inputs, values[1:], strict=False))
    stated = {argument: attributes[key] for key, argument in operation.attributes.items() if key in attributes}
    return _infer(operation.shape, tuple(values[:1]), named | stated)


def _infer(shape: Shape, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Output:
    """Return the shape of an output; None if it is not known, or if the arguments are not TensorFlow's."""
    try:
        return shape(*args, **kwargs)
    except (shapes.NotInferred, TypeError, ValueError, IndexError, KeyError, ZeroDivisionError, AttributeError):
        return None


def _unknown(*_: Any, **__: Any) -> Output:
    """Return that the shape is not known."""


def _read_arguments(arguments: Any, inputs: list[Any]) -> tuple[Any, dict[str, Any] | None]:
    """Return the first argument of a call and the others by name, tensors as shapes; no others if they are neither."""
    if not isinstance(arguments, list) or len(arguments) != 2 or not isinstance(arguments[1], dict):
        return None, None
    return _fill_in(arguments[0], inputs), {name: _fill_in(value, inputs) for name, value in arguments[1].items()}


def _fill_in(value: Any, inputs: list[Any]) -> Any:
    """Return arguments with `{"tensor": number}` replaced by the shape of that input, and arrays by their values."""
    if isinstance(value, list):
        return [_fill_in(item, inputs) for item in value]
    if isinstance(value, dict):
        if value.keys() == {"tensor"}:
            number = value["tensor"]
            return inputs[number] if isinstance(number, int) and 0 <= number < len(inputs) else None
        if value.get("class_name") in ("__numpy__", "__tensor__") and isinstance(value.get("config"), dict):
            return value["config"].get("value")
        return {name: _fill_in(item, inputs) for name, item in value.items()}
    return value


def _attribute(value: Any) -> Any:
    """Return the value of an attribute in a NodeDef, whose JSON has integers as strings."""
    if not isinstance(value, dict):
        return None
    if "list" in value:
        items = value["list"].get("i", []) if isinstance(value["list"], dict) else []
        return [int(item) for item in items if str(item).lstrip("-").isdecimal()] if isinstance(items, list) else []
    if "i" in value:
        return int(value["i"]) if str(value["i"]).lstrip("-").isdecimal() else None
    if "s" in value:
        try:
            return b64decode(str(value["s"])).decode()
        except ValueError:
            return None
    return value.get("b")
