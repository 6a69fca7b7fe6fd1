"""A request as data: a document and how to count it, loaded from an envelope, a query or a command line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec
from marshmallow import missing

from paramcount.analysis.training_memory import Precision
from paramcount.counting.count import Options
from paramcount.counting.freezing import Rule, find_rule_problem
from paramcount.formats import unique_names
from paramcount.formats.claims import is_timm_config
from paramcount.formats.detect import detect
from paramcount.formats.source import Source, decode_unambiguous, parse_members, syntax_error
from paramcount.formats.unsupported import explain_document
from paramcount.model.dtypes import DTYPE_NAMES
from paramcount.model.errors import (
    ArchitectureError,
    InvalidDocument,
    Problems,
    TooLarge,
    UnknownFormat,
    prefix_pointers,
    raise_problems,
    token,
)
from paramcount.rendering.json import Detail
from paramcount.requests import schemas
from paramcount.schema.components import json_schema
from paramcount.schema.validator import Validator, format_value


class CountRequest(NamedTuple):
    """A document, with the options of counting it and of the answer."""

    source: Source | None  # None: only the options were loaded
    format: str | None  # None: it is recognised
    adapter: Mapping[str, Any] | None
    options: Options
    detail: Detail
    depth: int  # levels of layers to show
    views: bool
    optimizer: str | None
    precision: Precision
    digest: bool
    pointer: str = ""  # to the document, in what was sent


class _CompiledSchema:
    """A schema with its validator, compiled once: that takes longer than a validation."""

    def __init__(self, schema: type[schemas.Strict]) -> None:
        self._validator = Validator(json_schema(schema.__name__, schema))
        fields = schema().fields.items()
        self._defaults = {name: field.load_default for name, field in fields if field.load_default is not missing}

    def problems(self, members: Any) -> list[ArchitectureError]:
        """Return what is wrong with the members."""
        return self._validator.problems(members)

    def load(self, members: Any) -> dict[str, Any]:
        """Return the members, with the defaults of those that are not there. Raises Problems.

        A valid member is its own value, so that marshmallow need not load it, which takes longer than a count.
        """
        if problems := self.problems(members):
            raise Problems(problems)
        return self.add_defaults(members)

    def add_defaults(self, members: Mapping[str, Any]) -> dict[str, Any]:
        """Return valid members, with the defaults of those that are not there."""
        return {**self._defaults, **members}


_ENVELOPE, _COMPARISON, _OPTIONS = map(_CompiledSchema, (schemas.Envelope, schemas.Comparison, schemas.CountOptions))


_MEMBER_BYTES = len('"":,')
"""The bytes of a member beside its name and its value; a brace follows the last, in place of a comma."""


def split_members(raw: bytes) -> Any:
    """Return the members of a JSON object, undecoded; the value of any other JSON.

    Raises NotJSON, or Problems where it is nested too deeply. A member that comes twice is there once.
    """
    try:
        return parse_members(raw)
    except msgspec.ValidationError:
        return decode_unambiguous(raw)
    except ValueError as error:
        raise syntax_error(raw, error) from None
    except RecursionError:
        decode_unambiguous(raw)  # which says so where it is no JSON at all
        raise Problems([TooLarge("is nested too deeply")]) from None


def split_unique_members(raw: bytes) -> Any:
    """Return the same of JSON in which no member comes twice. Raises Problems or NotJSON."""
    members = split_members(raw)
    _check_unique(raw, members)
    return members


def _check_unique(raw: bytes, members: Any) -> None:
    """Refuse JSON that has more members than these. Raises Problems.

    A member that comes twice makes it longer than these are by the length of one: most JSON has fewer bytes of space.
    """
    if isinstance(members, dict):
        lengths = [len(name.encode()) + _MEMBER_BYTES for name in members]
        others = len(raw) - sum(lengths) - sum(map(len, members.values()))
        if others > min(lengths, default=0):
            unique_names.check_undecoded(raw)


def load_envelope(
    body: bytes | Any, options: Mapping[str, Any] = MappingProxyType({}), rules: Sequence[Rule] = ()
) -> CountRequest:
    """Load an envelope, or a document without one: its JSON, or its members, decoded or not.

    `options` are members of an envelope that are stated beside the body; `rules` follow the envelope's own. Raises
    Problems or NotJSON.
    """
    members = split_members(body) if isinstance(body, bytes) else body
    if is_envelope(members):
        if isinstance(body, bytes):
            _check_unique(body, members)
        members, source = _take_document(members)
        request = _make_envelope_request(_ENVELOPE.load(_add_options(members, options)), source)
    else:
        source = Source.from_json(body) if isinstance(body, bytes) else _encode_members(members)
        request = _make_envelope_request(_ENVELOPE.load({"architecture": None, **options}), source)
        name = _recognize(source, members) if request.format is None else request.format
        request = request._replace(pointer="", format=name)
    if rules:
        request = request._replace(options=request.options._replace(rules=(*request.options.rules, *rules)))
    return request


def is_envelope(members: Any) -> bool:
    """Return whether members are of an envelope; a config of timm names its architecture too."""
    return isinstance(members, dict) and "architecture" in members and not is_timm_config(members)


def _add_options(members: Any, options: Mapping[str, Any]) -> Any:
    """Return the members of an envelope with options that are stated beside it. Raises Problems where they differ."""
    if not options:
        return members
    raise_problems(
        InvalidDocument(
            f"is {format_value(members[name])} here, and {format_value(value)} beside the envelope",
            token(name),
            "contradiction",
        )
        for name, value in options.items()
        if members.get(name, value) != value
    )
    return {**options, **members}


def _recognize(source: Source, members: Any) -> str:
    """Return the name of the format of a document without an envelope. Raises Problems."""
    try:
        return detect(source).name
    except UnknownFormat as error:
        error.detail = f"is no envelope, and as a document it {error.detail}"
        if (
            isinstance(members, dict) and members and explain_document(source.value)
        ):  # then its members are no envelope's
            raise Problems([error]) from None
        problems = _ENVELOPE.problems(_decode_members(members))
        # Its members are a document's as likely as an envelope's, so that only misspelt ones are problems.
        misspelt = [each for each in problems if each.code != "unknown_member" or "did you mean" in each.detail]
        raise Problems([*misspelt, error]) from None


def _encode_members(members: Any) -> Source:
    """Return a document, of which the members are decoded or not, as a source."""
    is_raw = isinstance(members, dict) and any(isinstance(value, msgspec.Raw) for value in members.values())
    return Source.from_json(msgspec.json.encode(members)) if is_raw else Source.of(members)


def load_comparison(raw: bytes) -> tuple[CountRequest, CountRequest]:
    """Load the two envelopes of a comparison: before and after. Raises Problems or NotJSON."""
    members = split_unique_members(raw)
    sources: dict[str, Source | None] = {}
    if isinstance(members, dict):
        members = {name: _split_side(name, bytes(value)) for name, value in members.items()}
        for side in ("before", "after"):
            if is_envelope(members.get(side)):
                members[side], sources[side] = _take_document(members[side])
        members = {name: _decode_members(value) for name, value in members.items()}
    loaded = _COMPARISON.load(members)
    before, after = (
        _make_envelope_request(_ENVELOPE.add_defaults(loaded[side]), sources.get(side)) for side in ("before", "after")
    )
    return before, after


def _split_side(name: str, raw: bytes) -> Any:
    try:
        return split_unique_members(raw)
    except Problems as problems:
        raise prefix_pointers(token(name), problems) from None


def load_options(
    members: Mapping[str, Any], rules: Iterable[Rule], adapter: Mapping[str, Any] | None = None
) -> CountRequest:
    """Load the members of an envelope beside its document. Raises Problems."""
    return _make_request(_OPTIONS.load(dict(members)) | {"adapter": adapter}, None, tuple(rules))


def _take_document(members: Mapping[str, Any]) -> tuple[Any, Source]:
    """Return the members of an envelope without its document, decoded; and the document."""
    document = members["architecture"]
    is_raw = isinstance(document, msgspec.Raw)
    source = Source.from_json(bytes(document)) if is_raw else Source.of(document)
    return _decode_members({**members, "architecture": None}), source


def _decode_members(members: Any) -> Any:
    if not isinstance(members, dict):
        return members
    return {name: _decode_member(name, value) for name, value in members.items()}


def _decode_member(name: str, value: Any) -> Any:
    try:
        return decode_unambiguous(value) if isinstance(value, msgspec.Raw) else value
    except Problems as problems:
        raise prefix_pointers(token(name), problems) from None


def _make_envelope_request(loaded: Mapping[str, Any], source: Source | None) -> CountRequest:
    rules = tuple([Rule(rule["match"], rule["trainable"]) for rule in loaded["trainable"]])
    if loaded["freeze"] or loaded["train"]:
        rules = (*rules, *_glob_rules(loaded, "freeze"), *_glob_rules(loaded, "train"))
    return _make_request(loaded, source, rules, "/architecture")


def _glob_rules(loaded: Mapping[str, Any], member: str) -> Iterator[Rule]:
    """Yield the rules of the globs in a member, `freeze` or `train`. Raises Problems."""
    globs = loaded[member]
    raise_problems(
        InvalidDocument(detail, f"/{member}/{index}", "invalid_rule")
        for index, glob in enumerate(globs)
        if (detail := find_rule_problem(glob))
    )
    for glob in globs:
        yield Rule(glob, member == "train")


def _make_request(
    loaded: Mapping[str, Any], source: Source | None, rules: tuple[Rule, ...], pointer: str = ""
) -> CountRequest:
    options = Options(
        rules=rules,
        convention=loaded.get("convention"),
        dtype=DTYPE_NAMES.get(loaded["dtype"], loaded["dtype"]),
        remote_code=loaded["remote_code"],
        unknown=loaded["unknown"],
    )
    return CountRequest(
        source=source,
        format=loaded.get("format"),
        adapter=loaded.get("adapter"),
        options=options,
        detail=loaded["detail"],
        depth=loaded["depth"],
        views=loaded["views"],
        optimizer=loaded.get("optimizer"),
        precision=loaded["precision"],
        digest=loaded["digest"],
        pointer=pointer,
    )


def check_rules(rules: Sequence[Rule], max_rules: int) -> None:
    """Refuse rules that are too many or mean nothing. Raises Problems."""
    if len(rules) > max_rules:
        raise Problems([InvalidDocument(f"has more than {max_rules:,} rules", "/trainable", "too_large")])
    problems = [
        InvalidDocument(detail, f"/trainable/{index}/match", "invalid_rule")
        for index, rule in enumerate(rules)
        if (detail := find_rule_problem(rule.match))
    ]
    if problems:
        raise Problems(problems)
