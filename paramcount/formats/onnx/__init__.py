"""onnx: the initializers of a model, each likely a weight or likely a constant."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Any, NamedTuple

from paramcount.formats.named_tensors.checkpoint import INTEGER_DTYPES, Bytes, count_elements
from paramcount.formats.named_tensors.packed import logical_size, warn_of_packings
from paramcount.formats.named_tensors.tree import build_tree
from paramcount.formats.onnx.graph import Model, Use, read_model
from paramcount.formats.onnx.operators import ARITHMETIC, QUANTISED_WEIGHTS, SETTING_INPUTS
from paramcount.formats.onnx.packed import find_packings
from paramcount.formats.onnx.wire import Wire
from paramcount.formats.partial_file import PartialFile
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


def _claims(payload: Any) -> bool:
    return file_kind(payload) == "onnx"


@reader(
    "onnx",
    claims=_claims,
    members=(),
    schema=None,
    example=_EXAMPLE,
    media="application/octet-stream",
)
def onnx(payload: Any) -> Document:
    """An ONNX model: the elements of all initializers, those of subgraphs included.

    Data in other files is not needed.

    ONNX has no mark for what trains: an initializer is likely a weight or a buffer by the operators that use it.
    """
    if not isinstance(payload, Bytes):
        raise InvalidDocument(f"must be the bytes of a file, not {format_value(payload)}")
    if isinstance(payload, PartialFile):
        payload.complete_all("the names between its weights")
    model = read_model(Wire(payload))
    raise_problems(model.problems)
    packings = find_packings(model)
    purposes = {name: _Purpose.of(uses) for name, uses in model.uses.items()}
    tensors = {path: _classify(item.tensor, purposes[item.name]) for path, item in model.initializers.items()}
    tensors |= {path: tensors[path]._replace(logical_size=logical_size(item)) for path, item in packings.items()}
    warnings = (*_warnings(model, [*tensors.values()]), *warn_of_packings(tensors, packings))
    return Document(build_tree(tensors, model.name), "stored", warnings=warnings)


class _Purpose(NamedTuple):
    """The purpose of the initializers of one name, by their uses."""

    is_quantised_weight: bool
    is_setting: bool
    is_operand: bool  # of arithmetic alone

    @classmethod
    def of(cls, uses: Set[Use]) -> _Purpose:
        return cls(
            is_quantised_weight=not uses.isdisjoint(QUANTISED_WEIGHTS),
            is_setting=bool(uses) and all(use.position in SETTING_INPUTS.get(use.operator, ()) for use in uses),
            is_operand=bool(uses) and all(use.operator in ARITHMETIC for use in uses),
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
    if model.compiled_nodes:
        detail = (
            f"{model.compiled_nodes:,} EPContext nodes hold compiled parts of the model, whose weights are not counted"
        )
        yield ReportWarning("compiled_nodes", "", detail, exact=False)
    if any(tensor.dtype == "STRING" for tensor in tensors):
        yield ReportWarning("strings", "", "the bytes of strings are not counted")
