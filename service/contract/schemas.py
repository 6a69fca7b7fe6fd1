"""Schemas of reports and problems; marshmallow declares them, and they are components of the contract."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from marshmallow import fields, validate

from paramcount.analysis.conventions import DEFINITIONS, ITEM_KINDS
from paramcount.model.codes import ERROR_CODES, WARNING_CODES
from paramcount.rendering.fields import FREEZE_CAUSES, TOTALS
from paramcount.requests.schemas import CONVENTIONS, Strict


def open_enum(values: Iterable[str]) -> dict[str, Any]:
    """Return the JSON Schema of a text that is one of these, or one that a plug-in or a later release adds."""
    return {"anyOf": [{"type": "string", "enum": list(values)}, {"type": "string"}]}


class Totals(Strict):
    """Elements and bytes. `total` is `trainable` plus `frozen`."""

    total = fields.Integer(required=True)
    trainable = fields.Integer(required=True)
    frozen = fields.Integer(required=True)
    buffers = fields.Integer(
        required=True,
        metadata={"description": "Part of `frozen`, except in the torch convention, which leaves them out of `total`."},
    )
    bytes = fields.Integer(required=True)


class Tensor(Strict):
    """A named tensor."""

    name = fields.String(required=True)
    shape = fields.List(fields.Integer(), required=True)
    dtype = fields.String(required=True)
    size = fields.Integer(required=True)
    trainable = fields.Boolean(required=True)
    role = fields.String(required=True, validate=validate.OneOf(("weight", "buffer")))
    tied_to = fields.String(
        metadata={"description": "Path of the tensor that this one is tied to; the elements are counted there."}
    )


class FrozenBy(Strict):
    """Why parameters are frozen: by a rule of the request, by the adapter, by the document or by the layer's design."""

    by = fields.String(required=True, validate=validate.OneOf(FREEZE_CAUSES))
    rule = fields.Integer(metadata={"description": "Index of the rule among the rules of the request, from 0."})
    match = fields.String()
    count = fields.Integer(required=True)


class Row(Strict):
    """A layer with its children, counted in all its copies."""

    path = fields.String(required=True)
    name = fields.String(
        required=True,
        metadata={"description": "Last component of the path; for repeated blocks, their indices: `0-31`."},
    )
    type = fields.String(required=True)
    repeat = fields.Integer(required=True)
    output_shape = fields.Raw(
        required=True,
        metadata={
            "description": "Shape of the last call's output; a list or an object for several outputs; null if unknown."
        },
    )
    totals = fields.Nested(Totals, required=True)
    explanation = fields.String(required=True, metadata={"example": "kernel 7×7×3×64 + bias 64"})
    frozen_by = fields.List(
        fields.Nested(FrozenBy), required=True, metadata={"description": "The counts add up to `totals.frozen`."}
    )
    children = fields.List(fields.Nested(lambda: Row()), required=True)
    copies = fields.Integer(
        required=True, metadata={"description": "How many copies of the layer the model holds, in all its blocks."}
    )
    total_all = fields.Integer(
        required=True,
        metadata={"description": "`totals.total` over all these copies; the leaves' add up to the model's, with "
                  "`direct_all` of the rows that are none."},
    )  # fmt: skip
    direct_all = fields.Integer(
        metadata={"description": "Of that, the tensors of the layer itself; present where it has children and tensors."}
    )
    tensors = fields.List(
        fields.Nested(Tensor),
        metadata={"description": "Tensors of the layer itself, without its children; present with detail=tensors."},
    )


class Warning(Strict):  # noqa: A001
    """A fact that a reader of the report must know."""

    code = fields.String(
        required=True, metadata={"description": "Its page is `/problems/{code}`.", **open_enum(WARNING_CODES)}
    )
    path = fields.String(required=True)
    detail = fields.String(required=True)


class Expense(Strict):
    """One item of the memory that training takes."""

    name = fields.String(required=True)
    bytes = fields.Integer(required=True)
    formula = fields.String(required=True)


class Training(Strict):
    """Memory that training takes, in bytes. The items add up to `total`."""

    optimizer = fields.String(required=True)
    precision = fields.String(required=True)
    total = fields.Integer(required=True)
    items = fields.List(fields.Nested(Expense), required=True)
    source = fields.String(required=True, metadata={"description": "Code that these numbers follow."})
    not_included = fields.List(fields.String(), required=True)


class Item(Strict):
    """Tensors that are counted by the same conventions."""

    kind = fields.String(required=True, validate=validate.OneOf(ITEM_KINDS))
    name = fields.String(
        required=True,
        metadata={
            "description": "Name of the tensors; for tied tensors, the name of the tensor that they are tied to."
        },
    )
    tensors = fields.Integer(required=True)
    elements = fields.Integer(required=True)
    counted_by = fields.List(fields.String(validate=validate.OneOf(tuple(DEFINITIONS))), required=True)


class Views(Strict):
    """The totals by convention. Each total is the sum of the items that the convention counts."""

    totals = fields.Dict(
        fields.String(),
        fields.Integer(),
        required=True,
        metadata={"description": "; ".join(f"{view}: {definition}" for view, definition in DEFINITIONS.items())},
    )
    items = fields.List(fields.Nested(Item), required=True)


class Embedding(Strict):
    """Weights of the token embeddings, and all other weights."""

    input = fields.Integer(required=True)
    output = fields.Integer(
        required=True, metadata={"description": "0 if the output embedding is tied to the input embedding."}
    )
    non_embedding = fields.Integer(required=True, metadata={"description": "All weights except the input embedding."})


class Active(Strict):
    """Weights that one token uses: all but the routed experts that it is not sent to.

    There is no agreed definition, so there are three counts: with both embeddings, without the input embedding, and
    without either.
    """

    total = fields.Integer(required=True)
    without_input_embedding = fields.Integer(required=True)
    without_embeddings = fields.Integer(required=True)


class Parameters(Strict):
    """The number of record: packed weights are counted as the values that they stand for, without their scales."""

    total = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "As `totals.total` in the report's convention; null if it is not known."},
    )
    text = fields.String(
        required=True, allow_none=True, metadata={"description": "Of `total`, in short.", "example": "7.62B"}
    )
    trainable = fields.Integer(required=True, allow_none=True)
    frozen = fields.Integer(required=True, allow_none=True)
    trainable_percent = fields.Float(required=True, allow_none=True)
    buffers = fields.Integer(
        required=True, metadata={"description": "Without scales, zero points and tables of packed weights."}
    )
    stored = fields.Integer(
        required=True, allow_none=True, metadata={"description": "Elements of the files; null for other documents."}
    )
    active = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "Weights that one token uses, of a mixture of experts."},
    )
    embedding = fields.Integer(
        required=True, allow_none=True, metadata={"description": "Weights of the input embedding of tokens."}
    )
    bytes = fields.Integer(required=True)
    bytes_text = fields.String(required=True, metadata={"example": "15.0 GiB"})
    dtype = fields.String(
        required=True, metadata={"description": "What the bytes are of, most elements first.", "example": "I32, F16"}
    )
    dtype_assumed = fields.Boolean(
        required=True,
        metadata={"description": "The document states no dtype of some tensors: it is the request's."},
    )
    unknown = fields.Dict(
        fields.String(),
        fields.String(),
        required=True,
        metadata={"description": "Why a number is null, by its name."},
    )  # type: ignore[assignment]  # a field is no attribute of the schema


class FileDigest(Strict):
    """Digest of one file, or of the ranges of it that were read."""

    name = fields.String()
    sha256 = fields.String(required=True, metadata={"description": "Of these ranges, one after the other."})
    size = fields.Integer(required=True)
    ranges = fields.List(
        fields.List(fields.Integer()), required=True, metadata={"description": "First bytes and ends of ranges."}
    )


class Digest(Strict):
    """Digest of what was counted: a document, or files."""

    sha256 = fields.String(
        required=True,
        metadata={"description": "Of the document; of several files, of their digests as sha256sum lists them."},
    )
    size = fields.Integer()
    ranges = fields.List(fields.List(fields.Integer()))
    files = fields.List(fields.Nested(FileDigest))


class CountedBy(Strict):
    """The versions of what counted: a stored report is verified by asking again."""

    paramcount = fields.String(required=True)
    contract = fields.String(required=True, metadata={"description": "The version of this document."})
    framework = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Whose rules were used; null for tensors as they are.", "example": "keras 3.15.1"},
    )
    digest = fields.Nested(Digest, metadata={"description": "Present if the request asks for `digest`."})


class Report(Strict):
    """The parameters of a model, layer by layer."""

    name = fields.String(required=True)
    format = fields.String(required=True)
    convention = fields.String(required=True, validate=validate.OneOf(CONVENTIONS))
    exact = fields.Boolean(
        required=True, metadata={"description": "False if anything could not be counted; `warnings` then says what."}
    )
    inexact = fields.List(
        fields.String(validate=validate.OneOf(TOTALS)),
        required=True,
        metadata={
            "description": "Totals that may be wrong. `buffers` alone leaves the report exact: no other total has them."
        },
    )
    totals = fields.Nested(Totals, required=True)
    frozen_by = fields.List(
        fields.Nested(FrozenBy), required=True, metadata={"description": "The counts add up to `totals.frozen`."}
    )
    by_dtype = fields.Dict(fields.String(), fields.Integer(), required=True)
    tensors = fields.List(
        fields.Nested(Tensor),
        required=True,
        metadata={"description": "Tensors of the model itself, outside its layers; with detail=tensors."},
    )
    layers = fields.List(fields.Nested(Row), required=True)
    warnings = fields.List(fields.Nested(Warning), required=True)
    parameters = fields.Nested(Parameters, required=True)
    counted_by = fields.Nested(CountedBy, required=True)
    direct_all = fields.Integer(
        metadata={
            "description": "The total of the tensors of the model itself; present where it has layers beside them."
        }
    )
    embedding = fields.Nested(
        Embedding, metadata={"description": "Present if the format says which weights are embeddings."}
    )
    active = fields.Nested(Active, metadata={"description": "Present for a mixture of experts."})
    views = fields.Nested(Views, metadata={"description": "Present if the request asks for `views`."})
    training = fields.Nested(Training, metadata={"description": "Present if the request states an `optimizer`."})


class Needs(Strict):
    """The bytes of a file that are needed and were not sent."""

    file = fields.String(required=True, metadata={"description": "The file's name as it was sent; empty for a body."})
    first = fields.Integer(required=True, metadata={"description": "The first byte, from 0."})
    last = fields.Integer(required=True, metadata={"description": "The last byte, included."})


class Error(Strict):
    """One error in a request."""

    pointer = fields.String(
        required=True,
        metadata={
            "description": "JSON pointer into the request (RFC 6901).",
            "example": "/architecture/layers/3/units",
        },
    )
    code = fields.String(required=True, metadata={"example": "minimum", **open_enum(ERROR_CODES)})
    type = fields.String(metadata={"description": "Address of the page of the code.", "example": "/problems/minimum"})
    detail = fields.String(required=True, metadata={"example": "must be at least 1"})
    needs = fields.Nested(Needs, metadata={"description": "Present if the code is `incomplete`."})


class Problem(Strict):
    """A problem (RFC 9457)."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    errors = fields.List(fields.Nested(Error), required=True)
