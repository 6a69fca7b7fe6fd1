"""Envelopes: a document and how to count it, as HTTP and the command line take them; loaded, counted, answered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, missing, validate

from paramcount.adapters import AdapterConfig, AdapterProblems, adapt
from paramcount.analysis.conventions import count_by_view
from paramcount.analysis.training_memory import OPTIMIZERS, PRECISIONS, cost
from paramcount.counting.count import Options as Counting
from paramcount.counting.count import count
from paramcount.counting.freezing import Rule as FreezeRule
from paramcount.counting.freezing import find_rule_problem
from paramcount.formats.detect import check, detect, understand
from paramcount.model.budget import Limits
from paramcount.model.dtypes import DTYPES
from paramcount.model.errors import InvalidDocument, Problems, TooLarge, UnknownFormat, token
from paramcount.model.report import Report
from paramcount.rendering import RENDERERS
from paramcount.rendering.conventions import views_as_json, views_as_markdown, views_as_text
from paramcount.rendering.fields import NO_LIMIT
from paramcount.rendering.json import as_json
from paramcount.rendering.text import WIDTH, as_text
from paramcount.rendering.training_memory import training_memory_as_json, training_memory_as_text
from paramcount.schema.components import json_schema
from paramcount.schema.registry import Format
from paramcount.schema.validator import Validator

CONVENTIONS = ("keras", "torch", "stored")
DETAILS = ("totals", "layers", "tensors")

CountRequest = Mapping[str, Any]
"""What was asked, loaded: the members of an envelope, or their like from a query or a command line."""

Step = Callable[[str], AbstractContextManager[Any]]
"""What surrounds a step of the work, by the step's name."""


class Strict(Schema):
    """Unknown members are refused."""

    class Meta:
        unknown = RAISE


class Rule(Strict):
    """What matches a glob trains, or does not; of several rules that match, the last one holds."""

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
    """How to count, and how much to tell."""

    convention = fields.String(
        validate=validate.OneOf(CONVENTIONS),
        metadata={"description": "whether buffers are in `total`: keras and stored count them, torch does not; "
                  "default: as the document's framework does"},
    )  # fmt: skip
    dtype = fields.String(
        load_default="F32",
        validate=validate.OneOf(sorted(DTYPES)),
        metadata={"description": "for bytes, where the document states none"},
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
        validate=validate.OneOf(("refuse", "base")),
        metadata={
            "description": "base: a config whose class is code beside it (auto_map) is counted as transformers' own "
            "class of its model_type, and says so (`exact` is false); that code is never run"
        },
    )
    unknown = fields.String(  # type: ignore[assignment]  # a field is no attribute of the schema
        load_default="refuse",
        validate=validate.OneOf(("refuse", "report")),
        metadata={
            "description": "report: leave a layer of unknown type out of the totals, and say so (`exact` is false)"
        },
    )


class Shown(Options):
    """How to count, how much to tell, in which views, and what training takes."""

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


class Envelope(Shown):
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


class Comparison(Strict):
    """Two documents."""

    before = fields.Nested(Envelope, required=True)
    after = fields.Nested(Envelope, required=True)


class _Contract:
    """A schema, made once, since that takes longer than to use it; and its validator."""

    def __init__(self, schema: type[Strict]) -> None:
        self.schema = schema()
        self.validator = Validator(json_schema(schema.__name__, schema))
        self.defaults = {
            name: field.load_default for name, field in self.schema.fields.items() if field.load_default is not missing
        }
        required = {name: field for name, field in self.schema.fields.items() if field.required}
        # All that must be there, where that may be anything: what has just this is as it must be.
        self.enough = required.keys() if all(type(field) is fields.Raw for field in required.values()) else None
        # To JSON Schema, 1.0 is an integer; and within what is nested there are defaults too.
        self.inner = {
            name for name, field in self.schema.fields.items() if isinstance(field, fields.Integer | fields.Nested)
        }


_ENVELOPE, _COMPARISON, _SHOWN = map(_Contract, (Envelope, Comparison, Shown))


def envelope(given: Any) -> dict[str, Any]:
    """An envelope, loaded. Raises Problems."""
    return _loaded(given, _ENVELOPE)


def comparison(given: Any) -> dict[str, Any]:
    """Two envelopes, loaded. Raises Problems."""
    return _loaded(given, _COMPARISON)


def options(given: Any, rules: Iterable[FreezeRule] = ()) -> dict[str, Any]:
    """The members of an envelope beside its document, loaded. Raises Problems."""
    return _loaded(given, _SHOWN) | {"trainable": [rule._asdict() for rule in rules]}


def _loaded(given: Any, contract: _Contract) -> dict[str, Any]:
    """What the contract makes of `given`. Raises Problems."""
    if isinstance(given, dict) and given.keys() == contract.enough:
        return {**contract.defaults, **given}
    if problems := contract.validator.problems(given):
        raise Problems(problems)
    if contract.inner.isdisjoint(given):
        return {**contract.defaults, **given}
    try:
        found: dict[str, Any] = contract.schema.load(given)
    except ValidationError as error:
        raise Problems(_told(error.messages, "")) from None
    return found


def _told(messages: Any, pointer: str) -> Iterator[InvalidDocument]:
    """marshmallow's messages, by member, as problems."""
    if isinstance(messages, dict):
        for name, inner in messages.items():
            yield from _told(inner, pointer + token(name))
    else:
        yield InvalidDocument(" ".join(map(str, messages)), pointer, "type")


def counted(asked: CountRequest, limits: Limits, step: Step = nullcontext) -> Report:
    """The count of an envelope's document. Raises Problems, as pointers into the envelope."""
    document = asked["architecture"]
    try:
        found = detect(document, asked.get("format"))
    except UnknownFormat as error:
        error.pointer = "/format" if "format" in asked else "/architecture"
        raise Problems([error]) from None
    how = counting(asked, limits)
    try:
        return counted_document(document, found, how, limits, step, asked.get("adapter"))
    except AdapterProblems as problems:
        raise within("/adapter", problems) from None
    except Problems as problems:
        raise within("/architecture", problems) from None


def counted_document(
    document: Any,
    found: Format,
    how: Counting,
    limits: Limits,
    step: Step = nullcontext,
    adapter: Mapping[str, Any] | None = None,
) -> Report:
    """The count of a document of a known format, with an adapter in it. Raises Problems, as pointers into the document;
    those of the adapter, as AdapterProblems."""
    with step("validate"):
        check(document, found)
    with step("read"):
        read = understand(document, found, how.remote_code)
    if adapter is not None:
        with step("adapt"):
            base = count(read, Counting(dtype=how.dtype, unknown=how.unknown), limits)
            read = adapt(read, base, adapter, document, found.name, limits)
    with step("count"):
        return count(read, how, limits)


def counted_lazily(raw: bytes, found: Format, how: Counting, limits: Limits, step: Step = nullcontext) -> Report | None:
    """The count of a document by its JSON, where its format needs not decode all of that; None where it does, be it for
    what is wrong with it. Raises Problems."""
    if found.lazily is None:
        return None
    with step("read"):
        read = found.lazily(raw)
    if read is None:
        return None
    with step("count"):
        return count(read._replace(format=found.name), how, limits)


def counting(asked: CountRequest, limits: Limits) -> Counting:
    """How to count what was asked. Raises Problems."""
    rules = tuple([FreezeRule(rule["match"], rule["trainable"]) for rule in asked["trainable"]])
    if rules:
        _check(rules, limits)
    return Counting(rules, asked.get("convention"), asked["dtype"], asked["remote_code"], asked["unknown"])


def _check(rules: Sequence[FreezeRule], limits: Limits) -> None:
    """Refuse rules that are too many or mean nothing. Raises Problems."""
    if len(rules) > limits.max_rules:
        raise Problems([InvalidDocument(f"has more than {limits.max_rules:,} rules", "/trainable", "too_large")])
    wrong = [
        InvalidDocument(detail, f"/trainable/{index}/match", "invalid_rule")
        for index, rule in enumerate(rules)
        if (detail := find_rule_problem(rule.match))
    ]
    if wrong:
        raise Problems(wrong)


def answered(counted: Report, asked: CountRequest, limits: Limits) -> dict[str, Any]:
    """A report as JSON-able data, with what training it takes where that is asked for. Raises Problems."""
    answer = as_json(counted, asked["detail"], bounded(counted, asked, limits))
    if asked["views"]:
        answer["views"] = views_as_json(count_by_view(counted))
    if "optimizer" in asked:
        answer["training"] = training_memory_as_json(cost(counted, asked["optimizer"], asked["precision"]))
    return answer


def rendered(counted: Report, asked: CountRequest, limits: Limits, media: str, columns: int = WIDTH) -> str:
    """A report in a form that is not JSON; a table of text in so many columns. Raises Problems."""
    depth, detail = bounded(counted, asked, limits), asked["detail"]
    text = media == "text/plain"
    parts = [
        as_text(counted, depth * (detail != "totals"), columns) if text else RENDERERS[media](counted, detail, depth)
    ]
    if asked["views"] and media in ("text/plain", "text/markdown"):
        views = count_by_view(counted)
        parts.append(views_as_text(views, columns) if text else views_as_markdown(views))
    if "optimizer" in asked and text:
        parts.append(training_memory_as_text(cost(counted, asked["optimizer"], asked["precision"])))
    return "\n".join(parts)


def bounded(report: Report, asked: CountRequest, limits: Limits) -> int:
    """How many levels of layers to tell; more rows than one answer holds are a problem."""
    depth: int = asked["depth"]
    if asked["detail"] != "totals" and report.row_count > limits.max_rows:
        detail = f"has {report.row_count:,} rows, more than {limits.max_rows:,}: ask with detail=totals"
        raise Problems([TooLarge(detail)])
    return depth


def within(place: str, problems: Problems) -> Problems:
    """The problems of a document, as pointers into what holds it."""
    for error in problems.problems:
        error.pointer = place + error.pointer
    return problems
