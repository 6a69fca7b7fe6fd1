"""onnx: the initializers of a model, each likely a weight or likely a constant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from typing import Any, NamedTuple

from paramcount.formats.named_tensors.checkpoint import INTEGER_DTYPES, Bytes, count_elements
from paramcount.formats.named_tensors.tree import build_tree
from paramcount.formats.onnx.graph import Model, Use, read_model
from paramcount.formats.onnx.wire import Wire
from paramcount.formats.signatures import file_kind
from paramcount.model.document import Document
from paramcount.model.errors import InvalidDocument, raise_problems
from paramcount.model.report import ReportWarning
from paramcount.model.tensors import Tensor
from paramcount.schema.registry import reader
from paramcount.schema.validator import format_value

_EXAMPLE = (  # a model of version 8, whose graph holds the initializer w: F32 of shape [2, 3], its data in another file
    b"\x08\x08\x3a\x0d\x2a\x0b\x08\x02\x08\x03\x10\x01\x42\x01w\x70\x01"
)

_SETTING_INPUTS: Mapping[str, frozenset[int]] = {
    operator: frozenset(positions)
    for operator, positions in {
        "BatchNormalization": (3, 4),
        "CenterCropPad": (1,),
        "Clip": (1, 2),
        "ConstantOfShape": (0,),
        "ConvInteger": (2, 3),
        "CumSum": (1,),
        "DequantizeLinear": (1, 2),
        "Dropout": (1, 2),
        "Expand": (1,),
        "GRU": (4, 5),
        "Gather": (1,),
        "GatherBlockQuantized": (2, 3),
        "GatherElements": (1,),
        "GatherND": (1,),
        "LSTM": (4, 5, 6),
        "Loop": (0, 1),
        "MatMulInteger": (2, 3),
        "MatMulNBits": (2, 3, 4),
        "OneHot": (1, 2),
        "Pad": (1, 2, 3),
        "Pow": (1,),
        "QLinearConv": (1, 2, 4, 5, 6, 7),
        "QLinearMatMul": (1, 2, 4, 5, 6, 7),
        "QuantizeLinear": (1, 2),
        "RNN": (4, 5),
        "Range": (0, 1, 2),
        "ReduceMax": (1,),
        "ReduceMean": (1,),
        "ReduceMin": (1,),
        "ReduceProd": (1,),
        "ReduceSum": (1,),
        "Reshape": (1,),
        "Resize": (1, 2, 3),
        "ScatterElements": (1,),
        "ScatterND": (1,),
        "Slice": (1, 2, 3, 4),
        "Split": (1,),
        "Squeeze": (1,),
        "Tile": (1,),
        "TopK": (1,),
        "Trilu": (1,),
        "Unsqueeze": (1,),
        "Upsample": (1,),
        "Where": (0,),
    }.items()
}
"""Inputs, by operator, that set how it works, or are scales, states and statistics: never weights."""

_QUANTISED_WEIGHTS = frozenset(
    (Use("ConvInteger", 1), Use("DequantizeLinear", 0), Use("DynamicQuantizeMatMul", 1), Use("GatherBlockQuantized", 0),
     Use("MatMulInteger", 0), Use("MatMulInteger", 1), Use("MatMulNBits", 1), Use("QLinearConv", 3),
     Use("QLinearConv", 8), Use("QLinearMatMul", 0), Use("QLinearMatMul", 3))
)  # fmt: skip
"""Inputs whose integers are weights."""

_ARITHMETIC = frozenset(("Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Equal", "Greater", "Less", "Where", "Mod"))


def _claims(payload: Any) -> bool:
    return file_kind(payload) == "onnx"


@reader(
    "onnx",
    claims=_claims,
    schema=None,
    example=_EXAMPLE,
    media="application/octet-stream",
)
def onnx(payload: Any) -> Document:
    """An ONNX model: the elements of all initializers, those of subgraphs included. Data in other files is not needed.

    ONNX has no mark for what trains: an initializer is likely a weight or a buffer by the operators that use it.
    """
    if not isinstance(payload, Bytes):
        raise InvalidDocument(f"must be the bytes of a file, not {format_value(payload)}")
    model = read_model(Wire(payload))
    raise_problems(model.problems)
    purposes = {name: _Purpose.of(uses) for name, uses in model.uses.items()}
    tensors = {path: _classify(item.tensor, purposes[item.name]) for path, item in model.initializers.items()}
    return Document(build_tree(tensors, model.name), "stored", warnings=tuple(_warnings(model, [*tensors.values()])))


class _Purpose(NamedTuple):
    """The purpose of the initializers of one name, by their uses."""

    is_quantised_weight: bool
    is_setting: bool
    is_operand: bool  # of arithmetic alone

    @classmethod
    def of(cls, uses: Set[Use]) -> _Purpose:
        return cls(
            is_quantised_weight=not uses.isdisjoint(_QUANTISED_WEIGHTS),
            is_setting=bool(uses) and all(use.position in _SETTING_INPUTS.get(use.operator, ()) for use in uses),
            is_operand=bool(uses) and all(use.operator in _ARITHMETIC for use in uses),
        )


def _classify(tensor: Tensor, purpose: _Purpose) -> Tensor:
    """Return an initializer as what it likely is: a weight, frozen if it is quantised, or a buffer."""
    if purpose.is_quantised_weight:
        return tensor._replace(trainable=tensor.dtype not in INTEGER_DTYPES)
    is_scalar = purpose.is_operand and tensor.size == 1
    if purpose.is_setting or is_scalar or tensor.dtype in INTEGER_DTYPES:
        return tensor._replace(role="buffer")
    return tensor


def _warnings(model: Model, tensors: list[Tensor]) -> Iterator[ReportWarning]:
    constants = [tensor for tensor in tensors if tensor.role == "buffer"]
    weights = [tensor for tensor in tensors if tensor.role == "weight"]
    yield ReportWarning(
        "likely_weights",
        "",
        f"ONNX does not mark what trains: {count_elements(weights):,} elements of {len(weights):,} initializers are "
        f"likely weights; {count_elements(constants):,} of {len(constants):,} are likely constants (shapes, indices, "
        "scales, statistics), given as buffers",
    )
    if model.constants:
        # A weight may hide in a Constant node: then the totals are too small.
        learned = [
            constant for constant in model.constants if constant.dtype not in INTEGER_DTYPES and constant.size > 1
        ]
        detail = (
            f"{count_elements(model.constants):,} elements of {len(model.constants):,} Constant nodes are not counted"
        )
        if learned:
            detail += f"; {count_elements(learned):,} of them are of floating types and may be weights"
        yield ReportWarning("constant_nodes", "", detail, exact=not learned)
    if model.sparse:
        values, dense = sum(s.values for s in model.sparse), sum(s.elements for s in model.sparse)
        detail = f"{values:,} values of {len(model.sparse):,} sparse tensors, which stand for {dense:,} elements, "
        yield ReportWarning("sparse", "", detail + "are not counted", exact=False)
    if model.training:
        detail = f"{model.training:,} elements of initializers of the training_info are not counted"
        yield ReportWarning("training_info", "", detail)
    if any(tensor.dtype == "STRING" for tensor in tensors):
        yield ReportWarning("strings", "", "the bytes of strings are not counted")
