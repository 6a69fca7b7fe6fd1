"""What goes out over HTTP, declared once: marshmallow schemas that are the contract's components."""

from __future__ import annotations

from marshmallow import fields, validate

from paramcount.analysis.conventions import DEFINITIONS, ITEM_KINDS
from paramcount.requests.schemas import CONVENTIONS, Strict


class Totals(Strict):
    """Elements and bytes; total = trainable + frozen."""

    total = fields.Integer(required=True)
    trainable = fields.Integer(required=True)
    frozen = fields.Integer(required=True)
    buffers = fields.Integer(required=True, metadata={"description": "in `frozen`, but not in the torch convention"})
    bytes = fields.Integer(required=True)


class Tensor(Strict):
    """One named array."""

    name = fields.String(required=True)
    shape = fields.List(fields.Integer(), required=True)
    dtype = fields.String(required=True)
    size = fields.Integer(required=True)
    trainable = fields.Boolean(required=True)
    role = fields.String(required=True, validate=validate.OneOf(("weight", "buffer")))
    tied_to = fields.String(metadata={"description": "the path of the tensor that this is; it is counted there"})


class FrozenBy(Strict):
    """Why parameters do not train: a rule of the request, the adapter, the document, or the layer's own design."""

    by = fields.String(required=True, validate=validate.OneOf(("rule", "adapter", "document", "design")))
    rule = fields.Integer(metadata={"description": "its place among the rules, from 0"})
    match = fields.String()
    count = fields.Integer(required=True)


class Row(Strict):
    """A layer: what it and all beneath it hold, in all its copies."""

    path = fields.String(required=True)
    name = fields.String(
        required=True, metadata={"description": "one component of the path; of alike blocks, their indices"}
    )
    type = fields.String(required=True)
    repeat = fields.Integer(required=True)
    output_shape = fields.Raw(
        required=True,
        metadata={
            "description": "of its last call; a list or an object for several outputs; null where it is not known"
        },
    )
    totals = fields.Nested(Totals, required=True)
    explanation = fields.String(required=True, metadata={"example": "kernel 7×7×3×64 + bias 64"})
    frozen_by = fields.List(fields.Nested(FrozenBy), required=True, metadata={"description": "adds up to its `frozen`"})
    children = fields.List(fields.Nested(lambda: Row()), required=True)
    tensors = fields.List(fields.Nested(Tensor), metadata={"description": "its own; with detail=tensors"})


class Warning(Strict):  # noqa: A001
    """What a reader of the report must know."""

    code = fields.String(required=True)
    path = fields.String(required=True)
    detail = fields.String(required=True)


class Expense(Strict):
    """One line of a bill."""

    name = fields.String(required=True)
    bytes = fields.Integer(required=True)
    formula = fields.String(required=True)


class Training(Strict):
    """What training takes, in bytes; the items add up to `total`."""

    optimizer = fields.String(required=True)
    precision = fields.String(required=True)
    total = fields.Integer(required=True)
    items = fields.List(fields.Nested(Expense), required=True)
    source = fields.String(required=True, metadata={"description": "the code that says so"})
    not_included = fields.List(fields.String(), required=True)


class Item(Strict):
    """Tensors that the same views count."""

    kind = fields.String(required=True, validate=validate.OneOf(ITEM_KINDS))
    name = fields.String(
        required=True, metadata={"description": "of buffers, their own; of tied ones, that of what they are tied to"}
    )
    tensors = fields.Integer(required=True)
    elements = fields.Integer(required=True)
    counted_by = fields.List(fields.String(validate=validate.OneOf(tuple(DEFINITIONS))), required=True)


class Views(Strict):
    """One model as each convention counts it; each total is the sum of the items that it counts."""

    totals = fields.Dict(
        fields.String(),
        fields.Integer(),
        required=True,
        metadata={"description": "; ".join(f"{view}: {says}" for view, says in DEFINITIONS.items())},
    )
    items = fields.List(fields.Nested(Item), required=True)


class Embedding(Strict):
    """The weights that embed tokens, and all others."""

    input = fields.Integer(required=True)
    output = fields.Integer(required=True, metadata={"description": "0 where it is the input's tensor"})
    non_embedding = fields.Integer(required=True, metadata={"description": "all weights but those at the input"})


class Active(Strict):
    """The weights that one token meets: all of them but the routed experts that it does not visit. There is no agreed
    definition, so it is told with both embeddings, without those at the input, and without either."""

    total = fields.Integer(required=True)
    without_input_embedding = fields.Integer(required=True)
    without_embeddings = fields.Integer(required=True)


class Report(Strict):
    """What a model's parameters are, and where they sit."""

    name = fields.String(required=True)
    format = fields.String(required=True)
    convention = fields.String(required=True, validate=validate.OneOf(CONVENTIONS))
    exact = fields.Boolean(required=True, metadata={"description": "false when something could not be seen"})
    totals = fields.Nested(Totals, required=True)
    frozen_by = fields.List(fields.Nested(FrozenBy), required=True, metadata={"description": "adds up to `frozen`"})
    by_dtype = fields.Dict(fields.String(), fields.Integer(), required=True)
    tensors = fields.List(fields.Nested(Tensor), required=True, metadata={"description": "the root's own"})
    layers = fields.List(fields.Nested(Row), required=True)
    warnings = fields.List(fields.Nested(Warning), required=True)
    embedding = fields.Nested(Embedding, metadata={"description": "where the document's format knows what embeds"})
    active = fields.Nested(Active, metadata={"description": "of a mixture of experts"})
    views = fields.Nested(Views, metadata={"description": "with `views`"})
    training = fields.Nested(Training, metadata={"description": "with `optimizer`"})


class Side(Strict):
    """One of two compared documents."""

    name = fields.String(required=True)
    format = fields.String(required=True)
    exact = fields.Boolean(required=True)
    totals = fields.Nested(Totals, required=True)
    warnings = fields.List(fields.Nested(Warning), required=True)


class Concerned(Strict):
    """How much one kind of change concerns."""

    layers = fields.Integer(required=True)
    elements = fields.Integer(required=True)


class Change(Strict):
    """What became of a layer."""

    path = fields.String(required=True, metadata={"description": "where it is now; of one that is gone, where it was"})
    was = fields.String(metadata={"description": "where it was, if it is a renamed one"})
    type = fields.String(required=True)
    kinds = fields.Dict(
        fields.String(),
        fields.Integer(),
        required=True,
        metadata={"description": "added, removed, resized, frozen ... each with the elements that it concerns"},
    )
    before = fields.Nested(Totals, required=True)
    after = fields.Nested(Totals, required=True)
    detail = fields.String(required=True)


class Resized(Strict):
    """Tensors of one name in the layers that were resized."""

    tensor = fields.String(required=True, metadata={"description": "its name; of all the others together, empty"})
    layers = fields.Integer(required=True)
    elements = fields.Integer(required=True, metadata={"description": "how many there are more"})


class ComparisonReport(Strict):
    """What two models differ in."""

    convention = fields.String(required=True, validate=validate.OneOf(CONVENTIONS))
    exact = fields.Boolean(required=True)
    before = fields.Nested(Side, required=True)
    after = fields.Nested(Side, required=True)
    difference = fields.Nested(Totals, required=True)
    summary = fields.Dict(fields.String(), fields.Nested(Concerned), required=True)
    resized = fields.List(
        fields.Nested(Resized), required=True, metadata={"description": "adds up to what `resized` in `summary` says"}
    )
    changes = fields.List(fields.Nested(Change), required=True)


class Error(Strict):
    """One thing that is wrong."""

    pointer = fields.String(
        required=True, metadata={"description": "where, as a JSON pointer", "example": "/architecture/layers/3/units"}
    )
    code = fields.String(required=True, metadata={"example": "minimum"})
    detail = fields.String(required=True, metadata={"example": "must be at least 1"})


class Problem(Strict):
    """What went wrong (RFC 9457)."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    errors = fields.List(fields.Nested(Error), required=True)


class LayerSummary(Strict):
    """A registered layer type."""

    type = fields.String(required=True, metadata={"example": "keras.Dense"})
    doc = fields.String(required=True)
    source = fields.String(required=True, metadata={"description": "built-in, or the plug-in's module"})


class LayerDetail(LayerSummary):
    """A registered layer type, with what its config may be."""

    inputs = fields.List(fields.String(), required=True, metadata={"description": "whose shapes it needs"})
    config = fields.Dict(required=True, metadata={"description": "a JSON Schema"})


class LayerList(Strict):
    """The registered layer types."""

    layers = fields.List(fields.Nested(LayerSummary), required=True)


class FormatDetail(Strict):
    """A format that documents may come in."""

    format = fields.String(required=True)
    doc = fields.String(required=True)
    media_types = fields.List(fields.String(), required=True)
    source = fields.String(required=True)
    example = fields.Raw(required=True, metadata={"description": "a document; a file as {base64: ...}"})


class FormatList(Strict):
    """The formats that documents may come in."""

    formats = fields.List(fields.Nested(FormatDetail), required=True)
