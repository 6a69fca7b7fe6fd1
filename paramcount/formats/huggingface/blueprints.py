"""The compiled blueprints: which tensors each class of transformers builds, loaded from `data/` on first use.

A line of a class's `tensors` reads

    model.layers.{i}.mlp.experts.gate_up_proj [num_experts, 2*width, hidden_size] for num_hidden_layers where i >= 3

and may end in `tied to NAME` (an index in it that is no number stands in braces), `frozen`, or `buffer I64`. A rule
gives a derived field: `head_dim = a // b where ...`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, NamedTuple

import orjson

from paramcount.formats.huggingface.expressions import INDICES, Expression, parse

INDEX_PLACEHOLDERS = tuple(f"{{{name}}}" for name in INDICES)
"""The placeholders of block indices in an entry's name, by axis; a word may stand before one: expert_{i}."""

TRUE = parse("True")
_LINE = re.compile(
    r"(?P<name>\S+) \[(?P<shape>.*?)\](?: for (?P<counts>.+?))?(?: where (?P<guard>.+?))?"
    r"(?: tied to (?P<tied>.+?))?(?P<frozen> frozen)?(?: buffer (?P<buffer>\w+))?"
)
_RULE = re.compile(r"(?P<name>\S+) = (?P<value>.+?)(?: for (?P<counts>.+?))?(?: where (?P<guard>.+))?")
_BRACED = re.compile(r"\{((?:[^{}]|\{[^{}]*\})+)\}")
_SEPARATOR = "; "


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """The tensors of one name template: their shape, how many blocks hold them, and which of those."""

    name: str  # with {i}, {j} for the indices of blocks
    steps: tuple[str, ...]  # of its name
    shape: tuple[Expression, ...]
    counts: tuple[Expression, ...]  # the number of blocks of each axis
    guard: Expression  # holds where the tensor exists
    tied: tuple[str | int | Expression, ...]  # name of the tensor it is tied to: text, axes of indices, expressions
    frozen: bool
    buffer: str  # its dtype; empty: a weight


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """A field that the config's class derives: one value, or a list of as many as `counts` says."""

    name: str
    value: Expression
    counts: tuple[Expression, ...]
    guard: Expression


@dataclass(frozen=True, slots=True, eq=False)
class Blueprint:
    """The tensors that one class builds."""

    name: str
    family: Family
    fields: Mapping[str, str]  # the fields that the count depends on, each with the kinds of value that were verified
    stated_assumptions: tuple[Expression, ...]  # hold of the config before fields are derived
    derived_assumptions: tuple[Expression, ...]  # hold once fields are derived
    rules: tuple[Rule, ...]
    entries: tuple[Entry, ...]
    defaults_only: bool  # no config but the default one was verified
    submodel_slots: Mapping[str, SubmodelSlot]  # by the path of a config inside
    forms: Mapping[str, str]  # by field: the other form that transformers takes of it


@dataclass(frozen=True, slots=True)
class SubmodelSlot:
    """The part of a model that a config inside describes, and the model types that may replace the default there."""

    prefix: str  # of its tensors' names
    accepts: Mapping[str, str]  # the model types that were verified there, each with the class that is built
    derives: Mapping[str, tuple[Rule, ...]]  # by model type: fields that only the model around reads
    assumes: Mapping[str, tuple[Expression, ...]]  # by model type: what must hold of its config there
    freezes_norms: Expression | None = None  # where it holds, batch norms are buffers there, and count no batches


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """The config class of one model_type."""

    model_type: str
    defaults: Mapping[str, Any]
    parts: Mapping[str, Mapping[str, Any]]  # configs inside: the defaults that change where one is stated
    aliases: Mapping[str, str]
    auto: frozenset[str]  # configs inside whose class is chosen by their own model_type
    flat: str  # the config inside whose fields may stand in the outer config instead


class Index(NamedTuple):
    """The classes and their model types, the base class of each model type, and why a class has no blueprint."""

    version: str  # of the library
    classes: Mapping[str, list[str]]
    bases: Mapping[str, str]
    refused: Mapping[str, str]
    held: Mapping[str, str]  # by model type: the release that it was last held against, where it is another
    limits: Mapping[str, str]  # by class: "defaults", or "pinned" where some fields must have one value
    older: Mapping[str, Mapping[str, list[str]]]  # by model type and class: the releases up to which it was another


TRANSFORMERS = "transformers"

_DATA = {
    TRANSFORMERS: files("paramcount.formats") / "huggingface/data",
    "diffusers": files("paramcount.formats") / "diffusers/data",
}
"""The blueprints of each library. In diffusers a class is the only one of its model type, whose name it has."""


@lru_cache(maxsize=2)
def load_index(library: str = TRANSFORMERS) -> Index:
    """Load the index of all classes; it takes 1.5 ms, and every config needs it."""
    record = orjson.loads((_DATA[library] / "index.json").read_bytes())
    held, older = record.get("held", {}), record.get("older", {})
    return Index(record[library], record["classes"], record["bases"], record["refused"], held, record["limits"], older)


def load_record(model_type: str, library: str = TRANSFORMERS, release: str = "") -> Mapping[str, Any]:
    """Load what `data/` says of a model type: its config class, and under "classes" the record of each class.

    `release`: an older one of those that the index names, up to which classes were built otherwise.
    """
    name = f"older/{release}/{model_type}.json" if release else f"{model_type}.json"
    record: Mapping[str, Any] = orjson.loads((_DATA[library] / name).read_bytes())
    return record


def load_family(model_type: str) -> Family:
    """Load the config class of a model type that the index lists."""
    return parse_family(model_type, load_record(model_type))


@lru_cache(maxsize=64)
def load_blueprint(model_type: str, name: str, library: str = TRANSFORMERS, release: str = "") -> Blueprint:
    """Load the blueprint of a class that the index lists, or that of an `older` release."""
    record = load_record(model_type, library, release)
    return parse_blueprint(parse_family(model_type, record), name, record["classes"][name])


def iterate_classes(library: str = TRANSFORMERS) -> Iterator[tuple[str, str]]:
    """Yield (model type, class) for every class and each model type that it accepts."""
    for name, model_types in load_index(library).classes.items():
        for model_type in model_types:
            yield model_type, name


def parse_family(model_type: str, record: Mapping[str, Any]) -> Family:
    """The config class that a record of `data/` describes."""
    auto, flat = frozenset(record.get("auto", record["parts"])), record.get("flat", "")
    return Family(model_type, record["defaults"], record["parts"], record["aliases"], auto, flat)


def parse_blueprint(family: Family, name: str, record: Mapping[str, Any]) -> Blueprint:
    """The blueprint that the record of a class describes."""
    return Blueprint(
        name,
        family,
        record["fields"],
        tuple(map(parse, (*record["given"], *record.get("pins", ())))),
        tuple(map(parse, record["assumed"])),
        tuple(map(_parse_rule, record["rules"])),
        tuple(map(_parse_entry, record["tensors"])),
        record.get("fixed", False),
        {path: parse_slot(slot) for path, slot in record.get("within", {}).items()},
        record.get("forms", {}),
    )


def parse_slot(record: Mapping[str, Any]) -> SubmodelSlot:
    """The slot that a record describes."""
    derives = {kind: tuple(map(_parse_rule, rules)) for kind, rules in record.get("derives", {}).items()}
    assumes = {kind: tuple(map(parse, texts)) for kind, texts in record.get("assumes", {}).items()}
    flag = record.get("freezes_norms")
    return SubmodelSlot(record["at"], record["takes"], derives, assumes, parse(flag) if flag else None)


def index_placeholder(step: str) -> tuple[str, int] | None:
    """The word before the index in one step of a name, and the index's axis: ("expert_", 1) of expert_{j}."""
    width = len(INDEX_PLACEHOLDERS[0])
    if not step.endswith(INDEX_PLACEHOLDERS):
        return None
    return step[:-width], INDEX_PLACEHOLDERS.index(step[-width:])


def _parse_entry(line: str) -> Entry:
    match = _LINE.fullmatch(line)
    assert match is not None, line
    shape = match["shape"]
    return Entry(
        match["name"],
        tuple(match["name"].split(".")),
        tuple(map(parse, shape.split(_SEPARATOR))) if shape else (),
        _parse_counts(match["counts"]),
        parse(match["guard"]) if match["guard"] else TRUE,
        tuple(_parse_tied_name(match["tied"])) if match["tied"] else (),
        match["frozen"] is not None,
        match["buffer"] or "",
    )


def _parse_tied_name(name: str) -> Iterator[str | int | Expression]:
    """Yield text and braced parts by turns: layers.{i}.w -> 'layers.', 0, '.w'."""
    for position, part in enumerate(_BRACED.split(name)):
        if position % 2 == 0:
            yield part
        else:
            yield INDICES.index(part) if part in INDICES else parse(part)


def _parse_rule(line: str) -> Rule:
    match = _RULE.fullmatch(line)
    assert match is not None, line
    guard = parse(match["guard"]) if match["guard"] else TRUE
    return Rule(match["name"], parse(match["value"]), _parse_counts(match["counts"]), guard)


def _parse_counts(text: str | None) -> tuple[Expression, ...]:
    return tuple(map(parse, text.split(_SEPARATOR))) if text else ()
