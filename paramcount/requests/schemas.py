"""Schemas of requests; marshmallow declares them, and they are components of the contract."""

from __future__ import annotations

from typing import get_args

from marshmallow import RAISE, Schema, fields, validate

from paramcount.adapters import AdapterConfig
from paramcount.analysis.training_memory import OPTIMIZERS, PRECISIONS
from paramcount.model.dtypes import DTYPE_CHOICES
from paramcount.model.tensors import Convention
from paramcount.rendering.fields import NO_LIMIT
from paramcount.rendering.json import DETAILS

CONVENTIONS: tuple[Convention, ...] = get_args(Convention)

REMOTE_CODE_CHOICES = ("refuse", "base")
UNKNOWN_CHOICES = ("refuse", "report")


class Strict(Schema):
    """A schema that refuses unknown members."""

    class Meta:
        unknown = RAISE


class Rule(Strict):
    """Layers and tensors that match a glob train, or do not; of several rules that match, the last one holds."""

    match = fields.String(
        required=True,
        validate=validate.Length(1, 1000),
        metadata={
            "description": "a glob over dotted paths of layers or tensors, in which * spans dots and 0-9 means "
            "each of these indices; type:GLOB over the types of layers; first:N, last:N, all-but-first:N or "
            "all-but-last:N of the layers, alone or before either",
            "example": "backbone.*",
        },
    )
    trainable = fields.Boolean(required=True)


class Options(Strict):
    """Options of the count and of the detail of the answer."""

    convention = fields.String(
        validate=validate.OneOf(CONVENTIONS),
        metadata={"description": "whether buffers are in `total`: keras and stored count them, torch does not; "
                  "default: as the document's framework does"},
    )  # fmt: skip
    dtype = fields.String(
        load_default="F32",
        validate=validate.OneOf(DTYPE_CHOICES),
        metadata={"description": "for bytes, where the document states none; bfloat16 is BF16"},
    )
    detail = fields.String(load_default="layers", validate=validate.OneOf(DETAILS))
    depth = fields.Integer(
        strict=True,
        load_default=NO_LIMIT,
        validate=validate.Range(1, NO_LIMIT),
        metadata={"description": "how many levels of layers to tell; totals are always of all"},
    )
    remote_code = fields.String(
        load_default="refuse",
        validate=validate.OneOf(REMOTE_CODE_CHOICES),
        metadata={
            "description": "base: a config whose class is code beside it (auto_map) is counted as transformers' own "
            "class of its model_type, and says so (`exact` is false); that code is never run"
        },
    )
    unknown = fields.String(  # type: ignore[assignment]  # a field is no attribute of the schema
        load_default="refuse",
        validate=validate.OneOf(UNKNOWN_CHOICES),
        metadata={
            "description": "report: leave a layer of unknown type out of the totals, and say so (`exact` is false)"
        },
    )


class CountOptions(Options):
    """Options of the count, of the detail of the answer, of its views, and of training memory."""

    views = fields.Boolean(
        load_default=False,
        metadata={"description": "adds `views`: the total as each convention counts it, and what makes the difference"},
    )

    optimizer = fields.String(
        validate=validate.OneOf(sorted(OPTIMIZERS)),
        metadata={"description": "adds `training`: the bytes that training with it takes"},
    )
    precision = fields.String(
        load_default="fp32",
        validate=validate.OneOf(PRECISIONS),
        metadata={"description": "of that training: all in fp32, all in bf16, or mixed with master weights"},
    )
    digest = fields.Boolean(
        load_default=False,
        metadata={"description": "adds to `counted_by` the SHA-256 of what was counted"},
    )


def _globs(verb: str) -> fields.List[str]:
    description = f"globs, as of rules, of layers or tensors that {verb}; after `trainable`, `freeze` before `train`"
    match = fields.String(validate=validate.Length(1, 1000))
    return fields.List(match, load_default=[], metadata={"description": description})


class Envelope(CountOptions):
    """A document, and how to count it."""

    architecture = fields.Raw(
        required=True,
        allow_none=True,  # the readers refuse it, and say what else
        metadata={"description": "the document, in any format: an object, or a string for text such as print(model)"},
    )
    format = fields.String(metadata={"description": "one of /v1/formats; else it is recognised"})
    adapter = fields.Nested(
        AdapterConfig,
        metadata={"description": "PEFT's adapter_config.json: the model is counted with it, as PEFT does"},
    )
    trainable = fields.List(fields.Nested(Rule), load_default=[], metadata={"description": "rules, in order"})
    freeze = _globs("do not train")
    train = _globs("train")


class Comparison(Strict):
    """Two documents."""

    before = fields.Nested(Envelope, required=True)
    after = fields.Nested(Envelope, required=True)
